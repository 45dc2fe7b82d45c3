# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Where effects deploy to: machines that may be agents, or belong to another network, and branches that deploy again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...module_utils._nix.logins import host_of
from ...module_utils._nixops.machines import machines
from ...module_utils._nixops.state import State
from ...module_utils._problems import Problem
from ...module_utils._secrets.scripts import docker_hosts_in
from .network import Network
from .states import AgentHost

PROFILE = 'nixops_profile'
ALLOWED = 'nixops_allow_self_deploy'
BRANCH = 'nixops_update_branch'
LOCAL = frozenset(('localhost', '127.0.0.1', '::1'))


def destination_problems(network: Network, agents: Sequence[AgentHost]) -> Iterator[Problem]:
    """What is wrong with the machine that an effect deploys to. Of what only Nix knows, nothing is said."""
    if not network.sound(ALLOWED) or network[ALLOWED]:
        return
    host = host_of(network.destination)
    agent = _agent(host, agents) if host and network.sound(network.destination_place[0]) else None
    if agent:
        yield Problem(
            'The network would deploy an agent: the agent that runs the effect might be stopped in the middle.',
            where=network.place(*network.destination_place), expected='a machine that is no agent', found='%s, which is %s' % (host, agent),
            remedy='Deploy agents in another way, such as nixos-rebuild. Where other agents run the effect, set '
            'nixops_allow_self_deploy: true.')
    for variable, text in network.scripts.items():
        for docker in dict.fromkeys(docker_hosts_in(text)) if network.sound(variable.partition('[')[0]) else ():
            agent = _agent(docker, agents)
            if agent:
                yield Problem(
                    'The effect deploys to Docker on an agent: an agent in one of the containers would be stopped in the middle.',
                    where=network.place(variable), expected='a host that is no agent', found='%s, which is %s' % (docker, agent),
                    remedy='Use another host. Where no agent is in a container there, set nixops_allow_self_deploy: true.',
                    severity='warning')


def _agent(host: str, agents: Sequence[AgentHost]) -> str:
    """Which agent a host is, in words; empty for none."""
    name = host.lower().rstrip('.')
    if name in LOCAL:
        return 'whichever agent runs the effect' if agents else ''
    found = next((agent.name for agent in agents if name in {known.lower().rstrip('.') for known in agent.names}), '')
    return found and 'the agent %s' % found


def shared_destinations(networks: Iterable[Network]) -> Iterator[Problem]:
    """Two networks that switch one machine on one branch, each to its own system: whichever comes last is what it runs."""
    known: list[tuple[str, Network]] = []
    for network in networks:
        host = host_of(network.destination)
        if not host or not network.sound(network.destination_place[0], 'nixops_branches', PROFILE):
            continue
        name = host.lower().rstrip('.')
        other = next((each for each_name, each in known if each_name == name and each[PROFILE] == network[PROFILE]
                      and set(each.branches) & set(network.branches)), None)
        if other:
            yield Problem('Two networks deploy the same machine from the same branch.', where=network.place(*network.destination_place),
                          expected='a machine of its own for each', found='%s, as of %s' % (host, other.name),
                          remedy='Correct the destination, or drop one of the two.')
        known.append((name, network))


def in_two_networks(state: State, kept: Iterable[str], destinations: Mapping[str, str], where: str) -> Iterator[Problem]:
    """The same of a machine that NixOps has in its state and goes on to deploy. destinations: by the networks that log in there.

    The name alone of a machine says nothing: it may be called so where NixOps is not.
    """
    names = frozenset(kept)
    for machine in machines(state.entries()) if destinations and names else ():
        for network, destination in destinations.items():
            host = host_of(destination) or ''
            if machine.name in names and host.lower() != machine.name.lower() and machine.known_as([host]):
                yield Problem(
                    'Two networks deploy the same machine from the same branch.', where='%s, machine %s' % (where, machine.name),
                    expected='a machine that one of them deploys', found='%s, as of %s' % (destination, network),
                    remedy='Take the machine out of the network of NixOps, which leaves it running, or drop %s.' % network)


def pushes_that_deploy(networks: Sequence[Network]) -> Iterator[Problem]:
    """Effects that push to a branch of their project that deploys: another network, or in the end themselves, again and again."""
    sound = [network for network in networks if network.sound()]
    after = {network.name: [other for other in sound if network.pushes_to and other.runs_on_push(network.pushes_to)] for network in sound}
    for network in sound:
        if not after[network.name] or network[ALLOWED]:
            continue
        found = '%s, which deploys %s' % (network.pushes_to, ', '.join(other.name for other in after[network.name]))
        if network.name in _reached(network.name, after):
            yield Problem(
                'The effect pushes to a branch whose jobs run it again: they might never end.', where=network.place(BRANCH),
                expected='a branch that does not deploy %s' % network.name, found=found,
                remedy='Set %s to another branch, or give the effect a job of its own in nixops_schedules. Where it finds nothing to push '
                'the second time, set nixops_allow_self_deploy: true.' % BRANCH)
        else:
            yield Problem(
                'The effect pushes to a branch that deploys: what it writes there is deployed at once.', where=network.place(BRANCH),
                expected='a branch that deploys nothing', found=found, severity='warning',
                remedy='Set %s to another branch, or nixops_allow_self_deploy: true where that is what you want.' % BRANCH)


def _reached(name: str, after: Mapping[str, Sequence[Network]]) -> set[str]:
    """The networks that run because one has run, and those that run because of these."""
    found: set[str] = set()
    left = [name]
    while left:
        new = {network.name for network in after[left.pop()]} - found
        found |= new
        left += new
    return found
