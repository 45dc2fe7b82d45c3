# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""JSON Schemas. The package jsonschema is no part of ansible-core, so that it is asked for only when something is to be validated."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import Any

from ..module_utils._problems import fail


class Schema:
    """A schema of draft 2020-12."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    @cached_property
    def _validator(self) -> Any:
        try:
            return import_module('jsonschema').Draft202012Validator(self._schema)
        except ImportError:
            raise fail('The Python package jsonschema is missing on the controller.', where=sys.executable,
                       remedy='Install it for this Python, for example with: pip install jsonschema') from None

    def iter_errors(self, value: Any) -> Iterator[Any]:
        """What is wrong with the value, as jsonschema tells it."""
        errors: Iterator[Any] = self._validator.iter_errors(value)
        return errors

    def is_valid(self, value: Any) -> bool:
        """Whether nothing is."""
        return next(self.iter_errors(value), None) is None
