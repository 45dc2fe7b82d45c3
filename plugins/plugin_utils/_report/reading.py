# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The options of nixops_report, read by allow list: what is not known to be fit for a report is refused, not shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from ...module_utils._problems import Problem, require_none
from ...module_utils._secrets import condition
from .outcome import FROM_GIT, TONES, Agent, Outcome, ReportedKey, Secret, printable

_REST = re.compile(r' (?:Where|Expected|Found|To do): |\n')


def outcomes_of(networks: Any) -> list[Outcome]:
    """The option `networks` in the order of every report: by project, network and branch. A Failure names each place that is wrong."""
    reader = _Reader()
    read = [reader.outcome(value, 'networks[%d]' % index) for index, value in enumerate(reader.items(networks, 'networks'))]
    require_none(reader.problems_found)
    return sorted(read, key=lambda outcome: (outcome.project, outcome.network, outcome.branch))


def agents_of(agents: Any) -> list[Agent]:
    """The option `agents` by name. A Failure names each place that is wrong, and never shows what stands there."""
    reader = _Reader()
    read = [
        Agent(printable(host), tuple(
            reader.secret(name, entry, 'agents.%s.%s' % (host, name))
            for name, entry in sorted(reader.mapping(secrets, 'agents.%s' % host).items())
        ))
        for host, secrets in sorted(reader.mapping(agents, 'agents').items())
    ]
    require_none(reader.problems_found)
    return read


def keys_of(keys: Any) -> list[ReportedKey]:
    """The option `keys` by user. A Failure names each place that is wrong."""
    reader = _Reader()
    read = [reader.key(value, 'keys[%d]' % index) for index, value in enumerate(reader.items(keys, 'keys'))]
    require_none(reader.problems_found)
    return sorted(read, key=lambda key: (key.user, key.secret))


class _Reader:
    """Takes the values that are as they should be and remembers where the others are."""

    def __init__(self) -> None:
        self.problems_found: list[Problem] = []
        self._readers: dict[str, Callable[[Any, str], Any]] = {
            **{field.name: self.text for field in fields(Outcome)},
            'result': self.result, 'job_url': self.web_address, 'message': self.sentence, 'secrets_map': self.secrets_map,
            'problems': self.problems, 'log': self.lines, 'planned': self.lines,
            'earlier': self.truth, 'job': self.number, 'state_version_before': self.number, 'state_version_after': self.number,
        }

    def wrong(self, where: str, expected: str, value: Any) -> None:
        found = 'a value of type %s' % _type_name(value)
        self.problems_found.append(Problem('The report cannot take this.', where=where, expected=expected, found=found))

    def items(self, value: Any, where: str) -> Sequence[Any]:
        if isinstance(value, (list, tuple)):
            return value
        self.wrong(where, 'a list', value)
        return []

    def mapping(self, value: Any, where: str, allowed: Sequence[str] = ()) -> Mapping[str, Any]:
        """A dictionary with names as keys and, if `allowed` is given, with no others than these."""
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            self.wrong(where, 'a dictionary', value)
            return {}
        unknown = sorted(set(value) - set(allowed)) if allowed else []
        for key in unknown:
            what = 'A report has no use for %s.' % printable(key)
            self.problems_found.append(Problem(what, where=where, remedy='Leave it out.'))
        return value

    def text(self, value: Any, where: str) -> str:
        if isinstance(value, str):
            return printable(str(value))
        self.wrong(where, 'a string', value)
        return ''

    def number(self, value: Any, where: str) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool):
            return int(value)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value)
        self.wrong(where, 'a whole number', value)
        return None

    def truth(self, value: Any, where: str) -> bool:
        if not isinstance(value, bool):
            self.wrong(where, 'true or false', value)
        return value is True

    def outcome(self, value: Any, where: str) -> Outcome:
        entry = self.mapping(value, where, [field.name for field in fields(Outcome)])
        read: dict[str, Any] = {'network': '', 'project': '', 'branch': '', 'result': 'failed'}
        for name in ('network', 'project', 'branch', 'result'):
            if entry.get(name) in (None, ''):
                self.problems_found.append(Problem('%s is missing.' % name, where=where))
        for name, given in entry.items():
            if name in self._readers and given not in (None, ''):
                read[name] = self._readers[name](given, '%s.%s' % (where, name))
        return Outcome(**read)

    def result(self, value: Any, where: str) -> str:
        if isinstance(value, str) and value in TONES:
            return str(value)
        self.wrong(where, 'one of %s' % ', '.join(TONES), value)
        return 'failed'

    def web_address(self, value: Any, where: str) -> str:
        address = self.text(value, where)
        return address if address.startswith(('https://', 'http://')) else ''

    def sentence(self, value: Any, where: str) -> str:
        """The first sentence of a Problem. What was found is left out, as it may quote a log, which may hold anything."""
        return printable(_REST.split(value.strip(), maxsplit=1)[0]) if isinstance(value, str) else self.text(value, where)

    def problems(self, value: Any, where: str) -> tuple[Problem, ...]:
        """As modules return them, each text in one line."""
        return tuple(self.problem(entry, '%s[%d]' % (where, index)) for index, entry in enumerate(self.items(value, where)))

    def problem(self, value: Any, where: str) -> Problem:
        names = [field.name for field in fields(Problem)]
        entry = self.mapping(value, where, names)
        lines = {name: ' '.join(entry[name].split()) if isinstance(entry[name], str) else entry[name] for name in names if name in entry}
        return Problem(**{'what': '', **{name: self.text(line, where) for name, line in lines.items()}})

    def lines(self, value: Any, where: str) -> tuple[str, ...]:
        return tuple(self.text(line.expandtabs() if isinstance(line, str) else line, where) for line in self.items(value, where))

    def key(self, value: Any, where: str) -> ReportedKey:
        """What aws_key returns of a user. The sentence of a failure is the first: the rest may quote what somebody else wrote."""
        entry = self.mapping(value, where, ('user', 'secret', 'key', 'age_days', 'keys', 'step', 'next', 'done', 'left', 'problems'))
        texts = {name: self.text(entry.get(name, ''), '%s.%s' % (where, name)) for name in ('user', 'secret', 'key', 'step')}
        of_user = [self.mapping(each, where + '.keys', ('key', 'active', 'created')) for each in self.items(entry.get('keys', []), where)]
        made = [self.text(each.get('created', ''), where + '.keys') for each in of_user if each.get('key') == entry.get('key')]
        return ReportedKey(**texts, made=made[0][:10] if made else '', next=self.sentence(entry.get('next', ''), where + '.next'))

    def secrets_map(self, value: Any, where: str) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(
            (printable(key), FROM_GIT if name == {'type': FROM_GIT} else self.text(name, '%s.%s' % (where, key)))
            for key, name in self.mapping(value, where).items()
        ))

    def secret(self, name: str, value: Any, where: str) -> Secret:
        entry = self.mapping(value, where, ['fields', 'condition', 'usable_by'])
        names = [self.text(field, where + '.fields') for field in self.items(entry.get('fields', []), where + '.fields')]
        wanted = entry.get('condition')
        if wanted is not None and any(condition.problems_in(wanted)):
            self.wrong(where + '.condition', 'a condition of a secret', wanted)
            wanted = None
        return Secret(printable(name), tuple(sorted(names)), printable(condition.in_words(wanted)) if 'condition' in entry else '')


def _type_name(value: Any) -> str:
    kinds = (bool, int, float, str, list, dict)
    return next((kind.__name__ for kind in kinds if isinstance(value, kind)), 'null' if value is None else 'unknown')
