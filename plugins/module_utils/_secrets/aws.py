# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The AWS access key in a secret: what may be known of it, and how it leaves the file unseen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from .._problems import fail
from .document import Document
from .key_ids import shown

ID_FIELD, SECRET_FIELD = KEY_FIELDS = ('aws_access_key_id', 'aws_secret_access_key')
"""The fields of a secret that `writeAWSSecret` reads."""
PAD = 256
"""Bytes. The secret of a key of AWS has forty."""


def fingerprint(key_id: str) -> str:
    """Tells IDs of keys apart without showing one."""
    return hashlib.sha256(key_id.encode()).hexdigest()[:16]


def keys_in(document: Document, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Of those secrets that have a key, what may be shown of its ID, and its fingerprint."""
    found = {}
    for name in names:
        data = document[name]['data'] if name in document else {}
        key = data.get(ID_FIELD)
        if isinstance(key, str) and key and isinstance(data.get(SECRET_FIELD), str) and data[SECRET_FIELD]:
            found[name] = {'key': shown(key), 'fingerprint': fingerprint(key)}
    return found


def under_pad(document: Document, name: str, pad: str) -> str:
    """The secret of the key in a secret, under a pad that only those know who asked, and that is used once: to others it is noise."""
    secret: Any = document[name]['data'][SECRET_FIELD] if keys_in(document, [name]) else ''
    text, key = str(secret).encode(), bytes.fromhex(pad)
    if not text or len(text) > PAD or len(key) != PAD:
        raise fail('The secret has no AWS access key that another agent could get.', where='secret %s' % name)
    return bytes(one ^ other for one, other in zip(text.ljust(PAD, b'\0'), key)).hex()


def from_pad(noise: str, pad: str) -> str:
    """The secret again."""
    return bytes(one ^ other for one, other in zip(bytes.fromhex(noise), bytes.fromhex(pad))).rstrip(b'\0').decode()
