# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""How a YAML file is written, and the neighbours of what is put into it first of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from .emitter import Style
from .nodes import STRING, Node, column, dash_column, resolved_tag


def style_at(root: Node | None, around: Node | None, text: str) -> Style:
    """The style of what is put into the collection `around`."""
    default, newline = Style(), '\r\n' if '\r\n' in text else '\n'
    if root is None:
        return Style(newline=newline)
    nodes = list(root.walk())
    siblings = around.children if around else []
    strings = [node for node in siblings if _is_string(node)]
    return Style(
        step=_most(_steps(nodes, text), default.step),
        dash=_most(_dashes(nodes, text), default.dash),
        quote=_most((node.style for node in nodes if node.style in ('"', "'")), default.quote),
        quoted=len(strings) > 1 and all(node.style in ('"', "'") for node in strings) and any(node.value.isalnum() for node in strings),
        quoted_keys=_quoted_keys(root),
        flow_mappings=_flow(siblings, nodes, 'mapping'),
        flow_sequences=_flow(siblings, nodes, 'sequence'),
        newline=newline,
    )


def _is_string(node: Node) -> bool:
    return node.kind == 'scalar' and not node.empty and (bool(node.style) or resolved_tag(node.value) == STRING)


def _most(found: Iterable[object], default: object) -> Any:
    counted = Counter(found).most_common(1)
    return counted[0][0] if counted else default


def _blocks(nodes: list[Node], kind: str) -> Iterable[tuple[int, Node]]:
    for node in nodes:
        if node.kind == 'mapping' and not node.flow:
            for key, child in zip(node.keys, node.children):
                if child.kind == kind and not child.flow and child.children:
                    yield key.start, child


def _steps(nodes: list[Node], text: str) -> list[int]:
    found = [column(child.keys[0].start, text) - column(key, text) for key, child in _blocks(nodes, 'mapping')]
    return [step for step in found if step > 0]


def _dashes(nodes: list[Node], text: str) -> list[int]:
    found = [(dash_column(child.children[0], text), column(key, text)) for key, child in _blocks(nodes, 'sequence')]
    return [dash - key for dash, key in found if dash is not None and dash >= key]


def _quoted_keys(root: Node) -> bool:
    """As in JSON."""
    return root.flow and bool(root.keys) and all(key.style == '"' for key in root.keys)


def _flow(siblings: list[Node], nodes: list[Node], kind: str) -> bool:
    for group in (siblings, nodes[1:]):
        written = [node.flow for node in group if node.kind == kind and node.children]
        if written:
            return sum(written) * 2 > len(written)
    return False
