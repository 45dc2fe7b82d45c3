# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What can be said of a function of hercules-ci-effects; the table functions.py says it of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Parameter(NamedTuple):
    """option: the name in the inventory; attribute: the name in Nix, with full stops in it for what is in a set.

    default: the library's, which need not be written. kind: what its value means, one of KINDS. choices: all that it may be.
    """

    option: str
    attribute: str
    default: Any = None
    kind: str = 'text'
    choices: tuple[str, ...] = ()


KINDS: Mapping[str, str] = {
    'text': 'str', 'number': 'int', 'truth': 'bool', 'texts': 'list of str', 'mapping': 'dict', 'value': 'raw', 'values': 'list of raw',
    # The effect's name, unless it is given. The folder of the checkout that is copied, always; files in that; one that is copied if given.
    'name': 'str', 'source': 'str', 'sources': 'list of str', 'folder': 'str',
    # Of the checkout as text; anything else is a value. The first two are Nix.
    'module': 'raw', 'modules': 'list of raw', 'file': 'raw',
    # Shell code; packages by their names in nixpkgs; names of secrets; the package of NixOps 2, which plugins can be chosen for.
    'script': 'str', 'package': 'raw', 'packages': 'list of raw', 'secrets': 'dict', 'nixops': 'raw',
}
"""The type of an option, by the kind of its parameter."""


class Reading(NamedTuple):
    """A secret that a function reads by itself.

    key: its name in secretsMap. field: of its data. name: what secretsMap has for the key, where the effect says nothing else.
    name_option, field_option, key_option: the options that say otherwise. unless: an option with which nothing is read.
    """

    key: str
    field: str
    name: Any = None
    name_option: str = ''
    field_option: str = ''
    key_option: str = ''
    unless: str = ''


@dataclass(frozen=True)
class Function:
    """A function of the library.

    parameters: those with an option, in the order of the file. more: those without. replaced: those that it sets itself, whatever it is
    given. strict: whether it refuses what it does not know; the others hand that on to mkEffect. modular: whether its argument is a module,
    which has an option for environment variables. nixops: the NixOps that it runs, `None` for none: only NixOps has a state.
    needs: options of which one at least has to be given. excludes: options, and those that may not be given with them.
    reads: secrets that it reads by itself. destination: the option that says where it logs in with SSH. pushes_to: those that say
    to which repository, and which branch of it, it pushes.
    marks: attributes of its derivation by which it is known. instead: what to do about parameters that are not its own.
    """

    name: str
    parameters: tuple[Parameter, ...] = ()
    more: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    strict: bool = False
    modular: bool = False
    nixops: int | None = None
    needs: tuple[tuple[str, ...], ...] = ()
    excludes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reads: tuple[Reading, ...] = ()
    destination: str = ''
    pushes_to: tuple[str, str] = ('', '')
    marks: frozenset[str] = frozenset()
    instead: Mapping[str, str] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Parameter]:
        return {parameter.option: parameter for parameter in self.parameters}

    @property
    def by_attribute(self) -> dict[str, str]:
        """The options by the names of their parameters in Nix."""
        return {parameter.attribute: parameter.option for parameter in self.parameters}

    @property
    def own(self) -> frozenset[str]:
        """The names of what it reads, without what is inside of sets."""
        return self.more | {parameter.attribute.partition('.')[0] for parameter in self.parameters}

    def of_kind(self, *kinds: str) -> list[Parameter]:
        """Its parameters of these kinds."""
        return [parameter for parameter in self.parameters if parameter.kind in kinds]
