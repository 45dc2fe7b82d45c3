# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Everything that can be known before anything is changed, and the plan that the role follows then."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible.errors import AnsibleError

from ...module_utils._files import private_folder
from ...module_utils._problems import Failure, Problem, errors_of, listed
from . import projects as rules
from .aws_check import aws_problems
from .host import Host
from .known import PHASES, Run, look_at_all
from .network import Network
from .projects import projects_of
from .secrets import default_branches, key_ids, outlines, same_file, secret_problems
from .states import AgentHost, agent_of
from .surroundings import login_problems, report_problems
from .variables import Variables, not_evaluated, read_agent, read_network, without_others


@dataclass(frozen=True)
class Inventory:
    """networks, agents: variables by host, of the whole inventory. selected: the networks that the run is about.

    groups: names of all groups that have hosts.
    phases: those of the role that the run includes, as its tags say.
    extra_vars: names of the variables of the command line. left_out: the networks that a limit leaves out.
    strategy: that of the play. lost: the agents that have failed in an earlier play. provided: those that this run provides.
    become: whether the play becomes another user.
    """

    networks: Mapping[str, Variables]
    agents: Mapping[str, Variables]
    selected: Sequence[str]
    phases: tuple[str, ...] = PHASES
    extra_vars: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    strategy: str = 'linear'
    groups: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    provided: frozenset[str] = frozenset()
    become: bool = False


NOTHING: dict[str, Any] = {'selected': []}
NETWORKS = 'nixops_networks'
AGENTS = 'hercules_agents'
"""The groups."""


def check(inventory: Inventory) -> tuple[dict[str, Any], list[Problem]]:
    """The plan and the warnings; raises Failure with every problem there is.

    What is wrong with one variable does not hide what is wrong elsewhere: each rule is asked about those networks and agents whose
    variables it can rely on.
    """
    read = [read_network(name, variables) for name, variables in inventory.networks.items()]
    read_agents = [read_agent(name, variables) for name, variables in inventory.agents.items()]
    networks = without_others([network for network, _wrong in read], inventory.networks)
    agents = [agent for agent, _wrong in read_agents]
    problems = [problem for _host, wrong in (*read, *read_agents) for problem in wrong]
    projects = projects_of(networks, inventory.selected)
    problems += [*_empty_groups(inventory, networks), *_out_of_step(inventory.strategy)]
    problems += [*rules.disagreements(projects), *secret_problems(networks, agents, default_branches(projects, agents), inventory.provided)]
    hosts, unknown = _agents(inventory.agents)
    problems += [*unknown, *same_file(agents, hosts), *_on_machines(inventory, networks, agents)]
    with private_folder() as folder:
        run = Run(inventory.phases, tuple(hosts), inventory.extra_vars, inventory.left_out, folder)
        known = look_at_all(projects, run)
        problems += aws_problems(known.values(), agents)
    problems += [problem for found in known.values() for problem in found.problems]
    problems = together(problems, [*inventory.networks, *inventory.agents])
    if errors_of(problems):
        raise Failure(tuple(problems))
    keys = key_ids(agents)
    plans = {project.name: known[project.name].plan(keys) if project.name in known else NOTHING for project in projects}
    at_rest = bool(known) and not any(found.has_work for found in known.values())
    return {
        'projects': plans, 'at_rest': at_rest, 'phases': list(inventory.phases), 'agents': outlines(networks, agents),
        'lost_agents': sorted(inventory.lost),
    }, problems


def together(problems: Iterable[Problem], hosts: Collection[str]) -> list[Problem]:
    """The problems, each once: what is wrong with one line of a group is one problem of all of its hosts."""
    found: dict[Problem, list[str]] = {}
    for problem in problems:
        place, host = _of_host(problem.where, hosts)
        named = found.setdefault(replace(problem, where=place), [])
        if host and host not in named:
            named.append(host)
    return [replace(problem, where=problem.where % listed(named, 5)) for problem, named in found.items()]


def _of_host(where: str, hosts: Collection[str]) -> tuple[str, str]:
    """A place as a format without the host that it ends or begins with, and that host."""
    before, of, last = where.rpartition(' of ')
    first, comma, after = where.partition(', ')
    if of and last in hosts:
        return before.replace('%', '%%') + ' of %s', last
    if comma and first in hosts:
        return '%s, ' + after.replace('%', '%%'), first
    return where.replace('%', '%%') + '%.0s', ''


def _on_machines(inventory: Inventory, networks: Iterable[Network], agents: Iterable[Host]) -> Iterator[Problem]:
    yield from report_problems(network for network in networks if network.name in inventory.selected)
    for agent in agents:
        variables = inventory.agents[agent.name]
        if agent.name in inventory.provided and not isinstance(variables, Problem):
            yield from login_problems(agent, variables, become=inventory.become)


def _empty_groups(inventory: Inventory, networks: Sequence[Network]) -> Iterator[Problem]:
    """A group that is called otherwise is not there: nothing would be deployed, or no secret be looked for."""
    if not inventory.networks:
        yield Problem('There is no network in the inventory.', where='group %s' % NETWORKS, expected='a host for each network',
                      found=_alike(NETWORKS, inventory.groups),
                      remedy='Put the networks into the group %s; for agents alone, play nixcd.hercules_ci.agents.' % NETWORKS)
    users = [network for network in networks if network.sound('nixops_secrets_map') and network['nixops_secrets_map']]
    if users and not inventory.agents:
        yield Problem('Networks use secrets, and there is no agent in the inventory that could give them out.', where='group %s' % AGENTS,
                      expected='a host for each agent, as of %s' % users[0].place('nixops_secrets_map'),
                      found=_alike(AGENTS, inventory.groups),
                      remedy='Put the agents into the group %s. Leave nixops_agent_secrets out for agents whose secrets.json is looked '
                      'after in another way.' % AGENTS)


def _alike(group: str, groups: Iterable[str]) -> str:
    similar = difflib.get_close_matches(group, sorted(groups), 1, 0.8)
    return 'the group %s' % similar[0] if similar else 'no host'


def _agents(agents: Mapping[str, Variables]) -> tuple[list[AgentHost], list[Problem]]:
    """How the agents are known, and those whose address is not."""
    known, problems = [], []
    for name, variables in agents.items():
        if not isinstance(variables, Problem):
            try:
                known.append(agent_of(name, variables))
            except AnsibleError as error:
                problems.append(not_evaluated(name, 'ansible_host', error))
    return known, problems


def _out_of_step(strategy: str) -> Iterator[Problem]:
    """With these strategies, one network would push a branch while the states of others that it deploys are yet to be uploaded."""
    if strategy.endswith(('free', 'host_pinned')):
        yield Problem('A branch might be pushed before the states of all its networks are uploaded.', where='the play',
                      expected='the strategy linear', found=strategy, remedy='Set strategy: linear for the play.')
