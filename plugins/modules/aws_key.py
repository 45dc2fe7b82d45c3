#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_key
short_description: Take the next safe step with the AWS access keys of Hercules CI agents
version_added: 0.1.0
author: nixcd.hercules_ci contributors (@nixcd)
description:
  - Made for the role P(nixcd.hercules_ci.nixops#role) and its playbook C(nixcd.hercules_ci.rotate). It looks after the access key of each
    secret of C(nixops_agent_secrets) that says C(aws_user).
  - Each run looks at IAM, at which keys the agents have, and at what Hercules CI has deployed, and takes the next step that is safe - a new
    key is made, tried until STS and EC2 take it in all regions of the networks' states, and brought to all agents. When every network that
    uses it has been deployed with it, and no job from before is running, the old key is switched off, and after a while deleted.
  - It may be stopped anywhere. A tag C(nixcd.hercules_ci) of the IAM user says what was begun. Where a run was stopped before it could note
    the ID of a new key, CloudTrail is asked whether it was that run that made it. A key whose secret was lost is deleted, and a key that
    neither an agent nor the tag nor CloudTrail accounts for is never touched.
  - The secret of a key is nowhere on the controller but in the memory of one process. Agents that lack a key get it from another agent.
  - Two runs do not work on the same user at once. A lock of Hercules CI, C(aws-key-USER), in the projects of the networks that use the
    key, lets the second wait for five minutes. Where no network uses it yet, the tag keeps them apart, and one of them fails.
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.controller
attributes:
  check_mode:
    support: partial
    details:
      - O(do=plan) and O(do=show) tell the next step. The others are not to be played then, and O(do=plan) returns no RV(steps).
  diff_mode:
    support: full
    details:
      - Shows the fields of agents that change, without values.
  idempotent:
    support: full
    details:
      - O(now=true) replaces the keys each time.
notes:
  - Needs boto3 on the controller, and credentials of the controller's own as boto3 finds them. The guide has the policy for them.
  - Set the keyword C(environment) of the play for C(AWS_PROFILE) and the like.
options:
  do:
    description:
      - V(plan), run once, looks and returns what there is to do as RV(steps).
      - V(show), run once, tells what there is to do if all agents have what the last run has noted. They are not asked.
      - The others are the items of RV(steps). They have to be played by one loop of one task, in this order, each on its agent.
    type: str
    choices: [plan, show, begin, look, decide, take, give, end]
    default: plan
  agent:
    description: The agent that the task is delegated to, for V(look), V(take) and V(give).
    type: str
  rotate:
    description: Whether to go beyond the first key of an agent. Without it, only agents that lack a key get one.
    type: bool
    default: false
  now:
    description: Replace the keys at once, and switch the old ones off without waiting for anything.
    type: bool
    default: false
seealso:
  - module: nixcd.hercules_ci.aws_key_info
"""

EXAMPLES = r"""
- name: See which AWS access keys the agent has
  nixcd.hercules_ci.aws_key_info:
  register: _nixops_aws_keys

- name: Look at the AWS access keys
  nixcd.hercules_ci.aws_key:
    rotate: true
  run_once: true
  register: planned

- name: Take the next steps with them
  nixcd.hercules_ci.aws_key:
    do: "{{ item.do }}"
    agent: "{{ item.agent | default(omit) }}"
    rotate: true
  delegate_to: "{{ item.agent | default(inventory_hostname) }}"
  loop: "{{ planned.steps }}"
  run_once: true
"""

RETURN = r"""
keys:
  description: The key of each IAM user.
  type: list
  elements: dict
  returned: with O(do=plan), O(do=show) and O(do=end)
  sample:
    - user: neat-deployer
      secret: neat-aws
      key: "…7XQ2"
      age_days: 12
      keys: [{key: "…7XQ2", active: true, created: "2026-11-17T10:15:00+00:00"}]
      step: nothing to do
      next: The key …7XQ2 is to be replaced after 2027-02-15.
      done: []
      left: []
  contains:
    user:
      description: The IAM user.
      type: str
    secret:
      description: The secret that has the key.
      type: str
    key:
      description: The last four characters of the ID of the key that agents have, or are getting. Empty where no agent has one.
      type: str
    age_days:
      description: Its age.
      type: int
    keys:
      description: All keys of the user.
      type: list
      elements: dict
    step:
      description: What comes next, V(nothing to do), V(wait), V(refuse), V(failed), or the step that the loop takes.
      type: str
    next:
      description: The same as a sentence, with what is waited for.
      type: str
    done:
      description: What was done, a sentence each.
      type: list
      elements: str
    left:
      description: Agents for which something is left to do.
      type: list
      elements: str
    problems:
      description: What is wrong, as RV(nixcd.hercules_ci.hci_secret#module:problems).
      type: list
      elements: dict
left:
  description: By agent of the play, what is left to do for it.
  type: dict
  returned: with O(do=plan), O(do=show) and O(do=end)
  sample: {}
key_problems:
  description: With O(rotate=true), what somebody has to look at.
  type: list
  elements: dict
  returned: with O(do=plan), O(do=show) and O(do=end)
  sample: []
steps:
  description: The items of the loop that takes the next steps. None where nothing is to be done now.
  type: list
  elements: dict
  returned: with O(do=plan)
  sample: [{do: begin}, {do: look, agent: agent-1}, {do: decide}, {do: take, agent: agent-1}, {do: give, agent: agent-1}, {do: end}]
"""
