# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Values of variables: as plain JSON types, and where they were written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ..module_utils._problems import Problem, require_none

try:
    from ansible._internal._datatag._tags import Origin as _Tag
    Origin: type[_Tag] | None = _Tag
except ImportError:  # ansible-core before 2.19 keeps the position on the values themselves
    Origin = None


def as_json(value: Any, where: str) -> Any:
    """The value as dict, list, str, int, float, bool and None, vaulted strings decrypted.

    where: the name of the option, for a Failure that lists all keys and values that JSON cannot hold, such as dates that YAML made of
    unquoted text. Empty: the keys of the value are the options.
    """
    problems: list[Problem] = []

    def text(item: Any, path: tuple[Any, ...]) -> str:
        try:
            characters = str(item)
            characters.encode()
        except UnicodeEncodeError:  # bytes of a file that the lookup file could not decode
            problems.append(Problem(
                'This text is not valid UTF-8.', where=where_in(where, value, path),
                remedy='Put it in as base64, and decode that where it is used.',
            ))
        return characters

    def convert(item: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(item, str) or getattr(item, '__ENCRYPTED__', False):
            return text(item, path)
        if item is None or isinstance(item, (bool, int)) or (isinstance(item, float) and math.isfinite(item)):
            return item
        if isinstance(item, Mapping):
            result = {text(key, (*path, key)): convert(child, (*path, key)) for key, child in item.items()}
            if len(result) != len(item) or not all(isinstance(key, str) for key in item):
                refuse_keys(item, path)
            return result
        if isinstance(item, Sequence) and not isinstance(item, bytes):
            return [convert(child, (*path, index)) for index, child in enumerate(item)]
        problems.append(Problem(
            'JSON has no such value.', where=where_in(where, value, path), expected='a string, number, boolean, list or dictionary',
            found=type(item).__name__.replace('_AnsibleTagged', '').lower(), remedy='Put it in quotes.',
        ))
        return None

    def refuse_keys(mapping: Mapping[Any, Any], path: tuple[Any, ...]) -> None:
        """YAML reads a key such as yes as true, which JSON lacks, and 1 beside "1" as another, which it is not in JSON."""
        names: set[str] = set()
        for key in mapping:
            if str(key) in names or isinstance(key, bool) or not isinstance(key, (str, int)):
                problems.append(Problem(
                    'JSON has no such key.', where=where_in(where, value, (*path, key)), expected='a string',
                    found='%s, a second time' % key if str(key) in names else type(key).__name__.replace('_AnsibleTagged', '').lower(),
                    remedy='Put the key in quotes, and give each once.',
                ))
            names.add(str(key))

    result = convert(value, ())
    require_none(problems)
    return result


def refuse_if_any(option: str, value: Any, findings: Iterable[tuple[Sequence[Any], str]]) -> None:
    """Raise a Failure of all `findings`, (path, what is wrong), about the value of an option."""
    require_none(
        Problem(what, where=where_in(option, value, path), remedy='Correct the variable; nothing was changed.')
        for path, what in dict.fromkeys((tuple(path), what) for path, what in findings)
    )


def where_in(option: str, value: Any, path: Sequence[Any], *, near: Any = None) -> str:
    """Where the thing at `path` inside `value` is, for people: the option and keys, and the file and line where Ansible knows them.

    option: empty if the first key is the option. near: a value that stands where one that is missing should.
    """
    first, *keys = [option, *path] if option or not path else path
    name = first + ''.join('[%r]' % (str(part) if isinstance(part, str) else part) for part in keys)
    origin = _origin(near) if value is None else ''
    for part in (None, *path):
        if part is not None:
            keys = [key for key in value if key == part] if isinstance(value, Mapping) else []
            origin = next((_origin(key) for key in keys if _origin(key)), origin)
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                break
        origin = _origin(value) or origin
    return '%s (%s)' % (name, origin) if origin else name


def _origin(value: Any) -> str:
    """FILE:LINE of a value, without the text that is there; empty if not known."""
    if Origin is not None:
        tag = Origin.get_tag(value)
        return '%s:%s' % (tag.path, tag.line_num) if tag and tag.path and tag.line_num else ''
    if isinstance(value, list) and value and not hasattr(value, 'ansible_pos'):  # made anew when it was evaluated, its items were not
        return _origin(value[0])
    position = getattr(value, 'ansible_pos', None)
    return '%s:%s' % tuple(position[:2]) if position and position[0] and position[1] else ''


class HostVariables(Mapping[str, Any]):
    """The variables of a host of the inventory, each evaluated when it is asked for.

    As hostvars, but for two things. What is not defined is an AnsibleError: before ansible-core 2.19, hostvars give the text of the
    template then. And hostvars themselves may be used in variables, which they may not there.
    """

    def __init__(self, name: str, hostvars: Any, loader: DataLoader) -> None:
        """Raises AnsibleError if Ansible cannot read the variables at all."""
        self.raw: Mapping[str, Any] = hostvars.raw_get(name)
        self._templar = Templar(loader=loader, variables={**self.raw, 'hostvars': hostvars})

    def __getitem__(self, name: str) -> Any:
        return self.evaluate(self.raw[name])

    def evaluate(self, value: Any) -> Any:
        """What Ansible makes of a value with these variables. Raises AnsibleError."""
        return self._templar.template(value)

    def leaves(self, name: str) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """The parts of a variable that are neither a dictionary nor a list, with their places."""
        return leaves(self.raw[name])

    def __contains__(self, name: object) -> bool:
        return name in self.raw  # without this, it would be evaluated

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """What is neither a dictionary nor a list in a value, and where."""
    if isinstance(value, (Mapping, list, tuple)):
        for key, child in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from leaves(child, (*path, key))
    else:
        yield path, value
