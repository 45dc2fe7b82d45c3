# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""A host of the inventory, with the variables of the role that were read once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleError

from .._variables import where_in

NEAR = 'nixops_function'
OMITTED = '__omit_place_holder__'
"""How the text begins that omit is before ansible-core 2.19; later it is an object of its own."""


@dataclass(frozen=True)
class Host:
    """A network or an agent.

    name: the inventory host; given: its variables that are set, as Ansible has them; values: those of the role as plain JSON, with the
    role's defaults.
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
        """Where a variable of this host was written, for people. One that is missing is missed where the host says what it is."""
        return '%s of %s' % (where_in(variable, self.given.get(variable), path, near=self.given.get(NEAR)), self.name)

    def line(self, variable: str, *path: Any) -> str:
        """Where it was written, without the host if the line is known: one line in a group concerns all of its hosts."""
        written = where_in(variable, self.given.get(variable), path)
        return written if written.endswith(')') else self.place(variable, *path)


def variable_of(variables: Mapping[str, Any], name: str) -> Any:
    """A variable of the role as Ansible has it, None where it is not set: null and omit let a host unset what its group sets.

    So does empty text: before ansible-core 2.19, a template whose result is null comes out as that.
    """
    if name not in variables:
        return None
    try:
        value = variables[name]
    except AnsibleError as error:
        if is_omitted(error):
            return None
        raise
    return None if value is None or value == '' or is_omit(value) else without_omit(value)


def is_omitted(error: AnsibleError) -> bool:
    """Whether an error is how ansible-core from 2.19 on says that a value is omit."""
    return type(error).__name__ == 'AnsibleValueOmittedError'


def without_omit(value: Any) -> Any:
    """The value without the parts that are omit, as a task gets it."""
    if not _holds_omit(value):
        return value  # as it is, with what Ansible knows of where it was written
    if isinstance(value, Mapping):
        return {key: without_omit(part) for key, part in value.items() if not is_omit(part)}
    return [without_omit(part) for part in value if not is_omit(part)]


def _holds_omit(value: Any) -> bool:
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return any(is_omit(part) or _holds_omit(part) for part in parts)


def is_omit(value: Any) -> bool:
    """Whether a value is omit: an object of its own, or before ansible-core 2.19 a text."""
    return type(value).__name__ == '_OmitType' or (isinstance(value, str) and value.startswith(OMITTED))
