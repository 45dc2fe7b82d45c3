# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""How values reach a module unseen: its action plugin packs them into one word, which the module unpacks."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

from . import _json_text as json_text
from ._problems import fail

PAYLOAD_OPTION: dict[str, Any] = {'_payload': {'type': 'str', 'no_log': True}}
"""The values, from the action plugin: one word that masks nothing but itself. Every value as a mask would hide unrelated text."""

PACKED = 'packed-values-'
"""How the word begins, so that it can be told from other text wherever it turns up."""


HIDDEN = 'VALUE_HIDDEN'
"""What stands in for values where Ansible shows the arguments of a task."""


def packed(values: Any) -> str:
    """Values of JSON types as one word. Raises Failure where the word that hides values is among them, as a value or a name.

    Compressed, because it goes to Python's standard input as a part of the module, where a second goes by for each three megabytes.
    """
    if HIDDEN in set(_texts(values)):
        raise fail(
            '%s stands where a value of the task belongs.' % HIDDEN, found='the word that hides values in what Ansible shows',
            remedy='Run the task again. If it happens again, look for what runs a task twice with the arguments that were shown, '
                   'such as a strategy plugin.',
        )
    return PACKED + b64encode(zlib.compress(json.dumps(values, allow_nan=False).encode(), 1)).decode()


def unpacked(payload: str | None) -> Any:
    if payload is None:
        raise fail('The action plugin of this module has to run first.', remedy='Call the module by its full name in a task.')
    content = zlib.decompress(b64decode(payload[len(PACKED):]))
    return json.loads(content, parse_int=json_text.Number, parse_float=json_text.Number)


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value, names in dictionaries too."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def take_token(module: Any) -> None:
    """Put the token that the action plugin has sent among the options of an AnsibleModule, which masks it from then on."""
    payload = module.params.pop('_payload')
    if payload is not None:
        module.params['api_token'] = unpacked(payload)['api_token']
        module.no_log_values.add(module.params['api_token'])
