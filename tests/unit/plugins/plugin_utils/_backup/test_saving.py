# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is saved, how it is judged, and how the index is written where others write it, too."""

from __future__ import annotations

import hashlib
import io
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import connect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.state import StateFiles
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import state_of
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._project import ProjectPath
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.index import Copy, Index, Keep, read_index, timestamp
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.saving import WRITES, Wanted, judge, now, save_project, write_down
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.store import Changed, Folder

from tests.sandbox.in_process import Sandbox
from tests.support.surroundings import FIXTURES

PROJECT = 'github/neat-org/neat-repo'
EXPORT = (FIXTURES / 'nixops' / 'nixops-1.7' / 'export-aws-prod.json').read_bytes()
ALL = (FIXTURES / 'nixops' / 'nixops-1.7' / 'export-all.json').read_bytes()
UUID = 'cccccccc-1700-11e7-8000-000000000003'
STATE = Wanted('net', PROJECT, 'nixops-net.json', 'runNixOps', 'aws-prod')
HOSTS = Wanted('net', PROJECT, 'nixops-net.known_hosts', 'runNixOps', '', hosts=True, optional=True)


def copy_of(content: bytes, **changes: Any) -> Copy:
    made = Copy(*STATE.file, 1, '2026-01-21T10:00:00Z', '', len(content), hashlib.sha256(content).hexdigest(), timestamp(now()), UUID)
    return replace(made, **changes)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / 'sandbox', token='a-token') as running:
        running.add_project(PROJECT)
        yield running


def test_a_file_that_hercules_ci_refuses_does_not_keep_the_others_from_it(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.put_state(PROJECT, STATE.name, EXPORT)
    sandbox.put_state(PROJECT, HOSTS.name, b'')
    sandbox.fault('status', 'GET', '.*/%s/data.*' % STATE.name, times=-1, status=403)
    files = StateFiles(connect({'api_base_url': sandbox.url, 'api_token': 'a-token'}, {}), ProjectPath.parse(PROJECT))
    store = Folder(str(tmp_path / 'backup'), make=True)
    found, (problem,) = save_project(files, [STATE, HOSTS], Index(), store, now(), write=True)
    assert [(each.wanted, each.action) for each in found] == [(HOSTS, 'stored')]
    assert problem.where.startswith('net, ') and '403' in str(problem)
    assert [path.name for path in (tmp_path / 'backup' / 'contents').iterdir()] == [hashlib.sha256().hexdigest()]


JUDGED: dict[str, tuple[bytes, Wanted, Copy | None, str, str]] = {
    'the first': (EXPORT, STATE, None, UUID, ''),
    'of the same deployment': (EXPORT, STATE, copy_of(b''), UUID, ''),
    'after one that only a newer NixOps can read': (EXPORT, STATE, copy_of(b'', deployment=''), UUID, ''),
    'of another deployment': (EXPORT, STATE, copy_of(b'', deployment='d'), UUID, 'It is the state of another deployment than before.'),
    'no state': (b'{', STATE, None, '', 'The export breaks off.'),
    'several deployments': (ALL, STATE, None, '', 'The state holds several deployments.'),
    'known hosts': (b'203.0.113.7 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ\n', HOSTS, None, '', ''),
    'no known hosts': (b'-----BEGIN OPENSSH PRIVATE KEY-----\n', HOSTS, None, '', 'This is not a file of known hosts.'),
}


@pytest.mark.parametrize('name', JUDGED)
def test_what_a_state_holds_and_why_it_cannot_be_used(name: str) -> None:
    content, wanted, last_good, deployment, problem = JUDGED[name]
    found = judge(state_of(io.BytesIO(content), 'state'), wanted, last_good)
    assert found[0] == deployment and found[1].startswith(problem) and bool(found[1]) == bool(problem)


def test_only_the_nixops_that_wrote_a_database_can_judge_it(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / 'newer.nixops')
    connection.executescript('create table Deployments (uuid text); create table SchemaVersion (version int); '
                             'insert into SchemaVersion values (99);')
    connection.close()
    with open(tmp_path / 'newer.nixops', 'rb') as file:
        assert judge(state_of(file, 'state'), replace(STATE, function='runNixOps2'), copy_of(b'')) == ('', '')


class Shared(Folder):
    """A folder that others write to: before each of these writes, by number, theirs comes first."""

    def __init__(self, path: Path, theirs: dict[int, Index]) -> None:
        super().__init__(str(path), make=True)
        self.theirs, self.writes = theirs, 0

    def write_index(self, content: bytes, seen: Any) -> None:
        self.writes += 1
        if self.writes in self.theirs:
            super().write_index(self.theirs[self.writes].to_json(), None)
            raise Changed
        super().write_index(content, seen)

    @property
    def index(self) -> Index:
        return read_index(self.read_index()[0], self.where)


MINE, THEIRS = copy_of(b'mine'), copy_of(b'theirs', project='github/neat-org/other')
EVERYTHING = ([STATE.file], Keep())


def test_what_others_have_written_meanwhile_stays_in_the_index(tmp_path: Path) -> None:
    store = Shared(tmp_path / 'backup', {1: Index((THEIRS,))})
    after = write_down(store, (Index(), None), [MINE], EVERYTHING, now(), write=True)
    assert (after, store.index, store.writes) == (Index((THEIRS, MINE)), after, 2)


def test_an_index_that_others_write_all_the_time_is_left_to_them(tmp_path: Path) -> None:
    store = Shared(tmp_path / 'backup', dict.fromkeys(range(1, 100), Index((THEIRS,))))
    with pytest.raises(Failure, match=r'Others write the index all the time.*Run this again'):
        write_down(store, (Index(), None), [MINE], EVERYTHING, now(), write=True)
    assert (store.index, store.writes) == (Index((THEIRS,)), WRITES)


@pytest.mark.parametrize('disturbed', [False, True])
def test_that_a_content_is_gone_is_said_by_a_later_run_where_others_write_meanwhile(tmp_path: Path, disturbed: bool) -> None:
    old = hashlib.sha256(b'old').hexdigest()
    before = Index((MINE,), {old: timestamp(now() - timedelta(days=3))})
    store = Shared(tmp_path / 'backup', {1: before} if disturbed else {})
    Folder.write_index(store, before.to_json(), None)
    store.put(old, 3, io.BytesIO(b'old'))
    after = write_down(store, (before, None), [], EVERYTHING, now(), write=True)
    assert after == store.index == (before if disturbed else Index((MINE,)))
    assert not store.has(old)
    assert write_down(store, (after, None), [], EVERYTHING, now(), write=True) == store.index == Index((MINE,))
