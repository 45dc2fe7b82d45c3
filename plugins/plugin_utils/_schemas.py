# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""JSON Schemas of what users give, with findings in words that hold no value: the messages of jsonschema itself would quote them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets import condition

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
                **{name: {'type': 'array', 'items': {'$ref': '#/$defs/condition'}} for name in ('and', 'or')},
                **{name: {'type': 'string'} for name in ('isBranch', 'isRepo', 'isOwner')},
            },
        },
    ],
}

_WANTED_SECRETS: dict[str, Any] = {
    '$schema': 'https://json-schema.org/draft/2020-12/schema',
    '$defs': {'condition': _CONDITION},
    'type': 'object',
    'additionalProperties': {
        'type': 'object',
        'additionalProperties': False,
        'properties': {'data': {'type': 'object'}, 'condition': {'$ref': '#/$defs/condition'}},
    },
}

_VALIDATOR = jsonschema.Draft202012Validator(_WANTED_SECRETS)


def problems_in_secrets(secrets: Any) -> Iterator[tuple[list[Any], str]]:
    """What is wrong with C(secrets) (name → data, condition), each with the path to it."""
    for error in _VALIDATOR.iter_errors(secrets):
        path = list(error.absolute_path)
        if len(path) > 1 and path[1] == 'condition':
            for place, words in condition.problems_in(error.instance, tuple(path)):
                yield list(place), 'This is no condition. The agent would say: %s' % words
        elif error.validator == 'additionalProperties':
            for field in sorted(set(error.instance) - {'data', 'condition'}):
                yield [*path, field], 'A secret has the fields data and condition, and no other.'
        else:
            yield path, 'This has to be a dictionary, and is not.'
