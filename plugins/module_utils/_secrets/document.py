# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The file secrets.json: names of secrets, each with its kind, data and condition.

The agent decodes the file as a whole, so one bad entry takes every secret away. The source of the grammar and of the messages is
Hercules.Formats.Secret and Hercules.Formats.Common of hercules-ci-agent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from .. import _json_text as json_text
from .._json_text import Path
from .._problems import Problem, fail, require_none
from . import condition
from .condition import type_name

Document = dict[str, dict[str, Any]]


def parse(content: bytes, where: str) -> Document:
    """The secrets of a file that the agent can read; a Failure with the agent's words for each place where it could not.

    where: the file's path, for messages.
    """
    value = json_text.parse(content, where)
    try:
        problems = tuple(
            Problem(
                'The agent cannot parse its secrets: %s' % words, where='%s, %s' % (where, json_text.path_in_words(path)),
                remedy='Put this place right by hand: one bad entry takes every secret of the file away, and the file was left as it is.',
            )
            for path, words in problems_in(value)
        )
    except RecursionError:
        raise fail('A condition is nested too deeply.', where=where) from None
    require_none(problems)
    return cast('Document', value)  # problems_in has looked


def render(document: Document) -> bytes:
    """The text of secrets.json, as `hci secret add` writes it."""
    return json_text.render(document)


def problems_in(value: Any) -> Iterator[tuple[Path, str]]:
    """Every place where the agent could not parse `value`, with the message it would log for that place."""
    if not isinstance(value, dict):
        yield (), _error((), _expected('Map ~Text', 'Object', value))
        return
    for name, entry in value.items():
        yield from _problems_in_entry(entry, (name,))


def _problems_in_entry(entry: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if not isinstance(entry, dict):
        yield path, _error(path, _expected('Secret', 'Object', entry))
        return
    for field, kind, wanted in (('kind', 'Text', 'String'), ('data', 'Map ~Text', 'Object')):
        if field not in entry:
            yield path, _error(path, 'key "%s" not found' % field)
        elif type_name(entry[field]) != wanted:
            yield (*path, field), _error((*path, field), _expected(kind, wanted, entry[field]))
        elif field == 'kind' and entry['kind'] != 'Secret':
            yield (*path, field), _error(path, 'kind field must be "Secret", not "%s"' % entry['kind'])
    version = entry.get('apiVersion')
    if isinstance(version, str):
        yield (*path, 'apiVersion'), _error(path, 'Unexpected apiVersion field. ')
    elif version is not None:
        yield (*path, 'apiVersion'), _error((*path, 'apiVersion'), _expected('Text', 'String', version))
    if entry.get('condition') is not None:
        for place, words in condition.problems_in(entry['condition'], (*path, 'condition')):
            yield place, _error((*path, 'condition'), words)


def _error(path: Path, words: str) -> str:
    return 'Error in %s: %s' % (json_text.path_in_words(path), words)


def _expected(kind: str, wanted: str, found: Any) -> str:
    return 'parsing %s failed, expected %s, but encountered %s' % (kind, wanted, type_name(found))
