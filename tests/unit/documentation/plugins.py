# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What plugins say of their options, and whether values fit that. A value that is a template fits whatever it becomes."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.loader import fragment_loader, module_loader
from ansible.utils.plugin_docs import get_docstring

from tests.support.surroundings import ROOT
from tests.unit.documentation.blocks import PLUGINS
from tests.unit.documentation.text import is_template

COLLECTION = 'nixcd.hercules_ci'
STAND_INS = {'bool': True, 'int': 1, 'float': 1.0, 'list': [], 'dict': {}}
ONE_TYPE = ('type', 'elements', 'choices', 'aliases', 'required')
ROLE = yaml.safe_load((ROOT / 'roles' / 'nixops' / 'meta' / 'argument_specs.yml').read_text())['argument_specs']
VARIABLES: dict[str, Any] = {name: option for entry in ROLE.values() for name, option in (entry.get('options') or {}).items()}


class Documented(NamedTuple):
    """options: as an argument spec; rules: what has to hold between options."""

    options: dict[str, Any]
    rules: dict[str, Any]


def argument_spec(options: Mapping[str, Any]) -> dict[str, Any]:
    """The argument spec that documented options describe."""
    spec: dict[str, Any] = {}
    for name, option in options.items():
        spec[name] = {key: option[key] for key in ONE_TYPE if key in option}
        inner = option.get('suboptions') or option.get('options')
        if inner:
            spec[name]['options'] = argument_spec(inner)
    return spec


@cache
def documented(kind: str, name: str) -> Documented:
    """What a plugin of this collection says of itself."""
    path = ROOT / 'plugins' / kind / ('%s.py' % name)
    plugin = {'modules': 'module'}.get(kind, kind)
    found = get_docstring(str(path), fragment_loader, collection_name=COLLECTION, plugin_type=plugin)[0]
    rules: dict[str, Any] = {}
    if kind == 'modules':
        module = importlib.import_module('ansible_collections.%s.plugins.modules.%s' % (COLLECTION, name))
        rules = module.SPEC.rules() if hasattr(module, 'SPEC') else {}
    return Documented(argument_spec(found.get('options') or {}), rules)


@cache
def of_module(name: str) -> Documented | None:
    """The same for any module by its full name; None where it takes what it likes."""
    if name.startswith(COLLECTION + '.'):
        short = name.rsplit('.', 1)[1]
        assert ('modules', short) in PLUGINS, '%s is no module' % name
        return documented('modules', short)
    assert name.startswith('ansible.builtin.'), '%s is in none of the collections that a user has' % name
    path = module_loader.find_plugin(name.rsplit('.', 1)[1])
    assert path, '%s is no module' % name
    try:
        found = get_docstring(path, fragment_loader, collection_name='ansible.builtin', plugin_type='module')[0]
    except AnsibleError:
        return None
    return None if name in ('ansible.builtin.set_fact', 'ansible.builtin.raw', 'ansible.builtin.command') else Documented(
        argument_spec(found.get('options') or {}), {})


def settled(value: Any, option: Mapping[str, Any]) -> Any:
    """The value with something of the right type in the place of each template."""
    if is_template(value):
        return option['choices'][0] if option.get('choices') else STAND_INS.get(option.get('type', 'str'), 'text')
    inner = option.get('options', {})
    if isinstance(value, dict):
        return {name: settled(item, inner.get(name, {'type': 'raw'})) for name, item in value.items()}
    if isinstance(value, list):
        return [settled(item, {'type': option.get('elements', 'raw'), 'options': inner}) for item in value]
    return value


def require(values: Mapping[str, Any], spec: Mapping[str, Any], rules: Mapping[str, Any] | None = None) -> None:
    """The values are possible ones of these options."""
    validated = ArgumentSpecValidator(dict(spec), **(rules or {})).validate(
        {name: settled(value, spec.get(name, {})) for name, value in values.items()})
    assert validated.error_messages == [], '%s: %s' % (dict(values), validated.error_messages)


def optional(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The same options, none of them required: for a part of them."""
    return {name: {key: value for key, value in option.items() if key != 'required'} for name, option in spec.items()}


def require_variables(values: Mapping[str, Any]) -> None:
    """Those that begin with nixops_ are variables of the role, with values of the right type."""
    ours = {name: value for name, value in values.items() if name.startswith('nixops_') and value is not None}
    require(ours, optional(argument_spec(VARIABLES)))
