# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Adding a version to a state file without losing one that somebody else adds at the same time.

The service has no compare-and-swap, and its locks are advisory. So the lock is taken, running jobs are looked for, and afterwards the
list of versions shows whether what was uploaded is all that came.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._files import hidden_file
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.failures import RequestFailed
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.jobs import Job, list_jobs
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.locks import Lease, locked
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.state import StateFiles, Version
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, Problem, fail

UPLOADS = 3
"""How often an upload is tried of which it is certain that it has not made a version."""
JOBS_LOOKED_AT = 100
"""Running jobs are among the newest."""


@dataclass(frozen=True)
class Upload:
    """What is to be the newest version of a file. sha256: lower-case hexadecimal."""

    name: str
    file: IO[bytes]
    size: int
    sha256: str


@dataclass(frozen=True)
class Waiting:
    """For how many seconds to wait for whom: for holders of the lock; for running jobs, of which None takes no notice."""

    lock_timeout: float
    jobs_timeout: float | None


@contextmanager
def undisturbed(files: StateFiles, lock: str, purpose: str, waiting: Waiting) -> Iterator[Lease]:
    """Hold the lock at a time when no job of the project runs.

    Jobs are waited for without the lock: they may be waiting for it. Raises Failure when the time is up.
    """
    deadline = time.monotonic() + (waiting.jobs_timeout or 0.0)
    pause = 1.0
    while True:
        with locked(files.client, files.project, lock, purpose, waiting.lock_timeout) as lease:
            jobs = [] if waiting.jobs_timeout is None else running_jobs(files)
            if not jobs:
                yield lease
                return
        if time.monotonic() + pause > deadline:
            raise fail(
                'Jobs of the project are running, and each may store a new state at its end.',
                where=str(files.project),
                expected='no running job',
                found=', '.join(job.url for job in jobs),
                remedy='Wait until they have ended, or cancel them; with running_jobs=wait the task waits',
            )
        files.client.sleep(pause)
        pause = min(pause * 2, 15.0)


def running_jobs(files: StateFiles) -> list[Job]:
    """The jobs of the project that have not ended."""
    return [job for job in list_jobs(files.client, files.project, limit=JOBS_LOOKED_AT) if not job.ended]


def jobs_started_meanwhile(files: StateFiles) -> list[Problem]:
    """Warnings of jobs that run now. There was none before the upload, but these may have begun with the state before it."""
    try:
        jobs = running_jobs(files)
    except Failure:
        return []  # the upload is done and verified; that must not be reported as a failure
    if not jobs:
        return []
    found = ', '.join(job.url for job in jobs)
    remedy = 'Look at what they deploy, and when they have ended at what is the newest version'
    what = 'Jobs have started while the state was uploaded. They may have read what was there before, and store a version at their end.'
    return [Problem(what, str(files.project), found=found, remedy=remedy, severity='warning')]


def add_version(files: StateFiles, upload: Upload, base: int, lease: Lease) -> tuple[Version, ...]:
    """Upload, and make sure that nothing else came in between. Returns what was added: one version, rarely more, all with our content.

    base: the number of the version that is the newest now, 0 if there is none. Raises Failure when the upload failed, when it cannot be
    known whether it did, and when somebody else added a version.
    """
    tried = 0
    while True:
        tried += 1
        lease.require_held()
        try:
            files.upload(upload.name, upload.file, upload.size)
            break
        except RequestFailed as failure:
            if failure.arrived and _added(files, upload.name, base, failure):
                break  # only the answer was lost
            pause = failure.pause(tried)
            if pause is None or tried == UPLOADS:
                raise _not_uploaded(upload.name, base, failure) from failure
        files.client.sleep(pause)
    return _verified(files, upload, base)


def _added(files: StateFiles, name: str, base: int, failure: RequestFailed) -> tuple[Version, ...]:
    """Versions that are new since base. The service may need a moment to store what it has received."""
    for pause in (0.2, 1.0, 3.0):
        files.client.sleep(pause)
        try:
            added = tuple(version for version in files.versions(name) if version.number > base)
        except Failure as second:
            problem = failure.problems[0]
            raise fail(
                'The connection broke during the upload, and it cannot be found out whether the new version was stored.',
                where=problem.where,
                found='%s Then: %s' % (problem.what, second.problems[0].what),
                remedy='Run this again when Hercules CI answers: it looks at what is there first, and uploads only what differs',
            ) from second
        if added:
            return added
    return ()


def _not_uploaded(name: str, base: int, failure: RequestFailed) -> Failure:
    problem = failure.problems[0]
    still = 'version %d is still the newest' % base if base else 'there is no such file on the server'
    return fail(
        'The state was not uploaded: %s.' % still,
        where='%s, %s' % (name, problem.where),
        found=' '.join(filter(None, (problem.what, problem.found))),
        remedy=problem.remedy,
        **failure.extra,
    )


def _verified(files: StateFiles, upload: Upload, base: int) -> tuple[Version, ...]:
    added = tuple(version for version in files.versions(upload.name) if version.number > base)
    if not added:
        raise fail(
            'The upload was accepted, but no new version is listed.',
            where=upload.name,
            expected='a version above %d' % base,
            remedy='Look at the list with nixops_state_info and run this again. Push nothing before that',
        )
    foreign = [version for version in added if not _is_ours(files, upload, version)]
    if foreign:
        raise _race(upload.name, added, foreign)
    return added


def _is_ours(files: StateFiles, upload: Upload, version: Version) -> bool:
    known = version.holds(upload.size, upload.sha256)
    if known is not None:
        return known
    with hidden_file() as copy:
        return files.download(upload.name, version, copy).sha256 == upload.sha256


def _race(name: str, added: tuple[Version, ...], foreign: list[Version]) -> Failure:
    newest = added[-1]
    if newest in foreign:
        outcome = 'The other one is the newest, and will be used'
        remedy = 'If it is right, there is nothing to do. If not, run this again with existing=replace'
    else:
        outcome = 'Yours is the newest, and hides the other one'
        remedy = 'Compare the two. To bring the other one back, run nixops_state with version=%d' % foreign[-1].number
    return fail(
        'Somebody else stored a state at the same time. %s.' % outcome,
        where=name,
        expected='one new version, the one uploaded here',
        found='; '.join('%s%s' % (version, '' if version in foreign else ', uploaded here') for version in added),
        remedy=remedy + '. No version is lost. Push nothing before this is decided',
        changed=True,
        version=newest.number,
    )
