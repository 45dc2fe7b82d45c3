#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: hci_secret_info
short_description: List the secrets that an agent has for Hercules CI effects
version_added: 0.1.0
author: nixcd.hercules_ci contributors (@nixcd)
description:
  - Reads a C(secrets.json) as an agent does, and returns names of secrets, names of their fields and who may use them. Never a value.
  - A file that the agent could not parse is an error, with the agent's own words for each place.
  - As the agent, it follows a link wherever that leads, such as those that secret managers of NixOS make. M(nixcd.hercules_ci.hci_secret)
    writes through no link that leaves its folder.
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.info
  - nixcd.hercules_ci._secrets_location
seealso:
  - module: nixcd.hercules_ci.hci_secret
"""

EXAMPLES = r"""
- name: See what an agent would hand out
  nixcd.hercules_ci.hci_secret_info:
  register: agent

- name: Say who may use which secret
  ansible.builtin.debug:
    msg: "{{ agent.secrets | dict2items | map(attribute='value.usable_by') }}"

- name: Stop if the secret for AWS lacks its key
  ansible.builtin.assert:
    that: "'aws_secret_access_key' in agent.secrets['neat-aws'].fields"
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
  sample: /var/lib/hercules-ci-agent/secrets/secrets.json
exists:
  description:
    - Whether there is a file. Without one, the agent fails every effect that has a C(secretsMap), even if that has only
      C({type = "GitToken";}), and the module warns. Effects that need no secret run.
  type: bool
  returned: success
  sample: true
secrets:
  description: The secrets by name.
  type: dict
  returned: success
  sample:
    neat-aws:
      fields: [aws_access_key_id, aws_secret_access_key]
      condition: {"and": [{"isOwner": "neat-org"}, {"isRepo": "neat-repo"}, {"isBranch": "production"}]}
      usable_by: owner neat-org and repository neat-repo and branch production
  contains:
    fields:
      description: Names of the fields of the data, in order.
      type: list
      elements: str
    condition:
      description: The condition, V(null) if there is none. Agents from version 0.9 on then hand the secret to nobody.
      type: raw
    usable_by:
      description: The condition in words.
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
from ..module_utils._secrets.change import outline
from ..module_utils._secrets.document import parse
from ..module_utils._secrets.options import LOCATION_OPTIONS
from ..module_utils._secrets.places import secrets_file

SPEC = ArgumentSpec(LOCATION_OPTIONS, mutually_exclusive=[('path', 'agent_name', 'project')])

MISSING = (
    'There is no file %s. An agent without it fails every effect that has a secretsMap, even if that has only a GitToken. '
    'hci_secret makes an empty one of secrets: {}.'
)


def run(module: AnsibleModule) -> dict[str, Any]:
    """Read the file that the options name."""
    options = module.params
    path = secrets_file(options['path'], options['agent_name'], options['project']).path
    content = read_if_present(path, follow=True)
    if content is None and not options['project']:
        module.warn(MISSING % path)
    secrets = {} if content is None else outline(parse(content, path))
    return {'changed': False, 'path': path, 'exists': content is not None, 'secrets': secrets}


def main() -> None:
    entry(SPEC, run)


if __name__ == '__main__':
    main()
