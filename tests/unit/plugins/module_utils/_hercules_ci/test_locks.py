# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""When and how a lease is renewed, whatever the clocks say, and what is left of it by somebody who is interrupted.

Locks as such are tested with nixops_state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci import locks
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import Client
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.locks import LONGEST_RENEWAL, _renewal_interval, locked
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._project import ProjectPath

from tests.sandbox.in_process import Sandbox

from .conftest import PROJECT, TOKEN, made

NAME = 'nixops-foo.json'
PATH = ProjectPath.parse(PROJECT)


@pytest.mark.parametrize(
    ('left', 'least', 'most'),
    [(30, 9, 10), (300, 99, 100), (86_400, LONGEST_RENEWAL, LONGEST_RENEWAL), (0, 0.1, 1), (-30, 0.1, 1), (-86_400, 10, 60)],
    ids=['soon', 'later', 'the clock here is slow', 'now', 'just over', 'the clock here is fast'],
)
@pytest.mark.parametrize('form', ['%Y-%m-%dT%H:%M:%SZ', '%Y-%m-%dT%H:%M:%S.%f123456Z'])
def test_in_time_and_not_without_a_pause(form: str, left: int, least: float, most: float) -> None:
    end = datetime.now(timezone.utc) + timedelta(seconds=left)
    assert least - 1 <= _renewal_interval(end.strftime(form)) <= most


@pytest.mark.parametrize('text', ['', 'soon', '2026-13-01T00:00:00Z'])
def test_what_is_no_time(text: str) -> None:
    assert 10 <= _renewal_interval(text) <= 60


class Renewal:
    """Stands in for threading.Thread: what renews the lease runs when the test says so, and to its end."""

    def __init__(self, target: Callable[..., None], args: tuple[Any, ...], daemon: bool) -> None:
        assert daemon
        self._renew: Callable[[], None] = partial(target, *args)
        Renewal.last = self

    last: Renewal

    def run(self) -> None:
        """Renew until the lease has ended or is lost."""
        self._renew()

    def start(self) -> None:
        """It has not begun yet."""


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(locks, 'threading', SimpleNamespace(Thread=Renewal))
    intervals = iter([0.0] * 5)
    monkeypatch.setattr(locks, '_renewal_interval', lambda _expires: next(intervals))
    with Sandbox(tmp_path / 'sandbox', token=TOKEN) as running:
        running.add_project(PROJECT)
        yield running


@pytest.fixture
def client(sandbox: Sandbox, pauses: list[float]) -> Client:
    return made(sandbox.url, pauses)


def renewals(sandbox: Sandbox) -> list[str]:
    """The methods of the requests for a lease that there is already."""
    return [call.method for call in sandbox.service.calls if '/lock-leases/' in call.url]


