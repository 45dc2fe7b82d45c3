# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""How the parameters of an effect's function are written.

An effect is the mapping that the module nixops_effect takes, with None for what is not set.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from . import functions, pins
from .expression import attribute_name, binding, quoted, to_nix
from .function import Parameter

# In a URL, one full stop or two would name another place.
STATE_NAME = re.compile(r'(?!\.{1,2}\Z)[A-Za-z0-9._-]+\Z')


def deployment_of(effect: Mapping[str, Any]) -> str:
    """What NixOps calls the deployment: as the effect is called, unless the effect says otherwise."""
    return str(effect.get('deployment') or effect['name'])


def bindings(effect: Mapping[str, Any], up: str, indent: int) -> list[str]:
    """The arguments of the effect's function, one binding an element, without the indentation of the first lines.

    up: how the folder of the file reaches the root of the checkout, such as ./. or ../..
    """
    lines = []
    function = functions.of_effect(effect)
    for parameter in function.parameters:
        lines += _binding(effect, parameter, up, indent)
    where = 'effect %s: arguments' % effect['name']
    lines += [
        binding(name, value, indent, short_lists=True, where='%s.%s' % (where, name))
        for name, value in (effect.get('arguments') or {}).items()
    ]
    within = 'env.' if function.modular else ''
    lines += [
        within + binding(name, value if isinstance(value, Mapping) else str(value), indent, where='effect %s: environment' % effect['name'])
        for name, value in (effect.get('environment') or {}).items()
    ]
    return lines


def _binding(effect: Mapping[str, Any], parameter: Parameter, up: str, indent: int) -> list[str]:
    """One parameter as it is written: nothing where the library's default does."""
    option, attribute, default, kind, _choices = parameter
    value: Any = effect.get(option)
    where = 'effect %s: %s' % (effect['name'], option)
    if value is None and functions.raw_value(effect, attribute) is not None:
        return []
    if kind == 'source':
        return [] if effect.get('flake') else ['%s = %s;' % (attribute, _source(effect, value or '.', up))]
    if kind == 'folder' and isinstance(value, str):
        value = {'_nix': _source(effect, value, up)}
    if kind == 'nixops':
        return ['%s = %s;' % (attribute, nixops2_package(value, effect.get('nixops_plugins'), indent, where))]
    if kind == 'name':
        value = value or effect['name']
    if value is None or value == default:
        return []
    if option == 'prebuild_only_network_files' and effect.get('flake'):  # there they are passed on as they are
        value = [{'_nix': pins.path_in_checkout(posixpath.join(effect.get('src') or '.', file), up)} for file in value]
    if kind == 'secrets':
        return ['%s.%s = %s;' % (attribute, quoted(name), to_nix(secret, indent, where=where)) for name, secret in value.items()]
    within, _stop, name = attribute.rpartition('.')
    return [(within and within + '.') + binding(name, _prepared(value, kind, where, up), indent, short_lists=True, where=where)]


def _source(effect: Mapping[str, Any], folder: str, up: str) -> str:
    """The code of a folder of the checkout that is copied."""
    path = pins.path_in_checkout(folder, up)
    return path if effect.get('clean_source') is False else 'lib.cleanSource %s' % path


def _prepared(value: Any, kind: str, where: str, up: str) -> Any:
    """Scripts get the last newline that makes them lines; packages and files of the checkout become code."""
    if kind in ('packages', 'modules'):
        return [_prepared(item, kind[:-1], where, up) for item in value]
    if kind == 'script':
        return value + '\n' if value and not value.endswith('\n') else value
    if kind == 'package':
        return package(value, where)
    if kind in functions.FILES and isinstance(value, str):
        return {'_nix': pins.path_in_checkout(value, up)}
    return value


def package(value: Any, where: str) -> Any:
    """A package, given by its path in nixpkgs or as marked code, as marked code."""
    return value if isinstance(value, Mapping) else {'_nix': pins.package(str(value), where)}


def nixops2_package(value: Any, plugins: list[str] | None, indent: int, where: str) -> str:
    """NixOps 2, which the library cannot choose by itself: it depends on the plugins."""
    if value:
        return to_nix(package(value, where), indent, where=where)
    names = ' '.join('ps.%s' % attribute_name(name) for name in plugins or ['nixops-hercules-ci'])
    return 'pkgs.nixops_unstable_minimal.withPlugins (ps: [ %s ])' % names
