# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The file of known hosts beside a state, in the format of sshd(8). Of a line that is something else nothing is ever shown."""

from __future__ import annotations

import re

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.difference import Difference
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import State
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import fail

KEY = rb'(?:ssh|ecdsa|sk)-\S+[ \t]+[A-Za-z0-9+/]+=*|(?:\d+[ \t]+){2}\d+'
LINE = re.compile(rb'(?:@[a-z-]+[ \t]+)?(?P<host>[^\s@#]\S*)[ \t]+(?:%s)(?:[ \t].*)?' % KEY)


def require_known_hosts(state: State) -> None:
    """Refuse what is something else, perhaps a key: the name is given by hand, and the file would lie on the server for ever."""
    state.file.seek(0)
    for number, line in enumerate(state.file, 1):
        if _is_entry(line) and not LINE.fullmatch(line.strip()):
            raise fail(
                'This is not a file of known hosts.',
                where='%s, line %d' % (state.where, number),
                expected='HOST KEY-TYPE KEY on each line, as ssh-keyscan prints it',
                remedy='Give the file that holds the host keys, usually ~/.ssh/known_hosts',
            )


def host_differences(here: State, there: State) -> list[Difference]:
    """Which hosts have lines in the one that are not in the other."""
    mine, theirs = _lines(here), _lines(there)
    found = {(_host(line), 'only here') for line in mine - theirs} | {(_host(line), 'only on the server') for line in theirs - mine}
    return [Difference('', host, change) for host, change in sorted(found)]


def _is_entry(line: bytes) -> bool:
    return bool(line.strip()) and not line.startswith(b'#')


def _lines(state: State) -> set[bytes]:
    state.file.seek(0)
    return {line.strip() for line in state.file if _is_entry(line)}


def _host(line: bytes) -> str:
    entry = LINE.fullmatch(line)
    return entry['host'].decode('utf-8', 'replace') if entry else 'a line that names no host'
