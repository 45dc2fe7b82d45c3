# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What a report tells of networks and agents: names, numbers and links, which all may be shown."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...module_utils._problems import Problem

TONES = {
    'deployed': 'good', 'unchanged': 'good',
    'rolled back': 'open', 'pushed': 'open', 'tried': 'open', 'skipped': 'open', 'would push': 'open',
    'would try': 'open', 'would deploy': 'open',
    'cancelled': 'bad', 'timed out': 'bad', 'failed': 'bad',
}
"""Every result there is, the worst last, and how a reader takes it."""

FROM_GIT = 'GitToken'  # the type of a secret that Hercules CI makes
SHORT_COMMIT = 8
NOTHING = '–'


@dataclass(frozen=True)
class Outcome:
    """How one branch of one network ended. Empty or None: not known.

    job_url: a web address. message: one sentence. plan: in short. planned: in full, line by line. problems: the message in full. log: the
    last lines of what failed. earlier: whether that came about before this run. secrets_map: pairs of the effect's name for a secret and
    the secret's own.
    """

    network: str
    project: str
    branch: str
    result: str
    commit: str = ''
    state_version_before: int | None = None
    state_version_after: int | None = None
    job: int | None = None
    job_url: str = ''
    message: str = ''
    problems: tuple[Problem, ...] = ()
    log: tuple[str, ...] = ()
    plan: str = ''
    planned: tuple[str, ...] = ()
    earlier: bool = False
    secrets_map: tuple[tuple[str, str], ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Those that it reads."""
        return tuple(name for _key, name in self.secrets_map)

    @property
    def tone(self) -> str:
        return TONES[self.result]

    @property
    def state(self) -> str:
        """The versions of the state file before and after, as one cell of a table."""
        before, after = ('–' if version is None else str(version) for version in (self.state_version_before, self.state_version_after))
        return before if before == after else '%s → %s' % (before, after)


class Cell(NamedTuple):
    """text: as a terminal shows it, empty where there is nothing. whole: of what the text is the beginning. link: a web address."""

    text: str
    whole: str = ''
    link: str = ''


class Column(NamedTuple):
    """What tables, on terminals and pages, show of an outcome.

    always: also where all cells are empty. short: whether a page keeps it as narrow as it can be.
    """

    heading: str
    cell: Callable[[Outcome], Cell]
    always: bool = True
    short: bool = True


def job_name(outcome: Outcome) -> str:
    """How people refer to a job: by its index."""
    return NOTHING if outcome.job is None else '#%d' % outcome.job


COLUMNS = (
    Column('Network', lambda outcome: Cell(outcome.network), short=False),
    Column('Branch', lambda outcome: Cell(outcome.branch), short=False),
    Column('Commit', lambda outcome: Cell(outcome.commit[:SHORT_COMMIT] or NOTHING, whole=outcome.commit)),
    Column('State', lambda outcome: Cell(outcome.state)),
    Column('Job', lambda outcome: Cell(job_name(outcome), link=outcome.job_url)),
    Column('Plan', lambda outcome: Cell(outcome.plan), always=False),
    Column('Result', lambda outcome: Cell(outcome.result), short=False),
)
"""In their order. The first says what a line is about, and the last how that ended."""


def columns_of(outcomes: Sequence[Outcome]) -> tuple[Column, ...]:
    """Those that these outcomes need."""
    return tuple(column for column in COLUMNS if column.always or any(column.cell(outcome).text for outcome in outcomes))


@dataclass(frozen=True)
class Secret:
    """What may be told of a secret that an agent has. fields: names. usable_by: its condition in words, empty if not known."""

    name: str
    fields: tuple[str, ...]
    usable_by: str


@dataclass(frozen=True)
class ReportedKey:
    """An access key of AWS: of which user, in which secret, the end of its ID, the day it was made, and what comes next, in a sentence."""

    user: str
    secret: str
    key: str
    made: str
    step: str
    next: str


@dataclass(frozen=True)
class Agent:
    """A host that runs effects, with its secrets by name."""

    name: str
    secrets: tuple[Secret, ...]


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many there are of each result: `3 networks: 1 failed, 2 deployed`."""
    networks = counted(len({outcome.network for outcome in outcomes}), 'network')
    if len({outcome.network for outcome in outcomes}) != len(outcomes):
        networks = '%s of %s' % (counted(len(outcomes), 'deployment'), networks)
    numbers = ', '.join('%d %s' % (number, result) for result, number in result_numbers(outcomes))
    return '%s: %s' % (networks, numbers) if numbers else networks


def result_numbers(outcomes: Sequence[Outcome]) -> list[tuple[str, int]]:
    """The results that occur and how often, the worst first."""
    numbers = Counter(outcome.result for outcome in outcomes)
    return [(result, numbers[result]) for result in reversed(TONES) if result in numbers]


def counted(number: int, noun: str) -> str:
    return '%d %s' % (number, noun if number == 1 else noun + ('es' if noun.endswith('ch') else 's'))


def printable(text: str) -> str:
    """`text` without what a terminal or a browser would obey: control characters and marks that turn the direction of writing."""
    obeyed = ('Cc', 'Cf', 'Cs', 'Zl', 'Zp')
    return ''.join('\N{REPLACEMENT CHARACTER}' if unicodedata.category(character) in obeyed else character for character in text)
