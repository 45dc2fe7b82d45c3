# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.in_process import Sandbox

Run = Callable[..., dict[str, Any]]
PROJECT = 'github/neat-org/neat-repo'
NAME = 'nixops-aws-prod.json'


@pytest.fixture
def fetch(run: Run, tmp_path: Path) -> Run:
    """fetch(**options) fetches the state to tmp_path / fetched, unless told otherwise."""
    return lambda **options: run('nixops_state_fetch', **{'name': NAME, 'path': str(tmp_path / 'fetched'), **options})


def test_the_newest_version_or_any(fetch: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    for content in (b'one', b'two'):
        sandbox.put_state(PROJECT, NAME, content)
    os.umask(0)
    result = fetch()
    assert (result['changed'], result['version'], result['size']) == (True, 2, 3)
    assert (tmp_path / 'fetched').read_bytes() == b'two'
    assert (tmp_path / 'fetched').stat().st_mode & 0o7777 == 0o600
    os.umask(0o022)
    sandbox.service.calls.clear()
    assert fetch()['changed'] is False
    assert not [call for call in sandbox.service.calls if '/data' in call.url]
    assert fetch(version=1)['changed'] is True
    assert (tmp_path / 'fetched').read_bytes() == b'one'
    assert not list(tmp_path.glob('*fetched?*'))


def test_a_mode_that_is_too_wide_is_a_change(fetch: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.put_state(PROJECT, NAME, b'one')
    (tmp_path / 'fetched').write_bytes(b'one')
    (tmp_path / 'fetched').chmod(0o644)
    assert fetch()['changed'] is True
    assert (tmp_path / 'fetched').stat().st_mode & 0o7777 == 0o600
    assert fetch()['changed'] is False


def test_check_mode_and_diff(fetch: Run, sandbox: Sandbox, tmp_path: Path, aws_prod: bytes, other: Callable[..., bytes]) -> None:
    sandbox.put_state(PROJECT, NAME, aws_prod)
    assert fetch(check=True)['changed'] is True
    assert not (tmp_path / 'fetched').exists()
    (tmp_path / 'fetched').write_bytes(other(app1={'publicIpv4': '192.0.2.99'}))
    result = fetch(check=True, diff=True)
    assert result['diff']['before'].startswith('app1: publicIpv4 (')
    assert '192.0.2.99' not in str(result)
    assert b'192.0.2.99' in (tmp_path / 'fetched').read_bytes()


def test_the_sizes_differ_where_one_is_no_state(fetch: Run, sandbox: Sandbox, tmp_path: Path, aws_prod: bytes) -> None:
    sandbox.put_state(PROJECT, NAME, aws_prod)
    (tmp_path / 'fetched').write_bytes(b'mine')
    diff = fetch(diff=True)['diff']
    assert (diff['before'], diff['after']) == ('4 bytes\n', '%d bytes\n' % len(aws_prod))
    assert diff['before_header'] == str(tmp_path / 'fetched')


def test_backup(fetch: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.put_state(PROJECT, NAME, b'one')
    (tmp_path / 'fetched').write_bytes(b'mine')
    (tmp_path / 'fetched').chmod(0o644)
    result = fetch(backup=True)
    assert Path(result['backup_file']).read_bytes() == b'mine'
    assert Path(result['backup_file']).stat().st_mode & 0o7777 == 0o600
    assert (tmp_path / 'fetched').read_bytes() == b'one'


def test_a_link_is_followed_within_its_folder_only(fetch: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.put_state(PROJECT, NAME, b'one')
    (tmp_path / 'link').symlink_to('target')
    for changed in (True, False):
        assert fetch(path=str(tmp_path / 'link'))['changed'] is changed
        assert (tmp_path / 'link').is_symlink()
        assert (tmp_path / 'target').read_bytes() == b'one'
    (tmp_path / 'away').symlink_to('/etc/passwd')
    assert 'leads out of its folder' in fetch(path=str(tmp_path / 'away'))['msg']


def test_nixops_database_is_not_replaced(fetch: Run, sandbox: Sandbox, database: Path) -> None:
    sandbox.put_state(PROJECT, NAME, b'{}')
    before = database.read_bytes()
    assert 'perhaps the only one' in fetch(path=str(database))['msg']
    assert database.read_bytes() == before


@pytest.mark.parametrize('form', ['hex', 'none'])
@pytest.mark.parametrize('kind', ['truncate', 'reset-in-reply', 'reset', 'short-length'])
def test_a_download_that_breaks_is_repeated(kind: str, form: str, fetch: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """A reply that is too short and says so can only be told by size or hash."""
    sandbox.settings(sha256=form)
    aws_prod = b'{"uuid": {}}' * 1000
    sandbox.put_state(PROJECT, NAME, aws_prod)
    sandbox.fault(kind, 'GET', '.*/data', times=2)
    assert fetch()['changed'] is True
    assert (tmp_path / 'fetched').read_bytes() == aws_prod


def test_what_never_is_right_is_not_stored(fetch: Run, sandbox: Sandbox, tmp_path: Path, aws_prod: bytes) -> None:
    sandbox.put_state(PROJECT, NAME, aws_prod)
    (tmp_path / 'fetched').write_bytes(b'mine')
    sandbox.fault('short-length', 'GET', '.*/data', times=-1)
    assert 'not what it lists' in fetch()['msg']
    sandbox.service.faults.clear()
    sandbox.fault('truncate', 'GET', '.*/data', times=-1)
    assert 'broke off' in fetch()['msg']
    assert (tmp_path / 'fetched').read_bytes() == b'mine'


def test_what_is_not_there(fetch: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    assert 'no such state file' in fetch()['msg']
    sandbox.put_state(PROJECT, NAME, b'one')
    assert 'no such version' in fetch(version=2)['msg']
    assert 'folder does not exist' in fetch(path=str(tmp_path / 'none' / 'x'))['msg']
    assert 'not a regular file' in fetch(path=str(tmp_path))['msg']
    assert 'not a path' in fetch(path=str(tmp_path / 'null\0byte'))['msg']


class Full(io.FileIO):
    """A file on a disk without room."""

    def write(self, _data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize('size', [3, 300_000])
def test_no_room_for_temporary_files(size: int, fetch: Run, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a few bytes that is found out as late as when the file is closed."""
    sandbox.put_state(PROJECT, NAME, b'1' * size)
    monkeypatch.setattr('tempfile.TemporaryFile', lambda: io.BufferedRandom(Full(str(tmp_path / 'temporary'), 'w+')))
    result = fetch()
    assert 'exception' not in result
    assert 'A temporary file cannot be written. Where: ' in result['msg']
    assert 'No space left' in result['msg']
    assert len([call for call in sandbox.service.calls if '/data' in call.url]) == 1
    assert not (tmp_path / 'fetched').exists()
