# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The state of a network before anything is uploaded: could an effect work with it, and would the effect deploy its own agent?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._files import hidden_file
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.state import StateFiles, Version
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.document import NotAState
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.importable import database_problem
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.machines import machines
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.sources import from_server, read_source
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import State
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, Problem
from ansible_collections.nixcd.hercules_ci.plugins.modules.nixops_state import ARGUMENTS as STATE
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import STATE_NAME, Network

Versions = Mapping[str, Sequence[Version]]
"""By state file, oldest first."""

SOURCE = (
    *STATE_NAME, 'nixops_state', 'nixops_function', 'nixops_export_file', 'nixops_database', 'nixops_program',
    'nixops_allow_self_deploy', 'nixops_checkout', 'nixops_src', 'nixops_flake', 'nixops_forget_state',
)
"""The variables that the state and its source depend on."""


@dataclass(frozen=True)
class Agent:
    """How an agent's host is known: names, addresses, public host keys without their type, and where Ansible connects to."""

    name: str
    names: frozenset[str]
    host_keys: frozenset[str]
    machine: str = ''


def agent_of(name: str, variables: Mapping[str, Any]) -> Agent:
    """From the inventory, from facts if there are any, and from the known_hosts file of the user who runs the play."""
    address = str(variables.get('ansible_host') or name)
    facts = variables.get('ansible_facts') or {}
    keys = {str(facts[fact]) for fact in facts if fact.startswith('ssh_host_key_') and fact.endswith('_public')}
    names = {name, address, *(facts.get('all_ipv4_addresses') or ()), *(facts.get('all_ipv6_addresses') or ())}
    names |= {str(facts[fact]) for fact in ('fqdn', 'hostname') if facts.get(fact)}
    return Agent(name, frozenset(names), frozenset(keys | _known_keys(address)), _machine(address, variables))


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


def state_problems(network: Network, agents: Sequence[Agent], files: StateFiles | None, versions: Versions) -> Iterator[Problem]:
    """What is wrong with the state that the network has, or is to get.

    files, versions: of Hercules CI; without them only a state that would be uploaded is looked at.
    """
    if not network.sound(*SOURCE):
        return
    known = versions.get(network.state_name)
    newest = known[-1] if known else None
    yield from _named_otherwise(network)
    looked_for = () if network['nixops_allow_self_deploy'] else agents
    try:
        if network.state == 'upload':
            yield from _problems_here(network, looked_for, files, newest)
        elif files and newest:
            yield from _problems_there(network, looked_for, files, newest)
    except Failure as failure:
        for problem in failure.problems:
            yield replace(problem, where=', '.join(filter(None, (network.name, problem.where))))


def _problems_here(network: Network, agents: Sequence[Agent], files: StateFiles | None, newest: Version | None) -> Iterator[Problem]:
    """Of the state that would be uploaded, and of what has been deployed since, by machines that are not known here."""
    with hidden_file() as file:
        state = read_source(network.source(STATE['argument_spec']), file).state
        yield from _self_deploys(network, state, agents)
    if agents and files and newest and not newest.holds(state.size, state.sha256):
        with suppress(NotAState):  # which nixops_state may be about to replace
            yield from _problems_there(network, agents, files, newest)


def _problems_there(network: Network, agents: Sequence[Agent], files: StateFiles, newest: Version) -> Iterator[Problem]:
    with hidden_file() as file:
        state = from_server(files, network.state_name, newest, file)
        if network['nixops_function'] == 'runNixOps' and network.state != 'upload' and state.is_database:
            yield database_problem('%s, %s' % (network.name, state.where))
        yield from _self_deploys(network, state, agents)


def _named_otherwise(network: Network) -> Iterator[Problem]:
    """NixOps 2 finds its state under the name that C(nixops.nix) has; whether that comes to another one, only Nix knows for certain."""
    if network['nixops_function'] != 'runNixOps2' or network['nixops_flake'] or network['nixops_forget_state']:
        return
    name, file = network.state_name, Path(network['nixops_checkout'] or '', network['nixops_src'] or '', 'nixops.nix')
    with suppress(OSError, ValueError):  # what is wrong with the files is reported with the checkout
        if name not in file.read_text('utf-8', errors='replace'):
            yield Problem('NixOps 2 might look for the state under another name, and make all machines anew.',
                          where='%s, %s' % (network.name, file), expected='%s, as nixops_state_name and nixops_deployment say' % name,
                          found='a file in which that name does not occur', severity='warning',
                          remedy='Set network.storage.hercules-ci.stateName there to it, or nixops_state_name to what it is there.')


def _self_deploys(network: Network, state: State, agents: Sequence[Agent]) -> Iterator[Problem]:
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
