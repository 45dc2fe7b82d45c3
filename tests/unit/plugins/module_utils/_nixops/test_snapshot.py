# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a database that is in use: all committed rows, nothing else, and not a trace."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops import snapshot
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.database import Database, default_database, open_database
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure

INSERT = "insert into DeploymentAttrs values ('cccccccc-1700-11e7-8000-000000000003', ?, 'value')"


def names(path: Path) -> set[str]:
    with open_database(str(path)) as opened:
        return {name for (name,) in opened.query("select name from DeploymentAttrs where value = 'value'")}


def folder(path: Path) -> dict[str, tuple[bytes, int]]:
    """Every file beside the database, with its bytes and the time of its last change."""
    return {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in path.parent.iterdir()}


def writer(path: Path) -> sqlite3.Connection:
    """NixOps at work: its pragmas, and a log that is not moved to the database by itself."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript('pragma journal_mode = wal; pragma wal_autocheckpoint = 0;')
    return connection


def test_rows_in_the_log_are_seen_and_nothing_is_changed(database: Callable[[str], Path]) -> None:
    path = database('1.7')
    connection = writer(path)
    connection.execute(INSERT, ('committed',))
    connection.execute('begin immediate')  # a deploy in the middle of a transaction
    connection.execute(INSERT, ('open',))
    before = folder(path)
    assert '1.7.nixops-wal' in before
    assert names(path) == {'committed'}
    assert folder(path) == before
    connection.close()


def test_only_the_owner_could_read_the_copy(database: Callable[[str], Path]) -> None:
    path = database('1.7')
    connection = writer(path)
    connection.execute(INSERT, ('committed',))
    before = os.umask(0)
    try:
        with snapshot.snapshot(str(path)) as copy:
            files = list(Path(copy).parent.iterdir())
            assert sorted(each.name for each in files) == ['copy.nixops', 'copy.nixops-wal']
            assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
            assert Path(copy).parent.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)
        connection.close()


def test_a_log_copied_in_vain_is_forgotten(database: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = database('1.7')
    connection = writer(path)
    connection.execute(INSERT, ('first',))
    copied, copy = snapshot._copied, snapshot._copy
    tries = []

    def begins_the_log_anew(source: IO[bytes], target: str) -> None:
        copy(source, target)
        if not tries and not target.endswith('-wal'):
            connection.execute('pragma wal_checkpoint(restart)')
            connection.execute(INSERT, ('second',))

    def ends_after_the_first_try(source: str, target: str) -> bool:
        done = copied(source, target)
        tries.append((done, sorted(each.name for each in Path(target).parent.iterdir())))
        if len(tries) == 1:
            connection.execute(INSERT, ('third',))
            connection.close()  # which moves the log to the database and removes it
        return done

    monkeypatch.setattr(snapshot, '_copy', begins_the_log_anew)
    monkeypatch.setattr(snapshot, '_copied', ends_after_the_first_try)
    assert names(path) == {'first', 'second', 'third'}
    assert tries == [(False, ['copy.nixops', 'copy.nixops-wal']), (True, ['copy.nixops'])]


def test_what_a_crash_left_is_read_and_left(database: Callable[[str], Path], tmp_path: Path) -> None:
    path = database('1.7')
    connection = writer(path)
    connection.execute(INSERT, ('committed',))
    crashed = tmp_path / 'crashed' / 'deployments.nixops'
    crashed.parent.mkdir()
    for suffix in ('', '-wal'):  # no file of shared memory: the machine has been started again
        (crashed.parent / (crashed.name + suffix)).write_bytes(Path(str(path) + suffix).read_bytes())
    connection.close()
    before = folder(crashed)
    assert names(crashed) == {'committed'}
    assert folder(crashed) == before


def test_a_hot_rollback_journal_is_honoured_and_left(database: Callable[[str], Path], tmp_path: Path) -> None:
    path = database('1.7')
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript('pragma journal_mode = delete; pragma cache_size = 1; begin immediate;')
    connection.executemany(INSERT, [('n%d' % number,) for number in range(2000)])  # more than fits: the database is overwritten
    crashed = tmp_path / 'crashed' / 'deployments.nixops'
    crashed.parent.mkdir()
    for suffix in ('', '-journal'):
        (crashed.parent / (crashed.name + suffix)).write_bytes(Path(str(path) + suffix).read_bytes())
    connection.close()
    before = folder(crashed)
    assert names(crashed) == set()
    assert folder(crashed) == before


@pytest.mark.parametrize('mode', ['wal', 'delete', 'truncate', 'persist'])
def test_every_snapshot_of_a_busy_database_is_a_state_it_was_in(mode: str, database: Callable[[str], Path]) -> None:
    """The writer keeps two attributes equal in each transaction, checkpoints often, and now and then closes the database and rests.

    One that never rests can be faster than any number of tries to read.
    """
    path = database('1.7')
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            connection = sqlite3.connect(path, isolation_level=None, timeout=10)
            connection.executescript('pragma synchronous = off; pragma journal_mode = %s; pragma wal_autocheckpoint = 3;' % mode)
            for _step in range(20):
                number += 1
                connection.execute('begin immediate')
                for name in ('a', 'z' * 2000):
                    connection.execute(
                        "insert or replace into DeploymentAttrs values ('cccccccc-1700-11e7-8000-000000000003', ?, ?)",
                        (name, 'busy %d' % number),
                    )
                connection.execute('commit')
            connection.close()
            stop.wait(0.003)

    def pair(opened: Database) -> list[str]:
        return [value for (value,) in opened.query("select value from DeploymentAttrs where value like 'busy %' order by name")]

    thread = threading.Thread(target=write)
    thread.start()
    try:
        seen = set()
        for _step in range(30):
            with open_database(str(path)) as opened:
                assert opened.query('pragma integrity_check').fetchall() == [('ok',)]
                values = pair(opened)
            assert len(set(values)) <= 1
            seen.update(values)
        assert len(seen) > 1
    finally:
        stop.set()
        thread.join()


def test_a_folder_that_cannot_be_written_to(database: Callable[[str], Path]) -> None:
    path = database('1.7')
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        assert names(path) == set()
    finally:
        path.parent.chmod(0o700)


def test_a_link_leads_to_the_log_beside_the_database(database: Callable[[str], Path], tmp_path: Path) -> None:
    path = database('1.7')
    connection = writer(path)
    connection.execute(INSERT, ('committed',))
    link = tmp_path / 'elsewhere' / 'link.nixops'
    link.parent.mkdir()
    link.symlink_to(path)
    assert names(link) == {'committed'}
    connection.close()


def test_copies_vanish_before_anything_is_read(
    database: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / 'temporary'
    temporary.mkdir()
    monkeypatch.setattr('tempfile.tempdir', str(temporary))
    with open_database(str(database('1.7'))) as opened:
        assert list(temporary.iterdir()) == []
        assert opened.deployments()
    assert list(temporary.iterdir()) == []


def test_a_database_that_never_stands_still_is_a_sentence(
    database: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, '_copied', lambda *_paths: False)
    monkeypatch.setattr(snapshot.time, 'sleep', lambda _seconds: None)
    with pytest.raises(Failure, match='changes faster'), open_database(str(database('1.7'))):
        pass


def test_a_missing_database_is_a_sentence_and_stays_missing(tmp_path: Path) -> None:
    with pytest.raises(Failure, match='No such file'), open_database(str(tmp_path / 'none.nixops')):
        pass
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ('environment', 'path'),
    [
        ({'NIXOPS_STATE': '/a', 'CHARON_STATE': '/b', 'HOME': '/h'}, '/a'),
        ({'CHARON_STATE': '/b', 'HOME': '/h'}, '/b'),
        ({'HOME': '/h'}, '/h/.nixops/deployments.nixops'),
        ({'NIXOPS_STATE': '~/a', 'HOME': '/h'}, '~/a'),
    ],
)
def test_the_default_is_where_nixops_looks(environment: dict[str, str], path: str) -> None:
    assert default_database(environment) == path
