# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparing on disk: the same as comparing two dicts, and nobody can read along."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops import comparison
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.comparison import compare, fingerprint
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.sampled_from(('', 'a', 'b', 'é', '\ud800', '\U0001f600', '\0', '\uffff'))
ITEMS = st.lists(st.tuples(TEXT, TEXT, st.sampled_from((b'', b'1', b'2'))), max_size=12)


@given(ITEMS, ITEMS)
def test_like_two_dicts(here: list[tuple[str, str, bytes]], there: list[tuple[str, str, bytes]]) -> None:
    mine, theirs = ({(first, second): what for first, second, what in items} for items in (here, there))
    expected = [
        (*key, 'only here' if key not in theirs else 'only on the server' if key not in mine else 'changed')
        for key in sorted(mine.keys() | theirs.keys())
        if mine.get(key) != theirs.get(key)
    ]
    assert list(compare(here, there)) == expected


def test_what_is_on_disk_has_no_name_and_one_reader() -> None:
    found = compare((('deployment', 'machine-%d' % number, b'-' * 16) for number in range(60_000)), ())
    next(found)
    descriptors = [Path('/proc/self/fd') / name for name in os.listdir('/proc/self/fd')]
    files = [each for each in descriptors if each.is_symlink() and 'etilqs' in os.readlink(each)]  # SQLite's own name for them
    assert files
    for file in files:
        status = file.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_nlink) == (0o600, 0)
        assert status.st_size > 1 << 20
    found.close()


def test_no_room_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, '_TABLE', comparison._TABLE + 'pragma max_page_count = 10;')
    with pytest.raises(Failure, match=r'cannot be compared.*disk is full.*To do: '):
        list(compare((('deployment', 'machine-%d' % number, b'') for number in range(10_000)), ()))


def test_a_fingerprint_is_no_hash_that_others_could_look_up() -> None:
    assert fingerprint('secret') == fingerprint('secret') != fingerprint('other')
    assert len(comparison.KEY) == 32
    assert fingerprint('\ud800')
