# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Locks of a project. They are advisory: who does not ask for the lock is not kept out. By convention the lock that guards a state
file has the file's name."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .._problems import Failure, Problem, fail
from .._project import ProjectPath, segment
from .answers import Choice, Maybe
from .client import Client
from .failures import RequestFailed

LONGEST_RENEWAL = 180.0
"""Seconds. hci renews every three minutes; how long the service lets a lease live is not documented."""

STATE = 'the state'
"""What most locks guard."""

GONE = (404, 410)
ASKED = 3
"""How often a lock is asked for whose answers cannot be used, though it may have been given; one that is refused, twice."""
NAMES = Maybe({'displayName': Maybe(str), 'name': Maybe(str)})
HOLDER = {
    'id': str,
    'description': Maybe(str),
    'startTime': Maybe(str),
    'expirationTime': Maybe(str),
    'user': NAMES,
    'job': Maybe({'index': int}),
}
GIVEN = {'leaseId': str, 'expirationTime': Maybe(str)}
ANSWERS = {'Acquired': {'contents': GIVEN}, 'Blocked': {'contents': {'blockedByLeases': [HOLDER]}}}


@dataclass
class Lease:
    """A lock that is held, and renewed in the background.

    guards: what must not change meanwhile. expires: as the service last said. lost: how it was found to be held no longer, left: why it
    could not be released.
    """

    id: str
    name: str
    expires: str
    guards: str = STATE
    lost: str = ''
    left: str = ''
    _ended: threading.Event = field(default_factory=threading.Event)

    def require_held(self) -> None:
        """Raises Failure when the lock is known to be lost."""
        if self.lost:
            raise fail(
                'The lock was lost while it was needed.',
                where='lock %s' % self.name,
                found=self.lost,
                remedy='Run this again, after a look at who changed %s meanwhile' % self.guards,
            )

    def problems(self) -> list[Problem]:
        """What to warn of, when it is over."""
        where = 'lock %s' % self.name
        if self.lost:
            what = 'The lock was lost while %s was changed, so somebody else may have taken it and read that before.' % self.guards
            return [Problem(what, where, found=self.lost, remedy='Look at who works with it', severity='warning')]
        if self.left:
            what = 'The lock could not be released, and keeps others out until it expires%s.' % (self.expires and ' (%s)' % self.expires)
            return [Problem(what, where, found=self.left, remedy='Nothing, unless somebody waits for it', severity='warning')]
        return []


@contextmanager
def locked(
    client: Client, project: ProjectPath, name: str, purpose: str, timeout: float, guards: str = STATE,
) -> Iterator[Lease]:
    """Hold an exclusive lock, wait for it if necessary, and release it whatever happens; after kill -9 the lease expires by itself.

    timeout: seconds to wait for others. Raises Failure with who they are when that is not enough. guards: what must not change meanwhile.
    """
    path = '%s/lock/%s' % (project.api_path, segment(name))
    lease = _acquire(client, path, name, purpose, timeout, guards)
    lease.guards = guards
    threading.Thread(target=_renew, args=(client, lease), daemon=True).start()
    try:
        try:
            yield lease
        finally:
            lease._ended.set()  # a renewal that is under way is not waited for
            if not lease.lost:
                _release(client, lease)
    except Failure as failure:
        if lease.problems():
            raise Failure((*failure.problems, *lease.problems()), failure.extra) from failure
        raise


def _acquire(client: Client, path: str, name: str, purpose: str, timeout: float, guards: str) -> Lease:
    key = str(uuid.uuid4())
    # The description is unique: it is how a lease of ours is recognised of which the answer was lost.
    description = '%s (%s, process %d, %s)' % (purpose, socket.gethostname(), os.getpid(), key[:8])
    request = {'description': description, 'exclusive': True, 'parent': None, 'idempotencyKey': key}
    deadline = time.monotonic() + timeout
    asking = client.within(timeout + 2 * client.timeout)
    tried = unusable = 0
    while True:
        try:
            lease, holders = _ask(asking, path, request, name)
        except RequestFailed as failure:
            unusable += 1
            if failure.nobody or (failure.refused and unusable > 1):
                raise
            if unusable == ASKED:
                raise _perhaps_held(failure) from None
            client.sleep(0.2)
            continue
        except BaseException:  # interrupted, perhaps when the lease was granted already
            with suppress(RequestFailed):
                taken, _holders = _ask(client.within(client.timeout), path, request, name)
                if taken:
                    _release(client, taken)
            raise
        if lease:
            return lease
        pause = min(10.0, random.SystemRandom().uniform(0.25, 0.5) * float(2**tried))
        if time.monotonic() + pause > deadline:
            raise _blocked(client, name, holders, timeout, guards)
        client.sleep(pause)
        tried += 1


