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

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import Client
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.failures import RequestFailed, typed, understood
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.project import ProjectPath, segment
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, fail

LONGEST_RENEWAL = 180.0
"""Seconds. hci renews every three minutes; how long the service lets a lease live is not documented."""


@dataclass
class Lease:
    """A lock that is held, and renewed in the background."""

    id: str
    name: str
    lost: str = ''
    _ended: threading.Event = field(default_factory=threading.Event)

    def require_held(self) -> None:
        """Raises Failure when the lock is known to be lost."""
        if self.lost:
            raise fail(
                'The lock was lost while it was needed.',
                where='lock %s' % self.name,
                found=self.lost,
                remedy='Run this again, after a look at who changed the state meanwhile',
            )


@contextmanager
def locked(client: Client, project: ProjectPath, name: str, purpose: str, timeout: float) -> Iterator[Lease]:
    """Hold an exclusive lock, wait for it if necessary, and release it whatever happens; after kill -9 the lease expires by itself.

    timeout: seconds to wait for others. Raises Failure with who they are when that is not enough.
    """
    path = '%s/lock/%s' % (project.api_path, segment(name))
    with understood('POST ' + path):
        lease, expires = _acquire(client, path, name, purpose, timeout)
    renewal = threading.Thread(target=_renew, args=(client, lease, expires), daemon=True)
    renewal.start()
    try:
        yield lease
    finally:
        lease._ended.set()
        renewal.join()
        if not lease.lost:
            _release(client, lease)


def _acquire(client: Client, path: str, name: str, purpose: str, timeout: float) -> tuple[Lease, str]:
    key = str(uuid.uuid4())
    # The description is unique: it is how a lease of ours is recognised of which the answer was lost.
    description = '%s (%s, process %d, %s)' % (purpose, socket.gethostname(), os.getpid(), key[:8])
    request = {'description': description, 'exclusive': True, 'parent': None, 'idempotencyKey': key}
    deadline = time.monotonic() + timeout
    tried = 0
    while True:
        try:
            answer: Any = client.post(path, request, repeatable=True)
        except RequestFailed:
            raise
        except BaseException:  # interrupted, perhaps when the lease was granted already
            with suppress(RequestFailed):
                taken = _granted(client.post(path, request, repeatable=True), name, description)
                if taken:
                    _release(client, taken[0])
            raise
        granted = _granted(answer, name, description)
        if granted:
            return granted
        holders = answer['contents']['blockedByLeases']
        pause = min(10.0, random.SystemRandom().uniform(0.25, 0.5) * float(2**tried))
        if time.monotonic() + pause > deadline:
            raise _blocked(client, name, holders, timeout)
        client.sleep(pause)
        tried += 1


def _granted(answer: Any, name: str, description: str) -> tuple[Lease, str] | None:
    """The lease and when it expires, if it is ours. Where a repeated key means nothing to the service, our own lease blocks us."""
    contents = answer['contents']
    if answer['tag'] == 'Acquired':
        return Lease(typed(str, contents['leaseId']), name), typed(str, contents['expirationTime'])
    holders = contents['blockedByLeases']
    mine = [holder for holder in holders if holder.get('description') == description]
    if not mine or len(mine) != len(holders):
        return None
    return Lease(typed(str, mine[0]['id']), name), typed(str, mine[0]['expirationTime'])


def _blocked(client: Client, name: str, holders: list[Any], timeout: float) -> Failure:
    return fail(
        'Somebody else holds the lock on the state.',
        where='lock %s on %s' % (name, client.base_url),
        expected='the lock within %g seconds' % timeout,
        found='; '.join(_holder(holder) for holder in holders) or 'nobody is named',
        remedy='Wait until they are done, or set lock_timeout higher. The lock of a process that has died expires by itself',
    )


def _holder(holder: Any) -> str:
    user, job = holder.get('user') or {}, holder.get('job') or {}
    who = 'job %s' % job['index'] if 'index' in job else str(user.get('displayName') or user.get('name') or 'somebody')
    return '%s: %s, since %s, at most until %s' % (who, holder['description'], holder['startTime'], holder['expirationTime'])


def _renew(client: Client, lease: Lease, expires: str) -> None:
    while not lease._ended.wait(_renewal_interval(expires)):
        try:
            answer = client.post('/lock-leases/%s' % segment(lease.id), {'description': None}, repeatable=True)
            expires = typed(str, answer['expirationTime'])
        except RequestFailed as failure:
            if failure.status in (403, 404, 410):
                lease.lost = failure.problems[0].what
                return
        except (Failure, KeyError, TypeError):
            pass  # try again after the same while; the lease may still last


def _renewal_interval(expires: str) -> float:
    """A third of what is left, in seconds; when the clocks here and there differ too much to tell, something short."""
    try:
        end = datetime.fromisoformat(expires.rstrip('Z').partition('.')[0]).replace(tzinfo=timezone.utc)
    except ValueError:
        return 20.0
    left = (end - datetime.now(timezone.utc)).total_seconds()
    return min(LONGEST_RENEWAL, left / 3) if left > 1 else 20.0 if left < -60 else 0.3


def _release(client: Client, lease: Lease) -> None:
    path = '/lock-leases/%s' % segment(lease.id)
    try:
        client.delete(path)
    except RequestFailed:
        pass  # it is gone already, or will expire: nothing that should hide what has been done
    except BaseException:  # interrupted: release it all the same
        with suppress(RequestFailed):
            client.delete(path)
        raise
