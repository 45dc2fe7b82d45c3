# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases as nobody expects them, here and on the server."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops import snapshot

from tests.sandbox.in_process import Sandbox

Run = Callable[..., dict[str, Any]]
PROJECT = 'github/neat-org/neat-repo'
NAME = 'nixops-aws-prod.json'


def execute(database: Path, *statements: str) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    for statement in (*statements, 'pragma journal_mode = delete'):
        connection.execute(statement)
    connection.close()


def test_a_deployment_without_a_uuid(state: Run, database: Path) -> None:
    execute(database, 'insert into Deployments values (null)')
    assert 'There is no deployment' in state(deployment='nosuch')['msg']
    assert state(check=True)['action'] == 'created'


def test_a_newer_schema_on_the_server_is_in_nobodys_way(state: Run, run: Run, sandbox: Sandbox, database: Path, tmp_path: Path) -> None:
    execute(database, 'update SchemaVersion set version = 4')
    sandbox.put_state(PROJECT, NAME, database.read_bytes())
    execute(database, 'update SchemaVersion set version = 3')
    assert state(function='runNixOps2')['action'] == 'kept'
    assert run('nixops_state_info', summary=True)['files'][0]['deployments'] is None
    (tmp_path / 'fetched').write_text('{}')
    assert run('nixops_state_fetch', diff=True, path=str(tmp_path / 'fetched'), **{'name': NAME})['changed']


def test_no_room_for_the_copy(state: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(snapshot.shutil, 'copyfileobj', full)
    assert 'A temporary file cannot be written' in state()['msg']
