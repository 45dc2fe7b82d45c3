# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A state is replaced over real connections, in the time that it really takes, and by a process that is ended at any request: the server
holds the old version or the new one, and the next run gets there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.server import Sandbox
from tests.support.state_modules import NAME, OLD, PROJECT, Run, check_convergence

REQUESTS = {
    'list': ('GET', '.*/states'),
    'list again': ('GET', '.*/states'),
    'list to verify': ('GET', '.*/states'),
    'download': ('GET', '.*/data'),
    'upload': ('PUT', '.*/data'),
    'lock': ('POST', '.*/lock/.*'),
    'unlock': ('DELETE', '.*/lock-leases/.*'),
    'jobs': ('GET', '.*/jobs'),
}
"""The requests of a run that replaces a state."""
SKIPPED = {'list again': 1, 'list to verify': 2}
"""How many of the same form come before it."""

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


MODULE = """
import json, signal, sys
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):  # which may be ignored where the tests run
    signal.signal(number, signal.SIG_DFL)
sys.path.insert(0, sys.argv[1])
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
_AnsibleCollectionFinder(paths=[sys.argv[1]])._install()
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = sys.argv[2].encode()
basic._ANSIBLE_PROFILE = 'legacy'
from ansible_collections.nixcd.hercules_ci.plugins.modules.nixops_state import main
main()
"""
KILLED = [(name, number) for name in REQUESTS for number in (signal.SIGKILL, signal.SIGTERM)]


@pytest.mark.parametrize(('request_name', 'number'), [*KILLED, ('upload', signal.SIGINT), ('upload', signal.SIGHUP)])
def test_killed_at_each_step(
    request_name: str, number: signal.Signals, state: Run, sandbox: Sandbox, kill_at: Callable[..., tuple[int, str]]
) -> None:
    sandbox.put_state(PROJECT, NAME, OLD)
    code, output = kill_at(*REQUESTS[request_name], SKIPPED.get(request_name, 0), number)
    versions = sandbox.states(PROJECT, NAME)
    assert versions[0] == OLD
    assert len(versions) <= 2
    if number != signal.SIGKILL:
        assert code == 1
        assert 'interrupted' in output
        assert sandbox.leases(PROJECT, NAME) == []
    sandbox.service.clock.advance(3600)
    check_convergence(state, sandbox)


@pytest.fixture
def kill_at(sandbox: Sandbox, database: Path, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """kill_at(method, path, skip, signal) ends a run when the server has done what a request asks, before it answers. Code and output."""
    parent = next(entry for entry in sys.path if (Path(entry) / 'ansible_collections' / 'nixcd').is_dir())
    temporary = tmp_path / 'temporary'
    temporary.mkdir()
    options = {
        'api_base_url': sandbox.url, 'api_token': sandbox.token, 'project': PROJECT, 'deployment': 'aws-prod', 'database': str(database),
        'existing': 'replace', 'backup_dir': str(tmp_path / 'backups'), '_ansible_tmpdir': str(temporary),
    }

    def kill(method: str, path: str, skip: int, number: signal.Signals) -> tuple[int, str]:
        arguments = [sys.executable, '-c', MODULE, parent, json.dumps({'ANSIBLE_MODULE_ARGS': options})]
        sandbox.fault('slow', method, path, skip=skip, first=20)
        environment = {**os.environ, 'TMPDIR': str(temporary)}
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True) as process:
            while not sandbox.service.holds_a_reply.wait(0.1):
                assert process.poll() is None, process.communicate()[0]
            process.send_signal(number)
            output, _nothing = process.communicate(timeout=30)
        left = [each for each in temporary.rglob('*') if each.is_file() and not each.name.startswith('debug')]
        assert left == []
        return process.returncode, output

    return kill
