# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A state is replaced over real connections, and in the time that it really takes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.sandbox.server import Sandbox
from tests.support.state_modules import NAME, OLD, PROJECT, Run, check_convergence

from .requests import REQUESTS, SKIPPED

FAULTS: dict[str, dict[str, Any]] = {
    'reset': {},
    'reset-in-request': {},
    'reset-in-reply': {},
    'truncate': {},
    'short-length': {},
    'lost-answer': {},
    'garbage': {},
    'garbage-of-the-wrong-form': {'kind': 'garbage', 'body': '[{"items": 1}]'},
    'empty': {},
    'slow': {'seconds': 0.2},
    'silent': {'kind': 'slow', 'first': 1.2},
    'too-many': {'kind': 'status', 'status': 429, 'headers': {'Retry-After': '1'}},
    'far-too-many': {'kind': 'status', 'status': 429, 'headers': {'Retry-After': '3600'}},
    **{str(status): {'kind': 'status', 'status': status} for status in (401, 403, 404, 408, 500, 501, 503)},
}


@pytest.fixture(autouse=True)
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails three times has failed."""
    monkeypatch.setattr('ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client.TRIES', 3)


@pytest.fixture
def replace(state: Run, sandbox: Sandbox) -> Run:
    """replace(**options) replaces OLD."""
    sandbox.put_state(PROJECT, NAME, OLD)
    return lambda **options: state(**{'existing': 'replace', 'lock_timeout': 0, **options})


def test_a_lease_is_renewed_while_it_is_needed(replace: Run, sandbox: Sandbox) -> None:
    sandbox.settings(lease_seconds=1)
    sandbox.fault('slow', 'PUT', '.*/data', first=2)
    assert replace()['action'] == 'replaced'
    assert len([call for call in sandbox.service.calls if call.method == 'POST' and '/lock-leases/' in call.url]) >= 2
    assert sandbox.leases(PROJECT, NAME) == []


def test_a_lock_that_is_lost_stops_the_next_upload(replace: Run, sandbox: Sandbox) -> None:
    """The first upload certainly fails; before the second the lease is found to be gone."""
    sandbox.settings(lease_seconds=1)
    sandbox.fault('lost-lock', 'GET', '.*/jobs')
    sandbox.fault('slow', 'GET', '.*/states', skip=1, first=1.5, seconds=0.1)
    result = replace()
    assert 'lock was lost' in result['msg']
    assert sandbox.states(PROJECT, NAME) == [OLD]
    assert replace()['action'] == 'replaced'


@pytest.mark.parametrize('what', [('DELETE', '.*/lock-leases/.*'), ('POST', '.*/lock-leases/.*')], ids=['release', 'renewal'])
def test_a_server_that_hangs_at_the_end_is_not_waited_for_long(what: tuple[str, str], replace: Run, sandbox: Sandbox) -> None:
    sandbox.settings(lease_seconds=1 if what[0] == 'POST' else 600)
    sandbox.fault('slow', *what, times=-1, first=8)
    sandbox.fault('slow', 'GET', '.*/states', skip=2, first=0.8)  # during which the lease is renewed
    started = time.monotonic()
    assert replace(timeout=2)['action'] == 'replaced'
    assert time.monotonic() - started < 6


LASTING = ('reset', 'lost-answer', 'truncate', 'garbage', 'silent', '404', '503')
CASES = [(fault, 1) for fault in FAULTS] + [(fault, -1) for fault in LASTING]


@pytest.mark.slow  # over connections, what test_modules_results.py does without them
@pytest.mark.parametrize('request_name', REQUESTS)
@pytest.mark.parametrize(('fault', 'times'), CASES, ids=['%s %s' % (fault, 'once' if times == 1 else 'always') for fault, times in CASES])
def test_the_fault_matrix(fault: str, request_name: str, times: int, state: Run, sandbox: Sandbox) -> None:
    sandbox.put_state(PROJECT, NAME, OLD)
    options = dict(FAULTS[fault])
    method, path = REQUESTS[request_name]
    sandbox.fault(options.pop('kind', fault), method, path, times=times, skip=SKIPPED.get(request_name, 0), **options)
    result = state(existing='replace', lock_timeout=0, timeout=1)
    check_outcome(result, sandbox)
    if times == 1 and fault in ('reset', 'reset-in-request', '408', '500', '503', 'too-many'):
        assert result.get('action') == 'replaced', result

    sandbox.service.faults.clear()
    sandbox.service.clock.advance(3600)  # what is left of a lock expires
    check_convergence(state, sandbox)


def check_outcome(result: dict[str, Any], sandbox: Sandbox) -> None:
    """Old or new, nothing else; success is success, and failure is a sentence that says what to do."""
    versions = sandbox.states(PROJECT, NAME)
    assert versions[0] == OLD
    assert len(set(versions[1:])) <= 1
    assert len(versions) <= 3
    if 'failed' in result:
        assert 'exception' not in result
        assert 'Traceback' not in result['msg']
        assert 'To do: ' in result['msg']
        assert result['problems'][0]['what'].endswith('.')
    else:
        assert result['version'] == len(versions) > 1
