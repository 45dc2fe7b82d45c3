# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What a secret of the inventory may say of an IAM user whose access key it has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from .aws import KEY_FIELDS

USER = 'aws_user'
DEFAULTS = {'max_age': '90d', 'soak': '1d'}
FIELDS = frozenset({USER, 'max_age', 'soak', 'profile', 'region'})
"""What a secret may say beside its data and condition."""
_UNITS = {'m': timedelta(minutes=1), 'h': timedelta(hours=1), 'd': timedelta(days=1), 'w': timedelta(weeks=1)}
_USER_NAME = re.compile(r'[\w+=,.@-]{1,64}\Z', re.ASCII)
Finding = tuple[list[Any], str]


def duration(value: Any) -> timedelta | None:
    """A number of days, or text such as `90d`, `12h` or `30m`; None for anything else."""
    found = re.fullmatch(r'([0-9]{1,6}(?:\.[0-9]{1,6})?) ?([mhdw]?)', str(value))
    if isinstance(value, bool) or not found:
        return None
    return float(found[1]) * _UNITS[found[2] or 'd']


def is_owned(entry: Any) -> bool:
    """Whether the key in a secret belongs to the collection."""
    return isinstance(entry, Mapping) and entry.get(USER) is not None


def problems_in(entry: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong with what a secret, whose fields are of the right types, says about its key."""
    if not is_owned(entry):
        for name in sorted(FIELDS & entry.keys()):
            yield [name], 'This is for a secret with aws_user.'
        return
    if not _USER_NAME.match(str(entry[USER])):
        yield [USER], 'This cannot be the name of an IAM user.'
    for name in DEFAULTS:
        if name in entry and not duration(entry[name]):
            yield [name], 'This has to be a number of days, or a number with m, h, d or w behind it, such as 90d.'
    data = entry.get('data')
    for name in KEY_FIELDS:
        if isinstance(data, Mapping) and name in data:
            yield ['data', name], 'With aws_user this field belongs to the collection, which makes the key by itself.'


def unknown_to_agents(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What agents get of a secret: without what is for the controller, and where its key belongs to the collection, with that as it is."""
    kept = {'data': entry.get('data') or {}, 'kept': list(KEY_FIELDS)} if is_owned(entry) else {}
    return {**{name: value for name, value in entry.items() if name not in FIELDS}, **kept}
