# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Where everything of a topology stands in a picture. Lengths are pixels of CSS at the picture's own size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .table import text_width
from .topology import LAYERS, DrawnNode, Topology, condensed

_TOP = 32
_GAP = 7
_GUTTER = 36
_LETTER, _SMALL_LETTER = 7.83, 6.63
"""Width of a letter in a monospaced font of 13 and of 11 pixels, with some room."""


@dataclass(frozen=True)
class Box:
    """A node in its place, with as much of its label and note as there is room for."""

    node: DrawnNode
    x: float
    y: float
    width: float
    height: float
    label: str
    note: str

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class Drawing:
    """headings: texts with x and y of their base line. lines: data of SVG paths."""

    width: float
    height: float
    headings: tuple[tuple[str, float, float], ...]
    boxes: tuple[Box, ...]
    lines: tuple[str, ...]


def side_by_side(topology: Topology) -> Drawing:
    """A column for each layer, for screens and paper; up to 32 nodes in a column are drawn one by one."""
    topology = condensed(topology, 32)
    columns = ((0, 190), (246, 230), (538, 190), (790, 202))
    layers = topology.layers
    stacked = [sum(_height(node) for node in layer) + _GAP * (len(layer) - 1) for layer in layers]
    bottom = _TOP + max(stacked)
    boxes: dict[str, Box] = {}
    for layer in (1, 0, 2, 3):
        start = _TOP + (bottom - _TOP - stacked[layer]) / 2
        wanted = {}
        for node in layers[layer]:
            middles = [boxes[key].middle for key in topology.neighbours(node.key) if key in boxes]
            wanted[node.key] = sum(middles) / len(middles) if middles else start + _height(node) / 2
            start += _height(node) + _GAP
        nodes = sorted(layers[layer], key=lambda node: wanted[node.key])
        x, width = columns[layer]
        for node, y in zip(nodes, _without_overlap([wanted[node.key] for node in nodes], [_height(node) for node in nodes], bottom)):
            boxes[node.key] = _box(node, x, y, width)
    headings = tuple((name.capitalize(), x, 14) for name, (x, _width), layer in zip(LAYERS, columns, layers) if layer)
    lines = []
    for left, right in _linked(topology, boxes):
        start, end = left.x + left.width, right.x
        turn = (start + end) / 2
        corners = (start, left.middle, turn, left.middle, turn, right.middle, end, right.middle)
        lines.append('M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f' % corners)
    return Drawing(992, bottom, headings, tuple(boxes.values()), tuple(lines))


def one_below_the_other(topology: Topology) -> Drawing:
    """A single column, for telephones; more than eight nodes of a layer are drawn as groups.

    Each node has a lane of its own beside the column, from which its lines to the next layer branch off; networks have them on the right.
    """
    topology = condensed(topology, 8)
    boxes: dict[str, Box] = {}
    headings = []
    y = 0.0
    for name, nodes in zip(LAYERS, topology.layers):
        if nodes:
            headings.append((name.capitalize(), float(_GUTTER), y + 14))
            y += 24
        for node in nodes:
            boxes[node.key] = _box(node, _GUTTER, y, 328 - 2 * _GUTTER)
            y += _height(node) + _GAP
        y += 10 if nodes else 0
    lanes = {key: lane for nodes in topology.layers for lane, key in enumerate(node.key for node in nodes)}
    lines = []
    for upper, lower in _linked(topology, boxes):
        nodes = next(nodes for nodes in topology.layers if upper.node in nodes)
        away = _GUTTER - lanes[upper.node.key] * min(7, (_GUTTER - 8) / len(nodes))
        side, away = (upper.x + upper.width, away) if nodes is topology.layers[1] else (upper.x, -away)
        lines.append('M%.1f %.1fH%.1fV%.1fH%.1f' % (side, upper.middle, side + away, lower.middle, side))
    return Drawing(328, y - 16, tuple(headings), tuple(boxes.values()), tuple(lines))


def shortened(text: str, columns: int) -> str:
    """`text` in at most `columns`, with an ellipsis in its middle: both ends of a name tell it apart."""
    if text_width(text) <= columns:
        return text
    head, tail = text, ''
    while text_width(head) > columns // 2:
        head = head[:-1]
    for character in reversed(text):
        if text_width(head) + 1 + text_width(character + tail) > columns:
            break
        tail = character + tail
    return '%s…%s' % (head, tail)


def _height(node: DrawnNode) -> float:
    return 41 if node.note else 26


def _box(node: DrawnNode, x: float, y: float, width: float) -> Box:
    room = width - 20 - (18 if node.tone else 0)
    label, note = shortened(node.label, int(room / _LETTER)), shortened(node.note, int(room / _SMALL_LETTER))
    return Box(node, x, y, width, _height(node), label, note)


def _linked(topology: Topology, boxes: Mapping[str, Box]) -> list[tuple[Box, Box]]:
    return [(boxes[left], boxes[right]) for left, right in sorted(topology.links)]


def _without_overlap(middles: Sequence[float], heights: Sequence[float], bottom: float) -> list[float]:
    """Upper edges as near to the wanted `middles`, which ascend, as there is room between _TOP and `bottom`.

    Pushing everything down and pushing everything up both leave the gaps; so does their mean, which is fair to both ends.
    """
    wanted = [middle - height / 2 for middle, height in zip(middles, heights)]
    down = _pushed_down(wanted, heights)
    up = _pushed_up(wanted, heights, bottom)
    mean = [(low + high) / 2 for low, high in zip(down, up)]
    return _pushed_up(_pushed_down(mean, heights), heights, bottom)


def _pushed_down(edges: Sequence[float], heights: Sequence[float]) -> list[float]:
    free, placed = float(_TOP), []
    for edge, height in zip(edges, heights):
        placed.append(max(edge, free))
        free = placed[-1] + height + _GAP
    return placed


def _pushed_up(edges: Sequence[float], heights: Sequence[float], bottom: float) -> list[float]:
    free, placed = bottom, []
    for edge, height in zip(reversed(edges), reversed(heights)):
        placed.append(min(edge, free - height))
        free = placed[-1] - _GAP
    return placed[::-1]
