# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The arguments of a call in Nix, as recording.py shows them, as options of an effect. What no option can say is told, not guessed."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...module_utils._nix import expression, functions, library
from ...module_utils._nix.arguments import VARIABLE
from ...module_utils._nix.function import Function, Parameter

CODE = ('value', 'values', 'mapping', 'file', 'folder', 'module', 'modules')
"""Kinds of parameters that take Nix code."""

LISTS = {
    'packages': 'package', 'modules': 'module', 'values': 'value', 'texts': 'text', 'sources': 'text', 'value': 'value', 'mapping': 'value',
}
SETS = {**dict.fromkeys(CODE, 'value'), 'secrets': 'secret', 'secret': 'text'}
"""Kinds of parameters that take lists, and sets, with the kinds of what is in there."""


class Unknown(Exception):
    """A value that no option can have. Its text says what Nix had there."""


@dataclass(frozen=True)
class PathBase:
    """Where paths and names are told from.

    root: the checkout, as Nix has it. file: the one that is written, relative to that.
    sentinels: what stands for facts of the repository → the code for them, as `src.rev`. repository: the variable that has these facts.
    """

    root: str
    file: str
    sentinels: Mapping[str, str] = field(default_factory=dict)
    repository: str = 'src'

    def inside(self, path: str) -> str:
        """Relative to the checkout."""
        if path != self.root and not path.startswith(self.root + '/'):
            raise Unknown('a path outside of the checkout, %s' % path)
        return posixpath.relpath(path, self.root)

    def from_file(self, path: str) -> str:
        """As code in the file has it."""
        found = posixpath.relpath(self.inside(path), posixpath.dirname(self.file) or '.')
        return found if found.partition('/')[0] in ('.', '..') else './' + found


@dataclass
class Read:
    """What was made of a call: options of the effect, and of what is left over, what Nix had for it."""

    options: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)


def read_call(call: Mapping[str, Any], place: PathBase) -> Read:
    """The options of an effect that calls a function in this way."""
    function = functions.of(call['name'])
    read = Read({'function': function.name})
    if 'set' not in call['arguments']:
        read.unknown['arguments'] = str(call['arguments'].get('code', 'something else'))
        return read
    left = dict(call['arguments']['set'])
    for parameter in function.parameters:
        shown = _take(left, parameter.attribute)
        if shown is not None:
            try:
                read.options.update(_option(parameter, shown, place))
            except Unknown as unknown:
                read.unknown[parameter.option] = str(unknown)
    _rest(function, left, place, read)
    return read


def _take(left: dict[str, Any], attribute: str) -> Any:
    """Take an argument out, which may lie in a set of several."""
    first, _stop, rest = attribute.partition('.')
    if first not in left:
        return None
    if not rest:
        return left.pop(first)
    inner = left[first].get('set')
    if not isinstance(inner, Mapping):
        return None
    kept = dict(inner)
    found = _take(kept, rest)
    left[first] = {'set': kept}
    if not kept:
        del left[first]
    return found


def _option(parameter: Parameter, shown: Mapping[str, Any], place: PathBase) -> dict[str, Any]:
    """The option for a parameter; none where the library's default says the same."""
    option, _attribute, default, kind, _choices = parameter
    if kind in ('source', 'folder'):
        return _source(option, shown, place)
    if kind == 'nixops' and shown.get('package', {}).get('plugins') is not None:
        return {'nixops_plugins': shown['package']['plugins']}
    value = value_of(shown, kind, place)
    return {} if value == default or value is None else {option: value}


def _source(option: str, shown: Mapping[str, Any], place: PathBase) -> dict[str, Any]:
    """A folder of the checkout, with or without what lib.cleanSource leaves out."""
    path = shown.get('source') or shown.get('path')
    if path is None:
        raise Unknown(_said(shown))
    folder = place.inside(path)
    found = {} if folder == '.' and option == 'src' else {option: folder}
    return {**found, 'clean_source': False} if 'path' in shown else found


def value_of(shown: Mapping[str, Any], kind: str, place: PathBase) -> Any:
    """A value for a parameter of a kind. Raises Unknown."""
    one = {'v': _plain, 'path': _path, 'source': _clean, 'package': _package}
    for what, read in one.items():
        if what in shown:
            return read(shown, kind, place)
    if 'list' in shown and kind in LISTS:
        return [value_of(each, LISTS[kind], place) for each in shown['list']]
    if 'set' in shown and kind in SETS:
        return {name: value_of(each, SETS[kind], place) for name, each in shown['set'].items()}
    raise Unknown(_said(shown))


def _path(shown: Mapping[str, Any], kind: str, place: PathBase) -> Any:
    if kind in ('module', 'file'):
        return place.inside(shown['path'])
    return _code({'_path': place.from_file(shown['path'])}, kind, shown)


def _clean(shown: Mapping[str, Any], kind: str, place: PathBase) -> Any:
    return _code({'_nix': 'lib.cleanSource %s' % expression.path(place.from_file(shown['source']))}, kind, shown)


def _plain(shown: Mapping[str, Any], kind: str, place: PathBase) -> Any:
    value = shown['v']
    if not isinstance(value, str):
        return value
    if value in place.sentinels:
        return _code({'_nix': place.sentinels[value]}, kind, {'code': place.sentinels[value]})
    for sentinel, code in place.sentinels.items():
        if sentinel in value:
            raise Unknown('text with %s in it' % code)
    return {'_nix': expression.quoted(value)} if kind in ('module', 'file') and value.startswith('/') else value


def _package(shown: Mapping[str, Any], kind: str, _place: PathBase) -> Any:
    name = shown['package']['attribute']
    if name is None:
        raise Unknown('the package %s, which nixpkgs does not have under that name' % shown['package']['name'])
    return name if kind in ('package', 'nixops') else _code({'_nix': 'pkgs.%s' % expression.attribute_name(name)}, kind, shown)


def _code(value: Any, kind: str, shown: Mapping[str, Any]) -> Any:
    if kind not in CODE and kind != 'variable':
        raise Unknown(_said(shown))
    return value


def _said(shown: Mapping[str, Any]) -> str:
    """What Nix has for a value, in words; text only where it can be no secret, as it becomes a part of the store."""
    if 'context' in shown:
        return 'text with paths of the store in it'
    if 'package' in shown:
        return 'the package %s' % shown['package']['name']
    return str(shown.get('code') or shown.get('path') or shown.get('source') or shown.get('v') or 'something else')


def _rest(function: Function, left: Mapping[str, Any], place: PathBase, read: Read) -> None:
    """What has no option: arguments by their own names, and variables of the environment."""
    arguments: dict[str, Any] = {}
    environment: dict[str, Any] = {}
    for name, shown in left.items():
        if function.modular and name == 'env':
            environment.update(_variables(shown.get('set') or {}, place, read))
        elif not function.strict and VARIABLE.match(name) and not library.variable_objection(function, name):
            environment.update(_variables({name: shown}, place, read))
        else:
            try:
                arguments[name] = value_of(shown, 'value', place)
            except Unknown as unknown:
                read.unknown['arguments.%s' % name] = str(unknown)
    read.options.update({option: found for option, found in (('arguments', arguments), ('environment', environment)) if found})


def _variables(given: Mapping[str, Any], place: PathBase, read: Read) -> Iterator[tuple[str, Any]]:
    for name, shown in given.items():
        try:
            value = value_of(shown, 'variable', place)
        except Unknown as unknown:
            read.unknown['environment.%s' % name] = str(unknown)
            continue
        if isinstance(value, (list, bool)) or value is None:
            read.unknown['environment.%s' % name] = type(value).__name__
        else:
            yield name, value
