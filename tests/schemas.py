# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is made of the role's argument specs, schemas/inventory.json and defaults/main.yml: `python -m tests.schemas` writes it.

With the schema, editors complete and check files in host_vars and group_vars. Beside what preflight takes, it takes what is not known
before Ansible has evaluated it: templates, and null where a host unsets what its group sets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import yaml

from tests.support.collection import make_importable
from tests.support.surroundings import ROOT

NETWORKS = 'ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.'
FILE = ROOT / 'schemas' / 'inventory.json'
DEFAULTS = ROOT / 'roles' / 'nixops' / 'defaults' / 'main.yml'
ENTRY_POINTS = ('main', 'agent', 'rotate')
OWN_FILES = {'nixops_agent_secrets': 'agent_secrets.json', 'nixops_agent_binary_caches': 'binary_caches.json'}
"""Variables whose values have a schema of their own."""
NOT_KNOWN_YET = {'anyOf': [{'type': 'string', 'pattern': r'\{[{%]'}, {'type': 'null'}]}


def inventory_schema() -> dict[str, Any]:
    """The schema of the variables of networks and agents. Other variables are nothing that it knows of."""
    variables = import_module(NETWORKS + 'variables')

    def about(option: Mapping[str, Any]) -> dict[str, Any]:
        description = [option['description']] if isinstance(option['description'], str) else option['description']
        found = {'description': '\n'.join(map(variables.without_marks, description))}
        return {**found, 'default': option['default']} if 'default' in option else found

    options = _options()
    own = {name: json.loads((FILE.parent / file).read_text(encoding='utf-8')) for name, file in OWN_FILES.items()}
    schemas = {**variables.schema_of(options)['properties'], **own}
    definitions = {name: _inside(part) for schema in own.values() for name, part in schema['$defs'].items()}
    return {
        '$schema': 'https://json-schema.org/draft/2020-12/schema', '$id': FILE.name,
        'title': 'Variables of networks and agents in an inventory for nixcd.hercules_ci', 'type': 'object',
        'properties': {name: {**about(options[name]), **_templated(schemas[name])} for name in sorted(options)},
        '$defs': {**definitions, 'not_known_yet': NOT_KNOWN_YET},
    }


def _options() -> dict[str, Any]:
    options_of = import_module(NETWORKS + 'specs').options_of
    return {name: option for entry_point in ENTRY_POINTS for name, option in options_of(entry_point).items()}


def defaults() -> str:
    """The text of the role's defaults: Ansible reads none from argument specs."""
    values = {name: option['default'] for name, option in _options().items() if 'default' in option}
    return HEAD_OF_DEFAULTS + yaml.safe_dump(values, default_flow_style=None, allow_unicode=True, sort_keys=False, width=1000)


HEAD_OF_DEFAULTS = '''\
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
---
# Written by python -m tests.schemas, from meta/argument_specs.yml. To read about them: ansible-doc -t role nixcd.hercules_ci.nixops
'''


def _templated(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What the schema takes, or a template in its place, or in that of any part of it."""
    described = {'description': schema['description']} if 'description' in schema else {}
    rest = {key: value for key, value in _inside(schema).items() if key not in OF_FILES}
    return {**described, 'anyOf': [rest, {'$ref': '#/$defs/not_known_yet'}]} if rest else described


OF_FILES = ('$schema', '$id', '$defs', 'title', 'description')
"""Of a whole file, and titles, which are for messages of preflight."""


def _inside(schema: Mapping[str, Any]) -> dict[str, Any]:
    inside = dict(schema)
    if 'properties' in inside:
        inside['properties'] = {name: _templated(part) for name, part in inside['properties'].items()}
    for key in ('items', 'additionalProperties'):
        if isinstance(inside.get(key), dict):
            inside[key] = _templated(inside[key])
    if 'oneOf' in inside:
        inside['oneOf'] = [_inside(part) for part in inside['oneOf']]
    return inside


def text() -> str:
    """The text of the schema's file."""
    return json.dumps(inventory_schema(), indent=2, ensure_ascii=False) + '\n'


if __name__ == '__main__':
    make_importable()
    FILE.write_text(text(), encoding='utf-8')
    DEFAULTS.write_text(defaults(), encoding='utf-8')
