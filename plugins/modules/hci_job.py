#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: hci_job
short_description: Wait for, run again, cancel or schedule the jobs of a commit on Hercules CI
version_added: 0.1.0
description:
  - Makes sure that Hercules CI has deployed a commit. The module finds the jobs that a push has made, waits until the last of them has
    ended, and fails with the effect's own message and the end of its log when one does not succeed.
  - Jobs that have ended already are evidence enough. So a task that runs again after a deployment looks, and changes nothing.
  - A push makes one job for each C(onPush) handler of the repository, or a single job for a repository without C(herculesCI) attribute.
    All of them count. Of jobs for the same handler the newest counts, so one that was run again replaces its predecessor.
  - While it waits, the task prints a line whenever something changes - phases, builds done of all, states of effects and what they
    wait for. It asks with one request at a time, less often while nothing changes. When the service goes away meanwhile, the task
    waits until it is back.
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
      - Looks at the jobs and says what it would run again, cancel or schedule, without waiting. Fails where the newest jobs have failed
        and would not be run again.
  diff_mode:
    support: none
    details:
      - Jobs have no content to compare.
  idempotent:
    support: partial
    details:
      - With O(state=rerun) and O(state=scheduled) each run makes new jobs.
options:
  branch:
    description:
      - The branch that was pushed. Short for O(ref) with C(refs/heads/) in front.
      - Exactly one of O(branch) and O(ref) is required.
    type: str
  ref:
    description:
      - The full ref that was pushed.
    type: str
  revision:
    description:
      - The full hash of the commit that was pushed.
      - If not set, the newest commit that Hercules CI has seen on the ref.
    type: str
  state:
    description:
      - With V(succeeded), the jobs of the commit have succeeded. They are waited for and not touched, except as O(rerun_failed) says.
      - With V(rerun), those jobs that have ended are run again, and then waited for. Jobs that still run are only waited for.
      - With V(cancelled), none of the jobs of the commit runs any longer.
      - With V(scheduled), the C(onSchedule) handler named by O(schedule) is run now, and its job is waited for.
    type: str
    choices: [succeeded, rerun, cancelled, scheduled]
    default: succeeded
  rerun_failed:
    description:
      - With O(state=succeeded), run those jobs again, once, that had already failed or been cancelled when the task began.
      - A job that fails while the task waits for it is not run again.
    type: bool
    default: false
  rebuild_failures:
    description:
      - When a job is run again, also try the builds again that have failed.
    type: bool
    default: false
  schedule:
    description:
      - The name of the handler for O(state=scheduled), C(NAME) in C(onSchedule.NAME). It runs in the branch of O(branch) or O(ref).
    type: str
  wait:
    description:
      - Whether to wait for the end of the jobs. If not, only a job that has ended already can make the task fail.
    type: bool
    default: true
  wait_timeout:
    description:
      - For how many seconds to wait for the end of the jobs. Long enough for all builds and the deployment. When the service is silent in
        the end, the task ends O(timeout) seconds later.
    type: int
    default: 3600
  start_timeout:
    description:
      - For how many seconds to wait while there is no job yet for the commit, or for a handler of it.
    type: int
    default: 300
  log_lines:
    description:
      - How many lines from the end of a failed effect's log to return.
    type: int
    default: 20
seealso:
  - module: nixcd.hercules_ci.hci_job_info
notes:
  - On a host with C(ansible_connection=local), and without C(become) and C(async), the work is done by the controller itself.
    Elsewhere it is done on the host, and nothing is printed before the end.
  - Logs are returned as the effect wrote them. An effect that prints a secret shows it on the pages of Hercules CI, and here.
"""

EXAMPLES = r"""
- name: Wait until the pushed commit is deployed
  nixcd.hercules_ci.hci_job:
    project: github/neat-org/neat-repo
    branch: production
    revision: "{{ pushed.heads.production }}"  # as nixcd.hercules_ci.nixops_push returns it
    wait_timeout: 1800
  register: deployment

- name: Make sure that the head of the branch is deployed, with one more try where it failed
  nixcd.hercules_ci.hci_job:
    project: github/neat-org/neat-repo
    branch: production
    rerun_failed: true

- name: Deploy the head of the branch again, builds that failed included
  nixcd.hercules_ci.hci_job:
    project: github/neat-org/neat-repo
    branch: production
    state: rerun
    rebuild_failures: true

- name: Stop whatever runs for a commit
  nixcd.hercules_ci.hci_job:
    project: github/neat-org/neat-repo
    ref: refs/tags/v1.2
    revision: 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567
    state: cancelled

- name: Run the nightly deployment now
  nixcd.hercules_ci.hci_job:
    project: github/neat-org/neat-repo
    branch: main
    state: scheduled
    schedule: nightly
