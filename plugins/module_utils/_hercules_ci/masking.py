# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Keep known secrets out of what a program writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

SHORTEST = 4
"""Shorter values are no secrets, and masking them would make unrelated text unreadable."""
MASK = '********'


class Mask:
    """Replaces values in single lines of text."""

    def __init__(self, values: Iterable[Any]) -> None:
        """values: any JSON; each string in it is a secret, whatever the name of its field."""
        texts = {form for value in values for text in _texts(value) for form in _forms(text) if len(form) >= SHORTEST}
        longest_first = sorted(texts, key=len, reverse=True)
        self._pattern = re.compile('|'.join(map(re.escape, longest_first))) if texts else None

    def __call__(self, line: str) -> str:
        return line if self._pattern is None else self._pattern.sub(MASK, line)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _forms(text: str) -> Iterator[str]:
    """How a program may write a value: as it is, line by line, or as JSON."""
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    for line in text.splitlines():
        yield line.strip()
