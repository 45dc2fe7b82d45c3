#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_report
short_description: Show what a run has come to, network by network
version_added: 0.1.0
description:
  - Prints one table of all networks with branch, commit, versions of the state file, job, result and link, and the number of each result.
  - With O(projects) it reads what the tasks of the role P(nixcd.hercules_ci.nixops#role) have registered for every network, and tells what
    became of each of its branches. What one network did for its whole project concerns all networks of that project; a branch that could
    not be pushed concerns those that are deployed from it; an effect that failed concerns its own network only. The end of the log of each
    effect that failed, up to where it failed, is printed once, before the table.
  - With O(path) it also writes the same as a web page, with a diagram of the branches, the networks they deploy, the secrets that these
    read and the agents that have them. The page is one file without scripts that loads nothing. It is made for screens of any width, light
    and dark, and for paper. Where there are too many networks to draw, those of one branch that fare alike are drawn as one.
  - Of what failed the page says why, what was found and what to do, and how its log ends. It has the plans, and the access keys of AWS by
    the last characters of their IDs.
  - Options that this module does not know are refused, whatever level they are at, so that the value of a secret cannot get in by mistake.
    With O(projects), the values that the inventory has for secrets of O(agents) are masked in what is quoted of logs, but for those of
    lookups, which are not asked again, and those of fewer than four characters.
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.controller
attributes:
  check_mode:
    support: full
    details:
      - The table is printed, the page is not written.
  diff_mode:
    support: none
    details:
      - The table says what the page would say.
  idempotent:
    support: full
    details:
      - The page says since when its results are the same. It is written only when something else in it changes.
notes:
  - With O(projects), use it with C(run_once=true). It never fails because a network did.
options:
  networks:
    description:
      - What became of each branch of each network, in any order.
      - Values that are empty or null are not known yet.
      - Either this or O(projects) is required.
    type: list
    elements: dict
    suboptions:
      network:
        description: Name of the network, which is that of its host in the inventory.
        type: str
        required: true
      project:
        description: Path of the project, such as V(github/neat-org/neat-repo).
        type: str
        required: true
      branch:
        description: Name of the branch that is deployed, without V(refs/heads/).
        type: str
        required: true
      result:
        description:
          - V(deployed) and V(unchanged) are good.
          - V(pushed) and V(skipped) mean that nothing has been deployed yet, V(tried) that it was only tried.
          - V(would deploy), V(would push) and V(would try) are of check mode.
          - V(rolled back) means that the state was replaced after it had been deployed.
          - V(failed), V(cancelled) and V(timed out) are bad.
        type: str
        required: true
        choices:
          - deployed
          - unchanged
          - rolled back
          - pushed
          - tried
          - skipped
          - would push
          - would try
          - would deploy
          - cancelled
          - timed out
          - failed
      commit:
        description: The commit that was deployed, of which eight digits are shown.
        type: str
      state_version_before:
        description: Version of the state file before the job.
        type: int
      state_version_after:
        description: Version of the state file after it.
        type: int
      job:
        description: Index of the job in its project.
        type: int
      job_url:
        description: The job's page. Anything but a web address is left out.
        type: str
      message:
        description:
          - Why the result is what it is. Only the first sentence is shown, as errors of this collection have it.
        type: str
      problems:
        description:
          - The same in full, for the page, as RV(nixcd.hercules_ci.hci_secret#module:problems).
          - What was found may quote a log, which may hold anything, and is shown as it is given.
        type: list
        elements: dict
      log:
        description: The last lines of the log of what failed, for the page. They are shown as they are given.
        type: list
        elements: str
      earlier:
        description: Whether that came about before this run. The table then shows no change of the state.
        type: bool
      plan:
        description: What the deployment does to machines and other resources, in short, such as V(+2 ~1 -0).
        type: str
      planned:
        description: The same in full, line by line, as RV(nixcd.hercules_ci.nixops_plan#module:networks[].lines), for the page.
        type: list
        elements: str
      secrets_map:
        description:
          - Names of secrets by the names that the effect uses for them, as in
            O(nixcd.hercules_ci.nixops_effect#module:effects[].secrets_map).
          - 'V({type: GitToken}) stands for the token that Hercules CI gives.'
        type: dict
  projects:
    description:
      - RV(nixcd.hercules_ci.nixops_preflight#module:projects) of M(nixcd.hercules_ci.nixops_preflight), for what the role's tasks did.
    type: dict
  agents:
    description:
      - For each agent a dictionary of its secrets by name.
      - What M(nixcd.hercules_ci.hci_secret) and M(nixcd.hercules_ci.hci_secret_info) return as C(secrets) can be given as it is. Of each
        secret C(fields), a list of names, and C(condition) are used; C(usable_by) is allowed.
      - If there is any agent here, a secret that no agent has is marked.
    type: dict
    default: {}
  keys:
    description:
      - The access keys of AWS, as RV(nixcd.hercules_ci.aws_key#module:keys), for the page.
      - With O(projects) those that the tasks of the role have told of in this run, by default.
    type: list
    elements: dict
    default: []
  path:
    description:
      - Where on the controller to write the page. Its folder must exist.
      - Everybody who can reach it can read it (mode V(0644)). It names networks, secrets and agents, and quotes logs of what failed,
        which you may want to keep private by the choice of the folder.
    type: path
seealso:
  - module: nixcd.hercules_ci.hci_job
  - module: nixcd.hercules_ci.hci_secret_info
  - module: nixcd.hercules_ci.nixops_preflight
"""

EXAMPLES = r"""
- name: Show how the run ended
  nixcd.hercules_ci.nixops_report:
    networks:
      - network: neat-network
        project: github/neat-org/neat-repo
        branch: production
        commit: 1f0c2d3e4b5a69788796a5b4c3d2e1f00f1e2d3c
        state_version_before: 3
        state_version_after: 4
        job: 123
        job_url: https://hercules-ci.com/github/neat-org/neat-repo/jobs/123
        result: deployed
  run_once: true

- name: Write it as a page, too, with the secrets that agents have
  nixcd.hercules_ci.nixops_report:
    networks: "{{ ansible_play_hosts_all | map('extract', hostvars, 'network_outcome') | list }}"
    agents:
      agent-1:
        neat-aws:
          fields: [aws_access_key_id, aws_secret_access_key]
          condition: isDefaultBranch
    path: /srv/www/deployments.html
  run_once: true

- name: Show what became of the networks that the role deployed
  nixcd.hercules_ci.nixops_report:
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
table:
  description: The lines that were printed.
  type: list
  elements: str
  returned: success, unless tags have selected no task of the role
  sample:
    - "  NETWORK       BRANCH      COMMIT    STATE  JOB   RESULT"
    - "github/neat-org/neat-repo"
    - "  neat-network  production  1f0c2d3e  3 → 4  #123  deployed"
    - "  #123  https://hercules-ci.com/github/neat-org/neat-repo/jobs/123"
    - "1 network: 1 deployed"
results:
  description: How often each result occurs, the worst first.
  type: dict
  returned: success
  sample: {failed: 1, deployed: 29}
msg:
  description: The same in a sentence.
  type: str
  returned: success
  sample: "30 networks: 1 failed, 29 deployed"
path:
  description: Where the page is.
  type: str
  returned: success, if O(path) is given
  sample: /srv/www/deployments.html
networks:
  description: What O(networks) takes, an entry for each branch of each selected network. Empty
      where tags have selected no task of the role.
  type: list
  elements: dict
  returned: if O(projects) is given
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
      plan: +0 ~1 -0
      planned: ["  ~ app1 (ec2), another configuration", "Plan: 0 to create, 1 to change, 0 to become obsolete, 1 unchanged."]
      problems: []
      log: []
      earlier: false
changes:
  description: What the tasks of another network have changed for a network, or would change. Such tasks are done once for a project, and
    the recap of Ansible has them for one network only.
  type: dict
  returned: if O(projects) is given
  sample: {neat-staging: "Changed by a task of neat-network, which acts for the project: staging."}
failures:
  description: Why a network was not deployed, for those that are still in the play.
  type: dict
  returned: if O(projects) is given
  sample: {neat-network: "production: The effect neat-network.run of job 42 failed."}
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""
