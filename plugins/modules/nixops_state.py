#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_state
short_description: Let Hercules CI hold the state of a NixOps deployment
version_added: 0.1.0
description:
  - Makes sure that Hercules CI has the state of a NixOps deployment, so that an effect continues with the machines that exist. With no
    state NixOps creates all machines anew.
  - The state is read from NixOps' database without NixOps, from the program C(nixops), or from a file with an export. The database is
    read as it is at that moment, even while a deployment runs, and neither it nor any file beside it is changed.
  - By default the module uploads only where the server has no such state file. What is on the server after a deployment by Hercules CI
    is newer than what is here, and stays.
  - Before the first upload it looks into the other state files of the project. Where another one has a different state of the same
    deployment, because the file or the deployment was renamed, the task fails, also in check mode.
  - What is on the server does not stay without a word where NixOps would make machines anew with it, or could not work with it. See
    O(existing).
  - Before anything is sent, the module checks that the state is complete, holds one deployment, and is one that the effect can find and
    import.
  - States are compared by meaning. Formatting, and whether NixOps 1 or 2 has written them, does not matter.
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._connection
  - nixcd.hercules_ci._connection.module
  - nixcd.hercules_ci._connection.project
attributes:
  check_mode:
    support: full
    details:
      - Reads and compares as otherwise, but takes no lock, does not look for running jobs, saves nothing and uploads nothing.
  diff_mode:
    support: full
    details:
      - Shows the names of machines, other resources and attributes that differ, and never values, many of which are secret.
  idempotent:
    support: full
options:
  deployment:
    description:
      - The deployment, by name, by UUID or by the beginning of its UUID. Like for NixOps, there must be exactly one.
    type: str
    required: true
  effect_deployment:
    description:
      - The name by which the effect knows the deployment, that is C(NIXOPS_DEPLOYMENT), which is the effect's C(name) unless set.
      - If not set, O(deployment) when that is a name, else the name of the deployment that it denotes.
    type: str
  function:
    description:
      - Which function of hercules-ci-effects the effect uses. V(runNixOps) begins with C(nixops import --include-keys), which ends with a
        traceback when a machine has an IP address but no host key. Such a state is refused. It imports exports only. A database, which
        NixOps 2 stores, is refused as O(version), and so is one that would stay on the server.
    type: str
    choices: [runNixOps, runNixOps2]
    default: runNixOps
  import_check:
    description:
      - Whether to refuse a state that C(nixops import --include-keys) cannot cope with. With V(false) there is a warning instead.
    type: bool
    default: true
  name:
    description:
      - The name of the state file, which is C(stateName) of the effect. Letters, digits, dots, underscores and hyphens.
      - If not set, C(nixops-NAME.json) with the name as for O(effect_deployment).
    type: str
  database:
    description:
      - NixOps' database. A database with an older schema is read as it is, without upgrading it.
      - If not set, E(NIXOPS_STATE), else E(CHARON_STATE), else C(~/.nixops/deployments.nixops).
      - With O(nixops_program), this is the database that the program uses.
    type: path
  nixops_program:
    description:
      - Export with this program instead of reading the database. Needed for a database that is newer than this collection, and for
        states of NixOps 2 that are stored elsewhere.
    type: path
  nixops_directory:
    description:
      - Where to run O(nixops_program). NixOps 2 evaluates the C(nixops.nix) or C(flake.nix) in there to find its state.
    type: path
  nixops_timeout:
    description:
      - For how many seconds O(nixops_program) may run. NixOps waits long for a database that somebody else has locked.
    type: int
    default: 600
  export_file:
    description:
      - Take the state from this file, which holds the output of C(nixops export -d DEPLOYMENT).
    type: path
  format:
    description:
      - How to lay out what is read from a database. V(1.x) and V(2.x) are byte for byte what these versions of C(nixops export) print,
        which differ in blanks only. V(auto) means that of the NixOps that wrote the database, as far as can be seen.
    type: str
    choices: [auto, 1.x, 2.x]
    default: auto
  existing:
    description:
      - What to do when the server has a different state.
      - With V(keep), leave it there, and return what differs. If the state that is here is the same as an older version on the server, that
        is all. Otherwise the task fails, also in check mode, where a machine or other resource is only here or is another one than on the
        server, and warns of other differences.
      - With V(keep), the task also fails where the server has the state of another deployment, or what the effect cannot use - an empty
        file, no state, no deployment, several, one that the effect does not find by O(effect_deployment), or with O(function=runNixOps) a
        database.
      - With V(replace), save the server's version on this machine, upload the state as a new version, and make sure that nothing else was
        stored at the same time. Versions on the server are never lost.
      - With V(fail), fail and say what differs.
    type: str
    choices: [keep, replace, fail]
    default: keep
  replaced_version:
    description:
      - With O(existing=replace) or O(version), the number of the version that may be replaced. If another is the newest, the task fails.
      - Required for O(existing=replace) when the newest version was stored by a deployment of Hercules CI. It knows of machines that are in
        no older state, so make sure that you want to lose them.
      - Required for O(existing=replace) and O(version), too, when the newest version is of another deployment, has a machine or other
        resource that the new one lacks, or cannot be compared with it.
    type: int
  version:
    description:
      - Make this old version the newest again, instead of a state from this machine. It is uploaded as a new version.
      - The task fails if O(deployment) is not the only deployment in it, or if O(function) could not read it.
      - Where O(deployment) is not a name, set O(name) or O(effect_deployment), too.
      - A task that stays in a playbook would undo each later deployment, unless O(replaced_version) says which version it is to replace.
    type: int
  known_hosts:
    description:
      - A file in the format of C(~/.ssh/known_hosts) to place beside the state, as O(known_hosts_name). O(existing) applies.
    type: path
  known_hosts_name:
    description:
      - The name of the state file for O(known_hosts), which is C(knownHostsName) of the effect.
      - If not set, C(nixops-NAME.known_hosts) with the name as for O(effect_deployment).
    type: str
  lock_timeout:
    description:
      - For how many seconds to wait for the lock on the state, which is named like the state file. V(0) means not to wait.
    type: int
    default: 300
  running_jobs:
    description:
      - What to do before uploading, also the first time, when jobs of the project are running, because each might store a state at its end.
      - With V(ignore), the list of versions shows afterwards whether that happened.
    type: str
    choices: [fail, wait, ignore]
    default: fail
  job_timeout:
    description:
      - For how many seconds to wait with O(running_jobs=wait).
    type: int
    default: 3600
  look_elsewhere:
    description:
      - Whether to look into the other state files of the project before a first upload, for another state of the same deployment.
      - The role sets V(false), as its preflight has looked into the files of all projects together.
    type: bool
    default: true
  backup:
    description:
      - Whether to save the version that is replaced.
    type: bool
    default: true
  backup_dir:
    description:
      - Where to save it, in a folder for each project. The files can be read by their owner only.
      - If not set, C(hercules-ci-state) in E(XDG_STATE_HOME), which is C(~/.local/state) unless set.
    type: path
