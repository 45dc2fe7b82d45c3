# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Where things stand in a YAML text: a tree of nodes with their positions, from the events of ruamel.yaml's round-trip parser.

Aliases are nodes of their own, and no value is resolved: that is for Ansible's own loader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

from ...module_utils._problems import fail, missing_package

STRING = 'tag:yaml.org,2002:str'


@dataclass
class Node:
    """A piece of a document.

    kind: mapping, sequence, scalar or alias. start, end: positions in the text; the end of a block collection or block scalar may lie
    behind comments that follow it. style: that of a scalar. flow: whether a collection has brackets. marked: whether it has a tag or an
    anchor. keys: of a mapping. children: values of a mapping, or items.
    """

    kind: str
    start: int
    end: int
    value: str = ''
    style: str = ''
    flow: bool = False
    marked: bool = False
    keys: list[Node] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether nothing is written where a value could be."""
        return self.kind == 'scalar' and self.start == self.end

    @property
    def block_text(self) -> bool:
        return self.kind == 'scalar' and self.style in ('|', '>')

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def key_named(self, name: str) -> int | None:
        """The index of the key that Ansible reads as this text; the last one counts."""
        return next((index for index in reversed(range(len(self.keys))) if is_text(self.keys[index], name)), None)


def is_text(node: Node, text: str) -> bool:
    return node.kind == 'scalar' and node.value == text and (bool(node.style) or resolved_tag(text) == STRING)


def resolved_tag(text: str) -> str:
    """What YAML 1.1, which Ansible reads, takes plain text for."""
    resolver: Any = Resolver()
    return str(resolver.resolve(ScalarNode, text, (True, False)))


def parse(text: str, where: str) -> Node | None:
    """The root of the only document, None where there is none. Raises Failure where the text is not YAML that can be edited."""
    try:
        ruamel = import_module('ruamel.yaml')
    except ImportError:
        raise missing_package('ruamel.yaml') from None
    parser = ruamel.YAML(typ='rt', pure=True)
    parser.version = (1, 1)
    try:
        roots = _documents(iter(list(parser.parse(text))), text)
    except (ruamel.error.YAMLError, ValueError, RecursionError) as error:
        raise fail('This is not YAML that can be edited.', where=where, found=first_line(error), remedy='Correct the file.') from None
    if len(roots) > 1:
        raise fail('The file has several documents.', where=where, expected='one', found=str(len(roots)),
                   remedy='Ansible reads none of them. Leave one.')
    return roots[0] if roots else None


def first_line(error: Exception) -> str:
    """The place and the problem, without the text that stands there."""
    mark, problem = getattr(error, 'problem_mark', None), getattr(error, 'problem', None)
    return '%s in line %d' % (problem, mark.line + 1) if mark and problem else type(error).__name__


def _documents(events: Iterator[Any], text: str) -> list[Node]:
    roots = []
    for event in events:
        if type(event).__name__ == 'DocumentStartEvent':
            roots.append(_node(next(events), events, text))
    if len(roots) == 1 and roots[0].empty:
        start = re.search('^---', text, re.MULTILINE)
        roots[0].start = roots[0].end = start.end() if start else len(text)
    return roots


def _node(event: Any, events: Iterator[Any], text: str) -> Node:
    kind = type(event).__name__
    start, end = event.start_mark.index, event.end_mark.index
    if kind == 'AliasEvent':
        return Node('alias', start, end)
    marked = event.anchor is not None or _has_tag(event)
    if kind == 'ScalarEvent':
        return Node('scalar', start, end, value=event.value, style=event.style or '', marked=marked)
    node = Node('mapping' if kind == 'MappingStartEvent' else 'sequence', start, end, flow=bool(event.flow_style), marked=marked)
    while type(inner := next(events)).__name__ not in ('MappingEndEvent', 'SequenceEndEvent'):
        found = _node(inner, events, text)
        if node.kind == 'mapping':
            node.keys.append(found)
            found = _behind_colon(found, _node(next(events), events, text), text)
        node.children.append(found)
    node.end = inner.end_mark.index
    return node


def _behind_colon(key: Node, value: Node, text: str) -> Node:
    """The value of a mapping. The parser tells for an empty one where the next thing stands, behind comments."""
    colon = re.compile(r'[ \t]*:').match(text, key.end)
    if value.empty and colon:
        value.start = value.end = colon.end()
    return value


def _has_tag(event: Any) -> bool:
    """ruamel.yaml before 0.18 calls the tag otherwise."""
    return bool(getattr(event, 'ctag', None) or getattr(event, 'tag', None))


def content_end(node: Node, text: str) -> int:
    """The position behind the last character of a node: without comments, blank lines and breaks that follow it."""
    if node.block_text:
        return _block_text_end(node, text)
    if node.kind in ('mapping', 'sequence') and not node.flow and node.children:
        return content_end(node.children[-1], text)
    return node.end


def _block_text_end(node: Node, text: str) -> int:
    """Blank lines at the end are part of the text only where its head says to keep them."""
    body = text[node.start:node.end]
    kept = re.search(r'[|>]\d?\+', body.split('\n', 1)[0])
    return node.start + len(re.sub(r'\r?\n\Z', '', body) if kept else body.rstrip(' \r\n'))


def column(position: int, text: str) -> int:
    return position - (text.rfind('\n', 0, position) + 1)


def key_column(key: Node, text: str) -> int:
    """Where a key of a block mapping stands, with the question mark that it may have."""
    mark = _behind('?', key.start, text)
    return column(key.start if mark is None else mark, text)


def dash_column(item: Node, text: str) -> int | None:
    """Where the dash of an item of a block sequence stands; None where a comment comes between."""
    dash = _behind('-', item.start, text)
    return None if dash is None else column(dash, text)


def _behind(mark: str, position: int, text: str) -> int | None:
    """Where the mark stands that only blanks separate from a position."""
    blanks = position - 1
    while blanks >= 0 and text[blanks] in ' \t\r\n':
        blanks -= 1
    return blanks if blanks >= 0 and text[blanks] == mark else None
