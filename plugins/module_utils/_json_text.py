# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""JSON text read and written without a loss: numbers keep their spelling, equal keys are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ._problems import Problem, fail, require_none

Path = tuple[Any, ...]
"""Where a value is: keys (str) and indexes (int) from the top."""

_REMEDY = 'Put the file right by hand; it was left as it is.'


class Number:
    """A JSON number as it was spelled; equal to another if they mean the same number, however large or exact."""

    __slots__ = ('text',)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return 'Number'  # the value may be a secret

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Number):
            return NotImplemented
        return self.text == other.text or self._value() == other._value()

    def __hash__(self) -> int:
        return hash(self._value())

    def _value(self) -> tuple[bool, str, int]:
        """Sign, digits without zeros at either end, and the power of ten for them. Python has a limit for the digits of an int."""
        digits, _e, exponent = self.text.lower().partition('e')
        whole, _point, fraction = digits.lstrip('-').partition('.')
        significant = (whole + fraction).lstrip('0')
        shortened = significant.rstrip('0')
        power = int(exponent[:4000] or 0) - len(fraction) + len(significant) - len(shortened)
        return (self.text.startswith('-'), shortened, power) if shortened else (False, '', 0)


def parse(content: bytes, where: str) -> Any:
    """The value of a JSON text: dict, list, str, bool, None and Number.

    Failures name the position or the key, and never quote the text. They stand for what aeson, the agent's parser, refuses too, and for
    equal keys in one object: of those aeson keeps the first and others the last.
    """
    duplicates: list[tuple[dict[str, Any], str]] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            names = [name for name, value in pairs]
            duplicates.append((result, next(name for name in result if names.count(name) > 1)))
        return result

    def constant(name: str) -> Any:
        raise fail('%s is not JSON.' % name, where=where, remedy=_REMEDY)

    try:
        text = content.decode('utf-8')
        value = json.loads(text, object_pairs_hook=members, parse_int=Number, parse_float=Number, parse_constant=constant)
        if re.search(r'\\u[dD][89a-fA-F]', text):  # half of a surrogate pair, if it stands alone, is no character
            render(value)
    except UnicodeDecodeError as error:
        raise fail('This is not UTF-8.', where='%s, byte %d' % (where, error.start), remedy=_REMEDY) from None
    except UnicodeEncodeError:
        raise fail('A string holds half of a surrogate pair.', where=where, remedy=_REMEDY) from None
    except json.JSONDecodeError as error:
        place = '%s, line %d, column %d' % (where, error.lineno, error.colno)
        raise fail('This is not JSON: %s.' % error.msg, where=place, remedy=_REMEDY) from None
    except RecursionError:
        raise fail('This JSON is nested too deeply.', where=where, remedy=_REMEDY) from None
    require_none(
        Problem('The key "%s" occurs twice in one object.' % key, where='%s, %s' % (where, path_in_words(path_of(owner, value))),
                remedy='Remove one of the two: the agent would take the first, other programs the last.')
        for owner, key in duplicates
    )
    return value


def render(value: Any) -> bytes:
    """JSON text as `hci` writes it: keys sorted, two spaces, characters outside ASCII as they are, one newline at the end."""
    return (''.join(_chunks(value, '\n')) + '\n').encode('utf-8')


def path_in_words(path: Path) -> str:
    """A path as the agent's parser prints it: `$.name.data`, `$['neat-aws'].condition.and[1]`."""
    return '$' + ''.join(
        '[%d]' % part if isinstance(part, int)
        else '.' + part if re.fullmatch(r'[^\W\d_][^\W_]*', part)
        else "['%s']" % part.replace('\\', '\\\\').replace("'", "\\'")
        for part in path
    )


def path_of(wanted: Any, value: Any) -> Path:
    """Where the object `wanted` itself is in `value`; the top if it is not."""
    return next((path for path, found in walk(value) if found is wanted), ())


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value in `value`, itself first, with its path."""
    yield path, value
    if isinstance(value, (dict, list)):
        for part, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(child, (*path, part))


_ESCAPES = {
    **{code: '\\u%04x' % code for code in range(0x20)},
    **{ord(character): '\\' + escape for character, escape in zip('"\\\n\r\t', '"\\nrt')},
}


def _string(text: str) -> str:
    return '"%s"' % text.translate(_ESCAPES)


def _chunks(value: Any, newline: str) -> Iterator[str]:
    if isinstance(value, str):
        yield _string(value)
    elif isinstance(value, Number):
        yield value.text
    elif value is None or isinstance(value, bool):
        yield {None: 'null', True: 'true', False: 'false'}[value]
    elif isinstance(value, dict):
        yield from _nested('{}', [(_string(key) + ': ', value[key]) for key in sorted(value)], newline)
    else:
        yield from _nested('[]', [('', item) for item in value], newline)


def _nested(brackets: str, members: list[tuple[str, Any]], newline: str) -> Iterator[str]:
    inner = newline + '  '
    yield brackets[0]
    for number, (label, member) in enumerate(members):
        yield (',' if number else '') + inner + label
        yield from _chunks(member, inner)
    yield (newline if members else '') + brackets[1]
