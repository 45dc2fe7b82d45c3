# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What the states of hci_job do: the jobs of a commit have succeeded, are run again, cancelled or scheduled."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from .._argspec import CONNECTION_OPTIONS, ArgumentSpec
from .._hercules_ci.client import Client, connect
from .._hercules_ci.jobs import Situation, full_revision, get_handlers, newest_config
from .._payload import PAYLOAD_OPTION
from .._problems import Failure, Problem, fail
from .._project import ProjectPath
from .._refs import full_ref
from .commit_jobs import CommitJobs
from .result import JobDetails, details_of, problems_of, waiting_problem
from .watch import Reader, TimedOut, watch

SPEC = ArgumentSpec(
    {
        'project': {'type': 'str', 'required': True},
        'branch': {'type': 'str'},
        'ref': {'type': 'str'},
        'revision': {'type': 'str'},
        'state': {'type': 'str', 'choices': ['succeeded', 'rerun', 'cancelled', 'scheduled'], 'default': 'succeeded'},
        'rerun_failed': {'type': 'bool', 'default': False},
        'rebuild_failures': {'type': 'bool', 'default': False},
        'schedule': {'type': 'str'},
        'wait': {'type': 'bool', 'default': True},
        'wait_timeout': {'type': 'int', 'default': 3600},
        'start_timeout': {'type': 'int', 'default': 300},
        'log_lines': {'type': 'int', 'default': 20},
        **CONNECTION_OPTIONS,
        **PAYLOAD_OPTION,
    },
    mutually_exclusive=[('branch', 'ref')],
    required_one_of=[('branch', 'ref')],
    required_if=[('state', 'scheduled', ('schedule',))],
)
NO_JOBS = Situation()


@dataclass
class Task:
    """What is asked for, and what has been done for it.

    options: those of hci_job.
    tell: takes a line about what has changed while one waits.
    """

    client: Client
    commit: CommitJobs
    options: Mapping[str, Any]
    check_mode: bool
    tell: Callable[[str], None]
    started: float
    changed: bool = False
    done: list[str] = field(default_factory=list)
    situation: Situation = NO_JOBS

    def change(self, text: str, action: Callable[..., Any], *arguments: Any) -> Any:
        """Do something and remember it; in check mode only the latter, and then there is no result."""
        result = None if self.check_mode else action(*arguments)
        self.changed = True
        self.done.append(('would ' if self.check_mode else '') + text)
        return result

    def left(self) -> float:
        """Seconds that the task may still take, without a timeout of the connection that may come on top; 0 when it does not wait."""
        return max(0.0, self.started + self.options['wait_timeout'] - time.monotonic()) if self.options['wait'] else 0.0

    def reader(self, patience: float) -> Reader:
        """For what came of jobs. After hours of waiting, that should not be lost to a short outage in the end."""
        return Reader(self.client, min(patience, self.left()) if self.options['wait'] else None)


def run(module: Any, tell: Callable[[str], None] = lambda _line: None) -> dict[str, Any]:
    """The results of hci_job; raises Failure with the same results beside the problems."""
    client, options = connect(module.params), module.params
    ref = full_ref(options['branch'], options['ref']) or ''  # one of them is required
    if options['wait']:
        client = client.within(options['wait_timeout'] + client.timeout)
    commit = CommitJobs(client, ProjectPath.parse(options['project']), ref, full_revision(options['revision']))
    task = Task(client, commit, options, module.check_mode, tell, time.monotonic())
    try:
        result = STATES[options['state']](task)
    except Failure as failure:
        raise _told(task, failure) from failure
    for warning in result.pop('warnings', ()):
        module.warn(warning)
    return result


def _told(task: Task, failure: Failure) -> Failure:
    """The failure, with what was done before it and what is known of the jobs, unless it says so itself."""
    if 'jobs' in failure.extra:
        return failure
    results = _results(task, [JobDetails(job) for job in task.situation.jobs])
    problems = failure.problems
    if task.done:
        pages = ', '.join(job.url for job in task.situation.jobs)
        remedy = 'Look at what became of it on that page before you run this again'
        problems += (Problem('Before that, this was done: %s.' % '; '.join(task.done), where=pages, remedy=remedy),)
    return Failure(problems, {**results, **failure.extra})


def succeeded(task: Task) -> dict[str, Any]:
    situation = task.commit.look()
    if task.options['rerun_failed'] and situation.ended and situation.failed:
        situation = _run_again(task, situation)
    return _finish(task, situation, task.commit.look)


def rerun(task: Task) -> dict[str, Any]:
    situation = task.commit.look()
    if not situation.jobs:
        raise _no_job(task, 'There is no job to run again for %s.' % task.commit)
    return _finish(task, _run_again(task, situation), task.commit.look)


def cancelled(task: Task) -> dict[str, Any]:
    running = [job for job in task.commit.all() if not job.ended]
    for job in running:
        task.commit.require(job.may_cancel, job, 'cancel')
    task.situation = Situation(tuple(running))
    for job in running:
        task.change('cancel %s' % job, task.commit.cancel, job)
    return _finish(task, Situation(tuple(running)), lambda: task.commit.look_at(running), must_succeed=False)


