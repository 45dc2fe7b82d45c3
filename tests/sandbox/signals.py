# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a process that serves is told to end."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable


def expect_the_end() -> Callable[[], object]:
    """From now on SIGTERM and SIGINT end nothing by themselves. Returns what waits for one of them, on the main thread.

    A thread that starts a program may be the one that a signal reaches. Only what arrives on a descriptor wakes the main thread then:
    it would wait for an Event for ever.
    """
    arrived, arrival = socket.socketpair()
    arrival.setblocking(False)
    signal.set_wakeup_fd(arrival.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: arrival)  # keeps it open, too
    return lambda: arrived.recv(1)
