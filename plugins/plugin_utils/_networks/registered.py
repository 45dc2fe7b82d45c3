# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What the tasks of the role have registered for the networks of a play, and what became of the networks by that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ...module_utils._hercules_ci.client import connect
from ...module_utils._hercules_ci.state import StateFiles
from ...module_utils._problems import Failure
from .outcome import NONE, Done, Ending, Result, at_rest, blamed, ending_of, replaced_since, row, with_action
from .quoted import Endings
from .rest import replaced_since as newer_than_deployment
from .service import change_by, version_to_come
from .stored import Versions
from .variables import read_network

REGISTERED = ('_nixops_uploaded', '_nixops_rendered', '_nixops_plan', '_nixops_pushed', '_nixops_watched')
"""What the role's own tasks have registered, in this play or an earlier one of the run."""


def outcomes(
    projects: Mapping[str, Any], hostvars: Any, quotable: Callable[[Endings], Endings], *, check_mode: bool,
) -> tuple[list[dict[str, Any]], Endings, dict[str, str]]:
    """Entries of option `networks` of nixops_report; network, branch and how it ended; and what others have changed for a network.

    projects: as nixops_preflight returns them. quotable: takes secrets out of what is quoted.
    """
    rows: list[dict[str, Any]] = []
    endings: list[tuple[str, str, Ending]] = []
    changes: dict[str, str] = {}
    for name, project in projects.items():
        registered, branches = registered_by_all(project, hostvars), branches_of_all(project)
        ended = quotable(list(endings_of(project, registered, branches)))
        changes.update(changed_by_others(branches, registered))
        rows += rows_of(name, project, hostvars, ended, check_mode=check_mode)
        endings += ended
    return rows, endings, changes


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
    name: str, project: Mapping[str, Any], hostvars: Any, endings: Endings, *, check_mode: bool = False,
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
        known, plan = project['versions'].get(network['state_name']), plans.get((host, branch), {})
        before, after = change_by(ending.job_url, now, known)
        if check_mode:
            after = version_to_come(hostvars.raw_get(host).get('_nixops_uploaded') or {}, after)
        rows.append(row(
            name, host, branch, ended, secrets_map=network['secrets_map'], plan=plan.get('short', ''), planned=plan.get('lines', []),
            state_version_before=before, state_version_after=after, earlier=host in project.get('at_rest', {}),
        ))
    return rows


def plans_of(project: Mapping[str, Any], hostvars: Any) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The plan of each network and branch, as nixops_plan has it, where there is one."""
    results = (hostvars.raw_get(host).get('_nixops_plan') for host in project['selected'])
    entries = (entry for result in results if isinstance(result, Mapping) for entry in result.get('networks', ()))
    return {(entry['network'], entry['branch']): entry for entry in entries}


def keys_of(agents: Iterable[str], hostvars: Any) -> list[dict[str, Any]]:
    """The access keys of AWS, as the role's tasks for agents have told of them last in this run."""
    for name in agents:
        done, planned = (hostvars.raw_get(name).get(variable) for variable in ('_nixops_aws_done', '_nixops_aws_planned'))
        told = [each for each in (*(done or {}).get('results', ()), planned or {}) if isinstance(each, Mapping) and 'keys' in each]
        if told:
            return list(told[0]['keys'])
    return []


def versions_now(variables: Mapping[str, Any], host: str) -> Versions:
    """The versions of each state file; none where the service does not answer."""
    network, _problems = read_network(host, variables)
    try:
        return StateFiles(connect(network.connection()), network.project_path).files()
    except Failure:
        return {}


def changed_by_others(branches: Mapping[str, Iterable[str]], results: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """For each network on whose branches another one of its project has changed something, who has and on which.

    results: by network what the tasks registered, of the networks that had something to do.
    """
    found = {}
    for acting, registered in results.items():
        done = done_of([acting], {acting: registered})
        changed = [entry['branch'] for entry in done.pushed.get('branches', ()) if entry['changed']]
        changed += [branch for branch, watched in done.watched.items() if watched.get('changed')]
        for network in results.keys() - {acting}:
            own = [branch for branch in dict.fromkeys(changed) if branch in branches[network]]
            if own:
                found[network] = 'Changed by a task of %s, which acts for the project: %s.' % (acting, ', '.join(own))
    return found


def done_of(networks: Iterable[str], results: Mapping[str, Mapping[str, Any]]) -> Done:
    """What the networks of a project have registered; one of them did for all what is done once.

    results: by network what the tasks registered, where they did.
    """
    names = list(networks)
    return Done(
        uploaded={name: results[name]['_nixops_uploaded'] for name in names if _run(results[name].get('_nixops_uploaded'))},
        rendered=_once(results[name].get('_nixops_rendered') for name in names),
        planned=_once(results[name].get('_nixops_plan') for name in names),
        pushed=_once(results[name].get('_nixops_pushed') for name in names),
        watched={item['item']: item for name in names for item in _items(results[name].get('_nixops_watched')) if _run(item)},
    )


def _run(result: Any) -> bool:
    return isinstance(result, Mapping) and not result.get('skipped')


def _once(results: Iterable[Any]) -> Result:
    return next((result for result in results if _run(result)), NONE)


def _items(result: Any) -> Iterator[Mapping[str, Any]]:
    yield from result.get('results', ()) if isinstance(result, Mapping) else ()
