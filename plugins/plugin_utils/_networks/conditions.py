# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Which networks may use a secret: those that name it, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ...module_utils._problems import Failure, Problem, fail, require_none
from ...module_utils._project import ProjectPath
from ...module_utils._secrets.condition import Condition, for_users
from .._schemas import without_null
from .host import variable_of, without_omit
from .network import SECRETS, Network


def least_privilege(networks: Iterable[Network]) -> dict[str, Condition]:
    """For each secret that a network names, the narrowest condition that lets all those networks use it."""
    users: dict[str, list[tuple[str, str, Condition]]] = {}
    for network in networks:
        for secret in set(network.secrets.values()):
            users.setdefault(secret, []).extend(network.users())
    return {secret: for_users(users[secret]) for secret in sorted(users)}


def with_conditions(secrets: Mapping[str, Mapping[str, Any]], networks: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Secrets by name, with the narrowest condition for each that has none and is used. Raises Failure.

    networks: variables of hosts.
    """
    entries = secrets if isinstance(secrets, Mapping) else {'a dictionary': None}
    others = [str(name) for name, entry in entries.items() if not isinstance(entry, Mapping)]
    if others:
        raise fail('least_privilege needs a dictionary of secrets.', expected='names, each with a dictionary of data and condition',
                   found='not %s' % ', '.join(others))
    hosts = list(networks)
    if not all(isinstance(host, Mapping) for host in hosts):
        raise fail('least_privilege needs the variables of networks.', expected='a list of dictionaries',
                   remedy="Give groups['nixops_networks'] | map('extract', hostvars).")
    conditions = least_privilege([_network(host) for host in hosts])
    given = {name: without_null(entry) for name, entry in without_omit(secrets).items()}
    return {name: {**({'condition': conditions[name]} if name in conditions else {}), **entry} for name, entry in given.items()}


def _network(host: Mapping[str, Any]) -> Network:
    """The network, from just those variables that say which secrets it uses. Raises Failure if one is not what it should be."""
    name, variables = str(host.get('inventory_hostname', '')), {key: variable_of(host, key) for key in ('nixops_project', *SECRETS, *KINDS)}
    network = Network(name, variables, variables)
    try:
        ProjectPath.parse(network.project)
    except Failure as failure:
        raise Failure(tuple(replace(problem, where='nixops_project of %s' % name) for problem in failure.problems)) from None
    wrong = {variable: kind for variable, (kind, right) in KINDS.items() if network[variable] is not None and not right(network[variable])}
    require_none(
        Problem('This is not what the variable takes.', where='%s of %s' % (variable, name), expected=kind,
                remedy='Correct the variable; ansible-doc -t role nixcd.hercules_ci.nixops describes it.')
        for variable, kind in wrong.items()
    )
    return network


def _are_names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)


def _is_run_on(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_are_names(value.get(refs) or []) for refs in ('branches', 'tags'))


KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    'nixops_branches': ('a list of strings', _are_names),
    'nixops_run_on': ('a dictionary, in which branches and tags are lists of strings', _is_run_on),
    'nixops_secrets_map': ('a dictionary', lambda value: isinstance(value, Mapping)),
}
