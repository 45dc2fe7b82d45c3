# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""A state at hand: its bytes in a file without a name, which vanishes with the process, with their number and their hash."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from .._files import create_private, hidden_file, private_folder, room_for_temporary_files
from .database import MAGIC, open_database
from .document import Entry, entries
from .export import export_text

BLOCK = 1 << 18


@dataclass(frozen=True)
class State:
    """The content of a state file. where: what to call it in messages. sha256: lower-case hexadecimal."""

    file: IO[bytes]
    size: int
    sha256: str
    where: str

    @property
    def is_database(self) -> bool:
        self.file.seek(0)
        return self.file.read(len(MAGIC)) == MAGIC

    def entries(self) -> Iterator[Entry]:
        """What is in it, whether it is an export or, as the plugin for NixOps 2 stores it, a database. An empty file holds nothing."""
        if self.is_database:
            with _exported(self.file, self.where) as export:
                yield from entries(export, self.where)
        elif self.size:
            yield from entries(self.file, self.where)


NOTHING = State(io.BytesIO(), 0, hashlib.sha256().hexdigest(), 'nothing')
"""The content of a file that is not there."""


def write_state(pieces: Iterable[str], file: IO[bytes], where: str) -> State:
    """Write ASCII text to a file and make a state of it."""
    return _written(_blocks(pieces), file, where)


def copy_state(source: IO[bytes], file: IO[bytes], where: str) -> State:
    """Copy a file to another and make a state of the copy."""
    return _written(iter(lambda: source.read(BLOCK), b''), file, where)


def state_of(file: IO[bytes], where: str) -> State:
    """Make a state of what a file holds."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while block := file.read(BLOCK):
        digest.update(block)
        size += len(block)
    return State(file, size, digest.hexdigest(), where)


def _written(blocks: Iterable[bytes], file: IO[bytes], where: str) -> State:
    digest, size = hashlib.sha256(), 0
    for block in blocks:
        with room_for_temporary_files():
            file.write(block)
        digest.update(block)
        size += len(block)
    with room_for_temporary_files():
        file.flush()
    return State(file, size, digest.hexdigest(), where)


def _blocks(pieces: Iterable[str]) -> Iterator[bytes]:
    waiting: list[str] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield ''.join(waiting).encode('ascii')
            waiting, size = [], 0
    yield ''.join(waiting).encode('ascii')


@contextmanager
def _exported(file: IO[bytes], where: str) -> Iterator[IO[bytes]]:
    """The export of all deployments of a database."""
    with private_folder() as folder, hidden_file() as export:
        path = os.path.join(folder, 'state.nixops')
        file.seek(0)
        with create_private(path) as copy:
            shutil.copyfileobj(file, copy, BLOCK)
        with open_database(path, where) as database:
            write_state(export_text(database, [each.uuid for each in database.deployments()], '2.x'), export, where)
        yield export
