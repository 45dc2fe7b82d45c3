# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the diagram shows, and where."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.diagram import (
    Drawing,
    one_below_the_other,
    shortened,
    side_by_side,
)
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.outcome import Agent
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.reading import agents_of, outcomes_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.table import text_width
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.topology import Topology, condensed, topology_of
from hypothesis import given
from hypothesis import strategies as st

from .conftest import AGENTS, NETWORKS, fleet, network

OUTCOMES = outcomes_of(NETWORKS)


def topology(networks: list[dict[str, Any]], agents: dict[str, Any]) -> Topology:
    return topology_of(outcomes_of(networks), agents_of(agents))


def labels(shown: Topology) -> list[list[str]]:
    return [[node.label for node in layer] for layer in shown.layers]


def linked(shown: Topology) -> set[tuple[str, str]]:
    names = {node.key: node.label for layer in shown.layers for node in layer}
    return {(names[left], names[right]) for left, right in shown.links}


def test_everything_that_takes_part_is_there() -> None:
    shown = topology(NETWORKS, AGENTS)
    assert labels(shown) == [
        ['production', 'staging'], ['broken-network', 'neat-network', 'new-network'], ['lost-key', 'neat-aws', 'GitToken'],
        ['agent-1', 'agent-2', 'agent-3'],
    ]
    assert linked(shown) == {
        ('production', 'broken-network'), ('production', 'neat-network'), ('staging', 'new-network'),
        ('broken-network', 'lost-key'), ('neat-network', 'neat-aws'), ('new-network', 'GitToken'),
        ('neat-aws', 'agent-1'), ('neat-aws', 'agent-2'),
    }


def test_a_secret_that_no_agent_has_is_marked_if_agents_are_known() -> None:
    def secrets(agents: list[Agent]) -> list[tuple[str, str, str]]:
        return [(node.label, node.tone, node.note) for node in topology_of(OUTCOMES, agents).layers[2]]

    assert secrets(agents_of(AGENTS)) == [('lost-key', 'bad', 'on no agent'), ('neat-aws', '', ''), ('GitToken', '', 'from Hercules CI')]
    assert [tone for _label, tone, _note in secrets([])] == ['', '', '']


def test_a_network_of_two_branches_is_one_node_with_the_worse_result() -> None:
    shown = topology([network(branch='a', result='failed'), network(branch='b')], {})
    node, = shown.layers[1]
    assert (node.tone, node.names) == ('bad', ('neat-network on a: failed', 'neat-network on b: deployed'))
    assert linked(shown) >= {('a', 'neat-network'), ('b', 'neat-network')}


def test_thirty_networks_are_drawn_one_by_one() -> None:
    assert len(condensed(topology(*fleet(30)), 32).layers[1]) == 30


def test_of_two_hundred_those_of_a_branch_that_fare_alike_are_one() -> None:
    networks, agents = fleet(200, projects=5)
    whole = topology(networks, agents)
    groups = condensed(whole, 32)
    assert all(len(layer) <= 32 for layer in groups.layers)
    for before, after in zip(whole.layers, groups.layers):
        assert sorted(name for node in after for name in node.names) == sorted(name for node in before for name in node.names)
    for node in groups.layers[1]:
        named = {name.split()[0] for name in node.names}
        members = [outcome for outcome in outcomes_of(networks) if outcome.network in named]
        assert len({(outcome.project, outcome.branch, outcome.tone) for outcome in members}) == 1
        assert node.label == (members[0].network if len(members) == 1 else '%d networks' % len(members))


def test_lines_that_could_not_be_told_apart_become_one() -> None:
    assert [node.label for node in condensed(topology(*fleet(4)), 32).layers[3]] == ['agent-0', 'agent-1', 'agent-2', 'agent-3']
    assert [node.label for node in condensed(topology(*fleet(4)), 8).layers[3]] == ['4 agents']


@pytest.mark.parametrize('draw', [side_by_side, one_below_the_other])
@pytest.mark.parametrize('number', [0, 1, 2, 30, 32, 33, 200])
def test_no_box_covers_another_or_leaves_the_picture(draw: Any, number: int) -> None:
    drawing: Drawing = draw(topology(*fleet(number, projects=3)))
    for box in drawing.boxes:
        assert 0 <= box.x <= box.x + box.width <= drawing.width
        assert 0 <= box.y <= box.y + box.height <= drawing.height + 0.01
    for one, other in combinations(drawing.boxes, 2):
        beside = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert beside or one.y + one.height <= other.y or other.y + other.height <= one.y


@pytest.mark.parametrize('draw', [side_by_side, one_below_the_other])
def test_every_line_leads_from_box_to_box(draw: Any) -> None:
    whole = topology(*fleet(2))
    drawing: Drawing = draw(whole)
    boxes = {box.node.key: box for box in drawing.boxes}
    assert len(drawing.lines) == len(whole.links)
    for (left, right), line in zip(sorted(whole.links), drawing.lines):
        numbers = [float(number) for number in re.findall(r'[\d.]+', line)]
        start, end = (numbers[0], numbers[1]), (numbers[-1], numbers[-2] if draw is one_below_the_other else numbers[-1])
        assert start[0] in (boxes[left].x, boxes[left].x + boxes[left].width)
        assert start[1] == pytest.approx(boxes[left].middle, abs=0.06)
        assert end[1] == pytest.approx(boxes[right].middle, abs=0.06)


@given(st.text('ab字-'), st.integers(2, 30))
def test_a_shortened_name_fits_and_keeps_its_ends(text: str, columns: int) -> None:
    short = shortened(text, columns)
    assert text_width(short) <= columns
    head, _ellipsis, tail = short.partition('…')
    assert text.startswith(head) and text.endswith(tail)
    assert short == text or text_width(text) > columns
