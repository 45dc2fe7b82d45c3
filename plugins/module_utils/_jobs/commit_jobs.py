# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The jobs of one commit on one ref, and what can be done to them."""

from __future__ import annotations

import time
from typing import Any, Callable

from .._hercules_ci.client import Client
from .._hercules_ci.failures import RequestFailed
from .._hercules_ci.jobs import JOB, PAGE, Job, Situation, get_handlers, get_job, list_jobs, newest_config, situation_of
from .._problems import Failure, fail
from .._project import ProjectPath, segment
from .._refs import branch_of

PUSHED = ('Config', 'Legacy', 'OnPush')
"""The types of the jobs that a push makes."""


class CommitJobs:
    """Looks at the jobs with one request each time, however many networks a commit deploys; only after dozens of jobs with some more."""

    def __init__(self, client: Client, project: ProjectPath, ref: str, revision: str | None = None) -> None:
        """revision: a full commit hash; None for the newest commit that the service has seen on the ref."""
        self.client = client
        self.project = project
        self.ref = ref
        self.revision = revision
        self._made: dict[str, Job] = {}
        self._seen: list[Job] = []
        self._handlers: dict[str, dict[str, dict[str, Any]]] = {}

    def __str__(self) -> str:
        return '%s %s%s' % (self.project, branch_of(self.ref) or self.ref, ' %.8s' % self.revision if self.revision else '')

    def all(self) -> list[Job]:
        """Every job of the commit, newest first. Those that were made here count even before the service lists them."""
        listed = self._list()
        if len(listed) == PAGE:  # a schedule makes job after job for the same commit, behind which its pushes may be out of sight
            listed += [job for kind in PUSHED for job in self._list(kind)]
            listed.sort(key=lambda job: job.index, reverse=True)
        if self.revision is None:
            pushes = [job for job in listed if job.type != 'OnSchedule']
            firsts = [job for job in pushes if job.rerun_of is None]  # a job of an older commit that was run again is no push
            self.revision = next((job.revision for job in firsts or pushes), None)
        jobs = {**self._made, **{job.id: job for job in listed if job.revision == self.revision}}
        self._seen = sorted(jobs.values(), key=lambda job: job.index, reverse=True)
        return self._seen

    def _list(self, job_type: str | None = None) -> list[Job]:
        return list_jobs(self.client, self.project, ref=self.ref, revision=self.revision, job_type=job_type)

    def look(self) -> Situation:
        """What counts now. One request, and one more when the Config job has ended."""
        jobs = self.all()
        config = newest_config(jobs)
        if config is None or not config.succeeded or any(job.type == 'Legacy' and job.index > config.index for job in jobs):
            return situation_of(jobs, {})
        if config.id not in self._handlers:
            self._handlers[config.id] = get_handlers(self.client, config)
        return situation_of(jobs, self._handlers[config.id])

    def look_at(self, wanted: list[Job]) -> Situation:
        """These jobs as they are now."""
        now = {job.id: job for job in self.all()}
        return Situation(tuple(now.get(job.id, job) for job in wanted))

    def run_again(self, job: Job, rebuild_failures: bool) -> Job:
        """Make a new job like this one, once: where there is no good answer, the new job is looked for before that is reported."""
        self.require(job.may_rerun, job, 'run again')
        query = {'rebuildFailures': 'true'} if rebuild_failures else None
        return self._make('/jobs/%s/rerun' % segment(job.id), query, lambda made: made.rerun_of == job.index and made.index > job.index)

    def run_schedule(self, config: Job, name: str) -> Job:
        """Run an onSchedule handler now, in the branch of its Config job; once, as with a job that is run again."""
        path = '/jobs/%s/on-schedule/%s/run' % (segment(config.id), segment(name))
        return self._make(path, None, lambda made: made.handler == ('OnSchedule', name))

    def cancel(self, job: Job) -> None:
        """Cancel it, or find that it has been, or has ended; there is nothing in the answer that says so."""
        self.require(job.may_cancel, job, 'cancel')
        try:
            self.client.post('/jobs/%s/cancel' % segment(job.id), repeatable=True)
        except RequestFailed as failure:
            if failure.nobody:
                raise
            try:
                now = get_job(self.client.within(self.client.timeout), self.project, job.id)
            except Failure as second:
                raise self._unknown('was cancelled', failure, second) from second
            if not (now.cancelled if failure.refused else now.ended):
                raise

    def _make(self, path: str, query: dict[str, str] | None, fits: Callable[[Job], bool]) -> Job:
        """The job that a POST makes. A second one would deploy a second time, so it is sent once."""
        known = {job.id for job in self._seen}
        try:
            made = Job.from_answer(self.client.post(path, query=query, form=JOB), self.client.base_url, self.project)
        except RequestFailed as failure:
            if failure.nobody:
                raise
            made = self._appeared(lambda job: job.id not in known and fits(job), failure)
        self._made[made.id] = made
        return made

    def _appeared(self, fits: Callable[[Job], bool], failure: RequestFailed) -> Job:
        """The job that a request without a good answer has made. Raises Failure when there is none, or that cannot be known."""
        until = time.monotonic() + self.client.timeout
        for pause in (0.0,) if failure.refused else (0.2, 1.0, 3.0):
            if time.monotonic() + pause > until:
                break
            if pause:
                self.client.sleep(pause)
            try:
                found = [job for job in self.all() if fits(job)]
            except Failure as second:
                raise self._unknown('was started', failure, second) from second
            if found:
                return found[0]
        if failure.refused:
            raise failure
        (problem,) = failure.problems
        raise fail(
            'Hercules CI gave no good answer, and no new job is listed.',
            where=problem.where,
            found=' '.join(filter(None, (problem.what, problem.found))),
            remedy='Look at the jobs on %s/%s before you run this again: one may still appear' % (self.client.base_url, self.project),
            **failure.extra,
        )

    def _unknown(self, what: str, failure: RequestFailed, second: Failure) -> Failure:
        """Where looking has failed, too: what was refused has not been done."""
        if failure.refused:
            return failure
        problem, then = failure.problems[0], second.problems[0]
        return fail(
            'Hercules CI gave no good answer, and it cannot be found out whether the job %s.' % what,
            where=problem.where,
            found=' '.join(filter(None, (problem.what, problem.found, 'Then: %s' % then.what, then.found))),
            remedy='Look at the jobs on %s/%s before you run this again' % (self.client.base_url, self.project),
            changed=True,
        )

    def look_at_one(self, job: Job) -> Situation:
        return Situation((get_job(self.client, self.project, job.id),))

    def require(self, allowed: bool, job: Job, action: str) -> None:
        if not allowed:
            raise fail(
                'This user may not %s %s.' % (action, job),
                where=job.url,
                remedy='Use the token of somebody who may, or ask an owner of the account for the permission',
            )
