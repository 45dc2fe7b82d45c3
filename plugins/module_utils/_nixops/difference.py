# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""In what two states differ, by the names of machines and attributes. Values are compared and never shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import State

Key = tuple[str, str]
"""UUID of a deployment and name of a resource; the name is empty for the deployment itself."""
DETAILED = 100
"""Of how many resources it is said which attributes differ, so that the memory needed has a bound."""


@dataclass(frozen=True)
class Difference:
    """One machine, other resource or deployment (then resource is empty) that is not the same here and on the server.

    change: C(only here), C(only on the server) or C(changed). attributes: the names of those that differ.
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


def differences(here: State, there: State) -> list[Difference]:
    """What differs by meaning; formatting, order of keys and whether a state is an export or a database do not count."""
    mine, theirs = _digests(here), _digests(there)
    changed = sorted(key for key in mine.keys() & theirs.keys() if mine[key] != theirs[key])
    attributes = _differing_attributes(here, there, changed[:DETAILED])
    found = [Difference(*key, 'changed', attributes.get(key, ())) for key in changed]
    found += [Difference(*key, 'only here') for key in mine.keys() - theirs.keys()]
    found += [Difference(*key, 'only on the server') for key in theirs.keys() - mine.keys()]
    return sorted(found, key=lambda each: (each.deployment, each.resource))


def diff_text(found: Iterable[Difference], here: str, there: str) -> dict[str, str]:
    """Ansible's diff: what is where. Of what is on both sides only that it differs can be said without showing a value."""
    before, after = [], []
    for each in found:
        if each.change != 'only here':
            before.append('%s (%s)\n' % (each.label, there))
        if each.change != 'only on the server':
            after.append('%s (%s)\n' % (each.label, here))
    return {'before': ''.join(before), 'after': ''.join(after), 'before_header': there, 'after_header': here}


def _digests(state: State) -> dict[Key, bytes]:
    return {
        (entry.deployment, entry.resource or ''): hashlib.sha256(json.dumps(entry.attributes, sort_keys=True).encode()).digest()
        for entry in state.entries()
    }


def _differing_attributes(here: State, there: State, keys: list[Key]) -> dict[Key, tuple[str, ...]]:
    wanted = set(keys)
    mine: dict[Key, dict[str, str]] = {}
    theirs: dict[Key, dict[str, str]] = {}
    for state, found in ((here, mine), (there, theirs)) if wanted else ():
        for entry in state.entries():
            key = entry.deployment, entry.resource or ''
            if key in wanted:
                found[key] = entry.attributes
    return {
        key: tuple(sorted(name for name in {**mine[key], **theirs[key]} if mine[key].get(name) != theirs[key].get(name))) for key in keys
    }
