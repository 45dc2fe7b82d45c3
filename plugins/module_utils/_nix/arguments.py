# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Does the function of an effect take what the effect gives it, and get what it needs?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .._problems import Problem
from . import functions, library
from .function import Function, Parameter

# What text means, by the kind of a parameter.
NAMED = {'module': 'a file of the checkout', 'file': 'a file of the checkout', 'folder': 'a folder of the checkout',
         'package': 'a package by its name in nixpkgs', 'nixops': 'a package by its name in nixpkgs'}
# What every shell takes.
VARIABLE = re.compile(r'[A-Za-z_][A-Za-z0-9_]*\Z')


def is_code(value: Any) -> bool:
    """What only Nix can tell; the evaluation checks it."""
    return isinstance(value, Mapping) and set(value) == {'_nix'}


def problems(effect: Mapping[str, Any], function: Function, where: str) -> Iterator[Problem]:
    """What no parameter of the function takes would be lost without a word; what is missing Nix would tell in its own words."""
    yield from _foreign_options(effect, function, where)
    yield from _raw_arguments(effect, function, where)
    yield from _variables(effect, function, where)
    whole = functions.described(effect)
    yield from _missing(whole, function, where)
    for parameter in function.parameters:
        value = whole.get(parameter.option)
        yield from _no_name(parameter, value, where)
        if parameter.choices and isinstance(value, str) and value not in parameter.choices:
            what = 'NixOps has no such action.' if parameter.choices == functions.ACTIONS else '%s knows no such value.' % function.name
            yield Problem(what, '%s: %s' % (where, parameter.option), expected=', '.join(parameter.choices), found=str(value))


def _no_name(parameter: Parameter, value: Any, where: str) -> Iterator[Problem]:
    """What is written for a file, a module or a package, and is neither the name of one nor code."""
    one = parameter.kind[:-1] if parameter.kind in ('modules', 'packages') else parameter.kind
    for item in value if one != parameter.kind and isinstance(value, list) else [value]:
        if one in NAMED and isinstance(item, (bool, int, float, list)):
            yield Problem('This names nothing.', '%s: %s' % (where, parameter.option), expected='%s, or code marked as such' % NAMED[one],
                          found=type(item).__name__, remedy='Correct it, or mark code with the key _nix.')


def _foreign_options(effect: Mapping[str, Any], function: Function, where: str) -> Iterator[Problem]:
    known = functions.all_options()
    for option in sorted(known):
        if option not in function.options and effect.get(option) is not None:
            remedy = 'Drop it, or pass the parameter by its own name in arguments.'
            if not function.strict:
                objection = library.objection(function, known[option].attribute.partition('.')[0])
                remedy = objection[1] if objection else 'Pass it as arguments.%s.' % known[option].attribute
            yield Problem('%s has no parameter for this option.' % function.name, '%s: %s' % (where, option), remedy=remedy)
    chosen = function.of_kind('nixops')
    if effect.get('nixops_plugins') is not None and (not chosen or effect.get(chosen[0].option)):
        yield Problem('Plugins are for the NixOps that this module chooses for %s.' % functions.running(2), '%s: nixops_plugins' % where,
                      remedy='Drop it, or put the plugins into nixops_package.' if chosen else 'Drop it.')


def _raw_arguments(effect: Mapping[str, Any], function: Function, where: str) -> Iterator[Problem]:
    options, given = function.by_attribute, effect.get('arguments') or {}
    for name in sorted(given):
        at = '%s: arguments.%s' % (where, name)
        described = [
            attribute for attribute in _described(name, given[name], function)
            if function.nixops or effect.get(options[attribute]) is not None
        ]
        for attribute in described:
            yield Problem('This parameter has an option of its own.', '%s: arguments.%s' % (where, attribute),
                          remedy='Use the option %s.' % options[attribute])
        if not described and not function.strict and (objection := library.objection(function, name, given, options)):
            yield Problem(objection[0], at, remedy=objection[1])


def _described(path: str, value: Any, function: Function) -> Iterator[str]:
    """The parameters with an option in a raw argument, which may be a set of several."""
    inside = [attribute for attribute in function.by_attribute if attribute.startswith(path + '.')]
    if path in function.by_attribute:
        yield path
    elif inside and is_code(value):
        yield from inside[:1]
    elif inside and isinstance(value, Mapping):
        for name, child in sorted(value.items()):
            yield from _described('%s.%s' % (path, name), child, function)


def _variables(effect: Mapping[str, Any], function: Function, where: str) -> Iterator[Problem]:
    """Environment variables are attributes beside the parameters, so they must not be called as one of these."""
    for name, value in (effect.get('environment') or {}).items():
        at = '%s: environment.%s' % (where, name)
        if not VARIABLE.match(name):
            yield Problem('This cannot be the name of an environment variable.', at, expected='letters, digits and underscores')
        elif objection := library.variable_objection(function, name):
            yield Problem(objection[0], at, remedy=objection[1])
        elif isinstance(value, bool) or not isinstance(value, (str, int, Mapping)):
            yield Problem('An environment variable has to be text.', at, expected='text, a number, or code or a path marked as such',
                          found=type(value).__name__)


def _missing(effect: Mapping[str, Any], function: Function, where: str) -> Iterator[Problem]:
    elsewhere = function.modular and not {'imports', 'config'}.isdisjoint(effect.get('arguments') or {})
    for group in () if elsewhere else function.needs:
        if all(effect.get(option) in (None, '') for option in group):
            yield Problem('%s does not know what to do without it.' % function.name, '%s: %s' % (where, group[0]),
                          expected=' or '.join(group), found='neither' if len(group) > 1 else 'no value',
                          remedy='Set the option %s.' % group[0])
    for option, others in function.excludes.items():
        also = [other for other in others if effect.get(other) is not None]
        if effect.get(option) is not None and also:
            yield Problem('%s takes one or the other.' % function.name, '%s: %s' % (where, option),
                          found='%s, and %s' % (option, ', '.join(also)), remedy='Drop one of them.')
