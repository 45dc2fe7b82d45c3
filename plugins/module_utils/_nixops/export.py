# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What C(nixops export) prints, byte for byte, made from the database: C({uuid: {attribute…, "resources": {name: {attribute…}}}}).

That is Python's json.dumps with an indentation of 2 and sorted keys, over values that are all text. Python 2, with which NixOps 1 runs,
writes a blank after each comma at the end of a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring_ascii as quoted

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.database import Database

COMMA = {'1.x': ', \n', '2.x': ',\n'}
MARK, MARK_QUOTED = '\x7f', '\\u007f'
"""SQLite puts it, followed by a letter, between an attribute's name and its value, and between attributes."""


def export_text(database: Database, uuids: Iterable[str], layout: str) -> Iterator[str]:
    """The export of some deployments, in pieces that are as large as a resource. layout: C(1.x) or C(2.x)."""
    comma = COMMA[layout]
    yield '{'
    separator = '\n'
    for uuid in sorted(uuids):
        yield '%s  %s: ' % (separator, quoted(uuid))
        yield from _deployment(database, uuid, comma)
        separator = comma
    yield '}\n' if separator == '\n' else '\n}\n'


def _deployment(database: Database, uuid: str, comma: str) -> Iterator[str]:
    attributes = dict(database.query('select name, value from DeploymentAttrs where deployment = ?', (uuid,)))
    attributes['resources'] = ''
    separator = '{\n'
    for name in sorted(attributes):
        yield '%s    %s: ' % (separator, quoted(name))
        if name == 'resources':
            yield from _resources(database, uuid, comma)
        else:
            yield quoted(attributes[name])
        separator = comma
    yield '\n  }'


def _resources(database: Database, uuid: str, comma: str) -> Iterator[str]:
    separator = '{\n'
    between = (MARK + 'a', MARK + 'b')
    for row, name, kind, before, after in database.query(_ATTRIBUTES_OF_RESOURCES, (*between, *between, uuid)):
        counted = [each.split(':', 1) for each in (before, '1:type' + MARK + 'a' + kind, after) if each]
        body = quoted((MARK + 'b').join(attributes for _count, attributes in counted))
        if body.count(MARK_QUOTED) == 2 * sum(int(count) for count, _attributes in counted) - 1:
            body = body.replace(MARK_QUOTED + 'a', '": "').replace(MARK_QUOTED + 'b', '"%s        "' % comma)
        else:  # values hold the mark, too: slowly, then
            body = _attributes(database, row, kind, comma)
        yield '%s      %s: {\n        %s\n      }' % (separator, quoted(name), body)
        separator = comma
    yield '{}' if separator == '{\n' else '\n    }'


def _attributes(database: Database, row: int, kind: str, comma: str) -> str:
    rows = database.query('select name, value from ResourceAttrs where machine = ?', (row,))
    attributes = {**dict(rows), 'type': kind}
    return ('%s        ' % comma).join('%s: %s' % (quoted(name), quoted(attributes[name])) for name in sorted(attributes))


# A row a resource instead of a row an attribute: that is what makes this fast. Of resources with the same name NixOps sees the last one.
# Ordered inside: outside, SQLite would sort the attributes as well, and need memory for all of them.
_ATTRIBUTES_OF_RESOURCES = """
select id, name, type,
  (select nullif(count(*), 0) || ':' || coalesce(group_concat(name || ? || value, ?), '') from (
    select * from ResourceAttrs where machine = id and name < 'type' order by name)),
  (select nullif(count(*), 0) || ':' || coalesce(group_concat(name || ? || value, ?), '') from (
    select * from ResourceAttrs where machine = id and name > 'type' order by name))
from (select max(id) as id, name, type from Resources where deployment = ? group by name order by name)
"""
