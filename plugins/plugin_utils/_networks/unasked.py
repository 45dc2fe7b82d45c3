# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The variables of agents without the values that a lookup has to fetch: the tasks that provide an agent ask for those, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ...module_utils._secrets.options import OF_AGENT
from .._templates import MARKS, asks, leaves_of, written
from .._variables import HostVariables
from .specs import variables_for

SECRETS = 'nixops_agent_secrets'
FILES = frozenset(variables_for(OF_AGENT, 'agent', 'nixops_agent_').values())
UNKNOWN = 'a value that nobody has asked for'
"""Stands for a value or a condition, and as a name for names that are not known."""
UNKNOWN_ENTRY = MappingProxyType({'data': {UNKNOWN: UNKNOWN}, 'condition': UNKNOWN})
"""A secret of which a lookup knows everything."""


@dataclass(frozen=True)
class LookedUp:
    """What preflight does not know of an agent's secrets, as a lookup has to be asked: all, names too, or conditions of some."""

    all: bool = False
    conditions: frozenset[str] = frozenset()


def asked_for(value: Any, variables: Mapping[str, Any]) -> LookedUp:
    """What a lookup has to be asked for, of secrets as they were written, before it is known."""
    secrets = written(value, variables)
    if not isinstance(secrets, Mapping):
        return LookedUp(asks(secrets, variables))
    entries = {name: written(entry, variables) for name, entry in secrets.items()}
    conditions = {name: entry.get('condition') if isinstance(entry, Mapping) else entry for name, entry in entries.items()}
    return LookedUp(False, frozenset(name for name, condition in conditions.items() if asks(condition, variables)))


class Sparing(HostVariables):
    """The variables of an agent, in which no lookup of a value is asked. What a lookup has to do with names of secrets is not known."""

    def __getitem__(self, name: str) -> Any:
        value = self.raw[name]
        if name == SECRETS:
            secrets = written(value, self.raw)
            if isinstance(secrets, Mapping):
                return {secret: self._entry(entry) for secret, entry in secrets.items()}
            return {UNKNOWN: {}} if asks(secrets, self.raw) else self.evaluate(value)
        return self._value(value) if name in FILES else self.evaluate(value)

    def leaves(self, name: str) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """The parts of a variable that may be evaluated to see what is wrong."""
        return leaves_of(self.raw[name], self.raw)

    def _entry(self, value: Any) -> Any:
        entry = written(value, self.raw)
        if isinstance(entry, Mapping):
            return {part: self._data(text) if part == 'data' else self._condition(text) for part, text in entry.items()}
        return dict(UNKNOWN_ENTRY) if asks(entry, self.raw) else self.evaluate(value)

    def _condition(self, value: Any) -> Any:
        return UNKNOWN if asks(value, self.raw) else self.evaluate(value)

    def _data(self, value: Any) -> Any:
        data = written(value, self.raw)
        if isinstance(data, Mapping):
            return {field: self._value(text) for field, text in data.items()}
        return {UNKNOWN: UNKNOWN} if asks(data, self.raw) else self.evaluate(value)

    def _value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._value(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._value(part) for part in value]
        return UNKNOWN if asks(value, self.raw) else self.evaluate(value)


class Unasked(Sparing):
    """Those of an agent that the run does not provide: no template is evaluated, either, that is the value of a field."""

    def __contains__(self, name: object) -> bool:
        return name not in FILES and super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.raw if name not in FILES)

    def _value(self, value: Any) -> Any:
        return value if _is_plain(value) else UNKNOWN


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float)) or (
        isinstance(value, str) and not any(mark in value for mark in MARKS)
    )
