#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_plan
short_description: Show what a push would do to the machines of NixOps networks
version_added: 0.1.0
description:
  - Compares what Nix says of the effects that run on a branch with the states that they would find on Hercules CI, and prints what NixOps
    would do - which machines and other resources it creates, keeps, makes obsolete, or refuses because their type is another one.
  - Goes by what Nix says runs there, not by what the inventory says, so networks that are not selected are in the plan as well.
  - Refuses a branch on which an effect reads a state that is not there, that it cannot use, that is not the one of the inventory, or that
    knows none of the machines of the network. NixOps would make the machines anew.
  - Refuses a branch on which an effect uses a secret that an agent did not get in this run, as an effect runs on any agent.
  - Changes nothing.
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.controller
  - nixcd.hercules_ci._attributes.info
  - nixcd.hercules_ci._connection
  - nixcd.hercules_ci._connection.module
options:
  project:
    description: The project on Hercules CI, as C(SITE/ACCOUNT/PROJECT).
    type: str
    required: true
  networks:
    description: RV(nixcd.hercules_ci.nixops_preflight#module:projects.networks) of the project.
    type: dict
    required: true
  uploads:
    description: RV(nixcd.hercules_ci.nixops_preflight#module:projects.uploads) of the project. They count in check mode, when nothing was
      uploaded.
    type: dict
    default: {}
  branches:
    description: The branches that are to be pushed, or whose jobs are to be run again.
    type: list
    elements: str
    required: true
  deployments:
    description: RV(nixcd.hercules_ci.nixops_effect#module:deployments), with networks if it was told to prebuild them.
    type: list
    elements: dict
    required: true
  broken:
    description: RV(nixcd.hercules_ci.nixops_effect#module:broken). Such a branch is refused.
    type: dict
    default: {}
  agents:
    description: RV(nixcd.hercules_ci.nixops_preflight#module:agents). Where a task of the role P(nixcd.hercules_ci.nixops#role) failed for
      one of them in this run, or could not reach it, effects that use its secrets are refused.
    type: dict
    default: {}
  lost_agents:
    description: RV(nixcd.hercules_ci.nixops_preflight#module:lost_agents), which count as such.
    type: list
    elements: str
    default: []
  at_rest:
    description: RV(nixcd.hercules_ci.nixops_preflight#module:projects.at_rest) of the project. Machines of such a network keep their
      configuration, if its newest state is from that job, and O(heads) has that commit.
    type: dict
    default: {}
  heads:
    description: RV(nixcd.hercules_ci.nixops_effect#module:heads).
    type: dict
    default: {}
  form:
    description: RV(nixcd.hercules_ci.nixops_effect#module:form). With V(effects), agents may take the packages from another place, and
      that a system is another one than before says nothing.
    type: str
    default: legacy
seealso:
  - module: nixcd.hercules_ci.nixops_effect
  - module: nixcd.hercules_ci.nixops_push
"""

EXAMPLES = r"""
- name: Show what a push to production would do
  nixcd.hercules_ci.nixops_plan:
    project: github/neat-org/neat-repo
    networks: "{{ checked.projects['github/neat-org/neat-repo'].networks }}"
    branches: [production]
    deployments: "{{ written.deployments }}"
  register: plan
"""

RETURN = r"""
ready:
  description: The branches that nothing speaks against.
  type: list
  elements: str
  returned: always
  sample: [production]
networks:
  description: What becomes of each network of each branch.
  type: list
  elements: dict
  returned: when Hercules CI answered
  contains:
    network:
      description: Name of the network, that of its effect.
      type: str
      sample: neat-network
    branch:
      description: The branch.
      type: str
      sample: production
    state:
      description: The state file that the effect reads, empty for none.
      type: str
      sample: nixops-foo.json
    short:
      description: The plan in short, V(?) where it is not known. In V(+0 ~1? -0) one thing changes, and further machines may, in
        V(+0 ~? -0) any may. Without a state it is the system that is counted, and where none is deployed, this is empty.
      type: str
      sample: +2 ~1 -0
    lines:
      description: The plan to read, line by line, as it is printed.
      type: list
      elements: str
      sample: ["  + app3 (ec2)", "Plan: 1 to create, 0 to change, 0 to become obsolete, 2 unchanged."]
    without_state:
      description: What is deployed where no NixOps is, and so no state to compare with; empty for networks of NixOps. It is compared with
        what the last job has deployed that ran the effect.
      type: str
      sample: 'Runs runNixOS at root@web.example.com: /nix/store/…-nixos-system-web-24.05. No change: job 12 has deployed the same.'
    configuration:
      description: Whether the system that is deployed without a state is that of the last job, V(same), V(changed) or V(unknown); empty
        where no system is deployed.
      type: str
      sample: same
    known:
      description: Whether the network and the state could be compared.
      type: bool
      sample: true
    creates:
      description: Machines and other resources that would be created, each with C(name), C(type) and whether it is a C(machine).
      type: list
      elements: dict
      sample: [{name: app3, type: ec2, machine: true}]
    destroys:
      description: Whether NixOps destroys what is obsolete, as with C(--kill-obsolete) among its arguments.
      type: bool
      sample: false
    keeps:
      description: Those that stay. The C(configuration) of a machine is V(same), V(changed) or V(unknown).
      type: list
      elements: dict
      sample: [{name: app1, type: ec2, machine: true, configuration: unknown}]
    obsolete:
      description: Those that only the state has. NixOps leaves them running, and does not look after them any longer, unless it
        RV(networks[].destroys) them.
      type: list
      elements: dict
      sample: []
    replaces:
      description: Those whose type would change, C(was) it, which NixOps refuses.
      type: list
      elements: dict
      sample: []
    leftover:
      description: Those that are obsolete already.
      type: list
      elements: dict
      sample: []
    unclear:
      description: Those of the state of which the evaluation does not tell whether the network has them, such as where it has files
        that only deploying reads.
      type: list
      elements: dict
      sample: []
    left_out:
      description: Those that would be created, had NixOps not been told to leave them out, with C(--include) or C(--exclude).
      type: list
      elements: dict
      sample: []
    problems:
      description: What speaks against the push, and warnings.
      type: list
      elements: dict
      sample: []
broken:
  description: What is wrong with branches that cannot be evaluated, or on which an effect uses secrets that an agent did not get.
  type: dict
  returned: when Hercules CI answered
  sample: {}
msg:
  description: The plan as it was printed, or what speaks against a push.
  type: str
  returned: always
  sample: "Plan for branch production of github/neat-org/neat-repo:\n  neat-network, nixops-foo.json\n    Plan: 0 to create, …"
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""
