# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell what became of the networks of a play, from what the role's tasks have registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._hercules_ci.client import connect
from ..module_utils._hercules_ci.state import StateFiles
from ..module_utils._problems import Failure
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._networks.outcome import (
    Ending,
    at_rest,
    blamed,
    changed_by_others,
    done_of,
    ending_of,
    failures,
    replaced_since,
    row,
    with_action,
)
from ..plugin_utils._networks.rest import replaced_since as newer_than_deployment
from ..plugin_utils._networks.service import change_by, version_to_come
from ..plugin_utils._networks.stored import Versions
from ..plugin_utils._networks.variables import read_network
from ..plugin_utils._report.show import show

REGISTERED = ('_nixops_uploaded', '_nixops_rendered', '_nixops_plan', '_nixops_pushed', '_nixops_watched')
"""What the role's own tasks have registered, in this play or an earlier one of the run."""


class ActionModule(ControllerAction):
    """Reads what the role's tasks have registered for all networks."""

    SPEC = ArgumentSpec({
        'projects': {'type': 'dict', 'required': True}, 'agents': {'type': 'raw', 'default': {}}, 'report': {'type': 'path'},
    })

    def work(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """What became of the networks, the logs of those that failed, and the report."""
        hostvars, rows, endings, changes = variables['hostvars'], [], [], {}
        for name, project in options['projects'].items():
            registered, branches = registered_by_all(project, hostvars), branches_of_all(project)
            ended = list(endings_of(project, registered, branches))
            changes.update(changed_by_others(branches, registered))
            rows += rows_of(name, project, hostvars, ended, check_mode=self._task.check_mode)
            endings += ended
        for log in dict.fromkeys(ending.log for _host, _branch, ending in endings if ending.log):
            self._display.display('\n'.join(log))
        alive = set(variables['ansible_play_hosts'])
        result = {'networks': rows, 'changes': changes, 'failures': failures(each for each in endings if each[0] in alive)}
        try:
            return {**result, **(show(rows, options['agents'], options['report'], dry=self._task.check_mode) if rows else {})}
        except Failure as failure:
            raise Failure(failure.problems, {**result, **failure.extra}) from failure


def endings_of(
    project: Mapping[str, Any], registered: Mapping[str, Mapping[str, Any]], branches_of: Mapping[str, list[str]],
) -> Iterator[tuple[str, str, Ending]]:
    """Network, branch, and how it ended, for each branch of each selected network of a project; nothing where tags selected no task."""
    for host, branches in project.get('at_rest', {}).items():
        yield from ((host, branch, at_rest(standing)) for branch, standing in branches.items())
    busy = list(registered)
    if not any(result for results in registered.values() for result in results.values()):
        return
    done = done_of(busy, registered)
    for host in busy:
        for branch in branches_of[host]:
            ending = blamed(ending_of(host, branch, branches_of, done), busy)
            yield host, branch, with_action(ending, project['networks'][host]['action'])


def branches_of_all(project: Mapping[str, Any]) -> dict[str, list[str]]:
    """The branches of each network of a project; of one that nothing is selected of, nothing is known."""
    return {name: network['branches'] for name, network in project.get('networks', {}).items()}


def registered_by_all(project: Mapping[str, Any], hostvars: Any) -> dict[str, dict[str, Any]]:
    """Results of the role's tasks for each network with something to do, as they are.

    To evaluate them would take long, and warn of what ansible-core itself puts there.
    """
    busy = [host for host in project['selected'] if host not in project.get('at_rest', {})]
    return {host: {key: hostvars.raw_get(host).get(key) for key in REGISTERED} for host in busy}


def rows_of(
    name: str, project: Mapping[str, Any], hostvars: Any, endings: list[tuple[str, str, Ending]], *, check_mode: bool = False,
) -> list[dict[str, Any]]:
    """What nixops_report takes of a project."""
    if not endings:
        return []
    first = endings[0][0]
    versions = versions_now(hostvars[first], first)
    plans = plans_of(project, hostvars)
    rows = []
    for host, branch, ending in endings:
        network = project['networks'][host]
        now = versions.get(network['state_name'], ())
        ended = replaced_since(ending, newer_than_deployment(now))
        known = project['versions'].get(network['state_name'])
        before, after = change_by(ending.job_url, now, known)
        if check_mode:
            after = version_to_come(hostvars.raw_get(host).get('_nixops_uploaded') or {}, after)
        rows.append(row(
            name, host, branch, ended, secrets_map=network['secrets_map'], plan=plans.get((host, branch), ''),
            state_version_before=before, state_version_after=after, earlier=host in project.get('at_rest', {}),
        ))
    return rows


def plans_of(project: Mapping[str, Any], hostvars: Any) -> dict[tuple[str, str], str]:
    """The plan of each network and branch in short, where there is one."""
    results = (hostvars.raw_get(host).get('_nixops_plan') for host in project['selected'])
    entries = (entry for result in results if isinstance(result, Mapping) for entry in result.get('networks', ()))
    return {(entry['network'], entry['branch']): entry['short'] for entry in entries}


def versions_now(variables: Mapping[str, Any], host: str) -> Versions:
    """The versions of each state file; none where the service does not answer."""
    network, _problems = read_network(host, variables)
    try:
        return StateFiles(connect(network.connection()), network.project_path).files()
    except Failure:
        return {}
