# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The places of a YAML text at which a change puts other text. Everything else stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ...module_utils._problems import Failure, fail
from .changes import Append, Change, Noted, Path, bare
from .emitter import Style, entry_lines, entry_text, inline, item_lines, mapping_lines, scalar, sequence_lines
from .nodes import Node, column, content_end, dash_column, key_column
from .style import style_at


class Splice(NamedTuple):
    """What takes the place of a piece of text."""

    start: int
    end: int
    text: str


class Spot(NamedTuple):
    """A node and what it stands in. key: the column of its key or dash; -1 for the root. flow: whether it stands in brackets."""

    node: Node
    key: int
    flow: bool


class Document:
    """A text and its nodes, for one change."""

    def __init__(self, text: str, root: Node | None, where: str) -> None:
        self.text, self.root, self.where = text, root, where

    def splices(self, change: Change) -> list[Splice]:
        """What the change does to the text."""
        wanted = change.item if isinstance(change, Append) else change.value
        if self.root is None:
            return self._first(change.path, [wanted] if isinstance(change, Append) else wanted)
        spot, path = Spot(self.root, -1, False), change.path
        while path:
            inner = self._inside(spot, path[0])
            if inner is None:
                return self._add(spot, _nested(path, [wanted] if isinstance(change, Append) else wanted))
            spot, path = inner, path[1:]
        return self._append(spot, wanted) if isinstance(change, Append) else self._have(spot, wanted)

    def refuse(self, node: Node | None, why: str) -> Failure:
        line = self.text.count('\n', 0, node.start) + 1 if node else 1
        return fail(why, where='%s, line %d' % (self.where, line), remedy='Make the change by hand.')

    def _first(self, path: Path, wanted: Any) -> list[Splice]:
        """The file has comments at most."""
        value = _nested(path, wanted) if path else wanted
        style = style_at(None, None, self.text)
        lines = mapping_lines(value, 0, style) if isinstance(value, Mapping) else sequence_lines(value, 0, style)
        return [self._lines_at(len(self.text), lines, style)]

    def _inside(self, spot: Spot, part: str | int) -> Spot | None:
        """Where a part of a path leads; None where there is nothing yet, but could be."""
        node = spot.node
        if node.kind == 'mapping' and isinstance(part, str):
            index = node.key_named(part)
            return None if index is None else Spot(node.children[index], column(node.keys[index].start, self.text), spot.flow or node.flow)
        if node.kind == 'sequence' and isinstance(part, int):
            if not -1 < part < len(node.children):
                raise self.refuse(node, 'The list has no item %d.' % part)
            dash = None if node.flow else dash_column(node.children[part], self.text)
            return Spot(node.children[part], -1 if dash is None else dash, spot.flow or node.flow or dash is None)
        if isinstance(part, str) and self._is_nothing(node):
            return None
        raise self.refuse(node, 'Something else stands where a mapping is to be.' if isinstance(part, str) else 'This is not a list.')

    def _is_nothing(self, node: Node) -> bool:
        return node.kind == 'scalar' and not node.style and node.value in ('', '~', 'null', 'Null', 'NULL')

    # Mappings.

    def _have(self, spot: Spot, wanted: Any) -> list[Splice]:
        """Let a value that is there be this one."""
        node, value = spot.node, bare(wanted)
        if isinstance(value, Mapping) and (node.kind == 'mapping' or self._is_nothing(node)):
            found: list[Splice] = []
            missing: dict[str, Any] = {}
            for key, item in wanted.items():
                inner = self._inside(spot, key)
                if inner is None:
                    missing[key] = item
                else:
                    found += self._have(inner, item.value if isinstance(item, Noted) else item)
            return found + (self._add(spot, missing) if bare(missing) else [])
        if node.kind != 'scalar' or isinstance(value, (Mapping, list)):
            raise self.refuse(node, 'Another list or mapping is there already, or a reference to one.')
        if node.marked:
            raise self.refuse(node, 'The value that is there has a tag or an anchor.')
        return self._replace(spot, value)

    def _add(self, spot: Spot, entries: Mapping[str, Any]) -> list[Splice]:
        """Add keys to a mapping, or to nothing."""
        node = spot.node
        style = style_at(self.root, node, self.text)
        if node.kind == 'mapping' and node.children and not node.flow:
            at = key_column(node.keys[0], self.text)
            return [self._lines_at(self._after(content_end(node, self.text), at), mapping_lines(entries, at, style), style)]
        if node.kind == 'mapping' and node.children:
            return self._into_brackets(node, [entry_text(key, item, style) for key, item in entries.items()], style)
        at = spot.key + style.step if spot.key >= 0 else 0
        return self._instead_of_nothing(spot, mapping_lines(entries, at, style), entries, style)

    # Sequences.

    def _append(self, spot: Spot, item: Any) -> list[Splice]:
        node = spot.node
        style = style_at(self.root, node, self.text)
        if node.kind == 'sequence' and node.children and not node.flow:
            at = dash_column(node.children[0], self.text)
            if at is None:
                raise self.refuse(node, 'A comment stands between a dash and its item.')
            return [self._lines_at(self._after(content_end(node, self.text), at), item_lines(item, at, style), style)]
        if node.kind == 'sequence' and node.children:
            return self._into_brackets(node, [inline(item, style)], style)
        if node.kind != 'sequence' and not self._is_nothing(node):
            raise self.refuse(node, 'This is not a list.')
        at = spot.key + style.dash if spot.key >= 0 else 0
        return self._instead_of_nothing(spot, sequence_lines([item], at, style), [item], style)

    # Text.

    def _instead_of_nothing(self, spot: Spot, lines: list[str], value: Any, style: Style) -> list[Splice]:
        """Put lines below an empty value, {} or [], whose place they take, or into the brackets where lines cannot be."""
        node, line_end = spot.node, self._line_end(spot.node.end)
        rest = self.text[node.end:line_end].strip()
        item = spot.key >= 0 and self.text[:node.start].rstrip(' ').endswith('-')
        if spot.flow or item or node.marked or '\n' in self.text[node.start:node.end] or (rest and not rest.startswith('#')):
            brackets = inline(value, style)
            if node.marked or (spot.flow and node.empty):
                raise self.refuse(node, 'Nothing can be put at this place without changing how the file is written.')
            return [Splice(node.start, node.end, (' ' if node.empty else '') + brackets)]
        if spot.key < 0 and not node.empty and not rest and column(node.start, self.text) == 0:
            return [Splice(node.start, node.end, style.newline.join(lines))]
        start = len(self.text[:node.start].rstrip(' ')) if not node.empty else node.start
        below = self._lines_at(self._after(node.end, spot.key + 1), lines, style)
        return [below] if node.empty else [Splice(start, node.end, ''), below]

    def _into_brackets(self, node: Node, entries: list[str], style: Style) -> list[Splice]:
        """Behind the last entry, on lines of their own if all have one."""
        last = node.children[-1]
        end = last.end
        comma = re.match(r'(?:[^\S\n]|\n|#[^\n]*)*,', self.text[end:node.end])
        first = node.keys[-1] if node.kind == 'mapping' else last
        pad = self.text[self.text.rfind('\n', 0, first.start) + 1:first.start]
        behind = end + comma.end() if comma else end
        line_end = self._line_end(behind)
        if not pad.strip(' \t') and '\n' in self.text[node.start:first.start] and self._line_end(behind) < node.end:
            lines = (',' + style.newline).join(pad + entry for entry in entries) + (',' if comma else '')
            inserted = Splice(line_end, line_end, style.newline + lines)
            return [inserted] if comma else [Splice(end, end, ','), inserted]
        text = ', '.join(entries)
        return [Splice(behind, behind, ' ' + text if comma else ', ' + text)]

    def _replace(self, spot: Spot, value: Any) -> list[Splice]:
        node = spot.node
        if node.empty:
            style = style_at(self.root, None, self.text)
            return [Splice(node.start, node.start, ' ' + inline(value, style))]
        style = _quoting_as(node, style_at(self.root, None, self.text))
        if node.block_text:
            lines = entry_lines('k', value, spot.key, style)
            head, rest = lines[0].split(':', 1)[1].lstrip(), lines[1:]
            return [Splice(node.start, content_end(node, self.text), style.newline.join([head, *rest]))]
        return [Splice(node.start, node.end, scalar(value, style))]

    def _lines_at(self, position: int, lines: list[str], style: Style) -> Splice:
        """Whole lines behind the line that ends at a position, or at the very end of the text."""
        text = style.newline.join(lines)
        if position < len(self.text):
            return Splice(position, position, style.newline + text)
        ended = not self.text or self.text.endswith('\n')
        return Splice(position, position, ('' if ended else style.newline) + text + style.newline)

    def _line_end(self, position: int) -> int:
        """Where the line's break begins."""
        found = self.text.find('\n', position)
        if found < 0:
            return len(self.text)
        return found - 1 if found > position and self.text[found - 1] == '\r' else found

    def _after(self, position: int, indent: int) -> int:
        """The end of the line, or of the last comment below it that is indented as what stands there."""
        end = self._line_end(position)
        at = end
        while at < len(self.text):
            following = self.text.find('\n', at) + 1
            at = self._line_end(following)
            line = self.text[following:at]
            if line.strip(' \t') and not (line.lstrip(' ').startswith('#') and len(line) - len(line.lstrip(' ')) >= indent):
                break
            if line.strip(' \t'):
                end = at
        return end


def _quoting_as(node: Node, style: Style) -> Style:
    return replace(style, quote=node.style, quoted=True) if node.style in ('"', "'") else style


def _nested(path: Path, value: Any) -> dict[str, Any]:
    for part in reversed(path):
        value = {part: value}
    return dict(value)
