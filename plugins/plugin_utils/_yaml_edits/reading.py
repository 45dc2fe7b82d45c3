# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""A YAML file as Ansible reads it: its values, whether two of them are the same, and what a change makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.yaml.loader import AnsibleLoader
from yaml import YAMLError

from ...module_utils._problems import fail
from .changes import Change, Put, bare
from .nodes import first_line


def read(text: str, where: str) -> Any:
    """The value of the document. Vaulted strings stay as they are."""
    try:
        return AnsibleLoader(text).get_single_data()
    except (YAMLError, AnsibleError, ValueError, RecursionError) as error:
        raise fail('Ansible cannot read this file.', where=where, found=first_line(error), remedy='Correct the file.') from None


def same(first: Any, second: Any) -> bool:
    """Whether two values are the same to Ansible, types and the order of keys included. Either may contain itself."""
    compared: set[tuple[int, int]] = set()

    def equal(one: Any, other: Any) -> bool:
        if isinstance(one, (Mapping, list)) and isinstance(other, (Mapping, list)):
            if (id(one), id(other)) in compared:
                return True
            compared.add((id(one), id(other)))
            if isinstance(one, Mapping) and isinstance(other, Mapping):
                pairs = zip(one.items(), other.items())
                return len(one) == len(other) and all(equal(a, b) and equal(left, right) for (a, left), (b, right) in pairs)
            return isinstance(one, list) and isinstance(other, list) and len(one) == len(other) and all(map(equal, one, other))
        if hasattr(one, '_ciphertext') or hasattr(other, '_ciphertext'):
            return bool(_ciphertext(one) == _ciphertext(other))
        return _kind(one) == _kind(other) and bool(one == other or repr(one) == repr(other))

    return equal(first, second)


def _ciphertext(value: Any) -> Any:
    found = getattr(value, '_ciphertext', None)
    return found.encode() if isinstance(found, str) else found


def _kind(value: Any) -> str:
    """The type, without what Ansible adds to it."""
    plain = next((kind.__name__ for kind in (bool, int, float, str) if isinstance(value, kind)), '')
    return plain or type(value).__name__.replace('_AnsibleTagged', '').lower()


def changed(value: Any, change: Change) -> Any:
    """What a change makes of a value. The value itself stays as it is."""
    if isinstance(change, Put):
        return _put(value, change.path, bare(change.value))
    items = at(value, change.path)
    return _put(value, change.path, [*(items if isinstance(items, list) else []), bare(change.item)], merge=False)


MISSING = object()


def at(value: Any, path: Any) -> Any:
    """What stands at a path, None where nothing does."""
    for part in path:
        if isinstance(value, Mapping) or (isinstance(value, list) and isinstance(part, int) and -1 < part < len(value)):
            value = value.get(part) if isinstance(value, Mapping) else value[part]
        else:
            return None
    return value


def _put(value: Any, path: Any, wanted: Any, *, merge: bool = True) -> Any:
    if not path:
        if merge and isinstance(wanted, Mapping) and (value is None or isinstance(value, Mapping)):
            inside = value or {}
            return {**inside, **{key: _put(inside.get(key, MISSING), (), item) for key, item in wanted.items()}} if wanted else value
        return wanted
    first, rest = path[0], path[1:]
    if isinstance(value, list) and isinstance(first, int) and -1 < first < len(value):
        return [_put(item, rest, wanted, merge=merge) if index == first else item for index, item in enumerate(value)]
    inside = value if isinstance(value, Mapping) else {}
    return {**inside, first: _put(inside.get(first, MISSING), rest, wanted, merge=merge)}
