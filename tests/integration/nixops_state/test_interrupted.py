# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that is ended at any request: the server holds the old version or the new one, and the next run gets there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.server import Sandbox
from tests.support.state_modules import NAME, OLD, PROJECT, Run, check_convergence

from .requests import REQUESTS, SKIPPED

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
