# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell what became of the networks of a play, from what the role's tasks have registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._local_action import task_environment
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.host import variable_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.outcome import (
    Ending,
    done_of,
    ending_of,
    failures,
    row,
    with_action,
)
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.service import change_by, state_files
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.states import Versions
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import read_network
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._variables import plain

REGISTERED = ('_nixops_uploaded', '_nixops_rendered', '_nixops_pushed', '_nixops_watched')
"""What the role's own tasks have registered, in this play or an earlier one of the run."""


class ActionModule(ActionBase):
    """Reads the variables of all networks at once, so it cannot be a module; no connection is made."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run by Ansible."""
        variables = task_vars or {}
        base: Any = super()  # ActionBase does not tell the types of what follows
        result: dict[str, Any] = {**base.run(tmp, variables), 'changed': False}
        _validation, options = base.validate_argument_spec({'projects': {'type': 'dict', 'required': True}})
        hostvars, rows, endings = variables['hostvars'], [], []
        for name, project in options['projects'].items():
            ended = list(endings_of(project, hostvars))
            with task_environment(self):
                rows += rows_of(name, project, hostvars, ended)
            endings += ended
        alive = set(variables['ansible_play_hosts'])
        return {**result, 'networks': rows, 'failures': {host: why for host, why in failures(endings).items() if host in alive}}


def endings_of(project: Mapping[str, Any], hostvars: Any) -> Iterator[tuple[str, str, Ending]]:
    """Network, branch, and how it ended, for each branch of each selected network of a project; nothing where tags selected no task."""
    registered = {host: registered_by(hostvars.raw_get(host)) for host in project['selected']}
    if not any(result for results in registered.values() for result in results.values()):
        return
    done = done_of(project['selected'], registered)
    for host in project['selected']:
        for branch in project['branches'][host]:
            yield host, branch, with_action(ending_of(host, branch, project['branches'], done), project['actions'][host])


def registered_by(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Results of the role's tasks as they are. To evaluate them would take long, and warn of what ansible-core itself puts there."""
    return {key: variables.get(key) for key in REGISTERED}


def rows_of(
    name: str, project: Mapping[str, Any], hostvars: Mapping[str, Any], endings: list[tuple[str, str, Ending]],
) -> list[dict[str, Any]]:
    """What nixops_report takes of a project."""
    if not endings:
        return []
    first = endings[0][0]
    versions = versions_now(hostvars[first], first)
    rows = []
    for host, branch, ending in endings:
        state = project['names'][host]['state']
        before, after = change_by(ending.job_url, versions.get(state, ()), project['versions'].get(state))
        rows.append(row(
            name, host, branch, ending, secrets_map=secrets_of(hostvars[host]), state_version_before=before, state_version_after=after,
        ))
    return rows


def versions_now(variables: Mapping[str, Any], host: str) -> Versions:
    """The versions of each state file; none where the service does not answer."""
    network, _problems = read_network(host, variables)
    try:
        return state_files(network).files()
    except Failure:
        return {}


def secrets_of(variables: Mapping[str, Any]) -> Any:
    """Names of secrets, by the names that the effect has for them."""
    return plain(variable_of(variables, 'nixops_secrets_map') or {}, 'nixops_secrets_map')
