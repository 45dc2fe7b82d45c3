# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""A host of the inventory, with the variables of the role that were read once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._variables import place


@dataclass(frozen=True)
class Host:
    """A network or an agent.

    name: the inventory host; given: its variables as Ansible has them; values: those of the role as plain JSON, with the role's defaults.
    wrong: variables that are missing or not what they should be, about which nothing more is to be said.
    """

    name: str
    given: Mapping[str, Any]
    values: Mapping[str, Any]
    wrong: frozenset[str] = frozenset()

    def __getitem__(self, variable: str) -> Any:
        return self.values.get(variable)

    def sound(self, *variables: str) -> bool:
        """Whether none of these variables is wrong; without names, whether none at all is."""
        return self.wrong.isdisjoint(variables) if variables else not self.wrong

    def place(self, variable: str, *path: Any) -> str:
        """Where a variable of this host was written, for people."""
        return '%s of %s' % (place(variable, self.given.get(variable), path), self.name)

    def line(self, variable: str, *path: Any) -> str:
        """Where it was written, without the host if the line is known: one line in a group concerns all of its hosts."""
        written = place(variable, self.given.get(variable), path)
        return written if written.endswith(')') else self.place(variable, *path)
