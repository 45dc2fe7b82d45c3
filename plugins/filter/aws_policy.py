# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

from ..module_utils._nixops.aws_policy import ACTIONS, controller_policy, guessed, network_policy
from ..module_utils._nixops.resource_types import RESOURCE_TYPES

DOCUMENTATION = r"""
name: aws_policy
short_description: Give the IAM policy that a NixOps network needs
version_added: 0.1.0
author: nixcd.hercules_ci contributors (@nixcd)
description:
  - Gives the narrowest IAM policy for what NixOps asks AWS for, by the types of the resources of a network, what its machines use, and
    their regions. For the IAM user whose access key the agents have.
  - With O(users), gives the policy that the controller needs instead, to look after the access keys of these IAM users.
  - It is read in the sources of NixOps 1.7 and nixops-aws. For some types it is a guess, and the filter warns of those, which are
    C(iam-role), VPN, CloudWatch, EFS and data lifecycle resources, and the rarer ones of VPC.
  - Most actions of EC2 and Route 53 are allowed for all resources of the regions, as what is to be made has no name yet.
positional: users
options:
  _input:
    description:
      - An export of a state, as C(nixops export) or M(nixcd.hercules_ci.nixops_state_fetch) write it, or a list of types, such as C(ec2)
        and C(elastic-ip), or as a network has them, C(elasticIPs).
      - Machines and other resources that are obsolete count, too, since NixOps has to remove them.
    type: raw
    required: true
  users:
    description: IAM users of secrets with C(aws_user). Give an empty list as input then.
    type: list
    elements: str
    default: []
seealso:
  - module: nixcd.hercules_ci.aws_key
"""

EXAMPLES = r"""
- name: Write the policy for what a state has
  ansible.builtin.copy:
    dest: neat-network-policy.json
    content: "{{ lookup('ansible.builtin.file', 'nixops-foo.json') | from_json | nixcd.hercules_ci.aws_policy | to_nice_json }}"
    mode: "0644"

- name: Show the policy of a network that is yet to come
  ansible.builtin.debug:
    msg: "{{ ['ec2', 'ec2-keypair', 'elastic-ip', 'ec2-security-group'] | nixcd.hercules_ci.aws_policy }}"

- name: Show what the controller needs to look after the keys of a user
  ansible.builtin.debug:
    msg: "{{ [] | nixcd.hercules_ci.aws_policy(users=['neat-deployer']) }}"
"""

RETURN = r"""
_value:
  description: The policy, to be printed as JSON.
  type: dict
"""


def aws_policy(value: Any, users: Iterable[str] = ()) -> dict[str, Any]:
    if users:
        return controller_policy(users)
    resources = list(_resources(value))
    guesses = guessed(resources)
    if guesses:
        Display().warning('For these types the policy is a guess: %s. Try it, and look at what CloudTrail says.' % ', '.join(guesses))
    return network_policy(resources)


def _resources(value: Any) -> Iterable[dict[str, str]]:
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        types = [RESOURCE_TYPES.get(name) or name for name in value]
        unknown = sorted({*types} - {*ACTIONS, *RESOURCE_TYPES, *filter(None, RESOURCE_TYPES.values())})
        if unknown:
            raise AnsibleFilterError('aws_policy knows no such type: %s. Types are %s.' % (', '.join(unknown), ', '.join(sorted(ACTIONS))))
        return [{'type': kind} for kind in types]
    if isinstance(value, Mapping) and value and all(isinstance(each, Mapping) for each in value.values()):
        return [
            {str(name): str(text) for name, text in resource.items()}
            for deployment in value.values() for resource in (deployment.get('resources') or {}).values()
        ]
    raise AnsibleFilterError('aws_policy needs an export of NixOps, as a dictionary, or a list of types of resources.')


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {'aws_policy': aws_policy}