def _ask(client: Client, path: str, request: dict[str, Any], name: str) -> tuple[Lease | None, list[Any]]:
    """The lease, if it is ours, and who is in the way. Where a repeated key means nothing to the service, our own lease blocks us."""
    answer = client.post(path, request, repeatable=True, form=Choice('tag', ANSWERS))
    contents = answer['contents']
    if answer['tag'] == 'Acquired':
        return Lease(contents['leaseId'], name, contents.get('expirationTime') or ''), []
    holders = contents['blockedByLeases']
    mine = [holder for holder in holders if holder.get('description') == request['description']]
    if not mine or len(mine) != len(holders):
        return None, holders
    return Lease(mine[0]['id'], name, mine[0].get('expirationTime') or ''), []


def _perhaps_held(failure: RequestFailed) -> Failure:
    """For answers that cannot be used: a lease that cannot be found cannot be released."""
    (problem,) = failure.problems
    what = 'Hercules CI gave no usable answer to the wish for the lock. If it gave the lock, that lasts until it expires.'
    found = ' '.join(filter(None, (problem.what, problem.found)))
    return fail(what, problem.where, problem.expected, found, 'Nothing was changed. %s' % problem.remedy, **failure.extra)


def _blocked(client: Client, name: str, holders: list[Any], timeout: float, guards: str) -> Failure:
    return fail(
        'Somebody else holds the lock on %s.' % guards,
        where='lock %s on %s' % (name, client.base_url),
        expected='the lock within %g seconds' % timeout,
        found='; '.join(_holder(holder) for holder in holders) or 'nobody is named',
        remedy='Wait until they are done, or set lock_timeout higher. The lock of a process that has died expires by itself',
    )


def _holder(holder: Any) -> str:
    user, job = holder.get('user') or {}, holder.get('job')
    who = 'job %d' % job['index'] if job else user.get('displayName') or user.get('name') or 'somebody'
    since, until = (holder.get(name) or '?' for name in ('startTime', 'expirationTime'))
    return '%s: %s, since %s, at most until %s' % (who, holder.get('description') or 'no description', since, until)


def _renew(client: Client, lease: Lease) -> None:
    path, form = '/lock-leases/%s' % segment(lease.id), {'expirationTime': Maybe(str)}
    while not lease._ended.wait(_renewal_interval(lease.expires)):
        try:
            answer = client.within(client.timeout).post(path, {'description': None}, repeatable=True, form=form)
            lease.expires = answer.get('expirationTime') or ''
        except RequestFailed as failure:
            if failure.status in (403, *GONE) and not lease._ended.is_set():
                lease.lost = failure.problems[0].what
                return
            # else try again after the same while; the lease may still last


def _renewal_interval(expires: str) -> float:
    """A third of what is left, in seconds; when the clocks here and there differ too much to tell, something short."""
    try:
        end = datetime.fromisoformat(expires.rstrip('Z').partition('.')[0]).replace(tzinfo=timezone.utc)
    except ValueError:
        return 20.0
    left = (end - datetime.now(timezone.utc)).total_seconds()
    return min(LONGEST_RENEWAL, left / 3) if left > 1 else 20.0 if left < -60 else 0.3


def _release(client: Client, lease: Lease) -> None:
    """Give it back. That this does not work is nothing that should hide what has been done."""
    path = '/lock-leases/%s' % segment(lease.id)
    try:
        client.within(client.timeout).delete(path)
    except RequestFailed as failure:
        if failure.status not in GONE:
            lease.left = failure.problems[0].what
        elif not failure.repeated:  # else it was released by the try of which the answer was lost
            lease.lost = failure.problems[0].what
    except BaseException:  # interrupted: release it all the same
        with suppress(RequestFailed):
            client.within(client.timeout).delete(path)
        raise
