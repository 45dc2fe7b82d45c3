#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_outcome
short_description: Tell what became of the NixOps networks of a play
version_added: 0.1.0
description:
  - Made for the role P(nixcd.hercules_ci.nixops#role). It reads what the tasks of the role have registered for every network, and tells
    what became of each of its branches.
  - What one network did for its whole project concerns all networks of that project; a branch that could not be pushed concerns those that
    are deployed from it; an effect that failed concerns its own network only.
  - Prints the last six lines of the log of each effect that failed, up to where it failed, once, and then the table of
    M(nixcd.hercules_ci.nixops_report). What RV(failures) says of several networks, it says in full for the first.
author:
  - nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.page
attributes:
  check_mode:
    support: full
    details:
      - Everything is printed, the page is not written.
notes:
  - Runs on the controller, once for a play. Use it with C(run_once=true). It never fails because a network did.
options:
  projects:
    description: RV(nixcd.hercules_ci.nixops_preflight#module:projects) of M(nixcd.hercules_ci.nixops_preflight).
    type: dict
    required: true
  agents:
    description: RV(nixcd.hercules_ci.nixops_preflight#module:agents) of M(nixcd.hercules_ci.nixops_preflight), for the page.
    type: dict
    default: {}
  report:
    description: Where to write a page, as O(nixcd.hercules_ci.nixops_report#module:path) says.
    type: path
seealso:
  - module: nixcd.hercules_ci.nixops_preflight
  - module: nixcd.hercules_ci.nixops_report
"""

EXAMPLES = r"""
- name: Show what became of the networks
  nixcd.hercules_ci.nixops_outcome:
    projects: "{{ plan.projects }}"
    agents: "{{ plan.agents }}"
  run_once: true
  register: became

- name: Tell networks what another one has changed for them
  ansible.builtin.debug:
    msg: "{{ became.changes[inventory_hostname] }}"
  when: inventory_hostname in became.changes
  changed_when: true

- name: Fail for the networks that were not deployed
  ansible.builtin.fail:
    msg: "{{ became.failures[inventory_hostname] }}"
  when: inventory_hostname in became.failures
"""

RETURN = r"""
networks:
  description: What O(nixcd.hercules_ci.nixops_report#module:networks) takes, an entry for each branch of each selected network. Empty
      where tags have selected no task of the role.
  type: list
  elements: dict
  returned: success
  sample:
    - network: neat-network
      project: github/neat-org/neat-repo
      branch: production
      result: deployed
      message: ''
      commit: 89e6c98d92887913cadf06b2adb97f26cde4849b
      job: 42
      job_url: https://hercules-ci.com/github/neat-org/neat-repo/jobs/42
      state_version_before: 7
      state_version_after: 8
      secrets_map: {aws: neat-aws}
changes:
  description: What the tasks of another network have changed for a network, or would change. Such tasks are done once for a project, and
    the recap of Ansible has them for one network only.
  type: dict
  returned: success
  sample: {neat-staging: "Changed by a task of neat-network, which acts for the project: staging."}
failures:
  description: Why a network was not deployed, for those that are still in the play.
  type: dict
  returned: success
  sample: {neat-network: "production: The effect neat-network.run of job 42 failed."}
table:
  description: As RV(nixcd.hercules_ci.nixops_report#module:table). So are C(results), C(msg) and C(path).
  type: list
  elements: str
  returned: if RV(networks) is not empty
  sample:
    - "  NETWORK       BRANCH      COMMIT    STATE  JOB  RESULT"
    - "github/neat-org/neat-repo"
    - "  neat-network  production  89e6c98d  7 → 8  #42  deployed"
    - "1 network: 1 deployed"
"""
