# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Logs of effects and evaluations: their last lines, as text that any terminal and any log file can take."""

from __future__ import annotations

import re
import time
from collections import deque
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import Client
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.failures import typed, understood

LONGEST_LINE = 1000
"""Characters of a line that are worth showing."""
EMPTY_ANSWERS = 3
"""How often a log may say that it goes on and bring nothing, before it counts as ended: it is read when its writer has ended."""
ESCAPES = re.compile(
    r'\x1b\[[0-?]*[ -/]*[@-~]'  # colours and cursor movements
    r'|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?'  # titles and links
    r'|\x1b[ -/]*[0-~]'
    r'|[\x00-\x08\x0b-\x1f\x7f-\x9f]'
)


@understood('the lines of a log')
def tail_of_log(client: Client, path: str, log_id: str, lines: int) -> list[str]:
    """The last lines of the log of what is at a path of the API.

    Whether C(iMin) is inclusive is not documented. Each request therefore names the last line that has come already, and drops it
    when it comes again.
    """
    tail: deque[str] = deque(maxlen=lines)
    last: int | None = None
    empty_answers = 0
    while empty_answers < EMPTY_ANSWERS:
        answer: Any = client.get(path + '/log/lines', {'logId': log_id, 'iMin': last})
        news = sorted((typed(int, line['i']), line['t']) for line in answer['lines'] if last is None or line['i'] > last)
        tail.extend(plain(text) for number, text in news)
        if news:
            last, empty_answers = news[-1][0], 0
        elif answer['done']:
            break
        else:
            empty_answers += 1
            time.sleep(0.5)
    return list(tail)


def plain(text: str) -> str:
    """A line without control characters: what a terminal would show in the end of a line that overwrites itself."""
    shown = text.rstrip('\r\n').rsplit('\r', 1)[-1]
    shown = ESCAPES.sub('', shown)
    return shown if len(shown) <= LONGEST_LINE else shown[:LONGEST_LINE] + ' …'
