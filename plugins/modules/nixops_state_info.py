#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_state_info
short_description: Tell which state files a project has on Hercules CI
version_added: 0.1.0
description:
  - Lists the state files of a project with all their versions, and says what is in the newest if you like.
  - A summary tells how many machines there are, of which types and in which states. Values are never returned, many are secret.
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.info
  - nixcd.hercules_ci._connection
  - nixcd.hercules_ci._connection.module
  - nixcd.hercules_ci._connection.project
options:
  name:
    description:
      - Only the file with this name.
    type: str
  summary:
    description:
      - Whether to download the newest version of each file and to say what is in it.
    type: bool
    default: false
seealso:
  - module: nixcd.hercules_ci.nixops_state
  - module: nixcd.hercules_ci.nixops_state_fetch
"""

EXAMPLES = r"""
- name: Look at the versions of a state
  nixcd.hercules_ci.nixops_state_info:
    project: github/neat-org/neat-repo
    name: nixops-foo.json
  register: found

- name: Find the newest version that was not stored by a job
  ansible.builtin.debug:
    msg: "{{ found.files[0].versions | rejectattr('job') | map(attribute='version') | max }}"

- name: Count the machines in each state
  nixcd.hercules_ci.nixops_state_info:
    project: github/neat-org/neat-repo
    summary: true
"""

RETURN = r"""
files:
  description: The state files, sorted by name.
  type: list
  elements: dict
  returned: success
  sample:
    - name: nixops-foo.json
      versions:
        - version: 1
          created: '2026-01-21T13:00:15Z'
          size: 7968
          sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
          job: null
          uploader: alice
      deployments:
        - uuid: bbbbbbbb-1700-11e7-8000-000000000002
          name: foo
          resources: 4
          machines: {ec2: {Up: 2}}
  contains:
    name:
      description: The name of the file.
      type: str
    versions:
      description: Its versions, the oldest first. The last one is what effects get.
      type: list
      elements: dict
      contains:
        version:
          description: The number of the version.
          type: int
        created:
          description: When it was stored.
          type: str
        size:
          description: Its size in bytes, V(null) if the service does not know.
          type: int
        sha256:
          description: Its SHA-256 in hexadecimal, V(null) if the service does not know.
          type: str
        job:
          description: The page of the job that has stored it, V(null) if none has.
          type: str
        uploader:
          description: The account that has stored it, V(null) if none has.
          type: str
    deployments:
      description:
        - What is in the newest version. For each deployment C(uuid), C(name), the number of C(resources), machines among them, and the
          number of C(machines) by type and state. Machines that the network does not have any longer count as C(obsolete).
        - V(null) when the file is not a NixOps state.
      type: list
      elements: dict
      returned: when O(summary=true)
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""

from typing import Any

from ..module_utils._argspec import CONNECTION_OPTIONS, ArgumentSpec
from ..module_utils._entry import entry
from ..module_utils._files import hidden_file
from ..module_utils._hercules_ci.client import connect
from ..module_utils._hercules_ci.state import StateFiles, Version
from ..module_utils._nixops.document import NotAState
from ..module_utils._nixops.machines import summary
from ..module_utils._nixops.sources import from_server
from ..module_utils._payload import PAYLOAD_OPTION
from ..module_utils._project import ProjectPath

SPEC = ArgumentSpec({
    **CONNECTION_OPTIONS,
    **PAYLOAD_OPTION,
    'project': {'type': 'str', 'required': True},
    'name': {'type': 'str'},
    'summary': {'type': 'bool', 'default': False},
})


def run(module: Any) -> dict[str, Any]:
    """List the files, and if it is asked for what is in them."""
    options = module.params
    files = StateFiles(connect(options), ProjectPath.parse(options['project']))
    found = {name: versions for name, versions in sorted(files.files().items()) if options['name'] in (None, name)}
    return {'changed': False, 'files': [describe(files, name, versions, options['summary']) for name, versions in found.items()]}


def describe(files: StateFiles, name: str, versions: tuple[Version, ...], summarised: bool) -> dict[str, Any]:
    """A file, its versions, and if it is asked for what is in the newest."""
    described: dict[str, Any] = {'name': name, 'versions': [version.as_dict() for version in versions]}
    if summarised and versions:
        with hidden_file() as copy:
            try:
                described['deployments'] = summary(from_server(files, name, versions[-1], copy).entries())
            except NotAState:
                described['deployments'] = None
    return described


def main() -> None:
    entry(SPEC, run)


if __name__ == '__main__':
    main()
