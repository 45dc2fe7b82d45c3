#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_adopt
short_description: Write the NixOps deployments that there are into an inventory
version_added: 0.1.0
description:
  - Makes a host of the group C(nixops_networks) of each deployment in databases of NixOps, exports, or state files on Hercules CI, with all
    that is known of it - what it is called, the function by the format of its state, its network files below the checkout, and where its
    state comes from. What nobody can know is a comment in the file, which asks, with the names of the network's arguments.
  - What is in the inventory already stays as it is, byte for byte, and so does a host whose deployment was adopted before. Where the hosts
    cannot be added without changing something else, the task fails.
  - Makes a host of each effect of a C(ci.nix) that somebody wrote, too (O(ci_nix)).
  - Nothing but names, paths and numbers is read out of a state. The database is not changed.
  - Needs the Python package ruamel.yaml on the controller.
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.controller
  - nixcd.hercules_ci._connection
  - nixcd.hercules_ci._connection.module
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the lines that are added, and none around them.
  idempotent:
    support: full
notes:
  - Runs on the controller, once for a play, whatever its hosts are. Use it with C(run_once=true). Networks that the inventory of the play
    has already are not adopted again.
options:
  path:
    description:
      - The inventory file in YAML, which need not exist, or a folder, in which C(nixops_networks.yml) is the file.
      - Hosts go to the place where the group C(nixops_networks) has hosts already. Without the group, it is made, below C(all) if the file
        has nothing else at its top.
    type: path
    required: true
  databases:
    description:
      - Databases of NixOps. If neither these nor O(exports) nor O(projects) are given, the one that NixOps itself would use. With
        O(secrets) or O(ci_nix), that need not exist.
    type: list
    elements: path
    default: []
  exports:
    description:
      - Files with what C(nixops export) has printed. One with several deployments can be read, but not uploaded.
    type: list
    elements: path
    default: []
  projects:
    description:
      - Projects on Hercules CI, whose state files are read. A deployment that is here and there is taken from there.
    type: list
    elements: str
    default: []
  project:
    description:
      - The project that deploys what is found in databases and exports, if it is the same for all.
    type: str
  checkout:
    description:
      - The working tree of the project's repository on the controller, if it is the same for all.
    type: path
  branches:
    description:
      - The branches whose pushes deploy the networks, if they are the same for all.
    type: list
    elements: str
  ci_nix:
    description:
      - Whether to adopt what the file in O(checkout) that agents read declares, be it C(ci.nix), C(flake.nix) or C(default.nix), unless
        M(nixcd.hercules_ci.nixops_effect) wrote it.
      - Nix evaluates it as agents do, for each branch that the checkout knows, that the file names or that O(branches) has, for a branch
        and a tag that nobody names. Calls of the functions of hercules-ci-effects are seen with their arguments, and become the variables
        of a host each; its branches are those on which the effect was seen to run. Pins are what its fetchers were called with.
      - The hosts are in a group of their own below C(nixops_networks), called as the repository, with what they share. A host that deploys
        the same already is named there, with the variables that it does not have. What Nix computes and no variable can say is a comment.
      - The file stays as it is. With C(nixops_adopt=true), which is among the variables, the role replaces it if Nix shows that
        the new one means the same, see O(nixcd.hercules_ci.nixops_effect#module:adopt).
      - Needs Nix on the controller.
    type: bool
    default: false
  secrets:
    description:
      - For agents of the inventory, what RV(nixcd.hercules_ci.hci_secret_info#module:secrets) says of their secrets. They get into
        C(nixops_agent_secrets), with their fields and conditions, and instead of each value a variable of the vault.
      - They stand at the group C(hercules_agents) where they are the same for all agents, else at each host. Where the inventory has
        C(nixops_agent_secrets) for an agent in another file, or encrypted, nothing is written, but RV(secrets_left) tells.
    type: dict
    default: {}
seealso:
  - module: nixcd.hercules_ci.hci_secret_info
  - module: nixcd.hercules_ci.nixops_preflight
  - module: nixcd.hercules_ci.nixops_state_info
"""

EXAMPLES = r"""
- name: Adopt all deployments that NixOps knows on this machine
  nixcd.hercules_ci.nixops_adopt:
    path: /srv/inventory/hosts.yml
    project: github/neat-org/neat-repo
    checkout: /srv/neat-repo
  run_once: true
  register: adopted

- name: Show what is left to decide
  ansible.builtin.debug:
    var: adopted.questions
  run_once: true

- name: Adopt the effects of the ci.nix that somebody wrote, with the states that Hercules CI has
  nixcd.hercules_ci.nixops_adopt:
    path: /srv/inventory/hosts.yml
    project: github/neat-org/neat-repo
    projects: [github/neat-org/neat-repo]
    checkout: /srv/neat-repo
    ci_nix: true
  run_once: true

- name: Adopt what Hercules CI deploys already
  nixcd.hercules_ci.nixops_adopt:
    path: /srv/inventory
    projects: [github/neat-org/neat-repo, github/neat-org/other-repo]
  run_once: true
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
  sample: /srv/inventory/hosts.yml
hosts:
  description: The hosts that are added.
  type: list
  elements: str
  returned: success
  sample: [webfarm, aws-prod]
questions:
  description: What the comments of the added hosts ask, by host and variable.
  type: dict
  returned: success
  sample: {webfarm: {nixops_branches: "Pushes to which branches deploy it?"}}
ci_nix:
  description: The file whose effects were adopted, relative to O(checkout). V(null) where nobody else wrote one, or it was not asked for.
  type: str
  returned: success
  sample: ci.nix
vault:
  description: The variables to put into the vault, with the values of the secrets that are added.
  type: list
  elements: str
  returned: success
  sample: [vault_neat_aws_aws_access_key_id, vault_neat_aws_aws_secret_access_key]
secrets_left:
  description: Secrets that agents have and the inventory does not, and that are for people to add, by agent.
  type: dict
  returned: success
  sample: {agent-1: [old-aws]}
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""
