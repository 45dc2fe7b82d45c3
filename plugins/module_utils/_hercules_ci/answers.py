# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The form of answers in JSON. Each is compared with it once, as it comes, so that whatever reads it can rely on that.

A form is `str`, `int` or `bool`; `object` for anything; `[form]` for a list; `{'name': form}` for an object with at least these
fields; Maybe, Each and Choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

WORDS: dict[type, str] = {
    str: 'text',
    int: 'a whole number',
    float: 'a fraction',
    bool: 'true or false',
    list: 'a list',
    dict: 'an object',
    type(None): 'null',
}


@dataclass(frozen=True)
class Maybe:
    """What may be null or absent."""

    form: Any


@dataclass(frozen=True)
class Each:
    """An object that has any fields, with values of one form."""

    form: Any


@dataclass(frozen=True)
class Choice:
    """An object whose form depends on what one of its fields is."""

    field: str
    forms: Mapping[str, Any]


@dataclass(frozen=True)
class Mismatch:
    """Where in an answer is something else than expected; no value, in case it is one that nobody may see."""

    expected: str
    found: str


def mismatch(value: Any, form: Any) -> Mismatch | None:
    """The first part of a value that does not have its form."""
    return next(_mismatches(value, form, ''), None)


def _mismatches(value: Any, form: Any, path: str) -> Iterator[Mismatch]:
    if isinstance(form, Maybe):
        if value is not None:
            yield from _mismatches(value, form.form, path)
    elif isinstance(form, Choice):
        kind = str(value.get(form.field)) if isinstance(value, dict) else ''
        if kind in form.forms:
            yield from _mismatches(value, form.forms[kind], path)
        else:
            yield Mismatch('an object whose field %s is %s' % (form.field, ' or '.join(form.forms)), 'something else')
    elif not isinstance(value, _type_of(form)) or (form is int and isinstance(value, bool)):
        yield _wrong(value, form, path)
    elif isinstance(form, list):
        for index, item in enumerate(value):
            yield from _mismatches(item, form[0], '%s[%d]' % (path, index))
    elif isinstance(form, (dict, Each)):
        yield from _mismatches_in_fields(value, dict.fromkeys(value, form.form) if isinstance(form, Each) else form, path)


def _mismatches_in_fields(value: Mapping[str, Any], fields: Mapping[str, Any], path: str) -> Iterator[Mismatch]:
    for name, form in fields.items():
        at = '%s.%s' % (path, name) if path else name
        if name in value or isinstance(form, Maybe):
            yield from _mismatches(value.get(name), form, at)
        else:
            yield Mismatch('a field %s' % at, 'no such field')


def _type_of(form: Any) -> Any:
    """The type that a value has to be of; bool is an int for Python."""
    return list if isinstance(form, list) else dict if isinstance(form, (dict, Each)) else form


def _wrong(value: Any, form: Any, path: str) -> Mismatch:
    expected = WORDS[_type_of(form)]
    return Mismatch('%s as %s' % (expected, path) if path else expected, WORDS[type(value)])
