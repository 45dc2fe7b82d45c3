# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Files that others read at any moment: replaced in one step, one writer at a time, and no link followed out of their folder."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import stat
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from ._problems import Failure, fail

PRIVATE = 'nixcd-private-'
NEW = 60
"""Seconds."""


def real_path(path: str) -> str:
    """The file that a write to `path` replaces: a symbolic link is followed if it stays in its folder, and refused if it leaves it.

    Whoever may write to the folder could otherwise point the link at any file of the user who runs this.
    """
    if path.endswith('/'):
        raise fail('This is the name of a folder.', where=path, expected='the name of a file', remedy='Add the name of the file.')
    try:
        folder, target = os.path.realpath(os.path.dirname(path) or '.'), os.path.realpath(path)
    except ValueError as error:
        raise _no_path(path, error) from error
    if os.path.islink(path) and os.path.dirname(target) != folder:
        raise fail(
            'A symbolic link leads out of its folder.', where=path, expected='a file, or a link to a file in %s' % folder,
            found='a link to %s' % target, remedy='Name the file itself, or remove the link.',
        )
    return os.path.join(folder, os.path.basename(target if os.path.islink(path) else path))


def _no_path(path: str, error: ValueError) -> Failure:
    return fail('This is not a path.', where=repr(path), found=str(error), remedy='Name another path.')


def remedy_for(error: OSError) -> str:
    """What to do about a file or folder that the system refuses."""
    remedies = {
        errno.EACCES: 'Run this as a user who may, for instance with become.',
        errno.EPERM: 'Run this as a user who may, for instance with become; not even root may where an attribute or a mount forbids it.',
        errno.ENOENT: 'Create the folder.',
        errno.ENOSPC: 'Make room on the disk; the file is as it was.',
        errno.EROFS: 'Name a path on a file system that can be written to.',
    }
    return remedies.get(error.errno or 0, '')


def open_regular(path: str, flags: int = 0) -> IO[bytes]:
    """Open a regular file to read; never waits at a pipe. flags: for os.open. Raises OSError, or Failure for what is no regular file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    except ValueError as error:  # a null byte or half a surrogate pair
        raise _no_path(path, error) from error
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return open(descriptor, 'rb')
    os.close(descriptor)
    raise fail('This is not a regular file.', where=path, remedy='Name another path, or put a file there.')


def create_private(path: str) -> IO[bytes]:
    """A new file to write to, for its owner only, whatever the umask is. Raises OSError."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), 'wb')


def read_if_present(path: str, *, follow: bool = False) -> bytes | None:
    """The bytes of a regular file, or None where there is none. follow: a link at `path`, wherever it leads; else that is refused."""
    try:
        with open_regular(path, 0 if follow else os.O_NOFOLLOW) as stream:
            return stream.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise fail('A symbolic link stands where a file should be.', where=path, remedy='Remove the link.') from error
        raise fail('The file cannot be read.', where=path, found=error.strerror or str(error), remedy=remedy_for(error)) from error


def write_atomically(
    path: str, data: bytes | IO[bytes], *, mode: int = 0o600, owner: int | None = None, group: int | None = None,
) -> tuple[str, ...]:
    """Put `data` at `path` so that a reader sees the old bytes or the new ones, and nobody whom `mode` keeps out sees either.

    The data goes into a new file in the same folder, which then takes the place of the old one; a link at `path` is replaced, not
    followed. The new file starts with the owner's part of `mode` and belongs to `owner` and `group` before `mode` opens it to others.
    A file that is replaced keeps its extended attributes, with its access control list, but for those of the security modules. Returns the
    names of those that could not be kept.
    data: bytes, or a file of which the rest is copied. mode: permission bits, whatever the umask is. owner, group: numbers; None leaves
    what the system gives.
    """
    temporary, attributes = _temporary_path(path), _attributes_of(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode & 0o600)
        try:
            with open(descriptor, 'wb') as stream:
                if isinstance(data, bytes):
                    stream.write(data)
                else:
                    shutil.copyfileobj(data, stream, 1 << 18)
                stream.flush()
                if owner is not None or group is not None:
                    os.fchown(descriptor, -1 if owner is None else owner, -1 if group is None else group)
                lost = _keep_attributes(descriptor, attributes, mode) if attributes is not None else ()
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync_folder(path)
    except OSError as error:
        raise fail('The file cannot be written.', where=path, found=error.strerror or str(error), remedy=remedy_for(error)) from error
    return lost


ACCESS_LIST = 'system.posix_acl_access'


def _attributes_of(path: str) -> dict[str, bytes] | None:
    """The extended attributes of a file, None where there is no file, or the system has no such thing."""
    if not hasattr(os, 'listxattr'):
        return None
    with suppress(OSError):
        if stat.S_ISREG(os.lstat(path).st_mode):
            names = [name for name in os.listxattr(path, follow_symlinks=False) if not name.startswith('security.')]
            return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    return None


