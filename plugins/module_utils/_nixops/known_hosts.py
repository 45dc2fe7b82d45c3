# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The file of known hosts beside a state, in the format of sshd(8). Of a line that is something else nothing is ever shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from .._problems import fail
from .comparison import Item, compare
from .difference import Difference, Differences
from .state import State

KEY = rb'(?:ssh|ecdsa|sk)-\S+[ \t]+[A-Za-z0-9+/]+=*|(?:\d+[ \t]+){2}\d+'
LINE = re.compile(rb'(?:@[a-z-]+[ \t]+)?(?P<host>[^\s@#]\S*)[ \t]+(?:%s)(?:[ \t].*)?' % KEY)


def require_known_hosts(state: State, name: str, state_name: str) -> None:
    """Refuse to store them as a newer version of the state, which an effect would not find any longer, and refuse what is something else.

    That may be a key: the path is given by hand, and the file would lie on the server for ever.
    """
    if name == state_name:
        raise fail(
            'The state and the known hosts cannot be in the same file.',
            where='known_hosts_name',
            expected='another name than that of the state',
            found=name,
            remedy='Name them as the effect does, in stateName and knownHostsName',
        )
    state.file.seek(0)
    for number, line in enumerate(state.file, 1):
        if _is_entry(line) and not LINE.fullmatch(line.strip()):
            raise fail(
                'This is not a file of known hosts.',
                where='%s, line %d' % (state.where, number),
                expected='HOST KEY-TYPE KEY on each line, as ssh-keyscan prints it',
                remedy='Give the file that holds the host keys, usually ~/.ssh/known_hosts',
            )


def host_differences(here: State, there: State) -> Differences:
    """Which hosts have lines in the one that are not in the other."""
    return Differences.of(_differing_hosts(here, there))


def _differing_hosts(here: State, there: State) -> Iterator[Difference]:
    for host, lines in groupby(compare(_items(here), _items(there)), key=lambda line: line[0]):
        yield from (Difference('', host, change) for change in sorted({change for _host, _line, change in lines}))


def _is_entry(line: bytes) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(b'#')


def _items(state: State) -> Iterator[Item]:
    state.file.seek(0)
    for line in state.file:
        if _is_entry(line):
            yield _host(line.strip()), line.strip().decode('latin-1'), b''  # which loses nothing


def _host(line: bytes) -> str:
    entry = LINE.fullmatch(line)
    return entry['host'].decode('utf-8', 'replace') if entry else 'a line that names no host'
