# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Bring a state back from a backup: what is taken of it, and that it is, byte for byte, what was put in."""

from __future__ import annotations

import os
from typing import IO

from ...module_utils._files import create_private, room_for_temporary_files
from ...module_utils._nixops.state import State, state_of
from ...module_utils._problems import fail
from .index import Copy, File, Index
from .store import Store


def choose(index: Index, file: File, version: int | None, where: str) -> Copy:
    """The copy of a file with this version, None for the last good one. Raises Failure where there is none."""
    copies = index.of(file)
    chosen = index.last_good(file) if version is None else next((copy for copy in reversed(copies) if copy.version == version), None)
    if chosen and chosen.good:
        return chosen
    if chosen:
        raise fail('This version cannot be used.', where='%s, %s' % (where, chosen), found=chosen.problem, remedy='Take another version.')
    good = [copy.version for copy in copies if copy.good]
    raise fail(
        'The backup has no such version.' if good else 'The backup has no state that could be restored.',
        where='%s, %s of %s' % (where, file[1], file[0]), expected='one of %s' % ', '.join(map(str, good)) if good else 'a good copy',
        found='' if version is None else 'version %d' % version, remedy='Look at index.json of the backup.',
    )


def fetch(store: Store, copy: Copy, file: IO[bytes]) -> State:
    """The content of a copy, byte for byte what was put in. Raises Failure where it is not."""
    with room_for_temporary_files():
        store.get(copy.sha256, file)
        file.flush()
    state = state_of(file, '%s, %s' % (store.where, copy))
    if (state.size, state.sha256) != (copy.size, copy.sha256):
        raise fail('The content of the backup is not what was put in.', where=state.where,
                   expected='%d bytes, sha256 %s' % (copy.size, copy.sha256), found='%d bytes, sha256 %s' % (state.size, state.sha256),
                   remedy='Take another version, and look at the disk. Run the backup again if this is the newest version.')
    return state


def known_hosts_file(store: Store, copy: Copy, folder: str) -> str:
    """A file with the known hosts, in a private folder."""
    path = os.path.join(folder, 'known_hosts')
    with create_private(path) as file:
        store.get(copy.sha256, file)
    with open(path, 'rb') as file:
        if state_of(file, path).sha256 != copy.sha256:
            raise fail('The content of the backup is not what was put in.', where='%s, %s' % (store.where, copy),
                       remedy='Take another version, or restore without them (known_hosts: false).')
    return path
