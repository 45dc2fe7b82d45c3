# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils import _files
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure


@pytest.mark.parametrize('mode', [0o400, 0o600, 0o640, 0o644])
def test_mode_is_as_asked_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    path = tmp_path / 'file'
    for umask in (0o000, 0o077, 0o777):
        before = os.umask(umask)
        try:
            _files.write_atomically(str(path), b'x', mode=mode)
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert [entry.name for entry in tmp_path.iterdir()] == ['file']


def test_new_file_is_never_wider_than_its_final_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watch(name: str) -> None:
        original = getattr(os, name)

        def wrapper(*args: object, **kwargs: object) -> object:
            seen.extend(stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir())
            return original(*args, **kwargs)
        monkeypatch.setattr(os, name, wrapper)

    for name in ('fchown', 'fchmod', 'fsync', 'replace'):
        watch(name)
    before = os.umask(0)
    try:
        _files.write_atomically(str(tmp_path / 'file'), b'x', mode=0o440, owner=os.getuid(), group=os.getgid())
    finally:
        os.umask(before)
    assert seen and not [mode for mode in seen if mode & ~0o440]
    assert seen[:2] == [0o400, 0o400], 'it opens to the group only after it belongs to the group'


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'file'
    path.write_bytes(b'old')

    def full(descriptor: int) -> None:
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(Failure, match='No space left on device'):
        _files.write_atomically(str(path), b'new')
    assert path.read_bytes() == b'old'
    assert [entry.name for entry in tmp_path.iterdir()] == ['file']


def test_a_file_system_that_cannot_sync_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with folders that VirtualBox shares."""
    sync = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, 'Invalid argument')
        sync(descriptor)
    monkeypatch.setattr(os, 'fsync', only_files)
    _files.write_atomically(str(tmp_path / 'file'), b'new')
    assert (tmp_path / 'file').read_bytes() == b'new'
    _files.remove(str(tmp_path / 'file'))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_fails_to_sync_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new content is there, but may be gone after a crash."""
    sync = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, 'Input/output error')
        sync(descriptor)
    monkeypatch.setattr(os, 'fsync', only_files)
    path = tmp_path / 'file'
    with pytest.raises(Failure, match=r'The file cannot be written. Where: %s. Found: Input/output error' % path):
        _files.write_atomically(str(path), b'new')
    assert path.read_bytes() == b'new'
    assert [entry.name for entry in tmp_path.iterdir()] == ['file']


def test_a_system_without_extended_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as macOS, for Python."""
    path = tmp_path / 'file'
    path.write_bytes(b'old')
    for name in ('listxattr', 'getxattr', 'setxattr', 'removexattr'):
        monkeypatch.delattr(os, name)
    assert _files.write_atomically(str(path), b'new', mode=0o640) == ()
    assert path.read_bytes() == b'new'
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_missing_folder_is_a_failure_not_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(Failure, match='No such file'):
        _files.write_atomically(str(tmp_path / 'none' / 'file'), b'x')
    with pytest.raises(Failure, match='Create the folder'), _files.locked(str(tmp_path / 'none' / 'file')):
        pass


def test_links_are_followed_inside_their_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / 'folder'
    folder.mkdir()
    outside = tmp_path / 'outside'
    outside.write_bytes(b'outside')
    (folder / 'real').write_bytes(b'real')
    (folder / 'near').symlink_to('real')
    (folder / 'far').symlink_to(outside)
    (tmp_path / 'alias').symlink_to(folder)
    assert _files.real_path(str(folder / 'near')) == str(folder / 'real')
    assert _files.real_path(str(tmp_path / 'alias' / 'real')) == str(folder / 'real')
    assert _files.real_path(str(folder / 'absent')) == str(folder / 'absent')
    with pytest.raises(Failure, match='leads out of its folder'):
        _files.real_path(str(folder / 'far'))
    _files.write_atomically(str(folder / 'far'), b'new')
    assert outside.read_bytes() == b'outside' and not (folder / 'far').is_symlink()


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'link').symlink_to('pipe')
    (tmp_path / 'file').write_bytes(b'x')
    assert _files.read_if_present(str(tmp_path / 'file')) == b'x'
    assert _files.read_if_present(str(tmp_path / 'absent')) is None
    for name, words in (('pipe', 'not a regular file'), ('link', 'symbolic link'), ('', 'not a regular file'), ('\0', 'not a path')):
        with pytest.raises(Failure, match=words):
            _files.read_if_present(str(tmp_path / name))


def test_lock_keeps_others_out_and_removes_what_a_killed_writer_left(tmp_path: Path) -> None:
    path = str(tmp_path / 'file')
    left = Path(_files._temporary_path(path))
    backup = Path(_files._temporary_path(path + '.4711.2026-11-22@10:15:00~'))
    other = Path(_files._temporary_path(str(tmp_path / 'other')))
    left.touch()
    backup.touch()
    other.touch()
    with _files.locked(path):
        assert not left.exists() and not backup.exists() and other.exists()
        outcome = []

        def second() -> None:
            try:
                with _files.locked(path, timeout=0.1):
                    outcome.append('entered')
            except Failure as failure:
                outcome.append(str(failure))
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert outcome == [outcome[0]] and 'kept this folder locked for 0.1 seconds' in outcome[0]
    with _files.locked(path, timeout=0):
        pass


def test_a_private_folder_vanishes_also_when_its_owner_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    died, new, other = (tmp_path / name for name in (_files.PRIVATE + 'died', _files.PRIVATE + 'new', 'other'))
    for folder in (died, new, other):
        folder.mkdir()
        (folder / 'copy').write_text('secret')
    with _files.private_folder() as mine:
        assert stat.S_IMODE(os.stat(mine).st_mode) == 0o700
        for folder in (died, other, Path(mine)):
            os.utime(folder, (0, 0))
        with _files.private_folder():
            assert {path.name for path in tmp_path.iterdir()} >= {'other', new.name, Path(mine).name}
            assert not died.exists()
    assert sorted(tmp_path.iterdir()) == sorted([new, other])


def test_a_folder_that_cannot_be_locked_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(37, 'No locks available')
    monkeypatch.setattr(_files.fcntl, 'flock', refuse)
    with pytest.raises(Failure, match=r'The folder cannot be locked.* Found: No locks available'), _files.locked(str(tmp_path / 'file')):
        pass
