# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Which branch deploys which network, which secrets that reads, and which agents have them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from .outcome import FROM_GIT, Agent, Outcome, counted

LAYERS = ('branch', 'network', 'secret', 'agent')


@dataclass(frozen=True)
class DrawnNode:
    """Something of a layer, or several things that are drawn as one.

    label, note: a line each. tone: as of results, '' for none. names: what the node stands for, more than one if it is a group.
    """

    key: str
    label: str
    note: str = ''
    tone: str = ''
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Topology:
    """layers: nodes for each of LAYERS. links: pairs of keys, the first of a layer and the second of the next."""

    layers: tuple[tuple[DrawnNode, ...], ...]
    links: frozenset[tuple[str, str]]

    def neighbours(self, key: str) -> frozenset[str]:
        """Keys on either side."""
        return frozenset(right if left == key else left for left, right in self.links if key in (left, right))


def topology_of(outcomes: Sequence[Outcome], agents: Sequence[Agent]) -> Topology:
    """Everything that has a part in `outcomes`, and all agents. A secret that no agent has is bad, if any agent is known at all."""
    held = {secret.name for agent in agents for secret in agent.secrets} | {FROM_GIT}
    branches: dict[str, DrawnNode] = {}
    networks: dict[str, DrawnNode] = {}
    secrets: dict[str, DrawnNode] = {}
    links: set[tuple[str, str]] = set()
    for outcome in sorted(outcomes, key=lambda outcome: (outcome.project, outcome.branch, outcome.network)):
        branch, network = 'b %s %s' % (outcome.project, outcome.branch), 'n ' + outcome.network
        branches[branch] = DrawnNode(branch, outcome.branch, outcome.project, '', ('%s, %s' % (outcome.branch, outcome.project),))
        networks[network] = _worse(networks.get(network), outcome)
        links.add((branch, network))
        for name in outcome.secrets:
            secrets['s ' + name] = _secret(name, known=name in held or not agents)
            links.add((network, 's ' + name))
    links |= {('s ' + secret.name, 'a ' + agent.name) for agent in agents for secret in agent.secrets if 's ' + secret.name in secrets}
    return Topology((
        tuple(branches.values()), tuple(networks.values()), tuple(secrets.values()),
        tuple(DrawnNode('a ' + agent.name, agent.name, names=(agent.name,)) for agent in agents),
    ), frozenset(links))


def _worse(known: DrawnNode | None, outcome: Outcome) -> DrawnNode:
    """A network of several branches shows its worst result and names them all."""
    names = (*(known.names if known else ()), '%s on %s: %s' % (outcome.network, outcome.branch, outcome.result))
    tones = [*([known.tone] if known else []), outcome.tone]
    return DrawnNode('n ' + outcome.network, outcome.network, '', next(tone for tone in ('bad', 'open', 'good') if tone in tones), names)


def _secret(name: str, known: bool) -> DrawnNode:
    note = 'from Hercules CI' if name == FROM_GIT else '' if known else 'on no agent'
    return DrawnNode('s ' + name, name, note, '' if known else 'bad', ('%s, %s' % (name, note) if note else name,))


def condensed(topology: Topology, most: int) -> Topology:
    """The same with at most about `most` nodes in a layer: where there are more, those become one that are linked alike and fare alike.

    So do they where more than twice as many links come from the layer before, which could not be told apart.
    """
    alike: tuple[Callable[[Topology, DrawnNode], Hashable], ...] = (
        lambda _now, node: node.note,
        lambda now, node: (node.tone, now.neighbours(node.key) & {branch.key for branch in now.layers[0]}),
        lambda now, node: (node.tone, now.neighbours(node.key)),
        lambda now, node: now.neighbours(node.key),
    )
    for layer, key in enumerate(alike):
        nodes = {node.key for node in topology.layers[layer]}
        if len(nodes) > most or sum(right in nodes for _left, right in topology.links) > 2 * most:
            topology = _merged(topology, layer, key)
    return topology


def _merged(topology: Topology, layer: int, alike: Callable[[Topology, DrawnNode], Hashable]) -> Topology:
    groups: dict[Hashable, list[DrawnNode]] = {}
    for node in topology.layers[layer]:
        groups.setdefault(alike(topology, node), []).append(node)
    nodes = tuple(_group(members, LAYERS[layer]) for members in groups.values())
    renamed = {member.key: node.key for node, members in zip(nodes, groups.values()) for member in members}
    links = frozenset((renamed.get(left, left), renamed.get(right, right)) for left, right in topology.links)
    return Topology((*topology.layers[:layer], nodes, *topology.layers[layer + 1:]), links)


def _group(members: Sequence[DrawnNode], layer: str) -> DrawnNode:
    first = members[0]
    if len(members) == 1:
        return first
    names = tuple(name for member in members for name in member.names)
    return DrawnNode(first.key, counted(len(members), layer), first.note, first.tone, names)
