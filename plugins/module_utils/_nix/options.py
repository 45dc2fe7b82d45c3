# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The argument specification of pins and effects; documented in the fragment nixcd.hercules_ci._effects."""

from __future__ import annotations

from typing import Any

from .._argspec import ArgumentSpec
from . import functions
from .ci_nix import FORMS
from .function import KINDS, Parameter

TEXT: dict[str, Any] = {'type': 'str'}
TEXTS: dict[str, Any] = {'type': 'list', 'elements': 'str'}
MAPPING: dict[str, Any] = {'type': 'dict'}
VALUES: dict[str, Any] = {'type': 'list', 'elements': 'raw'}
PIN: dict[str, Any] = {'type': 'dict', 'options': {
    **dict.fromkeys(('url', 'sha256', 'github', 'revision', 'npins', 'niv', 'file', 'expression', 'comment', 'system'), TEXT),
    'config': {'type': 'dict'},
    'overlays': VALUES,
}}
# Those of every effect, whatever makes it.
GENERAL: dict[str, Any] = {
    'name': {'type': 'str', 'required': True},
    'function': {'type': 'str', 'default': functions.DEFAULT},
    'run_on': {'type': 'dict', 'options': {
        'branches': TEXTS, 'tags': TEXTS, 'any_ref': {'type': 'bool'}, 'condition': {'type': 'str'},
    }},
    **dict.fromkeys(('comment', 'job'), TEXT),
    'nixops_plugins': TEXTS,
    'clean_source': {'type': 'bool'},
    **dict.fromkeys(('arguments', 'environment'), MAPPING),
}


def effect_options() -> dict[str, Any]:
    """The options of an effect: the general ones, and those of all functions, whose types are those of the kinds of their parameters."""
    return {**GENERAL, **{option: _option(parameter) for option, parameter in functions.all_options().items()}}


def _option(parameter: Parameter) -> dict[str, Any]:
    kind, _of, elements = KINDS[parameter.kind].partition(' of ')
    found: dict[str, Any] = {'type': kind, **({'elements': elements} if elements else {})}
    if parameter.choices:
        found['choices'] = list(parameter.choices)
    # Names of secrets, not secrets, although they sound like some.
    return {**found, **({'no_log': False} if 'secret' in parameter.option else {}), **ALIASES.get(parameter.option, {})}


ALIASES = {'effect_deployment': {'aliases': ['nixops_deployment']}}
EFFECT = effect_options()
SPEC = ArgumentSpec(
    {
        'checkout': {'type': 'path', 'required': True},
        'file': {'type': 'str'},
        'form': {'type': 'str', 'choices': ['auto', *FORMS], 'default': 'auto'},
        'project': {'type': 'str'},
        'pins': {'type': 'dict', 'default': {}, 'options': {'nixpkgs': PIN, 'effects': PIN, 'nixops': PIN}},
        'effects': {'type': 'list', 'elements': 'dict', 'default': [], 'options': EFFECT},
        'schedules': {'type': 'dict', 'default': {}},
        'inventory_hosts': {'type': 'list', 'elements': 'str', 'default': []},
        'validate': {'type': 'str', 'choices': ['none', 'parse', 'evaluate', 'prebuild'], 'default': 'evaluate'},
        'validate_timeout': {'type': 'int', 'default': 1800},
        'refs': {'type': 'list', 'elements': 'str', 'default': []},
        'remote': {'type': 'str'},
        'branches': {'type': 'list', 'elements': 'str', 'default': []},
        'adopt': {'type': 'bool', 'default': False},
        'force': {'type': 'bool', 'default': False},
        'state': {'type': 'str', 'choices': ['present', 'absent'], 'default': 'present'},
    },
    required_if=[('state', 'present', ('effects',))],
)
