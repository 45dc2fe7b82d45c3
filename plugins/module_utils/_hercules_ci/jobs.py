# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Jobs of a project: how the service describes them, and which of them count for a commit.

A push makes a Config job, which finds the handlers that the repository declares, and one OnPush job for each of these; a repository
without the attribute herculesCI gets a single Legacy job instead. Running a job again makes a new job with a higher index.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .._problems import fail
from .._project import ProjectPath, segment
from .answers import Each, Maybe
from .client import Client

PAGE = 50
"""How many jobs are asked for at a time."""
MOST_JOBS = 20_000
"""How many are read at most, because a list that never ends would fill the memory."""

JOB = {
    'id': str,
    'index': int,
    'jobType': str,
    'jobName': Maybe(str),
    'source': {'revision': str, 'ref': str},
    'jobPhase': str,
    'jobStatus': str,
    'evaluationStatus': Maybe(str),
    'isCancelled': Maybe(bool),
    'rerunOfIndex': Maybe(int),
    'startTime': Maybe(str),
    'endTime': Maybe(str),
    'mayCancel': Maybe(bool),
    'mayRerun': Maybe(bool),
}
JOBS = {'items': [JOB], 'more': bool}
HANDLERS = {'onPush': Each(object), 'onSchedule': Each(object)}


@dataclass(frozen=True)
class Job:
    """One job, in the service's words: phase Queued, Evaluating, Building, Effects, Done; status Pending, Failure, Success."""

    id: str
    index: int
    url: str
    type: str
    name: str
    revision: str
    ref: str
    phase: str
    status: str
    evaluation_status: str
    cancelled: bool
    rerun_of: int | None
    start_time: str
    end_time: str | None
    may_cancel: bool
    may_rerun: bool

    @classmethod
    def from_answer(cls, answer: Any, base_url: str, project: ProjectPath) -> Job:
        """From the schema Job of the API; the answer has the form JOB."""
        source = answer['source']
        return cls(
            id=answer['id'],
            index=answer['index'],
            url=job_page(base_url, str(project), answer['index']),
            type=answer['jobType'],
            name=answer.get('jobName') or '',
            revision=source['revision'],
            ref=source['ref'],
            phase=answer['jobPhase'],
            status=answer['jobStatus'],
            evaluation_status=answer.get('evaluationStatus') or '',
            cancelled=answer.get('isCancelled') or False,
            rerun_of=answer.get('rerunOfIndex'),
            start_time=answer.get('startTime') or '',
            end_time=answer.get('endTime'),
            may_cancel=answer.get('mayCancel') is not False,
            may_rerun=answer.get('mayRerun') is not False,
        )

    @property
    def ended(self) -> bool:
        """Whether it is over. In which phase the service leaves a cancelled job is not documented, so that is not asked."""
        return self.phase == 'Done' or self.cancelled

    @property
    def succeeded(self) -> bool:
        return self.ended and self.status == 'Success' and not self.cancelled

    @property
    def handler(self) -> tuple[str, str]:
        """What made it, as in `('OnPush', 'default')`. Jobs for one commit and handler replace each other."""
        return self.type, self.name

    def __str__(self) -> str:
        return 'job %d' % self.index + (' (%s)' % self.name if self.name else '')


