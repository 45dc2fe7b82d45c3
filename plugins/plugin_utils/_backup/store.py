# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Where a backup lies: a folder of the controller."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from typing import IO, Any, Protocol

from ...module_utils._files import locked, open_regular, read_if_present, remedy_for, remove, write_atomically
from ...module_utils._problems import fail

INDEX = 'index.json'
CONTENTS = 'contents'


class Changed(Exception):
    """Somebody else has written the index meanwhile."""


class Store(Protocol):
    """A place for an index and for contents that are named by their hashes.

    grace: for how long a content that is no longer needed stays, because another run may be about to need it.
    """

    where: str
    grace: timedelta

    def alone(self) -> Any:
        """A context in which no other run changes this place, where that can be had."""

    def read_index(self) -> tuple[bytes | None, Any]:
        """The index, None where there is none, and what tells later whether it has changed."""

    def write_index(self, content: bytes, seen: Any) -> None:
        """Put an index in the place of the one that was seen. Raises Changed."""

    def has(self, sha256: str) -> bool:
        """Whether a content that the index names is there, as far as that costs nothing."""

    def put(self, sha256: str, size: int, content: IO[bytes]) -> None:
        """Keep a content."""

    def get(self, sha256: str, target: IO[bytes]) -> None:
        """Copy a content into a file. Raises Failure where there is none."""

    def remove(self, sha256: str) -> None:
        """Let go of a content, which may be gone already."""


class Folder:
    """A folder. It and all in it are for its owner only: states hold private keys."""

    grace = timedelta(0)

    def __init__(self, path: str, *, make: bool) -> None:
        """make: whether the folder may be made. Raises Failure where there is none else."""
        self.where = path
        self._contents = os.path.join(path, CONTENTS)
        self._index = os.path.join(path, INDEX)
        try:
            if make:
                os.makedirs(os.path.dirname(path.rstrip('/')) or '.', exist_ok=True)
                for folder in (path, self._contents):
                    if not os.path.isdir(folder):
                        os.mkdir(folder, 0o700)
        except OSError as error:
            raise fail('The folder cannot be made.', where=path, found=error.strerror or str(error), remedy=remedy_for(error)) from None

    def alone(self) -> Any:
        return locked(self._index)

    def read_index(self) -> tuple[bytes | None, Any]:
        return read_if_present(self._index, follow=True), None

    def write_index(self, content: bytes, seen: Any) -> None:
        write_atomically(self._index, content)

    def has(self, sha256: str) -> bool:
        return os.path.isfile(self._path(sha256))

    def put(self, sha256: str, size: int, content: IO[bytes]) -> None:
        content.seek(0)
        with locked(self._path(sha256)):
            write_atomically(self._path(sha256), content)

    def get(self, sha256: str, target: IO[bytes]) -> None:
        try:
            with open_regular(self._path(sha256)) as content:
                shutil.copyfileobj(content, target, 1 << 18)
        except OSError as error:
            raise fail('A content of the backup cannot be read.', where=self._path(sha256), found=error.strerror or str(error),
                       remedy=remedy_for(error) if not isinstance(error, FileNotFoundError) else
                       'Look who removed it. Run the backup again: it fetches what Hercules CI still has as its newest version.') from None

    def remove(self, sha256: str) -> None:
        remove(self._path(sha256))

    def _path(self, sha256: str) -> str:
        return os.path.join(self._contents, sha256)