def _keep_attributes(descriptor: int, attributes: dict[str, bytes], mode: int) -> tuple[str, ...]:
    """Give a file these attributes, and no access control list of its folder instead; the names of those that it does not take."""
    if ACCESS_LIST not in attributes:
        with suppress(OSError):  # it has none, mostly
            os.removexattr(descriptor, ACCESS_LIST)
    lost = []
    for name, value in sorted(attributes.items()):
        try:
            os.setxattr(descriptor, name, _masked(value, mode) if name == ACCESS_LIST else value)
        except OSError:
            lost.append(name)
    return tuple(lost)


def _masked(access_list: bytes, mode: int) -> bytes:
    """The list as chmod would leave it, so that it opens the file at no moment to anybody whom the mode keeps out.

    It is what acl(5) describes in the form of linux/posix_acl_xattr.h: a version, then a tag, permissions and an identity for each entry.
    """
    owner, group, mask, others = 0x01, 0x04, 0x10, 0x20
    entries = list(struct.iter_unpack('<HHI', access_list[4:]))
    classes = {owner: mode >> 6 & 7, mask if any(tag == mask for tag, _bits, _who in entries) else group: mode >> 3 & 7, others: mode & 7}
    return access_list[:4] + b''.join(struct.pack('<HHI', tag, classes.get(tag, bits), who) for tag, bits, who in entries)


def remove(path: str) -> None:
    """Remove a file, or a link itself, if it is there."""
    try:
        os.unlink(path)
        _sync_folder(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise fail('The file cannot be removed.', where=path, found=error.strerror or str(error)) from error


@contextmanager
def locked(path: str, timeout: float = 60.0) -> Iterator[None]:
    """Hold a lock, so that nobody else who asks for it changes `path` meanwhile. The folder must exist.

    The lock is on the folder itself: it leaves no file behind, and the kernel drops it when the process dies, however it dies. What a
    process that was killed while it wrote `path` has left is removed first. Two files of one folder share the lock: never take it twice.
    timeout: seconds to wait for another holder before giving up.
    """
    folder = os.path.dirname(path) or '.'
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise fail('The folder cannot be opened.', where=folder, found=error.strerror or str(error), remedy=remedy_for(error)) from error
    try:
        _wait_for_lock(descriptor, folder, timeout)
        _remove_leftovers(path)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def room_for_temporary_files() -> Iterator[None]:
    """Raise a Failure where there is no room for what is written to a temporary file, or such a file cannot be made."""
    try:
        yield
    except OSError as error:
        remedy = 'Make room there, or let TMPDIR name another folder'
        raise fail('A temporary file cannot be written.', where=tempfile.tempdir or 'TMPDIR', found=str(error), remedy=remedy) from None


@contextmanager
def hidden_file() -> Iterator[IO[bytes]]:
    """A file that has no name, so that nobody else can open it and nothing stays behind when the process is killed."""
    with room_for_temporary_files(), tempfile.TemporaryFile() as file:  # what is written may be missing its room as late as on closing
        yield file


@contextmanager
def private_folder() -> Iterator[str]:
    """A folder for secrets that need a name, gone afterwards. What a process that was killed has left of such folders goes, too.

    Each folder is locked by its owner. One that is not locked is of somebody who has died, unless it is so new that the lock is to come.
    """
    with suppress(OSError):  # a folder that cannot be listed
        for entry in os.scandir(tempfile.gettempdir()):
            if entry.name.startswith(PRIVATE):
                _remove_if_abandoned(entry)
    with tempfile.TemporaryDirectory(prefix=PRIVATE) as folder, _locked_folder(folder):
        yield folder


def _remove_if_abandoned(folder: os.DirEntry[str]) -> None:
    with suppress(OSError):
        status = folder.stat(follow_symlinks=False)
        if status.st_uid == os.geteuid() and time.time() - status.st_mtime > NEW:
            with _locked_folder(folder.path):
                shutil.rmtree(folder.path)


@contextmanager
def _locked_folder(path: str) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, folder: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if not time.monotonic() < deadline:  # so that not a number is no time at all
                raise fail(
                    'Another process has kept this folder locked for %g seconds.' % timeout, where=folder,
                    remedy='Wait for the other run to end, or find it with fuser(1), then try again.',
                ) from error
            time.sleep(0.02)
        except OSError as error:
            raise fail('The folder cannot be locked.', where=folder, found=error.strerror or str(error)) from error
        else:
            return


def _temporary_path(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, '.%s.%s.new' % (name, os.urandom(8).hex()))


def backup_path(path: str) -> str:
    """Beside the file, named as Ansible's own modules name their backups."""
    return '%s.%d.%s~' % (path, os.getpid(), time.strftime('%Y-%m-%d@%H:%M:%S'))


def _remove_leftovers(path: str) -> None:
    folder, name = os.path.split(path)
    pattern = re.compile(r'\.%s(\.[^/]*~)?\.[0-9a-f]{16}\.new' % re.escape(name))  # of a backup, too
    for entry in os.listdir(folder or '.'):
        if pattern.fullmatch(entry):
            with suppress(OSError):
                os.unlink(os.path.join(folder, entry))


def _sync_folder(path: str) -> None:
    descriptor = os.open(os.path.dirname(path) or '.', os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has no such thing, as that of folders which VirtualBox shares
            raise
    finally:
        os.close(descriptor)
