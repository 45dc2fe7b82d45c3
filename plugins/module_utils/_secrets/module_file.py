# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What the modules that write files with secrets in them have in common: options, and how values reach them unseen."""

from __future__ import annotations

import json
import os
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._files import real_path
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._numbers import require_sensible_numbers
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import fail
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets import json_text
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.places import Place
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.private_file import (
    change_file,
    group_number,
    mode_number,
    user_number,
)

LOCATION_OPTIONS: dict[str, Any] = {'path': {'type': 'path'}, 'agent_name': {'type': 'str'}, 'project': {'type': 'str'}}

FILE_OPTIONS: dict[str, Any] = {
    **{name: {'type': 'str'} for name in ('owner', 'group', 'seuser', 'serole', 'setype', 'selevel')},
    'mode': {'type': 'raw'},
    'backup': {'type': 'bool', 'default': False},
    'lock_timeout': {'type': 'float', 'default': 60.0},
}

PAYLOAD_OPTION: dict[str, Any] = {'_payload': {'type': 'str', 'no_log': True}}
"""The values, from the action plugin: one word that masks nothing but itself. Every value as a mask would hide unrelated text."""


PACKED = 'packed-values-'
"""How the word begins, so that it can be told from other text wherever it turns up."""


def packed(values: Any) -> str:
    """Values of JSON types as one word.

    Compressed, because it goes to Python's standard input as a part of the module, where a second goes by for each three megabytes.
    """
    return PACKED + b64encode(zlib.compress(json.dumps(values, allow_nan=False).encode(), 1)).decode()


def unpacked(payload: str | None) -> Any:
    """What C(packed) packed."""
    if payload is None:
        raise fail('The action plugin of this module has to run first.', remedy='Call the module by its full name in a task.')
    content = zlib.decompress(b64decode(payload[len(PACKED):]))
    return json.loads(content, parse_int=json_text.Number, parse_float=json_text.Number)


def change_as_asked(module: Any, place: Place, transform: Callable[[bytes | None], bytes | None]) -> dict[str, Any]:
    """Make the file of a module with C(FILE_OPTIONS) true; returns the part of its result that is about the file and who may read it.

    A file that is replaced keeps its SELinux label where the options do not set another one.
    """
    options = module.params
    require_sensible_numbers(options)
    path = real_path(place.path)
    label = module.selinux_context(path) if os.path.lexists(path) else []
    wanted = [options[name] or old for name, old in zip(('seuser', 'serole', 'setype', 'selevel'), [*label, *[None] * (4 - len(label))])]
    change = change_file(
        path, transform, check=module.check_mode, backup=options['backup'], lock_timeout=options['lock_timeout'],
        mode=place.mode if options['mode'] is None else mode_number(options['mode']),
        owner=user_number(options['owner'] or place.user), group=group_number(options['group']),
    )
    changed = change.changed if change.after is None else module.set_context_if_different(path, wanted, change.changed)
    access = [access.as_dict() if access else {} for access in (change.access_before, change.access_after)]
    return {
        'changed': changed,
        'path': place.path,
        'diff': [diff_of(place.path, *access)] if access[0] != access[1] else [],
        **({'backup_file': change.backup} if change.backup else {}),
    }


def diff_of(path: str, before: Any, after: Any) -> dict[str, Any]:
    """A diff as Ansible takes it."""
    return {'before': before, 'after': after, 'before_header': path, 'after_header': path}
