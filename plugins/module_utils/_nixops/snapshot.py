# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""A consistent copy of an SQLite database that others may be writing to, made without touching the database.

Opening the database with SQLite is not an option: read-only it leaves `-wal` and `-shm` files behind, read-write it moves rows from
the write-ahead log into the database, immutable it misses the rows in the log, and a read-only folder allows none but the last.

Why the copy is consistent: the log is opened first, then the database is copied, then the log. What moves from the log to the database
meanwhile is in the copied log, too, and counts there, as long as the log was not begun anew: then its header, which holds random
salts, differs afterwards. A rollback journal has such a header as well. With neither of them the database must not change meanwhile.
(https://www.sqlite.org/fileformat2.html, sections 3 and 4)
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO

from .._files import create_private, open_regular, private_folder, room_for_temporary_files
from .._problems import fail

LOGS = ('-wal', '-journal')
HEADER = 32
"""Bytes at the start of a log that change when the log begins anew."""
TRIES = 50


@contextmanager
def snapshot(path: str) -> Iterator[str]:
    """The path of a copy. It is gone afterwards, but what was opened until then can still be read."""
    with suppress(ValueError):  # of what is not a path; opening it says so
        path = os.path.realpath(path)  # the logs lie beside the file itself, not beside a link
    with private_folder() as folder:
        copy = os.path.join(folder, 'copy.nixops')
        try:
            for tried in range(TRIES):
                if _copied(path, copy):
                    break
                time.sleep(0.01 * tried)
            else:
                raise fail(
                    'The database changes faster than it can be read.',
                    where=path,
                    remedy='Wait until NixOps has finished what it is doing',
                )
        except OSError as error:
            remedy = 'Check the path, and that the user who runs this may read the database and the files beside it'
            raise fail('The database cannot be read.', where=error.filename or path, found=str(error.strerror), remedy=remedy) from None
        yield copy


def _copied(path: str, copy: str) -> bool:
    """Copy the database and its logs; whether they belong together."""
    for suffix in ('', *LOGS):  # of a try before: a log that is gone would undo what came after it
        with suppress(FileNotFoundError):
            os.unlink(copy + suffix)
    with ExitStack() as files:
        logs: dict[str, IO[bytes]] = {}
        for suffix in LOGS:
            with suppress(FileNotFoundError):
                logs[suffix] = files.enter_context(open_regular(path + suffix))
        headers = {suffix: _header(log) for suffix, log in logs.items()}
        database = files.enter_context(open_regular(path))
        before = _identity(database)
        _copy(database, copy)
        for suffix, log in logs.items():
            _copy(log, copy + suffix)
        if any(_header(log) != headers[suffix] for suffix, log in logs.items()):
            return False
        if any(header.strip(b'\0') for header in headers.values()):  # a journal that is done with may be all zeros
            return True
        appeared = any(os.path.exists(path + suffix) for suffix in LOGS if suffix not in logs)
        return not appeared and _identity(database) == before


def _header(log: IO[bytes]) -> bytes:
    log.seek(0)
    return log.read(HEADER)


def _identity(file: IO[bytes]) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _copy(source: IO[bytes], target: str) -> None:
    source.seek(0)
    with room_for_temporary_files(), create_private(target) as file:
        shutil.copyfileobj(source, file, 1 << 20)
