# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The state of a network before anything is uploaded: could an effect work with it, and would the effect deploy its own agent?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ...module_utils._files import hidden_file
from ...module_utils._hercules_ci.state import StateFiles, Version
from ...module_utils._nix.functions import nixops_of
from ...module_utils._nix.parameters import STATE_NAME as STATE_FILE
from ...module_utils._nixops.difference import compared
from ...module_utils._nixops.document import NotAState
from ...module_utils._nixops.guards import require_nothing_new
from ...module_utils._nixops.importable import database_problem, unusable
from ...module_utils._nixops.machines import machines
from ...module_utils._nixops.placement import place, version_with
from ...module_utils._nixops.sources import from_file, from_server, read_source
from ...module_utils._nixops.state import State
from ...module_utils._problems import Failure, Problem
from .network import STATE_NAME, VARIABLES, Network
from .stored import Coming, Versions, known_here

NOT_SOURCE = {'nixops_project', 'nixops_state_replaced_version', 'nixops_state_running_jobs'}
"""Variables for options of nixops_state that only matter when the state is uploaded."""
SOURCE = (*STATE_NAME, 'nixops_state', 'nixops_allow_self_deploy', *sorted({*VARIABLES.values()} - NOT_SOURCE))
"""The variables that the state and its source depend on."""


@dataclass(frozen=True)
class AgentHost:
    """How an agent's host is known: names, addresses, public host keys without their type, and where Ansible connects to."""

    name: str
    names: frozenset[str]
    host_keys: frozenset[str]
    machine: str = ''


def agent_of(name: str, variables: Mapping[str, Any]) -> AgentHost:
    """From the inventory, from facts if there are any, and from the known_hosts file of the user who runs the play."""
    address = str(variables.get('ansible_host') or name)
    facts = variables.get('ansible_facts') or {}
    keys = {str(facts[fact]) for fact in facts if fact.startswith('ssh_host_key_') and fact.endswith('_public')}
    names = {name, address, *(facts.get('all_ipv4_addresses') or ()), *(facts.get('all_ipv6_addresses') or ())}
    names |= {str(facts[fact]) for fact in ('fqdn', 'hostname') if facts.get(fact)}
    return AgentHost(name, frozenset(names), frozenset(keys | _known_keys(address)), _machine(address, variables))


def _machine(address: str, variables: Mapping[str, Any]) -> str:
    """What Ansible connects to. Two ports of one address may be two machines."""
    connection = str(variables.get('ansible_connection') or 'ssh').rpartition('.')[2]
    if connection == 'local' or address in ('localhost', '127.0.0.1', '::1'):
        return 'this machine'
    port = str(variables.get('ansible_port') or '')
    return address.rstrip('.').lower() + (':%s' % port if port not in ('', '22') else '')


