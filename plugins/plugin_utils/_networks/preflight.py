# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Everything that can be known before anything is changed, and the plan that the role follows then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, Problem, errors_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks import projects as rules
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks import service
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.effect import state_name_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.projects import Project, projects_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.secrets import outlines, secret_problems
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.states import Agent, Versions, agent_of, state_problems
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import Host, read_host


@dataclass(frozen=True)
class Inventory:
    """networks, agents: variables by host, of the whole inventory. selected: the networks that the run is about.

    uploads: whether the run uploads states, as its tags say.
    """

    networks: Mapping[str, Mapping[str, Any]]
    agents: Mapping[str, Mapping[str, Any]]
    selected: Sequence[str]
    uploads: bool = True


def check(inventory: Inventory) -> tuple[dict[str, Any], list[Problem]]:
    """The plan and the warnings; raises Failure with every problem there is.

    Where variables are not what they should be, what they mean is not looked at.
    """
    networks, found = _read(inventory.networks, 'main')
    agents, found_of_agents = _read(inventory.agents, 'agent')
    projects = projects_of(networks, inventory.selected)
    warnings = _stop([*found, *found_of_agents])
    problems = [*rules.disagreements(projects), *secret_problems(networks, agents)]
    hosts = [agent_of(name, variables) for name, variables in inventory.agents.items()]
    plan: dict[str, Any] = {}
    for project in projects:
        more, plan[project.name] = _project(project, hosts, inventory.uploads)
        problems += more
    return {'projects': plan, 'agents': outlines(networks, agents)}, warnings + _stop(problems)


def _read(hosts: Mapping[str, Mapping[str, Any]], entry_point: str) -> tuple[list[Host], list[Problem]]:
    read = [read_host(name, variables, entry_point) for name, variables in hosts.items()]
    return [host for host, _problems in read], [problem for _host, problems in read for problem in problems]


def _stop(problems: list[Problem]) -> list[Problem]:
    """The problems, if they are all warnings."""
    if errors_of(problems):
        raise Failure(tuple(dict.fromkeys(problems)))
    return list(dict.fromkeys(problems))


def _project(project: Project, agents: Sequence[Agent], uploads: bool) -> tuple[list[Problem], dict[str, Any]]:
    """Problems and plan. A project that nothing is selected of is not asked for: only its variables count."""
    if not project.selected or not rules.is_project(project.name):
        return [], {'selected': []}
    problems = list(rules.checkout_problems(project))
    versions: Versions = {}
    try:
        files = service.state_files(project.name, project.first)
        versions = files.files()
        problems += service.missing_states(project, versions, uploads)
        for network in project.chosen:
            problems += state_problems(network, agents, files, versions)
    except Failure as failure:
        problems += failure.problems
    if errors_of(problems):
        return problems, {}
    return problems, {
        'declared': [network.name for network in project.networks],
        'selected': [network.name for network in project.chosen],
        'branches': {network.name: list(network['nixops_branches']) for network in project.networks},
        'states': {network.name: state_name_of(network.values) for network in project.networks},
        'versions': {name: known[-1].number for name, known in versions.items() if known},
        'file': rules.written_file(project),
    }
