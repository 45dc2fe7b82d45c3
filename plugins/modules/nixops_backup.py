#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_backup
short_description: Keep the newest states of NixOps networks in a folder or a bucket
version_added: 0.1.0
description:
  - Keeps a copy of the newest state, and of the newest known hosts, of every network of the play outside of Hercules CI. Whoever has lost
    the project, or access to it, still has the machines then.
  - What the backup holds already is not fetched again. A project costs one request, and nothing more where nothing is new.
  - Every new state is looked into. One that breaks off, is empty, or that the network's effect could not use, or that is of another
    deployment than before, is kept and marked. It never takes the place of the last good one.
  - Contents are named by their SHA-256. The file C(index.json) says for each copy what it is - project, file, version, when and by which
    job it was stored, when it came into the backup, and its size, SHA-256 and UUID. It is written after what it names, and what it no
    longer names is removed after that, so that a run that is killed leaves a backup that can be used.
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.controller
  - nixcd.hercules_ci._backup
attributes:
  check_mode:
    support: full
    details:
      - Looks at what is there and fetches nothing. A new version counts as good.
  diff_mode:
    support: full
    details:
      - Shows the copies in the index, and nothing of what they hold.
  idempotent:
    support: full
notes:
  - Runs on the controller, once for a play with hosts of the group C(nixops_networks). Use it with C(run_once=true). Which files a network
    has, and how Hercules CI is reached, is read from the variables of the role.
  - In a bucket, what is no longer needed is removed a day later, because another run may be about to name it again. Two runs may write to
    one bucket at the same time; where it knows conditional requests, none loses what the other has written.
options:
  encryption:
    description:
      - How the server encrypts objects of O(bucket). With V(bucket), as the bucket is set up to do.
    type: str
    choices: [bucket, AES256, 'aws:kms']
    default: bucket
  kms_key:
    description:
      - The key for O(encryption=aws:kms). If not set, the account's own.
    type: str
  lock_days:
    description:
      - For how many days the bucket's object lock keeps a content from being removed or replaced. The bucket has to have object lock.
      - If not set, as the bucket is set up to do.
    type: int
  lock_mode:
    description:
      - The mode of that lock.
    type: str
    choices: [GOVERNANCE, COMPLIANCE]
    default: GOVERNANCE
  keep_versions:
    description:
      - How many versions of each file to keep. The newest and the last good one always stay, and so does what O(keep_days) keeps.
      - Without this and O(keep_days), everything is kept.
    type: int
  keep_days:
    description:
      - For how many days to keep every version.
    type: float
seealso:
  - module: nixcd.hercules_ci.nixops_restore
  - module: nixcd.hercules_ci.nixops_state_fetch
"""

EXAMPLES = r"""
- name: Keep the states of all networks for a year, and thirty versions of each in any case
  nixcd.hercules_ci.nixops_backup:
    folder: /var/backups/nixops
    keep_versions: 30
    keep_days: 365
  run_once: true

- name: Keep them in a bucket that nobody can empty
  nixcd.hercules_ci.nixops_backup:
    bucket: neat-org-backups
    prefix: nixops
    encryption: aws:kms
    lock_days: 90
  run_once: true
"""

RETURN = r"""
files:
  description: The files of the play's networks.
  type: list
  elements: dict
  returned: success, and failure of a single network or project
  contains:
    network:
      description: The host of the inventory.
      type: str
      sample: neat-network
    project:
      description: The project.
      type: str
      sample: github/neat-org/neat-repo
    name:
      description: The name of the file.
      type: str
      sample: nixops-foo.json
    action:
      description: V(stored) where the newest version is new to the backup, V(unchanged), or V(missing) where Hercules CI has no such file.
      type: str
      sample: stored
    version:
      description: The number of the newest version.
      type: int
      returned: if there is one
      sample: 7
    job:
      description: The page of the job that has stored it, V(null) if none has.
      type: str
      returned: if there is one
      sample: https://hercules-ci.com/github/neat-org/neat-repo/jobs/42
    size:
      description: Its size in bytes.
      type: int
      returned: if there is one
      sample: 7968
    sha256:
      description: Its SHA-256 in hexadecimal, V(null) if only fetching it would tell.
      type: str
      returned: if there is one
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    problem:
      description: Why it cannot be used, V(null) if it can.
      type: str
      returned: if there is one
      sample: The export breaks off.
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""
