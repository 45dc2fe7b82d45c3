# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What `nixops export` prints, byte for byte, made from the database: `{uuid: {attribute…, "resources": {name: {attribute…}}}}`.

That is Python's json.dumps with an indentation of 2 and sorted keys, over values that are all text. Python 2, with which NixOps 1 runs,
writes a blank after each comma at the end of a line.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from operator import itemgetter

from .database import Database

COMMA = {'1.x': ', \n', '2.x': ',\n'}
MARK, END = (secrets.token_urlsafe(9) for _each in range(2))
"""SQLite puts the first between names, and between values, the second between all names and all values. Nobody can have foreseen them, so
no text holds them; and quoting leaves them alone. END also takes the place of what is missing, which group_concat would pass over."""
REMEMBERED = 100
"""How many layouts: machines of one kind have the same attributes."""
RESOURCES = """
select name, type, (
  select ifnull(group_concat(ifnull(name, ?2), ?1) || ?1, '') || 'type' || ?2 || ifnull(group_concat(ifnull(value, ?2), ?1) || ?1, '')
  from ResourceAttrs where machine = resource.id)
from (select max(id) as id, name, type from Resources where deployment = ?3 group by name order by name) as resource
"""
"""One row for a resource instead of one for each attribute: that is what makes this fast. Of resources with the same name NixOps sees the
last. A resource's type is printed as an attribute; its name comes last here, and its value is added when it is printed."""


def export_text(database: Database, uuids: Iterable[str], layout: str) -> Iterator[str]:
    """The export of some deployments, in pieces that are as large as a resource. layout: `1.x` or `2.x`."""
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
    for resource, kind, attributes in database.query(RESOURCES, (MARK, END, uuid)):
        names, values, *missing = attributes.split(END)
        if missing:
            raise TypeError('resource %r has an attribute without a name or a value' % resource)
        choose, template = _layout(names, comma)
        printed = template % choose(quoted(values + kind)[1:-1].split(MARK))
        yield '%s      %s: {\n        %s\n      }' % (separator, quoted(resource), printed)
        separator = comma
    yield '{}' if separator == '{\n' else '\n    }'


@lru_cache(REMEMBERED)
def _layout(names: str, comma: str) -> tuple[Callable[[list[str]], str | tuple[str, ...]], str]:
    """How attributes with these names are printed: the choice of their values, sorted by name, and the text around them.

    Of a name that is there twice the last one counts: a resource's type hides an attribute of that name.
    """
    places = {name: place for place, name in enumerate(names.split(MARK))}
    template = ('%s        ' % comma).join('%s: "%%s"' % quoted(name).replace('%', '%%') for name in sorted(places))
    return itemgetter(*(places[name] for name in sorted(places))), template
