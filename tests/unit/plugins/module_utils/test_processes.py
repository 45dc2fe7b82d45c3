# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Being told to end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._processes import SIGNALS, ending_in_order


@pytest.fixture(autouse=True)
def usual_signals() -> Iterator[None]:
    """As in a process that nobody has told to ignore any."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize('number', SIGNALS)
def test_a_signal_is_a_failure_and_the_next_one_does_not_disturb(number: signal.Signals) -> None:
    done = []
    with pytest.raises(Failure, match='interrupted by signal %d' % number), ending_in_order():
        try:
            os.kill(os.getpid(), number)
        finally:
            for second in SIGNALS:
                os.kill(os.getpid(), second)
            done.append('the lock is released')
    assert done
    assert {signal.getsignal(each) for each in SIGNALS} == {signal.default_int_handler}


def test_what_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ending_in_order():
        os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGTERM) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
