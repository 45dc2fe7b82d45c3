#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_preflight
short_description: Check NixOps networks and agents before anything is changed
version_added: 0.1.0
description:
  - Checks everything that can be known before a deployment, for all networks of the group C(nixops_networks) and all agents of the group
    C(hercules_agents) together, and reports all problems in one message. Each says where it is, what was expected, what was found and what
    to do.
  - That there are networks, and agents if networks use secrets. Where a group is called otherwise, nothing else would tell.
  - That Ansible can read the variables of every host, and evaluate those of the role.
  - That variables have the right form, in the words of the role's argument specs, with file and line where Ansible knows them.
  - That the networks of a project agree about it, that checkouts can be read, and that the files of the networks are there and tracked.
  - That Hercules CI can be reached, and has the state of every network that would be deployed, or gets it in this run. A network without
    state would be made anew.
  - That no agent is among the machines that a network deploys, and that no two hosts of the inventory are one agent.
  - That agents have the secrets that networks use, with the fields that their scripts read, that none of these is empty, and that the
    agents would hand them out on their branches.
  - That each secret of the agents that the run provides has a condition, or a network that uses it.
  - No lookup that a value of C(nixops_agent_secrets), C(nixops_agent_binary_caches) or C(nixops_agent_cluster_join_token) needs is asked
    here, but for V(env) and V(file). The tasks that provide an agent ask, once. What this module would have found in the answer,
    M(nixcd.hercules_ci.hci_secret) refuses before it writes. For agents that the run does not provide, no value is evaluated at all.
  - Everything of the inventory is looked at, as C(ci.nix) has all networks of a project. Hercules CI and checkouts are asked for projects
    with a selected network only.
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.controller
  - nixcd.hercules_ci._attributes.info
notes:
  - Runs on the controller, once for a play. Use it with C(run_once=true).
  - The keyword C(environment) of the task and of its play holds for it, with proxies, E(HERCULES_CI_API_TOKEN) and
    E(HERCULES_CI_API_BASE_URL).
options: {}
seealso:
  - module: nixcd.hercules_ci.nixops_push
  - module: nixcd.hercules_ci.nixops_effect
"""

EXAMPLES = r"""
- name: Check everything that can be known beforehand
  nixcd.hercules_ci.nixops_preflight:
  run_once: true
  register: plan

- name: Show which networks will be deployed
  ansible.builtin.debug:
    msg: "{{ plan.projects['github/neat-org/neat-repo'].selected }}"
  run_once: true
"""

RETURN = r"""
projects:
  description: The projects of the inventory, by their names. Of a project that nothing is selected of, only RV(projects.selected).
  type: dict
  returned: success
  contains:
    declared:
      description: All networks of the project.
      type: list
      elements: str
      sample: [neat-network, neat-staging]
    selected:
      description: The networks that the run is about.
      type: list
      elements: str
      sample: [neat-network]
    networks:
      description:
        - What the variables of each network come to - its C(branches), the C(function) and C(action) of its effect, where its C(state)
          comes from, C(state_name) and C(known_hosts_name) on Hercules CI, C(effect_deployment), the C(destination) that it logs in to,
          its C(project), C(forget_state), C(secrets_map), the names of its C(network_args), the C(aws_profiles) that its scripts write,
          each with the secret that is written, V(null) where that is not known, and C(aws_key_ids), the last characters of the IDs of the
          keys in its secrets.
      type: dict
      sample:
        neat-network:
          branches: [production]
          function: runNixOps
          action: switch
          state: upload
          state_name: nixops-foo.json
          known_hosts_name: nixops-foo.known_hosts
          effect_deployment: foo
          project: github/neat-org/neat-repo
          forget_state: false
          secrets_map: {aws: neat-aws}
          network_args: []
          aws_profiles: {default: aws}
          aws_key_ids: {aws: […MPLE]}
    uploads:
      description: For each selected network whose state, or known hosts, would be uploaded, where the state comes from.
      type: dict
      sample: {neat-network: {deployment: foo, database: null, export_file: null}}
    replaced:
      description: Branches of selected networks whose state somebody replaced after it had been deployed.
      type: list
      elements: str
      sample: []
    at_rest:
      description: The selected networks that have nothing to do, with the commit and the newest job of each of their branches.
      type: dict
      sample:
        neat-network:
          production: {revision: 89e6c98d92887913cadf06b2adb97f26cde4849b, job: 42, job_url: https://hercules-ci.com/github/…/jobs/42}
    effects:
      description: The effects that deploy the networks, as O(nixcd.hercules_ci.nixops_effect#module:effects) takes them.
      type: list
      elements: dict
      sample: [{name: neat-network, deployment: foo, run_on: {branches: [production]}}]
    effects_without_state:
      description: The effects of networks whose first state would be uploaded, as they are declared where that fails - they run nowhere.
      type: dict
      sample: {neat-network: {name: neat-network, deployment: foo, run_on: {condition: 'false'}}}
    versions:
      description: The newest version of each state file that Hercules CI has.
      type: dict
      sample: {nixops-foo.json: 7}
    file:
      description: The file that declares the effects, below the checkout.
      type: str
      sample: ci.nix
at_rest:
  description: Whether no selected network has anything to do.
  type: bool
  returned: success
  sample: false
phases:
  description: The phases of the role that the run includes, as its tags say.
  type: list
  elements: str
  returned: success
  sample: [state, ci_nix, prebuild, push, watch]
agents:
  description: The names of each agent's secrets with the names of their fields and their conditions, for
    O(nixcd.hercules_ci.nixops_report#module:agents). No values.
  type: dict
  returned: success
  sample: {agent-1: {neat-aws: {fields: [aws_access_key_id, aws_secret_access_key], condition: {isBranch: production}}}}
lost_agents:
  description: The agents of the play that have failed already, or could not be reached, in this play or an earlier one.
  type: list
  elements: str
  returned: success
  sample: []
msg:
  description: What was found, in words.
  type: str
  returned: always
  sample: 2 networks of 1 project can be deployed.
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
  sample:
    - severity: error
      what: nixops_deployment is missing.
      where: host neat-network
      remedy: Set it in the inventory, for the host or a group of it.
"""
