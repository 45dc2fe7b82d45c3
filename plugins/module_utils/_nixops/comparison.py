# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Two sets of any size compared on disk, in a temporary database that SQLite deletes as it opens it: nobody else can, and nothing stays.

Not even hashes of secrets get there, but hashes made with a key that only this process knows.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing

from .._problems import fail

CHANGED, ONLY_HERE, ONLY_THERE = 'changed', 'only here', 'only on the server'
Item = tuple[str, str, bytes]
"""A key of two parts, and the fingerprint of what belongs to it."""
KEY = os.urandom(32)


def fingerprint(text: str) -> bytes:
    """Something short that is the same for the same text, in this process and in no other."""
    return hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=16, key=KEY).digest()


def compare(here: Iterable[Item], there: Iterable[Item]) -> Iterator[tuple[str, str, str]]:
    """The keys that differ, in their order, and how: CHANGED, ONLY_HERE or ONLY_THERE. Of items with the same key the last counts."""
    try:
        with closing(sqlite3.connect('', isolation_level=None)) as database:
            database.executescript(_TABLE)
            database.executemany(_HERE, map(_encoded, here))
            database.executemany(_THERE, map(_encoded, there))
            for first, second, mine, theirs in database.execute(_DIFFERENT):
                yield _text(first), _text(second), ONLY_THERE if mine is None else ONLY_HERE if theirs is None else CHANGED
    except sqlite3.Error as error:
        remedy = 'See whether the disk with the temporary files is full; TMPDIR names another folder for them'
        raise fail('What is here and on the server cannot be compared.', found=str(error), remedy=remedy) from None


def _encoded(item: Item) -> tuple[bytes, bytes, bytes]:
    # As bytes, which sort like the text, because SQLite's text has no lone surrogates.
    first, second, what = item
    return first.encode('utf-8', 'surrogatepass'), second.encode('utf-8', 'surrogatepass'), what


def _text(data: bytes) -> str:
    return data.decode('utf-8', 'surrogatepass')


_TABLE = """
pragma journal_mode = off;
create table Compared (first blob, second blob, here blob, there blob, primary key (first, second)) without rowid;
begin;
"""
_HERE = 'insert or replace into Compared values (?, ?, ?, null)'
_THERE = """
insert into Compared values (?, ?, null, ?) on conflict (first, second) do update set there = excluded.there
"""
_DIFFERENT = 'select * from Compared where here is not there order by first, second'
