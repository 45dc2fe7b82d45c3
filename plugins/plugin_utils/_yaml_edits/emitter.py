# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Values as YAML text, in a given style. No line is ever wrapped."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...module_utils._problems import fail
from .changes import Noted, Question, Unsafe
from .nodes import STRING, resolved_tag

PLAIN = re.compile(r'(?:[^\W_]|[/_]|\./|\.\w)(?:[\w/.+@=~%^-]|:(?=[^\s,\[\]{}])| (?=[^\s#:]))*\Z')
"""Text that nobody takes for anything else, between brackets neither."""
NUMBER = re.compile(r'[-+]?(?:\.\d+|\d[\d_]*(?:\.\d*)?)(?:[eE][-+]?\d+)?\Z|0o[0-7]+\Z')
"""What some readers of YAML take for a number, and others for text."""
BOOLEANS = frozenset(('y', 'Y', 'n', 'N'))


@dataclass(frozen=True)
class Style:
    """How a file is written.

    step: columns by which a mapping in a mapping is indented. dash: the same for the dashes of a sequence in a mapping. quote: the marks
    that are preferred. quoted: whether text gets them in any case. quoted_keys: the same for keys. flow_mappings, flow_sequences: whether
    those are in brackets, where they fit into a line of this width.
    """

    step: int = 2
    dash: int = 2
    quote: str = '"'
    quoted: bool = False
    quoted_keys: bool = False
    flow_mappings: bool = False
    flow_sequences: bool = False
    width: int = 120
    newline: str = '\n'


def scalar(value: Any, style: Style) -> str:
    """A value that is no collection, in one line."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Unsafe):
        return '!unsafe ' + _quoted(value, style.quote)
    if isinstance(value, str):
        return str(value) if not style.quoted and _is_plain(value) else _quoted(value, style.quote)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _number(value)
    raise fail('YAML that Ansible reads has no such value.', found=type(value).__name__, remedy='Give text instead.')


def _number(value: float) -> str:
    if not math.isfinite(value):
        return '.nan' if math.isnan(value) else '.inf' if value > 0 else '-.inf'
    text = repr(value)
    if 'e' in text and '.' not in text:  # YAML 1.1 wants a dot in a number with an exponent
        text = text.replace('e', '.0e')
    return text


def _is_plain(text: str) -> bool:
    return bool(
        PLAIN.match(text) and text.isprintable() and text not in BOOLEANS and not NUMBER.match(text) and resolved_tag(text) == STRING
    )


def _quoted(text: str, preferred: str) -> str:
    simple = _is_printable(text)
    if simple and (preferred == "'" or '"' in text or '\\' in text) and not (preferred == '"' and "'" in text):
        return "'%s'" % text.replace("'", "''")
    return ''.join(character if _is_printable(character) else _escaped(character) for character in json.dumps(text, ensure_ascii=False))


def _is_printable(text: str) -> bool:
    return text.isprintable() and '\ufeff' not in text


def _escaped(character: str) -> str:
    code = ord(character)
    return '\\x%02x' % code if code < 0x100 else '\\u%04x' % code if code < 0x10000 else '\\U%08x' % code


def inline(value: Any, style: Style) -> str:
    """A value in one line, collections in brackets. There is no place for comments."""
    if isinstance(value, Noted):
        return inline(value.value, style)
    if isinstance(value, Mapping):
        present = {key: item for key, item in value.items() if not isinstance(item, Question)}
        return '{%s}' % ', '.join(entry_text(key, item, style) for key, item in present.items())
    if isinstance(value, (list, tuple)):
        return '[%s]' % ', '.join(inline(item, style) for item in value)
    return scalar(value, style)


def entry_text(key: Any, value: Any, style: Style) -> str:
    """A key and its value, to stand between braces."""
    return '%s: %s' % (key_text(key, style), inline(value, style))


def key_text(key: Any, style: Style) -> str:
    if not isinstance(key, str):
        raise fail('A key that is written into YAML has to be text.', found=repr(key), remedy='Put it in quotes.')
    return scalar(str(key), replace(style, quoted=style.quoted_keys))


def mapping_lines(value: Mapping[str, Any], column: int, style: Style) -> list[str]:
    """The lines of a block mapping whose keys stand in a column."""
    return [line for key, item in value.items() for line in entry_lines(key, item, column, style)]


def entry_lines(key: str, value: Any, column: int, style: Style) -> list[str]:
    pad = ' ' * column
    if isinstance(value, Question):
        return ['%s# %s' % (pad, line) for line in (*value.question.splitlines(), *([value.example] if value.example else []))]
    if isinstance(value, Noted):
        return ['%s# %s' % (pad, line) for note in value.notes for line in note.splitlines()] + entry_lines(key, value.value, column, style)
    head = '%s%s:' % (pad, key_text(key, style))
    if isinstance(value, Mapping) and value and not _fits(head, value, style):
        return [head, *mapping_lines(value, column + style.step, style)]
    if isinstance(value, (list, tuple)) and value and not _fits(head, value, style):
        return [head, *sequence_lines(value, column + style.dash, style)]
    return _ending_in_scalar(head, value, column + style.step, style)


def sequence_lines(items: Any, column: int, style: Style) -> list[str]:
    """The lines of a block sequence whose dashes stand in a column."""
    return [line for item in items for line in item_lines(item, column, style)]


def item_lines(item: Any, column: int, style: Style) -> list[str]:
    dash = ' ' * column + '-'
    lines = []
    if isinstance(item, Mapping) and item and not _fits(dash, item, style):
        lines = mapping_lines(item, column + 2, style)
    elif isinstance(item, (list, tuple)) and item and not _fits(dash, item, style):
        lines = sequence_lines(item, column + 2, style)
    if lines:
        return ['%s %s' % (dash, lines[0][column + 2:]), *lines[1:]]
    return _ending_in_scalar(dash, item, column + 2, style)


def _fits(head: str, value: Any, style: Style) -> bool:
    """Whether a collection is to be in brackets."""
    wanted = style.flow_mappings if isinstance(value, Mapping) else style.flow_sequences
    if not wanted or _has_comments(value):
        return False
    text = inline(value, style)
    return len(head) + 1 + len(text) <= style.width


def _has_comments(value: Any) -> bool:
    if isinstance(value, (Noted, Question)):
        return True
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return any(map(_has_comments, items))


def _ending_in_scalar(head: str, value: Any, column: int, style: Style) -> list[str]:
    if isinstance(value, str) and not isinstance(value, Unsafe) and not style.quoted_keys and _is_paragraph(value):
        lines = value[:-1].split('\n') if value.endswith('\n') else value.split('\n')
        mark = '|' if value.endswith('\n') else '|-'
        return ['%s %s' % (head, mark), *(' ' * column + line if line else '' for line in lines)]
    return ['%s %s' % (head, inline(value, style))]


def _is_paragraph(text: str) -> bool:
    """Whether it is best read as the lines that it consists of."""
    lines = text.split('\n')
    return (
        len(lines) > 1 and all(_is_printable(line.replace('\t', '')) for line in lines) and bool(lines[0].strip())
        and lines[0][0] not in ' \t' and not text.endswith('\n\n') and all(line.strip() or not line for line in lines)
    )
