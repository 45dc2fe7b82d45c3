# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What is asked of a YAML file, and the values that can be written into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union

Path = tuple[Union[str, int], ...]
"""Keys of mappings and indexes of sequences, from the root of the document."""


@dataclass(frozen=True)
class Put:
    """Have this value at the path, and make the mappings on the way that are missing. A mapping is merged into one that is there."""

    path: Path
    value: Any


@dataclass(frozen=True)
class Append:
    """Have this item at the end of the sequence at the path."""

    path: Path
    item: Any


Change = Union[Put, Append]


@dataclass(frozen=True)
class Noted:
    """A value of a mapping with lines of comment above its key."""

    value: Any
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """A key of a mapping that somebody has to decide about: written as a comment with this question, so that the file has no such key."""

    question: str
    example: str = ''


class Unsafe(str):
    """Text that Ansible must not evaluate as a template: it gets the tag `!unsafe`."""


def bare(value: Any) -> Any:
    """The value as Ansible reads it: without comments."""
    if isinstance(value, Noted):
        return bare(value.value)
    if isinstance(value, Mapping):
        return {key: bare(item) for key, item in value.items() if not isinstance(item, Question)}
    if isinstance(value, (list, tuple)):
        return [bare(item) for item in value]
    return value


def literal(value: Any) -> Any:
    """The value with all text protected that Ansible would take for a template."""
    if isinstance(value, str):
        return Unsafe(value) if any(mark in value for mark in ('{{', '{%', '{#')) else value
    if isinstance(value, Noted):
        return Noted(literal(value.value), value.notes)
    if isinstance(value, Mapping):
        return {key: literal(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [literal(item) for item in value]
    return value
