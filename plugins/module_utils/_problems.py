# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What is wrong, where, and what to do about it: the one shape of every error the collection reports."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in words for the person who has to put it right.

    No field may hold the value of a secret: problems are printed, logged and returned.

    what: one sentence with its full stop, which can stand alone.
    where: a file, a JSON path, a URL, or a host and its variable.
    expected, found: both or neither make sense to a reader; short, no full stop needed.
    remedy: what to do next, as an imperative sentence.
    severity: `error` stops a run, `warning` does not.
    """

    what: str
    where: str = ''
    expected: str = ''
    found: str = ''
    remedy: str = ''
    severity: str = 'error'

    def __str__(self) -> str:
        parts = [self.what]
        for label, text in (('Where', self.where), ('Expected', self.expected), ('Found', self.found), ('To do', self.remedy)):
            if text:
                parts.append('%s: %s' % (label, text if text.endswith(('.', '!', '?')) else text + '.'))
        return ' '.join(parts)

    def as_dict(self) -> dict[str, str]:
        """The fields that say something, for a module's results."""
        names = ('severity', 'what', 'where', 'expected', 'found', 'remedy')
        return {name: getattr(self, name) for name in names if getattr(self, name)}


@dataclass
class Failure(Exception):
    """Raised by the logic for whatever a user could put right; modules turn it into `fail_json(**failure.result())`."""

    problems: tuple[Problem, ...]
    extra: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return str(self.problems[0])
        return '\n'.join('%d. %s' % (number, problem) for number, problem in enumerate(self.problems, 1))

    def result(self) -> dict[str, Any]:
        """Arguments for fail_json: `msg`, the same as data in `problems`, and what else the raiser wants returned."""
        return {'msg': str(self), 'problems': [problem.as_dict() for problem in self.problems], **self.extra}


def fail(what: str, where: str = '', expected: str = '', found: str = '', remedy: str = '', **extra: Any) -> Failure:
    """A Failure of one problem, to be raised: `raise fail('…', where=…)`."""
    return Failure((Problem(what, where, expected, found, remedy),), extra)


def missing_package(name: str) -> Failure:
    """Of a package of Python's that only some tasks need."""
    return fail('The Python package %s is missing on the controller.' % name, where=sys.executable,
                remedy='Install it for this Python, for example with: pip install %s' % name)


def require_none(problems: Iterable[Problem], /, **extra: Any) -> None:
    """Raise a Failure with all of these problems, if there are any. extra: what else is to be returned then."""
    found = tuple(problems)
    if found:
        raise Failure(found, extra)


def listed(names: Sequence[str], most: int = 10) -> str:
    """Names for people, not too many of them."""
    return ', '.join(names[:most]) + (' and %d more' % (len(names) - most) if len(names) > most else '')


def errors_of(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Those problems that stop a run."""
    return tuple(problem for problem in problems if problem.severity == 'error')
