# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""JSON Schemas of what users give, with findings in words that hold no value: the messages of jsonschema itself would quote them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..module_utils._secrets import aws_user, condition
from ._json_schema import Schema

_CONDITION: dict[str, Any] = {
    'oneOf': [
        {'type': 'boolean'},
        {'enum': ['isDefaultBranch', 'isTag']},
        {
            'type': 'object',
            'minProperties': 1,
            'maxProperties': 1,
            'additionalProperties': False,
            'properties': {
                **{name: {'type': 'array', 'items': {'$ref': '#'}} for name in ('and', 'or')},
                **{name: {'type': 'string'} for name in ('isBranch', 'isRepo', 'isOwner')},
            },
        },
    ],
}

_SECRET: dict[str, Any] = {
    'type': 'object',
    'additionalProperties': False,
    'properties': {
        'data': {'type': 'object'}, 'condition': {}, **{name: {'type': 'string'} for name in ('aws_user', 'profile', 'region')},
        'max_age': {}, 'soak': {},
    },
}

_STRINGS: dict[str, Any] = {'type': 'array', 'items': {'type': 'string'}}
_CACHE_KINDS: dict[str, dict[str, Any]] = {
    'CachixCache': {
        'required': ['publicKeys'],
        'properties': {
            'kind': {}, 'apiVersion': {'type': 'null'}, 'publicKeys': _STRINGS, 'signingKeys': _STRINGS, 'authToken': {'type': 'string'},
        },
    },
    'NixCache': {
        'required': ['storeURI', 'publicKeys', 'signingKeys'],
        'properties': {
            'kind': {}, 'apiVersion': {'type': 'null'}, 'publicKeys': _STRINGS, 'signingKeys': _STRINGS, 'storeURI': {'type': 'string'},
        },
    },
}

_CONDITION_VALIDATOR = Schema(_CONDITION)
_SECRET_VALIDATOR = Schema(_SECRET)
_CACHE_VALIDATORS = {
    kind: Schema({'type': 'object', 'additionalProperties': False, **schema})
    for kind, schema in _CACHE_KINDS.items()
}

Finding = tuple[list[Any], str]
"""A path into the value, and what is wrong there."""


def problems_in_secrets(secrets: Any) -> Iterator[Finding]:
    """What is wrong with `secrets`: names, each with data and condition.

    There may be thousands of secrets, which share a few forms and a few conditions: each of these is validated once.
    """
    if not isinstance(secrets, dict):
        yield [], 'This has to be a dictionary, and is not.'
        return
    forms: dict[Any, bool] = {}
    valid: dict[str, bool] = {}
    for name, entry in secrets.items():
        form = tuple((field, type(value)) for field, value in entry.items()) if isinstance(entry, dict) else type(entry)
        if form not in forms:
            forms[form] = _SECRET_VALIDATOR.is_valid(entry)
        if not forms[form]:
            for error in _SECRET_VALIDATOR.iter_errors(entry):
                yield from _in_words(error, [name, *error.absolute_path])
        elif isinstance(entry, dict):
            yield from (([name, *path], what) for path, what in aws_user.problems_in(entry))
        if isinstance(entry, dict) and 'condition' in entry:
            text = json.dumps(entry['condition'], sort_keys=True)
            if text not in valid:
                valid[text] = _CONDITION_VALIDATOR.is_valid(entry['condition'])
            if not valid[text]:
                for place, words in condition.problems_in(entry['condition'], (name, 'condition')):
                    yield list(place), 'This is not a condition. The agent would say: %s.' % words.rstrip('.')


def problems_in_caches(caches: dict[str, Any]) -> Iterator[Finding]:
    """What is wrong with `caches`, the content of binary-caches.json: names, each with the fields of its kind."""
    for name, cache in caches.items():
        kind = cache.get('kind') if isinstance(cache, dict) else None
        if not isinstance(kind, str) or kind not in _CACHE_VALIDATORS:
            yield [name, 'kind'] if kind else [name], 'A cache has a kind: %s.' % ' or '.join(_CACHE_VALIDATORS)
        else:
            for error in _CACHE_VALIDATORS[kind].iter_errors(cache):
                yield from _in_words(error, [name, *error.absolute_path])


def _in_words(error: Any, path: list[Any]) -> Iterator[Finding]:
    if error.validator == 'additionalProperties':
        allowed = sorted(error.schema['properties'])
        for field in sorted(set(error.instance) - set(allowed)):
            yield [*path, field], 'There is no such field. Fields are %s.' % ', '.join(allowed)
    elif error.validator == 'required':
        yield path, 'A field is missing: %s.' % ', '.join(sorted(set(error.validator_value) - set(error.instance)))
    else:
        wanted = {'object': 'a dictionary', 'array': 'a list', 'string': 'a string', 'null': 'absent'}[error.validator_value]
        yield path, 'This has to be %s, and is not.' % wanted
