# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Logs of effects and evaluations: their last lines, as text that any terminal and any log file can take."""

from __future__ import annotations

import re
import time
from collections import deque
from typing import Any

from .answers import Maybe
from .client import Client

LONGEST_LINE = 1000
"""Characters of a line that are worth showing."""
EMPTY_ANSWERS = 3
"""How often a log may say that it goes on and bring nothing, before it counts as ended: it is read when its writer has ended."""
LINES = {'lines': [{'i': int, 't': Maybe(str)}], 'done': Maybe(bool)}
ESCAPES = re.compile(
    r'\x1b\[[0-?]*[ -/]*[@-~]'  # colours and cursor movements
    r'|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?'  # titles and links
    r'|\x1b[ -/]*[0-~]'
    r'|[\x00-\x08\x0b-\x1f\x7f-\x9f]'
)


def tail_of_log(client: Client, path: str, log_id: str, lines: int) -> list[str]:
    """The last lines of the log of what is at a path of the API.

    Whether `iMin` is inclusive is not documented, nor how many lines come at a time. A request therefore names the last line that has come
    already, and once that has come again, it is known that the next line can be named without losing it.
    """
    tail: deque[str] = deque(maxlen=lines)
    last, step = None, 0
    empty_answers = 0
    while empty_answers < EMPTY_ANSWERS:
        answer: Any = client.get(path + '/log/lines', {'logId': log_id, 'iMin': None if last is None else last + step}, LINES)
        known = last
        for line in sorted(answer['lines'], key=lambda line: line['i']):
            if last is None or line['i'] > last:
                last = line['i']
                tail.append(printable_line(line.get('t') or ''))
        if answer.get('done'):
            break
        repeated = step == 0 and any(line['i'] == known for line in answer['lines'])
        if repeated:
            step = 1
        if last != known or repeated:
            empty_answers = 0
        else:
            empty_answers += 1
            time.sleep(0.5)
    return list(tail)


def printable_line(text: str) -> str:
    """A line without control characters: what a terminal would show in the end of a line that overwrites itself."""
    shown = text.rstrip('\r\n').rsplit('\r', 1)[-1]
    shown = ESCAPES.sub('', shown)
    return shown if len(shown) <= LONGEST_LINE else shown[:LONGEST_LINE] + ' …'
