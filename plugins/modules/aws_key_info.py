#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_key_info
short_description: Tell which AWS access keys an agent has for Hercules CI effects
version_added: 0.1.0
author: nixcd.hercules_ci contributors (@nixcd)
description:
  - Looks into an agent's C(secrets.json) for the access keys of AWS that the collection looks after, those of secrets with C(aws_user).
  - Returns the last four characters of the ID of each key, and a fingerprint, by which M(nixcd.hercules_ci.aws_key) tells IDs apart.
    Never the key itself.
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.info
options:
  path:
    description: The file, where it is not in the folder of the agent's NixOS or nix-darwin module.
    type: path
  agent_name:
    description: Name of an agent beside the unnamed one, as in C(services.hercules-ci-agents.NAME) of NixOS.
    type: str
  names:
    description:
      - Names of secrets.
      - By default those of the host's variable C(nixops_agent_secrets) that have C(aws_user). Where there is none, the task is skipped,
        and no connection is made.
    type: list
    elements: str
  _payload:
    description: For the action plugin of M(nixcd.hercules_ci.aws_key). Not to be given.
    type: str
seealso:
  - module: nixcd.hercules_ci.aws_key
  - module: nixcd.hercules_ci.hci_secret_info
"""

EXAMPLES = r"""
- name: See which AWS keys the agent has
  nixcd.hercules_ci.aws_key_info:
  register: held

- name: Say which key that is
  ansible.builtin.debug:
    msg: "{{ held.aws_keys['neat-aws'].key }}"
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
  sample: /var/lib/hercules-ci-agent/secrets/secrets.json
aws_keys:
  description: Those of the secrets that have an access key, by name.
  type: dict
  returned: success
  sample:
    neat-aws:
      key: "…7XQ2"
      fingerprint: 0123456789abcdef
  contains:
    key:
      description: The last four characters of the key's ID.
      type: str
    fingerprint:
      description: Tells IDs apart without showing one.
      type: str
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._entry import entry
from ..module_utils._files import read_if_present
from ..module_utils._payload import unpacked
from ..module_utils._secrets.aws import keys_in, under_pad
from ..module_utils._secrets.document import parse
from ..module_utils._secrets.places import secrets_file

SPEC = ArgumentSpec(
    {'path': {'type': 'path'}, 'agent_name': {'type': 'str'}, 'names': {'type': 'list', 'elements': 'str'}},
    mutually_exclusive=[('path', 'agent_name')],
)


def run(module: AnsibleModule) -> dict[str, Any]:
    """Read the file. The payload, from the action plugin of aws_key, has a pad for each key that another agent is to get."""
    options = module.params
    path = secrets_file(options['path'], options['agent_name'], None).path
    content = read_if_present(path, follow=True)
    document = {} if content is None else parse(content, path)
    pads = unpacked(options['_payload'])['pads'] if options['_payload'] else {}
    result = {'changed': False, 'path': path, 'aws_keys': keys_in(document, options['names'] or ())}
    if pads:
        result['under_pad'] = {name: under_pad(document, name, pad) for name, pad in pads.items()}
    return result


def main() -> None:
    entry(SPEC.behind_action(), run)


if __name__ == '__main__':
    main()
