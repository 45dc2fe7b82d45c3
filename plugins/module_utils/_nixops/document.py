# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""An export read piece by piece, so that memory is needed for one resource and not for all. Any formatting and order of keys will do."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from .._problems import Failure, Problem

BLOCK = 1 << 16
WHITE_SPACE = ' \t\r\n'


class NotAState(Failure):
    """Raised for content that is no state of NixOps, or only a part of one."""

    def __init__(self, what: str, where: str, expected: str = '', found: str = '', remedy: str = '') -> None:
        super().__init__((Problem(what, where, expected, found, remedy),))


@dataclass(frozen=True)
class Entry:
    """What is recorded of a deployment itself, when resource is None, or of one of its resources; the type is among the attributes."""

    deployment: str
    resource: str | None
    attributes: dict[str, str]


def entries(file: IO[bytes], where: str) -> Iterator[Entry]:
    """All deployments and resources of an export, in the file's order, a deployment after its resources.

    where: what to call the file in messages. Raises Failure when it is empty, breaks off, or is something else.
    """
    file.seek(0)
    reader = _Reader(file, where)
    if not reader.peek():
        raise empty(where)
    for uuid in reader.keys('deployment'):
        attributes, with_resources = {}, 0
        for name in reader.keys('attribute of a deployment'):
            if name == 'resources':
                with_resources += 1
                for resource in reader.keys('resource'):
                    yield Entry(uuid, resource, _resource(reader, resource))
            else:
                attributes[name] = reader.value()
                _require_text(reader, attributes, name)
        if with_resources != 1:  # NixOps would not import it, or only the last of them
            raise reader.wrong('resources, once, in each deployment')
        yield Entry(uuid, None, attributes)
    if reader.peek():
        raise reader.wrong('nothing after the last brace')


def empty(where: str) -> NotAState:
    """For a file without content."""
    return NotAState('The state is empty.', where, 'the output of nixops export', remedy=EXPORT_AGAIN)


EXPORT_AGAIN = 'Run nixops export -d DEPLOYMENT again, look at what it prints, and see whether the disk is full'


def _resource(reader: _Reader, name: str) -> dict[str, str]:
    attributes = reader.value()
    if not isinstance(attributes, dict) or 'type' not in attributes:
        raise reader.wrong('an object with a type as resource %r' % name)
    for attribute in attributes:
        _require_text(reader, attributes, attribute)
    return attributes


def _require_text(reader: _Reader, attributes: dict[str, Any], name: str) -> None:
    if not isinstance(attributes[name], str):
        raise reader.wrong('text as the value of %r, as NixOps writes it for numbers, lists and everything else' % name)


class _Reader:
    """Reads JSON as far as it is asked to, and no further than the next block."""

    def __init__(self, file: IO[bytes], where: str) -> None:
        self._file = file
        self._where = where
        self._decoder = codecs.getincrementaldecoder('utf-8')('surrogatepass')
        self._json = json.JSONDecoder()
        self._text = ''
        self._position = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        while True:
            text, position = self._text, self._position
            while position < len(text) and text[position] in WHITE_SPACE:
                position += 1
            self._position = position
            if position < len(text):
                return text[position]
            if not self._more():
                return ''

    def keys(self, what: str) -> Iterator[str]:
        """Go through an object. The caller has to read the value after each key."""
        self._expect('{', 'an object with a key for each %s' % what)
        if self.peek() == '}':
            self._position += 1
            return
        while True:
            if self.peek() != '"':
                raise self.wrong('the name of the next %s' % what)
            name: str = self.value()
            self._expect(':', 'a colon after the name of the %s' % what)
            yield name
            following = self.peek()
            if following not in (',', '}'):
                raise self.wrong('a comma or a closing brace after the %s' % what)
            self._position += 1
            if following == '}':
                return

    def value(self) -> Any:
        """The next value, whatever it is."""
        self.peek()
        while True:
            try:
                value, position = self._json.raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                # Close to the end of what has been read an error only means that there is more to read.
                incomplete = error.msg.startswith('Unterminated string') or error.pos > len(self._text) - 16
                if not incomplete:
                    raise self.wrong('valid JSON') from None
                if not self._more():
                    raise self.broken_off('a whole value') from None
            except (RecursionError, ValueError):
                raise self.wrong('an export, in which nothing is nested as deeply and no number is as long') from None
            else:
                if position < len(self._text) or not self._more():  # a number may go on
                    self._position = position
                    return value

    def _expect(self, character: str, what: str) -> None:
        if self.peek() != character:
            raise self.wrong(what)
        self._position += 1

    def _more(self) -> bool:
        """Read on, by as much as is still unread; whether there was anything."""
        if self._ended:
            return False
        block = self._file.read(max(BLOCK, len(self._text) - self._position))
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            raise self.wrong('JSON, which is text') from None
        self._text = self._text[self._position :] + text
        self._position = 0
        self._ended = not block
        return bool(block)

    def wrong(self, expected: str) -> Failure:
        """For what is not an export. The text at hand is not shown: it may be a secret."""
        if self._ended and self._position >= len(self._text):
            return self.broken_off(expected)
        return NotAState('The state is not an export of NixOps.', self._where, expected, remedy=EXPORT_AGAIN)

    def broken_off(self, expected: str) -> Failure:
        """For an export of which the end is missing."""
        return NotAState('The export breaks off.', self._where, expected, 'the end', EXPORT_AGAIN)
