# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""In what two states differ, by the names of machines and attributes, and what one of them has that the other lacks.

Values are compared and never shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from .comparison import CHANGED, ONLY_HERE, ONLY_THERE, Item, compare, fingerprint
from .machines import identity
from .state import State

Key = tuple[str, str]
"""UUID of a deployment and name of a resource; the name is empty for the deployment itself."""
LISTED = 1000
"""How many differences are listed; the others are counted, so that the memory needed has a bound."""
DETAILED = 100
"""Of how many resources it is said which attributes differ, for the same reason."""
IN_A_SENTENCE = 10
ANOTHER = 'another one'
"""Of a machine or other resource that is on both sides by its name, but not the same one."""
WHICH_ONE = '\0'
"""Comes after the name of a resource where it is compared which one it is."""


@dataclass(frozen=True)
class Difference:
    """One machine, other resource or deployment (then resource is empty) that is not the same here and on the server.

    change: `only here`, `only on the server` or `changed`. attributes: the names of those that differ.
    """

    deployment: str
    resource: str
    change: str
    attributes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            'deployment': self.deployment,
            'resource': self.resource or None,
            'change': self.change,
            'attributes': list(self.attributes),
        }

    @property
    def label(self) -> str:
        """What it is about, without saying how it differs."""
        name = self.resource or 'deployment %s' % self.deployment
        return '%s: %s' % (name, ', '.join(self.attributes)) if self.attributes else name

    def __str__(self) -> str:
        return self.label if self.attributes else '%s: %s' % (self.label, self.change)


@dataclass(frozen=True)
class Differences:
    """What differs: the first of it, in the order of UUIDs and names, and how much there is in all."""

    listed: tuple[Difference, ...]
    total: int

    @classmethod
    def of(cls, found: Iterable[Difference]) -> Differences:
        remaining = iter(found)
        listed = tuple(islice(remaining, LISTED))
        return cls(listed, len(listed) + sum(1 for _each in remaining))

    def __bool__(self) -> bool:
        return self.total > 0

    def __str__(self) -> str:
        shown = self.listed[:IN_A_SENTENCE]
        more = ' and %d more' % (self.total - len(shown)) if self.total > len(shown) else ''
        return '; '.join(str(each) for each in shown) + more

    def as_dicts(self) -> list[dict[str, Any]]:
        return [each.as_dict() for each in self.listed]


NO_DIFFERENCES = Differences((), 0)


def differences(here: State, there: State) -> Differences:
    """What differs by meaning; formatting, order of keys and whether a state is an export or a database do not count."""
    return compared(here, there).differences


@dataclass(frozen=True)
class Comparison:
    """What differs; and what one side has and the other lacks: deployments, resources, and resources that are ANOTHER of the same name.

    Where NixOps works with the state that lacks something, it makes that anew, and does not know of what exists.
    """

    differences: Differences = NO_DIFFERENCES
    here_alone: Differences = NO_DIFFERENCES
    there_alone: Differences = NO_DIFFERENCES


def compared(here: State, there: State) -> Comparison:
    """The same, and what each side has alone, from reading each state once more for the names of attributes only."""
    found, here_alone, there_alone = _Listing(), _Listing(), _Listing()
    before = Difference('', '', '')
    for deployment, key, change in compare(_items(here), _items(there)):
        name = key.rstrip(WHICH_ONE)
        if name == key:
            before = Difference(deployment, name, change)
            found.add(before)
            if change != CHANGED:
                (here_alone if change == ONLY_HERE else there_alone).add(before)
        elif before.change == CHANGED:  # of the same resource: its name comes first
            if change != ONLY_THERE:
                here_alone.add(Difference(deployment, name, ANOTHER))
            if change != ONLY_HERE:
                there_alone.add(Difference(deployment, name, ANOTHER))
    return Comparison(_with_attributes(here, there, found.result()), here_alone.result(), there_alone.result())


class _Listing:
    """Differences as they are found, of which only the first are kept."""

    def __init__(self) -> None:
        self._listed: list[Difference] = []
        self._total = 0

    def add(self, difference: Difference) -> None:
        self._total += 1
        if len(self._listed) < LISTED:
            self._listed.append(difference)

    def result(self) -> Differences:
        return Differences(tuple(self._listed), self._total)


def _with_attributes(here: State, there: State, found: Differences) -> Differences:
    changed = [(each.deployment, each.resource) for each in found.listed if each.change == CHANGED]
    attributes = _differing_attributes(here, there, set(changed[:DETAILED]))
    listed = (replace(each, attributes=attributes.get((each.deployment, each.resource), ())) for each in found.listed)
    return Differences(tuple(listed), found.total)


def diff_text(found: Differences, here: str, there: str) -> dict[str, str]:
    """Ansible's diff: what is where. Of what is on both sides only that it differs can be said without showing a value."""
    before = ['%s (%s)\n' % (each.label, there) for each in found.listed if each.change != ONLY_HERE]
    after = ['%s (%s)\n' % (each.label, here) for each in found.listed if each.change != ONLY_THERE]
    if found.total > len(found.listed):
        after.append('and %d more differences\n' % (found.total - len(found.listed)))
    return {'before': ''.join(before), 'after': ''.join(after), 'before_header': there, 'after_header': here}


def _items(state: State) -> Iterator[Item]:
    for entry in state.entries():
        name = entry.resource or ''
        yield entry.deployment, name, fingerprint(json.dumps(entry.attributes, sort_keys=True))
        which = identity(entry.attributes) if entry.resource is not None else None
        if which is not None:
            yield entry.deployment, name + WHICH_ONE, fingerprint('%s %s' % (entry.attributes['type'], which))


def _differing_attributes(here: State, there: State, keys: set[Key]) -> dict[Key, tuple[str, ...]]:
    if not keys:
        return {}
    mine, theirs = _attributes(here, keys), _attributes(there, keys)
    return {
        key: tuple(sorted(name for name in {**mine[key], **theirs[key]} if mine[key].get(name) != theirs[key].get(name))) for key in keys
    }


def _attributes(state: State, keys: set[Key]) -> dict[Key, dict[str, bytes]]:
    """Fingerprints of attributes, because values may be long."""
    found: dict[Key, dict[str, bytes]] = {}
    for entry in state.entries():
        key = entry.deployment, entry.resource or ''
        if key in keys:
            found[key] = {name: fingerprint(value) for name, value in entry.attributes.items()}
    return found
