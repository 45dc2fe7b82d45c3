# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""How this process ends: with nothing left held or running."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ._problems import fail

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
"""A lost connection to the host, Ctrl-C, which Ansible hands on to what runs a task, and kill."""


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Raise a Failure where a signal would end the process at once, so that locks are released, copies removed and programs ended.

    A signal that is ignored, as by nohup, stays so.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for number in heeded:
            signal.signal(number, _interrupted)
        yield
    finally:
        for number, handler in heeded.items():
            signal.signal(number, handler)


def _interrupted(signal_number: int, _frame: object) -> None:
    for number in SIGNALS:  # no second one disturbs the end
        signal.signal(number, signal.SIG_IGN)
    raise fail('The task was interrupted by signal %d.' % signal_number, remedy='Run it again: it looks first at what is there')