"""

RETURN = r"""
project:
  description: The project.
  type: str
  returned: when the options are valid
  sample: github/neat-org/neat-repo
ref:
  description: The full ref.
  type: str
  returned: when the options are valid
  sample: refs/heads/production
revision:
  description: The commit. None when Hercules CI has not seen any on the ref.
  type: str
  returned: when the options are valid
  sample: 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567
job:
  description:
    - The job that decides - the first that did not succeed, else the newest.
    - With several handlers RV(jobs) has them all. None when there is no job.
  type: dict
  returned: when the options are valid
  contains: &job
    id:
      description: The id in the API.
      type: str
      sample: 66666666-0000-4000-8000-000000000006
    index:
      description: The number of the job in its project.
      type: int
      sample: 42
    url:
      description: The page of the job.
      type: str
      sample: https://hercules-ci.com/github/neat-org/neat-repo/jobs/42
    type:
      description: What made the job - V(Config), V(Legacy), V(OnPush) or V(OnSchedule).
      type: str
      sample: OnPush
    name:
      description: The name of the handler, empty where there is none.
      type: str
      sample: default
    revision:
      description: The commit.
      type: str
      sample: 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567
    ref:
      description: The full ref.
      type: str
      sample: refs/heads/production
    phase:
      description: How far it is - V(Queued), V(Evaluating), V(Building), V(Effects) or V(Done).
      type: str
      sample: Done
    status:
      description: How it stands - V(Pending), V(Failure) or V(Success).
      type: str
      sample: Success
    cancelled:
      description: Whether somebody has cancelled it.
      type: bool
      sample: false
    rerun_of:
      description: The number of the job that this one repeats, if it does.
      type: int
      sample: 41
    start_time:
      description: When it was made.
      type: str
      sample: '2026-01-21T13:00:15Z'
    end_time:
      description: When it ended. None before that.
      type: str
      sample: '2026-01-21T13:06:02Z'
    builds:
      description: How many derivations are built, C(done), of how many, C(all).
      type: dict
      sample: {done: 12, all: 12}
    effects:
      description: The effects of a job that has ended, or that was not done in time.
      type: list
      elements: dict
      contains:
        attribute:
          description: The attribute path.
          type: str
          sample: neat-network.run
        status:
          description:
            - V(Waiting), V(Running), V(Failed), V(DependencyFailed), V(Successful) or V(Cancelled).
            - V(Unknown) where it could not be asked for. What could not be read of a job is reported with its outcome.
          type: str
          sample: Failed
        agent:
          description: The host that runs it or ran it. Not asked for where the job succeeded.
          type: str
          sample: agent-1
        waiting_for:
          description: What must end first - pages of jobs, and attribute paths of effects.
          type: list
          elements: str
          sample: []
        message:
          description: Why it failed, in its own words.
          type: str
          sample: 'error: cannot connect to web-1'
        log:
          description: The last lines of its log, where it failed.
          type: list
          elements: str
          returned: always, but not in RV(jobs) of the one that is RV(job)
          sample: ['web-1> copying closure...', 'error: cannot connect to web-1']
    attribute_errors:
      description: What did not evaluate.
      type: list
      elements: dict
      sample: [{attribute: neat-network.run, message: attribute 'nope' missing}]
    failed_builds:
      description: Attributes that could not be built.
      type: list
      elements: str
      sample: []
    unmet_requirements:
      description: Platforms and system features that no agent of the account has.
      type: list
      elements: str
      sample: [aarch64-linux kvm]
    evaluation_log:
      description: The last lines of the log of an evaluation that failed without saying which attribute is to blame.
      type: list
      elements: str
      returned: always, but not in RV(jobs) of the one that is RV(job)
      sample: []
jobs:
  description: All jobs that count for the commit. The one that is RV(job) comes without its logs here, so that a failure prints each once.
  type: list
  elements: dict
  returned: when the options are valid
  contains: *job
msg:
  description: What was done and how the jobs stand, in one sentence. On failure, why; the logs are in RV(job) and RV(jobs).
  type: str
  returned: always
  sample: 'github/neat-org/neat-repo production 0a1b2c3d: job 42 (default) Success'
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
  sample:
    - severity: error
      what: The effect neat-network.run of job 42 (default) failed.
      where: https://hercules-ci.com/github/neat-org/neat-repo/jobs/42
      found: 'error: cannot connect to web-1'
      remedy: 'Correct what it says, then push, or run the job again (rerun_failed)'
"""

from ..module_utils._entry import entry
from ..module_utils._jobs.states import SPEC, run


def main() -> None:
    entry(SPEC, run)


if __name__ == '__main__':
    main()
