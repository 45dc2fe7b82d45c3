#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_state_fetch
short_description: Fetch a state file from Hercules CI
version_added: 0.1.0
description:
  - Makes sure that a file on this machine is a version of a state file on Hercules CI, byte for byte. For a backup, to look at a state, or
    to go on with NixOps by hand, after C(nixops import).
  - The file appears at once and whole, after its size and hash have been compared with what Hercules CI lists.
  - The file holds private keys, so only its owner can read it.
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._connection
  - nixcd.hercules_ci._connection.module
  - nixcd.hercules_ci._connection.project
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the names of machines, other resources and attributes that differ, and never values, many of which are secret.
  idempotent:
    support: full
options:
  name:
    description:
      - The name of the state file, for example V(nixops-foo.json).
    type: str
    required: true
  version:
    description:
      - The number of the version. If not set, the newest.
    type: int
  path:
    description:
      - Where the file is to lie. Its folder must exist. NixOps' own database is never replaced. A symbolic link is followed if it stays in
        its folder, and refused if it leaves it.
    type: path
    required: true
  backup:
    description:
      - Whether to keep what was at O(path) before, beside it. Only its owner can read that, too.
    type: bool
    default: false
seealso:
  - module: nixcd.hercules_ci.nixops_state
  - module: nixcd.hercules_ci.nixops_state_info
"""

EXAMPLES = r"""
- name: Keep a copy of the newest state
  nixcd.hercules_ci.nixops_state_fetch:
    project: github/neat-org/neat-repo
    name: nixops-foo.json
    path: /var/backups/nixops-foo.json

- name: Look at what version 6 was
  nixcd.hercules_ci.nixops_state_fetch:
    project: github/neat-org/neat-repo
    name: nixops-foo.json
    version: 6
    path: /root/nixops-foo.6.json
"""

RETURN = r"""
path:
  description: Where the file is.
  type: str
  returned: success
  sample: /var/backups/nixops-foo.json
version:
  description: The number of its version.
  type: int
  returned: success
  sample: 7
sha256:
  description: Its SHA-256 in hexadecimal.
  type: str
  returned: success
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
size:
  description: Its size in bytes.
  type: int
  returned: success
  sample: 7968
backup_file:
  description: Where the old file has been saved.
  type: str
  returned: when O(backup=true) and another file was there
  sample: /var/backups/nixops-foo.json.4711.2026-01-21@13:00:15~
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""

import os
import stat
from contextlib import ExitStack
from typing import Any

from ..module_utils._argspec import CONNECTION_OPTIONS, ArgumentSpec
from ..module_utils._entry import entry
from ..module_utils._files import backup_path, hidden_file, real_path, write_atomically
from ..module_utils._hercules_ci.client import connect
from ..module_utils._hercules_ci.state import StateFiles
from ..module_utils._nixops.database import MAGIC
from ..module_utils._nixops.difference import diff_text, differences
from ..module_utils._nixops.document import NotAState
from ..module_utils._nixops.sources import from_file, from_server
from ..module_utils._nixops.state import NOTHING, State
from ..module_utils._payload import PAYLOAD_OPTION
from ..module_utils._problems import fail
from ..module_utils._project import ProjectPath

MODE = 0o600
SPEC = ArgumentSpec({
    **CONNECTION_OPTIONS,
    **PAYLOAD_OPTION,
    'project': {'type': 'str', 'required': True},
    'name': {'type': 'str', 'required': True},
    'version': {'type': 'int'},
    'path': {'type': 'path', 'required': True},
    'backup': {'type': 'bool', 'default': False},
})


def run(module: Any) -> dict[str, Any]:
    """Compare the file with what is listed, and fetch it if they differ."""
    with ExitStack() as files_open:
        return _run(module, files_open)


def _run(module: Any, files_open: ExitStack) -> dict[str, Any]:
    options, path = module.params, real_path(module.params['path'])
    files = StateFiles(connect(options), ProjectPath.parse(options['project']))
    version = files.version(options['name'], options['version'])
    before = present(path, files_open)
    same = before is not None and version.holds(before.size, before.sha256)
    after = before if before and same else from_server(files, options['name'], version, files_open.enter_context(hidden_file()))
    same = before is not None and before.sha256 == after.sha256
    if before and not same:
        require_replaceable(before, path)
    result: dict[str, Any] = {'path': path, 'version': version.number, 'sha256': after.sha256, 'size': after.size}
    result['changed'] = not (before and same and stat.S_IMODE(os.stat(path).st_mode) == MODE)
    if module._diff:
        result['diff'] = diff(before or NOTHING, after, path)
    if result['changed'] and not module.check_mode:
        if before and options['backup'] and not same:
            result['backup_file'] = save(before, path)
        after.file.seek(0)
        write_atomically(path, after.file, mode=MODE)
    return result


def present(path: str, files_open: ExitStack) -> State | None:
    """The file that is there now, if there is one."""
    if not os.path.isdir(os.path.dirname(path) or '.'):
        raise fail('The folder does not exist.', where=os.path.dirname(path), remedy='Create it, or choose another path')
    return from_file(path, files_open.enter_context(hidden_file())) if os.path.lexists(path) else None


def save(before: State, path: str) -> str:
    """Keep what was there as Ansible's own modules do, but for its owner only. Returns the path."""
    backup = backup_path(path)
    before.file.seek(0)
    write_atomically(backup, before.file, mode=MODE)
    return backup


def require_replaceable(before: State, path: str) -> None:
    """Refuse to put a file in the place of NixOps' own database."""
    before.file.seek(0)
    if before.file.read(len(MAGIC)) == MAGIC:
        raise fail(
            'At this path lies a database, perhaps the only one that knows your machines.',
            where=path,
            expected='no file, or a state file fetched earlier',
            remedy='Choose another path. To give a state to NixOps, use nixops import',
        )


def diff(before: State, after: State, path: str) -> dict[str, str]:
    """What the names of machines and attributes have to say about it."""
    try:
        return diff_text(differences(after, before), after.where, path)
    except NotAState:
        sizes = {'before': '%d bytes\n' % before.size, 'after': '%d bytes\n' % after.size}
        return {**sizes, 'before_header': path, 'after_header': after.where}


def main() -> None:
    entry(SPEC, run)


if __name__ == '__main__':
    main()
