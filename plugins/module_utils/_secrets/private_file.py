# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""A file with secrets in it: its content, mode and owner made true together, in one step, with a lock against other writers."""

from __future__ import annotations

import grp
import os
import platform
import pwd
import re
import stat
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from .._files import backup_path, locked, read_if_present, remedy_for, remove, write_atomically
from .._problems import Failure, fail

NO_NUMBER = 2**32 - 1
"""What the kernel takes for "leave it as it is"."""


@dataclass(frozen=True)
class Access:
    """Who may read a file. mode: permission bits. owner, group: numbers, or in check mode a name that nobody has yet."""

    mode: int
    owner: int | str
    group: int | str

    def as_dict(self) -> dict[str, Any]:
        return {'mode': '%04o' % self.mode, 'owner': self.owner, 'group': self.group}


@dataclass(frozen=True)
class FileChange:
    """What happened to a file, or would happen in check mode.

    before, after: content, None where there is no file. lost: extended attributes that the new file does not have.
    """

    before: bytes | None
    after: bytes | None
    access_before: Access | None
    access_after: Access | None
    backup: str | None = None
    lost: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return (self.before, self.access_before) != (self.after, self.access_after)


def change_file(
    path: str, transform: Callable[[bytes | None], bytes | None], *, mode: int, owner: int | str | None = None,
    group: int | str | None = None, check: bool = False, backup: Callable[[], bool] = bool, lock_timeout: float = 60.0,
) -> FileChange:
    """Give the file the content that `transform` makes of its content, and the access that is asked for.

    transform: gets None where there is no file; None as a result leaves that so. owner, group: None means those of the present file, or of
    the folder when the file is new; names of users who are yet to be created only in check mode. check: change nothing, only say what would
    change. backup: whether to keep the file as it was, if it changes, beside it and open to those whom the new one is open to; asked after
    `transform`. A missing folder is made, open to the owner alone.
    """
    folder = os.path.dirname(path)
    if not os.path.isdir(folder) and not check and transform(None) is not None:
        _make_folder(folder, _number_only(owner), _number_only(group))
    with nullcontext() if check or not os.path.isdir(folder) else locked(path, lock_timeout):
        before = read_if_present(path)
        after = transform(before)
        present = None if before is None else os.lstat(path)
        access_before = present and Access(stat.S_IMODE(present.st_mode), present.st_uid, present.st_gid)
        model = present or (os.stat(folder) if os.path.isdir(folder) else None)
        access_after = None if after is None else Access(
            mode,
            owner if owner is not None else model.st_uid if model else os.geteuid(),
            group if group is not None else model.st_gid if model else _group_of_new(folder),
        )
        change = FileChange(before, after, access_before, access_after)
        if check or not change.changed or after is None or access_after is None:
            return change
        kept = _keep(path, before, access_after) if before is not None and backup() else None
        try:
            lost = _write(path, after, access_after)
        except Failure:
            if kept and read_if_present(path) == before:
                remove(kept)
            raise
        return FileChange(before, after, access_before, access_after, kept, lost)


def _keep(path: str, content: bytes, access: Access) -> str:
    kept = backup_path(path)
    _write(kept, content, access)
    return kept


def _write(path: str, content: bytes, access: Access) -> tuple[str, ...]:
    return write_atomically(path, content, mode=access.mode, owner=_number_only(access.owner), group=_number_only(access.group))


def _number_only(who: int | str | None) -> int | None:
    """A number, as it has to be where something is written."""
    if isinstance(who, str):
        raise TypeError('a name is for check mode only')
    return who


def _make_folder(folder: str, owner: int | None, group: int | None) -> None:
    if os.path.isdir(folder):
        return
    _make_folder(os.path.dirname(folder), owner, group)
    try:
        os.mkdir(folder, 0o700)
        # Whoever owns the folder above may have put a link there meanwhile. It must not give them what it leads to.
        os.chown(folder, -1 if owner is None else owner, -1 if group is None else group, follow_symlinks=False)
    except FileExistsError:  # another run was faster
        pass
    except OSError as error:
        raise fail('The folder cannot be made.', where=folder, found=error.strerror or str(error), remedy=remedy_for(error)) from error


def _group_of_new(folder: str) -> int:
    """The group that a folder gets which is yet to be made."""
    above = os.path.dirname(folder)
    if not os.path.isdir(above):
        return _group_of_new(above)
    status = os.stat(above)
    return status.st_gid if status.st_mode & stat.S_ISGID or platform.system() == 'Darwin' else os.getegid()


def mode_number(mode: Any) -> int:
    """Permission bits from octal digits. Numbers are refused: YAML reads 0400 and 400 alike as numbers, with different meanings.

    So are digits without the zero: ansible-core before 2.19 can make a text of a number, and 0640 would be 416, open to all.
    """
    number = int(mode, 8) if isinstance(mode, str) and re.fullmatch('0[0-7]{3}', mode) else 0
    if not number & 0o400:
        raise fail(
            'With this mode, its owner could not read the file.', where='mode', expected="four octal digits in quotes, such as '0400'",
            found=str(mode), remedy='Give the mode as octal digits in quotes, the first of them 0.',
        )
    return number


def user_number(name: str | None, *, check: bool = False) -> int | str | None:
    """The number of a user given by name or number. check: where there is no such user yet, the name."""
    return _number(name, lambda user: pwd.getpwnam(user).pw_uid, fail(
        'There is no such user.', where='owner', found=name or '', remedy='Set up the agent first, or give the user that it runs as.',
    ), check)


def group_number(name: str | None, *, check: bool = False) -> int | str | None:
    """The number of a group given by name or number. check: where there is no such group yet, the name."""
    return _number(name, lambda group: grp.getgrnam(group).gr_gid, fail(
        'There is no such group.', where='group', found=name or '', remedy='Create the group, or give another one.',
    ), check)


def _number(name: str | None, lookup: Callable[[str], int], failure: Failure, check: bool) -> int | str | None:
    if name is None:
        return None
    if re.fullmatch('[0-9]{1,10}', name) and int(name) < NO_NUMBER:
        return int(name)
    try:
        return lookup(name)
    except (KeyError, ValueError):  # ValueError: characters that no name has
        if check and re.fullmatch(r'[A-Za-z_][A-Za-z0-9_.-]*', name):
            return name
        raise failure from None
