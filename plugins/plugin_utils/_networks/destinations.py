# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Machines that effects log in to: none of them may be an agent, which would be switched while it runs the effect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...module_utils._nix.logins import host_of
from ...module_utils._problems import Problem
from .network import Network
from .states import Agent

PROFILE = 'nixops_profile'
LOCAL = frozenset(('localhost', '127.0.0.1', '::1'))


def destination_problems(network: Network, agents: Sequence[Agent]) -> Iterator[Problem]:
    """What is wrong with the machine that an effect deploys to. Of what only Nix knows, nothing is said."""
    host = host_of(network.destination)
    if not host or not network.sound(network.destination_place[0], 'nixops_allow_self_deploy') or network['nixops_allow_self_deploy']:
        return
    name = host.lower().rstrip('.')
    for agent in agents:
        if name in LOCAL or name in {known.lower().rstrip('.') for known in agent.names}:
            yield Problem(
                'The network would deploy an agent: the agent that runs the effect might be stopped in the middle.',
                where=network.place(*network.destination_place), expected='a machine that is no agent',
                found='%s, which is %s' % (host, 'whichever agent runs the effect' if name in LOCAL else 'the agent %s' % agent.name),
                remedy='Deploy agents in another way, such as nixos-rebuild. Where other agents run the effect, set '
                'nixops_allow_self_deploy: true.')
            return


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
