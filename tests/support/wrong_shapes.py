# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers that a service could give but has not promised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

WRONG = (None, -1.5, 'x', [], {'x': None})


def wrong_shapes(value: Any) -> Iterator[Any]:
    """The JSON value with each of its parts, itself included, in turn replaced by each kind of value; of a list the last stands for all."""
    yield from WRONG
    parts = value.items() if isinstance(value, dict) else list(enumerate(value))[-1:] if isinstance(value, list) else ()
    for key, part in parts:
        for wrong in wrong_shapes(part):
            changed = value.copy()
            changed[key] = wrong
            yield changed
