# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Wait until jobs have ended: one request a poll, less and less often while nothing changes, and through outages of the service."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Callable, TypeVar

from .._hercules_ci.client import Client
from .._hercules_ci.failures import RequestFailed
from .._hercules_ci.jobs import Situation
from .._problems import Problem
from .progress import Progress

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
PAUSE_GROWTH = 1.4
ANSWERS = ('Hercules CI gives no usable answer, it is asked again', 'Hercules CI does not answer, it is asked again')
Answer = TypeVar('Answer')


@dataclass
class TimedOut(Exception):
    """The time is over.

    words: what there was to say about the jobs then.
    outage: why the service could not be asked, if that was so in the end.
    """

    situation: Situation
    words: list[str]
    outage: RequestFailed | None = None


def watch(
    client: Client,
    situation: Situation,
    look: Callable[[], Situation],
    tell: Callable[[str], None],
    *,
    wait_timeout: float,
    start_timeout: float,
) -> Situation:
    """Ask with `look` until the jobs have ended, and give to `tell` a line whenever something has changed.

    situation: as it is. It has been asked for once, so a service that does not answer from here on will be back.
    Every second poll asks for something inside the jobs instead, where there is anything to ask.
    wait_timeout: seconds until TimedOut is raised.
    start_timeout: the same while there is a job missing, counted anew when the service was away.
    """
    progress = Progress(client)
    start = absent_since = time.monotonic()
    told: list[str] = []
    pause = SHORTEST_PAUSE
    outage: RequestFailed | None = None
    inside = False
    while not situation.ended:
        words = progress.words(situation) if outage is None else [ANSWERS[outage.transient]]
        if words != told:
            pause = SHORTEST_PAUSE
        _tell_news(tell, words, told, time.monotonic() - start)
        told = words
        deadline = start + wait_timeout
        if outage or situation.complete:
            absent_since = time.monotonic()
        else:
            deadline = min(deadline, absent_since + start_timeout)
        rest = deadline - time.monotonic()
        if rest <= 0:
            raise TimedOut(situation, progress.words(situation), outage)
        time.sleep(min(pause, rest))
        pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE)
        inside = not inside and outage is None
        try:
            if not (inside and _ask(progress, situation)):
                situation = look()
            outage = None
        except RequestFailed as failure:
            if failure.refused:
                raise
            outage = failure
    _tell_news(tell, progress.words(situation), told, time.monotonic() - start)
    return situation


class Reader:
    """Reads what is good to know of jobs whose outcome is known: what cannot be read is no failure, and is told as a problem.

    When the service does not answer, it is asked again for some seconds, and then nothing more.
    """

    def __init__(self, client: Client, patience: float | None) -> None:
        """patience: in seconds, all in all; None for as long as there are answers."""
        self.client = client if patience is None else client.within(patience + client.timeout)
        self.problems: list[Problem] = []
        self._deadline = time.monotonic() + (patience or 0.0)
        self._silent = False

    def __call__(self, what: str, ask: Callable[[Client], Answer], instead: Answer) -> Answer:
        """What `ask` returns, else `instead`. what: the beginning of a sentence."""
        while not self._silent:
            try:
                return ask(self.client)
            except RequestFailed as failure:
                if failure.transient and time.monotonic() + LONGEST_PAUSE <= self._deadline:
                    time.sleep(LONGEST_PAUSE)
                    continue
                self._silent = failure.transient
                self.note(what, failure)
                break
        return instead

    def note(self, what: str, failure: RequestFailed) -> None:
        """Tell that something could not be read."""
        (problem,) = failure.problems
        self.problems.append(replace(problem, what='%s could not be read: %s' % (what, problem.what), severity='warning'))


def _ask(progress: Progress, situation: Situation) -> bool:
    try:
        return progress.ask(situation)
    except RequestFailed as failure:
        if failure.transient:
            raise
        return True  # progress is a courtesy: what cannot be told about a job does not end the waiting for it


def _tell_news(tell: Callable[[str], None], words: list[str], told: list[str], elapsed: float) -> None:
    for line in words:
        if line not in told:
            tell('[%d:%02d] %s' % (*divmod(int(elapsed), 60), line))
