# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""JSON Schemas. The package jsonschema is no part of ansible-core: it may be missing as long as nothing is to be validated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from ..module_utils._problems import missing_package

jsonschema: Any = None
with suppress(ImportError):  # here, as each task has a process of its own, which would have to load it anew
    jsonschema = import_module('jsonschema')

FOLDER = Path(__file__).resolve().parents[2] / 'schemas'
"""The schemas that are published with the collection."""
OTHER_KIND = 'This is of another kind.'
KINDS = {
    'object': 'a dictionary', 'array': 'a list', 'string': 'a string', 'boolean': 'true or false', 'integer': 'a whole number',
}
"""Types of JSON Schema, for people who write YAML."""


class Finding(NamedTuple):
    """A place in a value that the schema does not allow, in words without that value, which the messages of jsonschema would quote.

    path: into the value. expected: what belongs there. found: what is there, which may be a secret.
    """

    path: tuple[Any, ...]
    what: str
    expected: str
    found: Any


class Schema:
    """A schema of draft 2020-12."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    @classmethod
    def published(cls, name: str, definition: str) -> Schema:
        """A definition in a file of the folder `schemas`."""
        definitions = json.loads((FOLDER / name).read_text(encoding='utf-8'))['$defs']
        return cls({'$defs': definitions, '$ref': '#/$defs/%s' % definition})

    @cached_property
    def _validator(self) -> Any:
        if not jsonschema:
            raise missing_package('jsonschema')
        return jsonschema.Draft202012Validator(self._schema)

    def findings(self, value: Any) -> Iterator[Finding]:
        for error in self._validator.iter_errors(value):
            yield from _in_words(error)

    def is_valid(self, value: Any) -> bool:
        return next(self._validator.iter_errors(value), None) is None


def _in_words(error: Any) -> Iterator[Finding]:
    path = tuple(error.absolute_path)
    if error.validator == 'additionalProperties':
        known = error.schema['properties']
        for field in sorted(error.instance.keys() - known.keys()):
            yield Finding((*path, field), 'There is no such field.', 'one of %s' % ', '.join(sorted(known)), error.instance[field])
    elif error.validator == 'required':
        yield Finding(path, 'A field is missing.', ', '.join(sorted(set(error.validator_value) - set(error.instance))), error.instance)
    elif error.validator == 'enum':
        yield Finding(path, OTHER_KIND, 'one of %s' % ', '.join(error.validator_value), error.instance)
    else:
        yield Finding(path, OTHER_KIND, error.schema.get('title') or KINDS[error.schema['type']], error.instance)