@dataclass(frozen=True)
class Situation:
    """What there is to know about the jobs that one waits for, at one moment.

    jobs: those that count, in order of their handlers. While only the Config job is known, that one.
    missing: in words, what has no job yet.
    """

    jobs: tuple[Job, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return bool(self.jobs) and not self.missing

    @property
    def ended(self) -> bool:
        return self.complete and all(job.ended for job in self.jobs)

    @property
    def failed(self) -> tuple[Job, ...]:
        return tuple(job for job in self.jobs if job.ended and not job.succeeded)


def full_revision(revision: str | None) -> str | None:
    """A commit hash as Hercules CI has it, in small letters; Git takes both."""
    if revision is None:
        return None
    if not re.fullmatch('[0-9a-f]{40}(?:[0-9a-f]{24})?', revision.lower()):
        raise fail('The revision is not complete.', where='revision', expected='all 40 digits of a commit hash', found=repr(revision))
    return revision.lower()


def job_page(base_url: str, project: str, index: int) -> str:
    """The page that people look at."""
    return '%s/%s/jobs/%d' % (base_url, quote(project), index)


def list_jobs(
    client: Client,
    project: ProjectPath,
    *,
    ref: str | None = None,
    revision: str | None = None,
    job_type: str | None = None,
    name: str | None = None,
    success: bool | None = None,
    limit: int = PAGE,
) -> list[Job]:
    """At most `limit` jobs to which all filters apply, those with the highest index first."""
    query = {'ref': ref, 'rev': revision, 'handler': job_type, 'name': name, 'success': None if success is None else str(success).lower()}
    jobs: dict[str, Job] = {}
    for page in _pages(client, project.api_path + '/jobs', {**query, 'limit': max(2, min(limit, PAGE))}):
        known = len(jobs)
        if known >= max(limit, MOST_JOBS):
            raise fail(
                'The list of jobs does not end.',
                where='GET %s%s/jobs' % (client.base_url, project.api_path),
                expected='at most %d jobs, or the newest ones first' % MOST_JOBS,
                found='%d jobs, and more to come' % known,
                remedy='Ask for one branch or revision. nixops_state does without the list with running_jobs=ignore',
            )
        jobs.update((answer['id'], Job.from_answer(answer, client.base_url, project)) for answer in page)
        indexes = [job.index for job in jobs.values()]
        # The order is not documented: two jobs show whether the rest is older. A page of known jobs would come for ever.
        newest_first = len(jobs) > 1 and indexes == sorted(indexes, reverse=True)
        if len(jobs) == known or (len(jobs) >= limit and newest_first):
            break
    return sorted(jobs.values(), key=lambda job: job.index, reverse=True)[:limit]


def _pages(client: Client, path: str, query: dict[str, Any]) -> Iterator[list[Any]]:
    offset = None
    while True:
        answer = client.get(path, {**query, 'offsetId': offset}, JOBS)
        yield answer['items']
        if not answer['more'] or not answer['items']:
            return
        offset = answer['items'][-1]['id']


def find_job(client: Client, project: ProjectPath, index: int) -> Job | None:
    """The job with a number, as it stands in the address of its page."""
    query = {'site': project.site, 'account': project.account, 'project': project.project, 'index': index}
    found = client.get('/jobs', query, [{'jobs': [JOB]}])
    answers = [answer for of_project in found for answer in of_project['jobs'] if answer['index'] == index]
    return Job.from_answer(answers[0], client.base_url, project) if answers else None


def get_job(client: Client, project: ProjectPath, job_id: str) -> Job:
    return Job.from_answer(client.get('/jobs/%s' % segment(job_id), form=JOB), client.base_url, project)


def get_handlers(client: Client, config: Job) -> dict[str, dict[str, Any]]:
    """What a Config job found, by onPush and onSchedule and name."""
    answer = client.get('/jobs/%s/handlers' % segment(config.id), form=HANDLERS)
    return {kind: answer[kind] for kind in HANDLERS}


def newest_config(jobs: Iterable[Job]) -> Job | None:
    return max((job for job in jobs if job.type == 'Config'), key=lambda job: job.index, default=None)


def situation_of(jobs: Iterable[Job], handlers: Mapping[str, Mapping[str, Any]]) -> Situation:
    """Which jobs of one commit and ref count.

    jobs: all that the service has for the commit and ref, in any order.
    handlers: what the newest Config job found, by onPush and onSchedule; empty while that is not known. Where it has found none, a
    Legacy job is to be expected: whether it is there before the Config job ends is not documented.
    """
    config = newest_config(jobs)
    newest: dict[tuple[str, str], Job] = {}
    for job in jobs:
        older_than_config = config is not None and job.index < config.index  # made by an earlier run of the Config job
        if job.type in ('Legacy', 'OnPush') and not older_than_config:
            newest[job.handler] = max(job, newest.get(job.handler, job), key=lambda job: job.index)
    pushed = tuple(newest[handler] for handler in sorted(newest))
    if config is None or any(job.type == 'Legacy' for job in pushed):
        return Situation(pushed)
    if not config.succeeded:
        return Situation((config, *pushed))
    missing = ['the handler onPush.%s' % name for name in sorted(handlers.get('onPush', ())) if ('OnPush', name) not in newest]
    if not pushed and not any(handlers.values()):
        missing = ['a repository without handlers']
    return Situation(pushed or (config,), tuple(missing))
