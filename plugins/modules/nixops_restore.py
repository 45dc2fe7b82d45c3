#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_restore
short_description: Bring the state of a NixOps network back from a backup
version_added: 0.1.0
description:
  - Makes a state that M(nixcd.hercules_ci.nixops_backup) has kept the newest one on Hercules CI, byte for byte, and its known hosts beside
    it.
  - What comes out of the backup is compared with the size and SHA-256 in the index, and looked into. One that is marked, or that the
    network's effect could not use, is refused.
  - The upload is that of M(nixcd.hercules_ci.nixops_state), with its lock, its checks of what is on the server, and its copy of what is
    replaced.
  - In check mode this is a drill. It shows for the network that the backup could be restored, and what would stand in the way.
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.controller
  - nixcd.hercules_ci._backup
attributes:
  check_mode:
    support: full
    details:
      - Fetches from the backup, and compares with Hercules CI. Where O(existing) is not set, what is there already is only warned of.
  diff_mode:
    support: full
    details:
      - Shows the names of machines, other resources and attributes that differ, and never values.
  idempotent:
    support: full
notes:
  - Runs on the controller, for a host of the group C(nixops_networks). The variables of the role say what its state file is called, and how
    Hercules CI is reached.
options:
  version:
    description:
      - The version of the state file, as Hercules CI numbered it. If not set, the last good one.
    type: int
  known_hosts:
    description:
      - Whether to bring the known hosts back, too, if the backup has them.
    type: bool
    default: true
  existing:
    description:
      - What to do when the server has a different state, see O(nixcd.hercules_ci.nixops_state#module:existing).
      - If not set, the task fails then, and in check mode it warns.
    type: str
    choices: [keep, replace, fail]
  replaced_version:
    description:
      - The number of the version that O(existing=replace) may replace, see O(nixcd.hercules_ci.nixops_state#module:replaced_version).
    type: int
seealso:
  - module: nixcd.hercules_ci.nixops_backup
  - module: nixcd.hercules_ci.nixops_state
"""

EXAMPLES = r"""
- name: Bring the last good state of every network of the play back
  nixcd.hercules_ci.nixops_restore:
    folder: /var/backups/nixops

- name: Put an older one in the place of version 12, which is wrong
  nixcd.hercules_ci.nixops_restore:
    folder: /var/backups/nixops
    version: 10
    existing: replace
    replaced_version: 12

- name: Show that the backup could be restored
  nixcd.hercules_ci.nixops_restore:
    bucket: neat-org-backups
    prefix: nixops
  check_mode: true
"""

RETURN = r"""
backup:
  description: What was taken out of the backup - C(version), when it was C(created) and by which C(job), C(size) and C(sha256).
  type: dict
  returned: if it is whole and can be used
  sample:
    version: 7
    created: '2026-01-21T13:00:15Z'
    job: https://hercules-ci.com/github/neat-org/neat-repo/jobs/42
    size: 7968
    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
action:
  description:
    - As RV(nixcd.hercules_ci.nixops_state#module:action). So are C(name), C(version), C(previous_version), C(size), C(deployment),
      C(differences), C(backup_file) and C(known_hosts).
  type: str
  returned: success, but for a drill in whose way something stands
  sample: created
in_the_way:
  description: What nixops_state would refuse, one dictionary for each problem.
  type: list
  elements: dict
  returned: in check mode, if O(existing) is not set and something is in the way
  sample: []
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""
