# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The state of a network before anything is uploaded: could an effect work with it, and would the effect deploy its own agent?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.state import StateFiles, Version
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.machines import Machine, machines
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.sources import from_server, read_source
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import hidden_file
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, Problem
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.effect import STATE_NAME, state_name_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import Host

Versions = Mapping[str, Sequence[Version]]
"""By state file, oldest first."""

SOURCE = (
    *STATE_NAME, 'nixops_state', 'nixops_nixops_deployment', 'nixops_function', 'nixops_export_file', 'nixops_database', 'nixops_program',
    'nixops_allow_self_deploy',
)
"""The variables that the source of the state depends on."""


@dataclass(frozen=True)
class Agent:
    """How an agent's host is known: names, addresses, and public host keys without their type."""

    name: str
    names: frozenset[str]
    host_keys: frozenset[str]


def agent_of(name: str, variables: Mapping[str, Any]) -> Agent:
    """From the inventory, from facts if there are any, and from the known_hosts file of the user who runs the play."""
    address = str(variables.get('ansible_host') or name)
    facts = variables.get('ansible_facts') or {}
    keys = {str(facts[fact]) for fact in facts if fact.startswith('ssh_host_key_') and fact.endswith('_public')}
    names = {name, address, *(facts.get('all_ipv4_addresses') or ())}
    names |= {str(facts[fact]) for fact in ('fqdn', 'hostname') if facts.get(fact)}
    return Agent(name, frozenset(names), frozenset(keys | _known_keys(address)))


def _known_keys(address: str) -> set[str]:
    try:
        found = subprocess.run(['ssh-keygen', '-F', address],
                               capture_output=True, check=False, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return set()
    return {line.split()[2] for line in found.stdout.splitlines() if not line.startswith('#') and len(line.split()) > 2}


def state_problems(network: Host, agents: Sequence[Agent], files: StateFiles | None, versions: Versions) -> Iterator[Problem]:
    """What is wrong with the state that the network has, or is to get.

    files, versions: of Hercules CI; without them only a state that would be uploaded is looked at.
    """
    if not network.sound(*SOURCE):
        return
    name = state_name_of(network.values)
    try:
        with hidden_file() as file:
            if network['nixops_state'] == 'upload':
                state = read_source(source_options(network), file).state
            elif files is not None and name in versions:
                state = from_server(files, name, versions[name][-1], file)
            else:
                return
            if not network['nixops_allow_self_deploy']:
                yield from _self_deploys(network, list(machines(state.entries())), agents)
    except Failure as failure:
        for problem in failure.problems:
            yield replace(problem, where=', '.join(filter(None, (network.name, problem.where))))


def source_options(network: Host) -> dict[str, Any]:
    """The options of nixops_state that say where a state comes from, from a network's variables."""
    exported = bool(network['nixops_export_file'])
    return {
        'deployment': network['nixops_deployment'], 'effect_deployment': network['nixops_nixops_deployment'],
        'function': network['nixops_function'], 'import_check': True, 'format': 'auto', 'export_file': network['nixops_export_file'],
        'database': None if exported else network['nixops_database'], 'nixops_program': None if exported else network['nixops_program'],
        'nixops_directory': None, 'nixops_timeout': 600,
    }


def _self_deploys(network: Host, deployed: Sequence[Machine], agents: Sequence[Agent]) -> Iterator[Problem]:
    for machine in deployed:
        names = {machine.name, *machine.addresses}
        key = machine.host_key.split()[1] if ' ' in machine.host_key else machine.host_key
        for agent in agents:
            common = sorted(names & agent.names) or (['its host key'] if key in agent.host_keys and key else [])
            if common and not machine.obsolete:
                yield Problem(
                    'The network would deploy an agent: the agent that runs the effect would be stopped in the middle, and the state lost.',
                    where='%s, machine %s' % (network.name, machine.name), expected='machines that are not agents',
                    found='the agent %s, by %s' % (agent.name, ', '.join(common)),
                    remedy='Deploy agents in another way, such as nixos-rebuild. Where other agents run the effect, set '
                    'nixops_allow_self_deploy: true.',
                )
