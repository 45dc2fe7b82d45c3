# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""IDs of access keys of AWS: how they are told, and how they may be shown."""

from __future__ import annotations

import re
from typing import overload

KEY_ID = re.compile(r'(?:AKIA|ASIA)[A-Z0-9]{12,124}\Z')
# Longer than a profile's name, and as long as a secret key that somebody put into the wrong place.
TOO_LONG = 40
HIDDEN = '…'


@overload
def shown(key: str) -> str: ...
@overload
def shown(key: None) -> None: ...


def shown(key: str | None) -> str | None:
    """An access key as it may be shown: the name of a profile, or the last four characters of a key ID, or of whatever else that is."""
    return HIDDEN + key[-4:] if key and (KEY_ID.match(key) or len(key) >= TOO_LONG) else key


def is_key_id(key: str) -> bool:
    """Whether it is the ID of a key, or what may be shown of one, and not the name of a profile."""
    return bool(KEY_ID.match(key)) or key.startswith(HIDDEN)
