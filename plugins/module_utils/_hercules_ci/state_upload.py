# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Adding a version to a state file without losing one that somebody else adds at the same time.

The service has no compare-and-swap, and its locks are advisory. So the lock is taken, running jobs are looked for, and afterwards the
list of versions shows whether what was uploaded is all that came.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from .._problems import Failure, Problem, fail
from .failures import RequestFailed
from .jobs import Job, list_jobs
from .locks import Lease, locked
from .state import StateFiles, Version

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


@dataclass
class Stored:
    """What has been done about a file, for whoever hears of a failure after it.

    sent: whether the service has taken an upload, or may have. versions: what was added, as far as that is known.
    backup: where the version before was saved, if it was. problems: what to warn of.
    """

    backup: str = ''
    sent: bool = False
    versions: tuple[Version, ...] = ()
    problems: list[Problem] = field(default_factory=list)


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
    where = str(files.project)
    try:
        jobs = running_jobs(StateFiles(files.client.within(files.client.timeout), files.project))
    except Failure as failure:  # the upload is done and verified; that must not be reported as a failure
        what = 'Whether jobs have started while the state was uploaded is not known. They may have read what was there before.'
        return [Problem(what, where, found=failure.problems[0].what, remedy='Look at the jobs on its page', severity='warning')]
    if not jobs:
        return []
    found = ', '.join(job.url for job in jobs)
    remedy = 'Look at what they deploy, and when they have ended at what is the newest version'
    what = 'Jobs have started while the state was uploaded. They may have read what was there before, and store a version at their end.'
    return [Problem(what, where, found=found, remedy=remedy, severity='warning')]


def add_version(files: StateFiles, upload: Upload, base: int | None, lease: Lease, stored: Stored) -> None:
    """Upload, and make sure that nothing else came in between. What is done is put into `stored` as it is done.

    base: the number of the version that is the newest now, None if there is none. Raises Failure when the upload failed, when it cannot be
    known whether it did, when it cannot be verified, and when somebody else added a version.
    """
    tried, until = 0, time.monotonic() + 2 * files.client.timeout
    while True:
        tried += 1
        lease.require_held()
        try:
            files.upload(upload.name, upload.file, upload.size)
            stored.sent = True
            break
        except RequestFailed as failure:
            if _arrived(files, upload.name, base, failure, stored):
                break  # only the answer was lost
            pause = failure.pause(tried)
            if pause is None or tried == UPLOADS or time.monotonic() + pause > until:
                raise _not_uploaded(upload.name, base, failure) from None
        files.client.sleep(pause)
    _verify(files, upload, base, stored)


def newer(versions: Sequence[Version], base: int | None) -> tuple[Version, ...]:
    """The versions above a number, which may be 0; all where that is None."""
    return tuple(version for version in versions if base is None or version.number > base)


def _added(files: StateFiles, name: str, base: int | None, pauses: Sequence[float] = (0.0, 0.2, 1.0, 3.0)) -> tuple[Version, ...]:
    """Versions that are new since base. The service may need a moment to store what it has received."""
    client = files.client.within(files.client.timeout)
    until = time.monotonic() + client.timeout
    for pause in pauses:
        if time.monotonic() + pause <= until:
            if pause:
                client.sleep(pause)
            added = newer(StateFiles(client, files.project).versions(name), base)
            if added:
                return added
    return ()


def _arrived(files: StateFiles, name: str, base: int | None, failure: RequestFailed, stored: Stored) -> bool:
    """Whether an upload without a good answer has made a version nevertheless. Raises Failure where that cannot be known."""
    if failure.nobody:
        return False
    try:
        added = _added(files, name, base, (0.2, 1.0, 3.0) if failure.arrived else (0.0,))
    except Failure as second:
        stored.sent = failure.arrived
        problem, then = failure.problems[0], second.problems[0]
        raise fail(
            'The upload got no good answer, and it cannot be found out whether the new version was stored.',
            where='%s, %s' % (name, problem.where),
            found='%s Then: %s' % (problem.what, then.what),
            remedy='%s. Run this again then: it looks at what is there first, and uploads only what differs' % problem.remedy.rstrip('.'),
        ) from second
    stored.sent = bool(added)
    return stored.sent


def _not_uploaded(name: str, base: int | None, failure: RequestFailed) -> Failure:
    problem = failure.problems[0]
    still = 'there is no such file on the server' if base is None else 'version %d is still the newest' % base
    return fail(
        'The state was not uploaded: %s.' % still,
        where='%s, %s' % (name, problem.where),
        found=' '.join(filter(None, (problem.what, problem.found))),
        remedy=problem.remedy,
        **failure.extra,
    )


def _verify(files: StateFiles, upload: Upload, base: int | None, stored: Stored) -> None:
    try:
        stored.versions = _added(files, upload.name, base)
        foreign = [version for version in stored.versions if not _is_ours(files, upload, version, stored)]
    except Failure as failure:
        raise _unverified(upload.name, failure) from failure
    if not stored.versions:
        raise fail(
            'The upload was accepted, but no new version is listed.',
            where=upload.name,
            expected='a first version' if base is None else 'a version above %d' % base,
            remedy='Look at the list with nixops_state_info and run this again. Push nothing before that',
        )
    if foreign:
        raise _race(upload.name, stored.versions, foreign)


def _unverified(name: str, failure: Failure) -> Failure:
    problem = failure.problems[0]
    return fail(
        'The state was uploaded, but it could not be verified what Hercules CI has of it.',
        where='%s, %s' % (name, problem.where),
        expected=problem.expected,
        found=' '.join(filter(None, (problem.what, problem.found))),
        remedy='%s. Then run this again: it looks at what is there first. Push nothing before that' % problem.remedy.rstrip('.'),
    )


def _is_ours(files: StateFiles, upload: Upload, version: Version, stored: Stored) -> bool:
    """Only the content itself says that it is another one: what the service lists of it may be wrong, and may be in a form that is new."""
    known = version.holds(upload.size, upload.sha256)
    if known or all(files.sent(upload.name, version).sha256 != upload.sha256 for _attempt in range(2)):
        return bool(known)
    if known is False:
        stored.problems.append(
            Problem(
                'Hercules CI lists another size or hash of the new version than it has. It was downloaded, and is what was uploaded.',
                where='%s, version %d' % (upload.name, version.number),
                expected='%d bytes, sha256 %s' % (upload.size, upload.sha256),
                found='%s bytes, sha256 %s' % (version.size, version.sha256),
                remedy='Tell the people who run %s' % files.client.base_url,
                severity='warning',
            )
        )
    return True


def require_newest(files: StateFiles, uploads: Mapping[str, Upload], done: Mapping[str, Stored]) -> None:
    """For when the lock was lost: raises Failure where somebody else has stored a version after those that were added here."""
    for name, stored in done.items():
        if not stored.versions:
            continue
        try:
            later = newer(files.versions(name), stored.versions[-1].number)
            foreign = [version for version in later if not _is_ours(files, uploads[name], version, stored)]
        except Failure as failure:
            raise _unverified(name, failure) from failure
        if foreign:
            stored.versions += later
            raise _race(name, stored.versions, foreign)


def _race(name: str, added: tuple[Version, ...], foreign: list[Version]) -> Failure:
    if added[-1] in foreign:
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
    )
