# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Variables whose values go to an agent: evaluated part by part and once, so that no message of Ansible's quotes the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ...module_utils._problems import Problem, fail, require_none
from .._templates import at_fault, written
from .._variables import HostVariables, where_in
from .audit import access_problems, field_problems, secrets_of
from .host import is_omit, is_omitted, variable_of, without_omit
from .network import USE, Network
from .unasked import LookedUp


class OfTask(HostVariables):
    """The variables of a task."""

    def __init__(self, variables: Mapping[str, Any], loader: DataLoader) -> None:
        self.raw = variables
        self._templar = Templar(loader=loader, variables=dict(variables))


def evaluated(name: str, variables: Mapping[str, Any], loader: DataLoader) -> Any:
    """The value of a variable of a task, None where it is not set. Raises Failure with each place that Ansible cannot evaluate."""
    if name not in variables:
        return None
    of_task = OfTask(variables, loader)
    omitted = object()
    problems: list[Problem] = []

    def part(value: Any, path: tuple[Any, ...]) -> Any:
        value = written(value, variables)
        if isinstance(value, Mapping):
            parts = {key: part(child, (*path, key)) for key, child in value.items()}
            return {key: child for key, child in parts.items() if child is not omitted}
        if isinstance(value, (list, tuple)):
            return [child for child in (part(each, (*path, index)) for index, each in enumerate(value)) if child is not omitted]
        try:
            return of_task.evaluate(value)
        except AnsibleError as error:
            if not is_omitted(error):
                problems.append(at_fault(where_in(name, variables[name], path), value, error, of_task))
            return omitted

    value = part(variables[name], ())
    require_none(problems)
    return None if value is omitted or value == '' or is_omit(value) else without_omit(value)


def refuse_unusable(secrets: Mapping[str, Mapping[str, Any]], hosts: Sequence[str], asked: LookedUp, variables: Mapping[str, Any]) -> None:
    """Raise Failure where the networks among these hosts could not use a secret: a script reads a field that it lacks or that is empty.

    Of what preflight did not know, also where a secret is missing, or its condition refuses a network. variables: of the task.
    """
    networks = []
    for host in hosts:
        values: dict[str, Any] = {}
        for variable in USE:
            with suppress(AnsibleError):  # the network's own fault, which its own tasks tell
                values[variable] = variable_of(variables['hostvars'][host], variable)
        networks.append(Network(host, values, values))
    agents = {variables['inventory_hostname']: secrets_of(secrets, {})}
    require_none((*access_problems(networks, agents, asked), *field_problems(networks, agents)))


def named(option: str, value: Any) -> str:
    """The name of the variable that an option names. Raises Failure if it names none."""
    if isinstance(value, str) and value.isidentifier():
        return str(value)
    raise fail('This is neither a dictionary nor the name of a variable.', where=option, remedy='Give one of the two.')