def scheduled(task: Task) -> dict[str, Any]:
    name = task.options['schedule']
    config = newest_config(job for job in task.commit.all() if job.succeeded)
    if config is None:
        raise _no_job(task, 'No configuration job of %s has succeeded, so its schedules are not known.' % task.commit)
    names = sorted(get_handlers(task.client, config)['onSchedule'])
    if name not in names:
        what = 'The configuration of %s has no handler onSchedule.%s.' % (task.commit, name)
        raise fail(what, config.url, expected='one of %s' % ', '.join(names) if names else 'no handler at all')
    job = task.change('run onSchedule.%s' % name, task.commit.run_schedule, config, name)
    return _finish(task, Situation((job,) if job else ()), lambda: task.commit.look_at_one(job))


STATES: dict[str, Callable[[Task], dict[str, Any]]] = {
    'succeeded': succeeded,
    'rerun': rerun,
    'cancelled': cancelled,
    'scheduled': scheduled,
}


def _run_again(task: Task, situation: Situation) -> Situation:
    """Start anew what has ended, all of it for `rerun`, else what has failed. What still runs needs only be waited for."""
    jobs = situation.failed if task.options['state'] == 'succeeded' else [job for job in situation.jobs if job.ended]
    for job in jobs:
        task.commit.require(job.may_rerun, job, 'run again')
    task.situation = situation
    for job in jobs:
        made = task.change('run %s again' % job, task.commit.run_again, job, task.options['rebuild_failures']) or job
        now = tuple(made if other.id == job.id else other for other in task.situation.jobs)
        task.situation = Situation(now, situation.missing)
    return task.situation


def _finish(task: Task, situation: Situation, look: Callable[[], Situation], must_succeed: bool = True) -> dict[str, Any]:
    """Wait where that is wanted, and return what there is then, or fail with it."""
    task.situation = situation

    def look_again() -> Situation:
        task.situation = look()
        return task.situation

    if task.options['wait'] and not task.check_mode and not situation.ended and (situation.jobs or must_succeed):
        try:
            situation = watch(
                task.client,
                situation,
                look_again,
                lambda line: task.tell('%s: %s' % (task.commit, line)),
                wait_timeout=task.left(),
                start_timeout=task.options['start_timeout'],
            )
        except TimedOut as timeout:
            raise _timed_out(task, timeout) from None
    predicted = task.check_mode and task.changed
    read = task.reader(task.options['start_timeout'])
    details = [
        details_of(read, job, task.options['log_lines']) if job.ended and not predicted else JobDetails(job) for job in situation.jobs
    ]
    failed = [of_job for of_job in details if of_job.job in situation.failed]
    if failed and must_succeed and not predicted:
        problems = [problem for of_job in failed for problem in problems_of(of_job)]
        raise Failure((*problems, *read.problems), _results(task, details))
    warnings = {'warnings': [str(problem) for problem in read.problems]} if read.problems else {}
    return {**_results(task, details), 'msg': _message(task, situation), **warnings}


def _results(task: Task, jobs: Sequence[JobDetails]) -> dict[str, Any]:
    """`job` is the one that decides: the first that did not succeed, else the newest. Each log is there once, as all is printed."""
    deciding = next((of_job for of_job in jobs if of_job.job.ended and not of_job.job.succeeded), None) or max(
        jobs, key=lambda of_job: of_job.job.index, default=None
    )
    return {
        'changed': task.changed,
        'project': str(task.commit.project),
        'ref': task.commit.ref,
        'revision': task.commit.revision,
        'job': deciding.as_dict() if deciding else None,
        'jobs': [of_job.as_dict(logs=of_job is not deciding) for of_job in jobs],
    }


def _message(task: Task, situation: Situation) -> str:
    words = ['%s %s' % (job, job.status if job.ended else job.phase) for job in situation.jobs]
    words += ['no job yet for %s' % what for what in situation.missing]
    return '%s: %s' % (task.commit, '; '.join([*task.done, *words] or ['no job']))


def _timed_out(task: Task, timeout: TimedOut) -> Failure:
    situation = timeout.situation
    if timeout.outage is not None:
        return timeout.outage
    read = task.reader(0.0)
    details = [details_of(read, job, task.options['log_lines']) for job in situation.jobs]
    problems = [waiting_problem(of_job, task.options['wait_timeout']) for of_job in details if not of_job.job.ended]
    problems += [problem for of_job in details if of_job.job in situation.failed for problem in problems_of(of_job)]
    problems += [_missing_problem(task, what) for what in situation.missing]
    if not situation.jobs:
        problems += _no_job(task, 'Hercules CI has made no job for %s.' % task.commit).problems
    return Failure((*problems, *read.problems), _results(task, details))


def _missing_problem(task: Task, what: str) -> Problem:
    where, remedy = _project_page(task), 'Look at the configuration job on that page, and at what ci.nix declares'
    return Problem('Hercules CI has made no job of %s for %s.' % (task.commit, what), where, remedy=remedy)


def _project_page(task: Task) -> str:
    return '%s/%s' % (task.client.base_url, task.commit.project)


def _no_job(task: Task, what: str) -> Failure:
    return fail(
        what,
        _project_page(task),
        remedy='Check that the commit has been pushed to %s, and that the project is enabled in Hercules CI' % task.commit.ref,
        **_results(task, []),
    )