def _known_keys(address: str) -> set[str]:
    try:
        found = subprocess.run(['ssh-keygen', '-F', address],
                               capture_output=True, check=False, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return set()
    return {line.split()[2] for line in found.stdout.splitlines() if not line.startswith('#') and len(line.split()) > 2}


@dataclass(frozen=True)
class UploadTask:
    """A network's state, or its known hosts, that a task has to compare with the server's or to upload.

    options: those of nixops_state, but for how Hercules CI is reached; what is not set is left out.
    coming: the state, where the server has no such file yet.
    """

    network: str
    options: Mapping[str, Any]
    coming: Coming | None = None


def look_at_state(
    network: Network, agents: Sequence[AgentHost], files: StateFiles | None, versions: Versions,
) -> tuple[list[UploadTask], list[Problem]]:
    """What there is to upload of a network, and what is wrong with the state that it has, or is to get.

    files, versions: of Hercules CI; without them only a state that would be uploaded is looked at.
    """
    if not network.nixops or not network.sound(*SOURCE):
        return [], []
    known = versions.get(network.state_name)
    newest = known[-1] if known else None
    looked_for = () if network['nixops_allow_self_deploy'] else agents
    try:
        if network.state == 'upload':
            return _look_here(network, looked_for, files, versions)
        if files and newest:
            return [], [*_unusable_there(network, files, newest), *_problems_there(network, looked_for, files, newest)]
        if network.state == 'new':
            return [], list(known_here(network, network.source()))
    except Failure as failure:
        return [], [replace(problem, where=', '.join(filter(None, (network.name, problem.where)))) for problem in failure.problems]
    return [], []


def _look_here(
    network: Network, agents: Sequence[AgentHost], files: StateFiles | None, versions: Versions,
) -> tuple[list[UploadTask], list[Problem]]:
    """The state that would be uploaded, and what has been deployed since, by machines that are not known here."""
    source = network.source()
    known = versions.get(network.state_name) or ()
    with hidden_file() as file:
        found = read_source(source, file)
        state = found.state
        problems = [*_self_deploys(network, state, agents), *_no_file_name(network)]
    pending = not _is_there(state, known, kept=network['nixops_state_existing'] == 'keep') or _known_hosts_pending(network, versions)
    if agents and files and known and not known[-1].holds(state.size, state.sha256):
        with suppress(NotAState):  # which is said below, or nixops_state is about to replace
            problems += _problems_there(network, agents, files, known[-1])
    if files and known and not pending and not known[-1].holds(state.size, state.sha256):
        problems += _unusable_there(network, files, known[-1])
    options = {option: value for option, value in source.items() if value is not None}
    coming = None if known else Coming(found.deployment, state.sha256)
    return [UploadTask(network.name, options, coming)] if pending else [], problems


def only_here(network: Network, files: StateFiles, versions: Versions) -> list[Problem]:
    """What is known here and not there of a network that is deployed without its state being brought: it would be made anew.

    The same as nixops_state says where it brings the state. versions: of which one is used.
    """
    if network.state == 'present' or network['nixops_forget_state'] or not versions.get(network.state_name):
        return []
    with ExitStack() as files_open:
        try:
            here = read_source(network.source(), files_open.enter_context(hidden_file()))
        except Failure:
            return []  # on another machine, as it is for somebody else to bring; or that is told of a network whose turn it is
        judge = partial(unusable, function=network.function, looked_for=here.effect_deployment)
        try:
            placement = place(files, network.state_name, here.state, 'keep', compared, files_open, judge)
            require_nothing_new(placement, partial(version_with, files))
        except Failure as failure:
            return [replace(problem, where='%s, %s' % (network.name, problem.where)) for problem in failure.problems]
    return []


def _no_file_name(network: Network) -> Iterator[Problem]:
    """A deployment may have a name that no file on Hercules CI can have."""
    if not STATE_FILE.match(network.state_name):
        yield Problem('The name of the state file cannot stand in a URL.', network.place('nixops_deployment'),
                      found=repr(network.state_name), expected='letters, digits, full stops, hyphens and underscores',
                      remedy='Set nixops_state_name and nixops_known_hosts_name to such names, or nixops_deployment to the UUID.')


def _unusable_there(network: Network, files: StateFiles, newest: Version) -> Iterator[Problem]:
    """Why the effect cannot work with the newest state. What a deployment has stored is looked at before it is deployed again."""
    if network['nixops_forget_state'] or (newest.job and newest.size):
        return
    with hidden_file() as file:
        state = from_server(files, network.state_name, newest, file)
        for problem in unusable(state, network.function, network.effect_deployment):
            yield replace(problem, where='%s, %s' % (network.name, problem.where))


def _is_there(state: State, versions: Sequence[Version], kept: bool) -> bool:
    """Whether the server has this content already. kept: an older version will do, as what came after it is left alone."""
    looked_at = versions if kept else versions[-1:]
    return any(version.holds(state.size, state.sha256) for version in looked_at)


def _known_hosts_pending(network: Network, versions: Versions) -> bool:
    path = network['nixops_known_hosts']
    if not path:
        return False
    with hidden_file() as file:
        hosts = from_file(path, file)
    return not _is_there(hosts, versions.get(network.known_hosts_name) or (), kept=network['nixops_state_existing'] == 'keep')


def _problems_there(network: Network, agents: Sequence[AgentHost], files: StateFiles, newest: Version) -> Iterator[Problem]:
    if not agents:
        return
    with hidden_file() as file:
        state = from_server(files, network.state_name, newest, file)
        if nixops_of(network.function) == 1 and network.state != 'upload' and state.is_database:
            yield database_problem('%s, %s' % (network.name, state.where))
        yield from _self_deploys(network, state, agents)


def _self_deploys(network: Network, state: State, agents: Sequence[AgentHost]) -> Iterator[Problem]:
    for machine in machines(state.entries()):
        key = machine.host_key.split()[1] if ' ' in machine.host_key else machine.host_key
        for agent in agents:
            common = machine.known_as(agent.names) or (['its host key'] if key in agent.host_keys and key else [])
            if common and not machine.obsolete:
                yield Problem(
                    'The network would deploy an agent: the agent that runs the effect would be stopped in the middle, and the state lost.',
                    where='%s, machine %s' % (network.name, machine.name), expected='machines that are not agents',
                    found='the agent %s, by %s' % (agent.name, ', '.join(common)),
                    remedy='Deploy agents in another way, such as nixos-rebuild. Where other agents run the effect, set '
                    'nixops_allow_self_deploy: true.',
                )
