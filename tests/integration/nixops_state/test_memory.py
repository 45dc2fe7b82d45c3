# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules for states need of memory does not depend on the number of machines, whatever they have to do with a state."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.server import Sandbox
from tests.support.surroundings import FIXTURES

PROJECT = 'github/neat-org/neat-repo'
SECOND = 'github/neat-org/second'
"""In which the same deployment is stored for the first time: in one project that would be refused."""
NIXOPS = FIXTURES / 'nixops'
UUID = 'cccccccc-0000-11ee-8000-000000000003'
FEW, MANY = 500, 10_500
ALLOWED = 5.0
"""MiB that the larger state may take more, for pages that SQLite keeps and what an allocator does not give back. A list of an object for
each machine takes more than that."""
MODULES = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
_AnsibleCollectionFinder(paths=[sys.argv[1]])._install()
from ansible.module_utils import basic
basic._ANSIBLE_PROFILE = 'legacy'
for line in sys.stdin:
    name, arguments = json.loads(line)
    basic._ANSIBLE_ARGS = json.dumps({'ANSIBLE_MODULE_ARGS': arguments}).encode()
    try:
        importlib.import_module('ansible_collections.nixcd.hercules_ci.plugins.modules.' + name).main()
    except SystemExit:
        pass
    peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))  # ru_maxrss would count the parent's, too
    print(int(peak.split()[1]) / 1024, flush=True)
"""


class World:
    """A sandbox and a database of a number of machines, which have an address and no host key, and a process that runs modules."""

    def __init__(self, folder: Path, sandbox: Sandbox, machines: int) -> None:
        self.folder, self.sandbox, self.machines = folder, sandbox, machines
        folder.mkdir()
        self.database = folder / 'state.nixops'
        self.make_database(self.database, '203.0.113.1')
        sandbox.add_project(PROJECT)
        sandbox.add_project(SECOND)
        sandbox.settings(sha256='none')

    def make_database(self, path: Path, address: str) -> None:
        connection = sqlite3.connect(path)
        schema = (NIXOPS / 'nixops-2.x' / 'schema.sql').read_text().replace('CREATE TABLE sqlite_sequence(name,seq);', '')
        connection.executescript(schema)
        connection.execute('insert into SchemaVersion values (3)')
        connection.execute('insert into Deployments values (?)', (UUID,))
        connection.execute("insert into DeploymentAttrs values (?, 'name', 'big')", (UUID,))
        rows = [(number, UUID, 'machine-%d' % (number * 7919 % 1_000_003)) for number in range(self.machines)]
        connection.executemany("insert into Resources (id, deployment, name, type) values (?, ?, ?, 'none')", rows)
        connection.executemany("insert into ResourceAttrs values (?, 'publicIpv4', ?)", [(number, address) for number, *_others in rows])
        connection.commit()
        connection.close()

    def put(self, name: str, content: bytes) -> None:
        self.sandbox.put_state(PROJECT, name, content)

    def run(self, calls: Iterable[tuple[str, dict[str, Any]]]) -> list[tuple[dict[str, Any], float]]:
        """What modules return, one after the other in one process, and its peak until then."""
        connection = {'api_base_url': self.sandbox.url, 'api_token': self.sandbox.token, 'project': PROJECT, '_ansible_diff': True}
        parent = next(entry for entry in sys.path if (Path(entry) / 'ansible_collections' / 'nixcd').is_dir())
        lines = ''.join(json.dumps((name, {**connection, **options})) + '\n' for name, options in calls)
        done = subprocess.run(
            [sys.executable, '-c', MODULES, parent], input=lines, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        printed = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        return list(zip(printed[::2], printed[1::2]))


def everything(world: World) -> list[tuple[str, dict[str, Any]]]:
    """Each path on which a state is read."""
    source = {'deployment': 'big', 'database': str(world.database)}
    export, copy, hosts = world.folder / 'export.json', world.folder / 'copy.json', world.folder / 'known_hosts'
    hosts.write_text(''.join('machine-%d ssh-ed25519 AAAA\n' % number for number in range(world.machines)))
    database = world.folder / 'other.nixops'
    world.make_database(database, '203.0.113.2')
    world.put('raw', database.read_bytes())
    world.put('others-hosts', hosts.read_bytes().replace(b'AAAA', b'BBBB'))
    copy.write_text('{}')
    allowed = {**source, 'import_check': False}
    state, new = 'nixops_state', {'project': SECOND, 'name': 'new'}
    world.sandbox.put_state(SECOND, 'other', database.read_bytes().replace(UUID.encode(), UUID.replace('c', 'd').encode()))
    return [
        (state, source),  # refused: all these machines are in the way of an import
        (state, {**allowed, **new, 'known_hosts': str(hosts), 'known_hosts_name': 'new-hosts'}),
        (state, {**allowed, **new}),
        (state, {**allowed, 'name': 'raw', 'function': 'runNixOps2', 'known_hosts': str(hosts), 'known_hosts_name': 'others-hosts'}),
        (state, {**allowed, 'name': 'raw', 'existing': 'fail'}),
        (state, {**allowed, 'name': 'raw', 'existing': 'replace', 'backup_dir': str(world.folder / 'backups')}),
        ('nixops_state_info', {'summary': True}),
        ('nixops_state_fetch', {**new, 'path': str(copy)}),
        ('nixops_state_fetch', {**new, 'path': str(export)}),
        (state, {'deployment': 'big', 'export_file': str(export), 'import_check': False, **new}),
    ]


@pytest.fixture(scope='module')
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[tuple[dict[str, Any], float]]]:
    folder = tmp_path_factory.mktemp('memory')
    found = {}
    for machines in (FEW, MANY):
        with Sandbox(folder / ('sandbox-%d' % machines)) as sandbox:
            world = World(folder / str(machines), sandbox, machines)
            found[machines] = world.run(everything(world))
    return found


@pytest.mark.slow
def test_each_path_is_taken(runs: dict[int, list[tuple[dict[str, Any], float]]]) -> None:
    for found in runs.values():
        results = [result for result, _peak in found]
        assert [result.get('action', result.get('changed')) for result in results] == [
            None, 'created', 'unchanged', 'kept', None, 'replaced', False, True, True, 'unchanged',
        ], results  # fmt: skip


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_machines(runs: dict[int, list[tuple[dict[str, Any], float]]]) -> None:
    growth = [round(many - few, 1) for (_result, few), (_other, many) in zip(runs[FEW], runs[MANY])]
    assert max(growth) < ALLOWED, growth
    assert runs[MANY][-1][1] < 64
