# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""JSON Schemas of what users give, with findings in words that hold no value: the messages of jsonschema itself would quote them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets import condition
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._json_schema import Schema

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

_WANTED_SECRETS: dict[str, Any] = {
    'type': 'object',
    'additionalProperties': {
        'type': 'object',
        'additionalProperties': False,
        'properties': {'data': {'type': 'object'}, 'condition': {}},
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
_SECRETS_VALIDATOR = Schema(_WANTED_SECRETS)
_CACHE_VALIDATORS = {
    kind: Schema({'type': 'object', 'additionalProperties': False, **schema})
    for kind, schema in _CACHE_KINDS.items()
}

Finding = tuple[list[Any], str]
"""A path into the value, and what is wrong there."""


def problems_in_secrets(secrets: Any) -> Iterator[Finding]:
    """What is wrong with C(secrets): names, each with data and condition."""
    for error in _SECRETS_VALIDATOR.iter_errors(secrets):
        yield from _in_words(error, list(error.absolute_path))
    valid: dict[str, bool] = {}  # most secrets share a few conditions
    for name, entry in secrets.items() if isinstance(secrets, dict) else ():
        if isinstance(entry, dict) and 'condition' in entry:
            text = json.dumps(entry['condition'], sort_keys=True)
            if text not in valid:
                valid[text] = _CONDITION_VALIDATOR.is_valid(entry['condition'])
            if not valid[text]:
                for place, words in condition.problems_in(entry['condition'], (name, 'condition')):
                    yield list(place), 'This is no condition. The agent would say: %s.' % words.rstrip('.')


def problems_in_caches(caches: dict[str, Any]) -> Iterator[Finding]:
    """What is wrong with C(caches), the content of binary-caches.json: names, each with the fields of its kind."""
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