def test_a_lease_is_renewed_until_it_is_released(sandbox: Sandbox, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal that fails is tried again: the lease may still last."""
    later = '2030-01-01T00:00:00Z'
    seen: list[str] = []
    sandbox.fault('status', 'POST', '.*/lock-leases/.*', status=400)
    sandbox.fault('garbage', 'POST', '.*/lock-leases/.*', body='{"expirationTime": "%s"}' % later)
    sandbox.fault('garbage', 'POST', '.*/lock-leases/.*', body='{"expirationTime": null}')
    with locked(client, PATH, NAME, 'a test', 0) as lease:
        first = lease.expires

        def interval(expires: str) -> float:
            seen.append(expires)
            if len(seen) == 4:
                lease._ended.set()
            return 0.0

        monkeypatch.setattr(locks, '_renewal_interval', interval)
        Renewal.last.run()
        assert len(sandbox.leases(PROJECT, NAME)) == 1
        lease.require_held()
    assert seen == [first, first, later, '']
    assert renewals(sandbox) == ['POST', 'POST', 'POST', 'DELETE']
    assert sandbox.leases(PROJECT, NAME) == []
    assert lease.problems() == []


@pytest.mark.parametrize(('kind', 'options', 'found'), [
    ('lost-lock', {}, '404 Not Found'), ('status', {'status': 403}, '403 Forbidden'), ('status', {'status': 410}, '410 Gone'),
])
def test_a_lock_that_is_lost_ends_what_needs_it(
    sandbox: Sandbox, client: Client, kind: str, options: dict[str, Any], found: str,
) -> None:
    sandbox.fault(kind, 'POST', '.*/lock-leases/.*', **options)
    reached = []
    with pytest.raises(Failure) as raised, locked(client, PATH, NAME, 'a test', 0, guards='the pins') as lease:
        lease.require_held()
        Renewal.last.run()
        reached.append('all that comes before the next look at the lock')
        lease.require_held()
        reached.append('nothing else')
    assert len(reached) == 1
    needed, warning = raised.value.problems
    assert needed.what == 'The lock was lost while it was needed.'
    assert found in needed.found
    assert needed.where == warning.where == 'lock ' + NAME
    assert 'who changed the pins meanwhile' in needed.remedy
    assert warning.what.startswith('The lock was lost while the pins was changed')
    assert (needed.severity, warning.severity) == ('error', 'warning')
    assert renewals(sandbox) == ['POST'], 'who holds it now keeps it'


def test_a_lock_that_is_lost_when_nothing_needs_it_is_no_failure(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault('lost-lock', 'POST', '.*/lock-leases/.*')
    with locked(client, PATH, NAME, 'a test', 0) as lease:
        Renewal.last.run()
    (problem,) = lease.problems()
    assert (problem.severity, '404' in problem.found) == ('warning', True)


def test_a_renewal_that_comes_after_the_release_finds_nothing_lost(sandbox: Sandbox, client: Client) -> None:
    with locked(client, PATH, NAME, 'a test', 0) as lease:
        sandbox.fault('lost-lock', 'POST', '.*/lock-leases/.*')
        sandbox.when_asked_for('/lock-leases/', lease._ended.set)
        Renewal.last.run()
        lease.require_held()
        assert not lease.lost


def interrupt(*_arguments: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize('idempotent', [True, False])
def test_who_is_interrupted_while_asking_for_a_lock_leaves_none(idempotent: bool, sandbox: Sandbox, client: Client) -> None:
    """It was given, its answer was lost, and Ctrl-C came before the next try."""
    sandbox.settings(idempotent_leases=idempotent)
    sandbox.fault('lost-answer', 'POST', '.*/lock/.*')
    client.sleep = interrupt
    with pytest.raises(KeyboardInterrupt), locked(client, PATH, NAME, 'a test', 0):
        pytest.fail('nobody knows of the lock')
    assert renewals(sandbox) == ['DELETE']
    assert sandbox.leases(PROJECT, NAME) == []


@pytest.mark.parametrize('answers', [True, False])
def test_who_is_interrupted_takes_no_lock_from_others(answers: bool, sandbox: Sandbox, client: Client) -> None:
    """answers: whether Hercules CI does when it is asked once more what became of the lock."""
    path = '%s/lock/%s' % (PATH.api_path, NAME)
    theirs = client.post(path, {'description': 'by hand', 'exclusive': True})['contents']['leaseId']
    sandbox.when_asked_for('/lock/', interrupt)
    if not answers:
        sandbox.fault('status', 'POST', '.*/lock/.*', status=400)
    with pytest.raises(KeyboardInterrupt), locked(client, PATH, NAME, 'a test', 0):
        pytest.fail('others hold the lock')
    assert [lease['id'] for lease in sandbox.leases(PROJECT, NAME)] == [theirs]
    assert renewals(sandbox) == []


@pytest.mark.parametrize('answers', [True, False])
def test_who_is_interrupted_while_releasing_a_lock_releases_it(answers: bool, sandbox: Sandbox, client: Client) -> None:
    if not answers:
        sandbox.fault('status', 'DELETE', '.*/lock-leases/.*', status=400)
    with pytest.raises(KeyboardInterrupt), locked(client, PATH, NAME, 'a test', 0):
        sandbox.when_asked_for('/lock-leases/', interrupt)
    assert renewals(sandbox) == ['DELETE', 'DELETE']
    assert len(sandbox.leases(PROJECT, NAME)) == (0 if answers else 1)
