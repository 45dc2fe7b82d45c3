# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox as a process of its own."""

from __future__ import annotations

import ctypes
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.sandbox.conftest import PROJECT, Repository
from tests.sandbox.store import Store
from tests.support.surroundings import ROOT


def run(data: Path, *arguments: str) -> str:
    command = [sys.executable, '-m', 'tests.sandbox', *arguments, '--data', str(data)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


class Process:
    """A served sandbox."""

    def __init__(self, data: Path, *options: str) -> None:
        self.process = subprocess.Popen([sys.executable, '-m', 'tests.sandbox', 'serve', '--data', str(data), *options], cwd=ROOT,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.token = self.process.stdout.readline().partition(': ')[2].strip()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=300)  # for a machine that is very busy


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Repository]:
    made = Repository(tmp_path / 'tree', tmp_path / 'repository.git')
    subprocess.run(['git', 'init', '--quiet', '--initial-branch=main', str(made.tree)], check=True)
    subprocess.run(['git', 'init', '--quiet', '--bare', str(made.bare)], check=True)
    yield made


def test_the_server_says_where_it_is_and_ends_on_a_signal(tmp_path: Path) -> None:
    server = Process(tmp_path, '--port', '0', '--token', 'chosen')
    assert server.token == 'chosen'
    request = urllib.request.Request(server.url + '/api/v1/accounts/me', headers={'Authorization': 'Bearer chosen'})
    with urllib.request.urlopen(request) as reply:
        assert json.load(reply)['slug'] == 'alice'
    assert server.stop() == 0
    port = server.url.rpartition(':')[2]
    again = Process(tmp_path, '--port', port)
    assert (again.url, again.token) == (server.url, 'chosen')
    assert again.stop() == 0


def test_the_server_ends_whichever_of_its_threads_gets_the_signal(tmp_path: Path) -> None:
    server = Process(tmp_path)
    other = max(int(entry.name) for entry in Path('/proc/%d/task' % server.process.pid).iterdir())
    assert other != server.process.pid
    assert ctypes.CDLL(None).tgkill(server.process.pid, other, signal.SIGTERM) == 0
    assert server.process.wait(timeout=300) == 0


def test_a_push_reaches_the_server_through_the_hook(tmp_path: Path, bare: Repository) -> None:
    data = tmp_path / 'data'
    run(data, 'project', 'add', PROJECT, '--repository', str(bare.bare))
    (tmp_path / 'secrets.json').write_text('{"neat-aws": {"kind": "Secret", "data": {"k": "not shown"}}}', encoding='utf-8')
    run(data, 'agent', 'add', 'agent-1', '--secrets', str(tmp_path / 'secrets.json'))
    bare.commit(ci_nix='{ }')
    bare.push('main')  # nobody listens: the job waits
    assert 'Job 1: Config -, refs/heads/main' in run(data, 'show')
    server = Process(data)
    bare.commit(ci_nix='{ a = 1; }')
    push = ['git', '-C', str(bare.tree), 'push', str(bare.bare), 'main']
    message = subprocess.run(push, check=True, capture_output=True, text=True).stderr
    assert 'remote: %s/%s/jobs/' % (server.url, PROJECT) in message
    assert server.stop() == 0
    summary = json.loads(run(data, 'show', '--json'))
    assert [job['ref'] for job in summary['projects'][0]['jobs'] if job['jobType'] == 'Config'] == ['refs/heads/main'] * 2
    assert summary['agents'] == [{'name': 'agent-1', 'secretsPath': str(tmp_path / 'secrets.json'), 'secrets': ['neat-aws']}]
    assert 'not shown' not in run(data, 'show')


def test_faults_and_settings_can_be_given_while_it_runs(tmp_path: Path) -> None:
    server = Process(tmp_path)
    run(tmp_path, 'fault', 'status', '--path', '.*/projects', '--options', '{"status": 418}')
    request = urllib.request.Request(server.url + '/api/v1/projects', headers={'Authorization': 'Bearer %s' % server.token})
    with pytest.raises(urllib.error.HTTPError, match='418'):
        urllib.request.urlopen(request)
    assert json.loads(run(tmp_path, 'fault', '--clear')) == []
    assert "sha256='base64', size=False" in run(tmp_path, 'settings', 'sha256=base64', 'size=false')
    run(tmp_path, 'fail-effect', 'net.*', 'told to')
    assert server.stop() == 0
    assert [tuple(row) for row in Store(tmp_path / 'sandbox.sqlite').all('SELECT * FROM failing_effect')] == [('net.*', 'told to')]


@pytest.mark.parametrize('arguments', [['settings', 'nonsense=1'], ['project', 'add', 'only-a-name'], ['fault', 'status', '--path', '(']])
def test_mistakes_are_answered_with_a_sentence(tmp_path: Path, arguments: list[str]) -> None:
    command = [sys.executable, '-m', 'tests.sandbox', *arguments, '--data', str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert result.returncode == 1
    assert 'Traceback' not in result.stderr
    assert result.stderr.startswith('sandbox: ')


def test_pages_for_people(tmp_path: Path) -> None:
    server = Process(tmp_path)
    with urllib.request.urlopen(server.url + '/') as reply:
        assert 'A local Hercules CI, for tests' in reply.read().decode()
    assert server.stop() == 0
