# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""How secrets that agents have get into an inventory: names, fields and conditions, and for each value a variable of the vault."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._networks.preflight import AGENTS
from .._yaml_edits.changes import Path, Put, Question
from .._yaml_edits.reading import at
from .inventory import group_in

VARIABLE = 'nixops_agent_secrets'
Outlines = Mapping[str, Mapping[str, Any]]
"""By name, as hci_secret_info tells: fields and condition."""


@dataclass
class AdoptedSecrets:
    """edits: of the file. vault: the variables that the vault has to have. left: names of secrets by agent that are for people to add."""

    edits: list[Put] = field(default_factory=list)
    vault: list[str] = field(default_factory=list)
    left: dict[str, list[str]] = field(default_factory=dict)


def adopt_secrets(inventory: Any, found: Mapping[str, Outlines], declared: Mapping[str, Any]) -> AdoptedSecrets:
    """What becomes of the secrets that agents have.

    found: by agent. declared: for agents whose inventory has the variable already, its value as it was written.
    A dictionary of a host takes the place of that of its group, so that one level alone may have them.
    """
    adopted = AdoptedSecrets()
    group = group_in(inventory, AGENTS)
    first = next(iter(found.values()), None)
    common = first if all(each == first for each in found.values()) else None
    of_group: Path = (*group, 'vars', VARIABLE)
    if isinstance(at(inventory, of_group), Mapping) or (not declared and common is not None):
        here = at(inventory, of_group) or {}
        for agent, outlines in found.items():
            own = set(outlines) if common is None else set()
            adopted.left.update({agent: sorted(own - set(here))} if own - set(here) else {})
        _put(adopted, of_group, here, common or {})
        return adopted
    for agent, outlines in found.items():
        of_host: Path = (*group, 'hosts', agent, VARIABLE)
        here = at(inventory, of_host)
        if isinstance(here, Mapping) or agent not in declared:
            _put(adopted, of_host, here or {}, outlines)
            continue
        names = set(declared[agent]) if isinstance(declared[agent], Mapping) else set(outlines)  # encrypted, or a template
        if set(outlines) - names:
            adopted.left[agent] = sorted(set(outlines) - names)
    return adopted


def _put(adopted: AdoptedSecrets, place: Path, here: Mapping[str, Any], outlines: Outlines) -> None:
    missing = {name: outline for name, outline in sorted(outlines.items()) if name not in here}
    for name, outline in missing.items():
        variables = dict(_variables(name, outline['fields']))
        adopted.edits.append(Put((*place, name), _secret(variables, outline.get('condition'))))
        adopted.vault += [variable for variable in variables.values() if variable not in adopted.vault]


def _variables(name: str, fields: list[str]) -> Iterator[tuple[str, str]]:
    """For each field the variable of the vault that is to hold it."""
    for each in fields:
        yield each, re.sub(r'\W', '_', 'vault_%s_%s' % (name, each), flags=re.ASCII)


def _secret(variables: Mapping[str, str], condition: Any) -> dict[str, Any]:
    secret: dict[str, Any] = {'data': {each: '{{ %s }}' % variable for each, variable in variables.items()}}
    if condition is None:
        ask = 'Who may use it? Agents hand out nothing without a condition; left out, one is derived from the networks that name it.'
        return {**secret, 'condition': Question(ask, 'condition: isDefaultBranch')}
    return {**secret, 'condition': condition}
