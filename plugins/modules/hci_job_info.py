#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: hci_job_info
short_description: List jobs of a project on Hercules CI
version_added: 0.1.0
description:
  - Lists the jobs of a project, newest first, as they are now. To wait for jobs use M(nixcd.hercules_ci.hci_job).
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
  - nixcd.hercules_ci._attributes.info
  - nixcd.hercules_ci._connection
  - nixcd.hercules_ci._connection.module
  - nixcd.hercules_ci._connection.project
options:
  index:
    description:
      - Only the job with this number, which stands at the end of its page's address. The other filters do not apply to it.
    type: int
  branch:
    description:
      - Only jobs for this branch. Short for O(ref) with C(refs/heads/) in front.
    type: str
  ref:
    description:
      - Only jobs for this full ref.
    type: str
  revision:
    description:
      - Only jobs for the commit with this full hash.
    type: str
  handler:
    description:
      - Only jobs made by this kind of handler.
    type: str
    choices: [Config, Legacy, OnPush, OnSchedule]
  name:
    description:
      - Only jobs made by the handler of this name.
    type: str
  success:
    description:
      - Only jobs that succeeded, V(true), or only jobs that failed, V(false).
    type: bool
  limit:
    description:
      - How many jobs to list at most.
    type: int
    default: 20
  effects:
    description:
      - Also ask for what is inside each job - effects, attributes that do not evaluate, builds. This takes one request for a job that
        succeeded, and for others one more for each effect.
    type: bool
    default: false
  log_lines:
    description:
      - With O(effects=true), how many lines from the end of a failed effect's log to return.
    type: int
    default: 0
seealso:
  - module: nixcd.hercules_ci.hci_job
"""

EXAMPLES = r"""
- name: What happened on the production branch lately
  nixcd.hercules_ci.hci_job_info:
    project: github/neat-org/neat-repo
    branch: production
    handler: OnPush
    limit: 5
  register: lately

- name: Why did job 42 fail
  nixcd.hercules_ci.hci_job_info:
    project: github/neat-org/neat-repo
    index: 42
    effects: true
    log_lines: 50
  register: found

- name: Show the pages of the failed jobs of a commit
  nixcd.hercules_ci.hci_job_info:
    project: github/neat-org/neat-repo
    revision: 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567
    success: false
  register: failed

- name: Print them
  ansible.builtin.debug:
    msg: "{{ failed.jobs | map(attribute='url') }}"
"""

RETURN = r"""
jobs:
  description:
    - The jobs, newest first, each with the fields of RV(nixcd.hercules_ci.hci_job#module:job).
    - What is inside a job is empty without O(effects=true).
  type: list
  elements: dict
  returned: success
  sample:
    - id: 66666666-0000-4000-8000-000000000006
      index: 42
      url: https://hercules-ci.com/github/neat-org/neat-repo/jobs/42
      type: OnPush
      name: default
      revision: 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567
      ref: refs/heads/production
      phase: Done
      status: Success
      cancelled: false
      rerun_of: null
      start_time: '2026-01-21T13:00:15Z'
      end_time: '2026-01-21T13:06:02Z'
      builds: {done: 12, all: 12}
      effects:
        - {attribute: neat-network.run, status: Successful, agent: null, waiting_for: [], message: '', log: []}
      attribute_errors: []
      failed_builds: []
      unmet_requirements: []
      evaluation_log: []
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
"""

from typing import Any

from ..module_utils._argspec import CONNECTION_OPTIONS, ArgumentSpec
from ..module_utils._entry import entry
from ..module_utils._hercules_ci.client import Client, connect
from ..module_utils._hercules_ci.jobs import Job, find_job, full_revision, list_jobs
from ..module_utils._jobs.result import JobDetails, details_of
from ..module_utils._jobs.watch import Reader
from ..module_utils._payload import PAYLOAD_OPTION
from ..module_utils._project import ProjectPath
from ..module_utils._refs import full_ref

SPEC = ArgumentSpec(
    {
        'project': {'type': 'str', 'required': True},
        'index': {'type': 'int'},
        'branch': {'type': 'str'},
        'ref': {'type': 'str'},
        'revision': {'type': 'str'},
        'handler': {'type': 'str', 'choices': ['Config', 'Legacy', 'OnPush', 'OnSchedule']},
        'name': {'type': 'str'},
        'success': {'type': 'bool'},
        'limit': {'type': 'int', 'default': 20},
        'effects': {'type': 'bool', 'default': False},
        'log_lines': {'type': 'int', 'default': 0},
        **CONNECTION_OPTIONS,
        **PAYLOAD_OPTION,
    },
    mutually_exclusive=[('branch', 'ref')],
)


def run(module: Any) -> dict[str, Any]:
    """Read the jobs, and what is inside of them if it is asked for."""
    options, client = module.params, connect(module.params)
    read = Reader(client, None)
    jobs = find_jobs(client, options)
    details = [details_of(read, job, options['log_lines']) if options['effects'] else JobDetails(job) for job in jobs]
    for problem in read.problems:
        module.warn(str(problem))
    return {'changed': False, 'jobs': [of_job.as_dict() for of_job in details]}


def find_jobs(client: Client, options: dict[str, Any]) -> list[Job]:
    project = ProjectPath.parse(options['project'])
    if options['index'] is not None:
        job = find_job(client, project, options['index'])
        return [job] if job else []
    return list_jobs(
        client,
        project,
        ref=full_ref(options['branch'], options['ref']),
        revision=full_revision(options['revision']),
        job_type=options['handler'],
        name=options['name'],
        success=options['success'],
        limit=options['limit'],
    )


def main() -> None:
    entry(SPEC, run)


if __name__ == '__main__':
    main()