notes:
  - On a host with C(ansible_connection=local), and without C(become) and C(async), the work is done by the controller itself. Elsewhere it
    is done on the host.
seealso:
  - module: nixcd.hercules_ci.nixops_state_info
  - module: nixcd.hercules_ci.nixops_state_fetch
"""

EXAMPLES = r"""
- name: Upload the state of deployment foo from NixOps' database, unless there is one
  nixcd.hercules_ci.nixops_state:
    project: github/neat-org/neat-repo
    deployment: foo

- name: The same from another database, for an effect that calls the deployment by another name, with the known hosts
  nixcd.hercules_ci.nixops_state:
    project: github/neat-org/neat-repo
    deployment: aaaaaaaa-1700-11e7-8000-000000000001
    effect_deployment: prod
    database: /srv/state/deployments.nixops
    known_hosts: ~/.ssh/known_hosts

- name: Replace version 7, which somebody has looked at, when the running deployment has ended
  nixcd.hercules_ci.nixops_state:
    project: github/neat-org/neat-repo
    deployment: foo
    existing: replace
    replaced_version: 7
    running_jobs: wait

- name: Go back to version 6
  nixcd.hercules_ci.nixops_state:
    project: github/neat-org/neat-repo
    deployment: foo
    version: 6
"""

RETURN = r"""
name:
  description: The name of the state file on the server.
  type: str
  returned: success
  sample: nixops-foo.json
action:
  description: What was done, or would be done without check mode.
  type: str
  returned: success, and failure after an upload
  sample: created
  choices: [created, unchanged, kept, replaced, restored]
version:
  description:
    - The newest version on the server now. In check mode, and V(null) there when there is no file yet, before the change.
    - V(null), too, where the task failed after an upload because the list of versions could not be read.
  type: int
  returned: success, and failure after an upload
  sample: 1
previous_version:
  description: The newest version before, V(null) when there was none.
  type: int
  returned: success, and failure after an upload
  sample: 6
same_as:
  description: The version on the server that has the content of the state that is here, before the change. V(null) when there is none, or
    when the server does not know hashes of its versions.
  type: int
  returned: success
  sample: 1
sha256:
  description: SHA-256 of the state that is here, in hexadecimal.
  type: str
  returned: success
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
size:
  description: Its size in bytes.
  type: int
  returned: success
  sample: 7968
deployment:
  description:
    - The deployment that was found, with C(uuid) and C(name). Both are V(null) where O(version) is the newest already by its hash, as
      nothing is downloaded then.
  type: dict
  returned: success
  sample: {uuid: bbbbbbbb-1700-11e7-8000-000000000002, name: foo}
differences:
  description: What is not the same here and on the server, at most 1000 entries. No values.
  type: list
  elements: dict
  returned: success
  sample: [{deployment: bbbbbbbb-1700-11e7-8000-000000000002, resource: web1, change: changed, attributes: [publicIpv4]}]
  contains:
    deployment:
      description: UUID of the deployment.
      type: str
    resource:
      description: Name of the machine or other resource, V(null) for the deployment itself.
      type: str
    change:
      description: V(only here), V(only on the server), V(changed), V(newer on the server) alone where a deployment has stored the newest
        version since what is here was, or what the server has when that is no state.
      type: str
    attributes:
      description: Names of the attributes that differ, for the first hundred resources that have changed.
      type: list
backup_file:
  description: Where the version that was replaced has been saved.
  type: str
  returned: when a version was replaced or an older one was restored
  sample: /root/.local/state/hercules-ci-state/github/neat-org/neat-repo/nixops-foo.json.v6.20260121T130015Z
known_hosts:
  description: The same for the known hosts - C(name), C(action), C(version) and so on.
  type: dict
  returned: when O(known_hosts) is set
  sample: {name: nixops-foo.known_hosts, action: created, version: 1, previous_version: null, size: 812, differences: []}
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""

from ..module_utils._entry import entry
from ..module_utils._nixops.upload import SPEC, run


def main() -> None:
    entry(SPEC, run)


if __name__ == '__main__':
    main()
