# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The schemas that are published: they take what agents, preflight and the examples take, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.document import problems_in
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._json_schema import FOLDER
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._schemas import problems_in_caches, problems_in_secrets
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests import schemas
from tests.support.surroundings import ROOT

FILES = {path.name: json.loads(path.read_text()) for path in FOLDER.iterdir()}
REGISTRY: Registry[Any] = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in FILES.items())
TEXT = st.text(max_size=3)
CONDITIONS = st.recursive(
    st.booleans() | st.sampled_from(['isDefaultBranch', 'isTag', 'isBranch', '']) | st.none() | st.integers(),
    lambda inner: st.dictionaries(
        st.sampled_from(['and', 'or', 'isBranch', 'isRepo', 'isOwner', 'not']), inner | st.lists(inner, max_size=2) | TEXT, max_size=2),
    max_leaves=4,
)
DATA = st.dictionaries(TEXT, TEXT, max_size=1) | TEXT
CACHES = st.fixed_dictionaries({}, optional={
    'kind': st.sampled_from(['CachixCache', 'NixCache', 'Secret']), 'publicKeys': st.lists(TEXT | st.integers(), max_size=1),
    'signingKeys': st.lists(TEXT, max_size=1) | TEXT, 'storeURI': TEXT, 'authToken': TEXT | st.integers(), 'apiVersion': st.none() | TEXT,
})


def takes(name: str, value: Any) -> bool:
    return bool(Draft202012Validator(FILES[name], registry=REGISTRY).is_valid(value))


@pytest.mark.parametrize('name', FILES)
def test_each_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(FILES[name])
    assert FILES[name]['$id'] == name


def test_that_of_the_inventory_is_what_the_argument_specs_say() -> None:
    assert schemas.FILE.read_text() == schemas.text(), 'Write it anew: .venv/bin/python -m tests.schemas'


def test_the_roles_defaults_are_what_the_argument_specs_say() -> None:
    assert schemas.DEFAULTS.read_text() == schemas.defaults(), 'Write it anew: .venv/bin/python -m tests.schemas'


@given(st.fixed_dictionaries({}, optional={
    'kind': st.sampled_from(['Secret', 'secret']), 'data': DATA, 'condition': CONDITIONS, 'apiVersion': st.none() | TEXT, 'more': TEXT,
}))
def test_secrets_json_is_what_agents_can_read_and_hand_out(entry: dict[str, Any]) -> None:
    readable = not list(problems_in({'name': entry}))
    assert takes('secrets.json', {'name': entry}) == (readable and entry.get('condition') is not None)


@given(st.fixed_dictionaries({}, optional={'data': DATA, 'condition': CONDITIONS, 'kind': TEXT, 'profile': TEXT}))
def test_secrets_of_an_inventory_are_what_modules_take(entry: dict[str, Any]) -> None:
    found = [what for _path, what in problems_in_secrets({'name': entry}) if what != 'This is for a secret with aws_user.']
    assert takes('agent_secrets.json', {'name': entry}) == (not found)


@given(CACHES)
def test_caches_are_what_modules_take(cache: dict[str, Any]) -> None:
    assert takes('binary_caches.json', {'name': cache}) == (not list(problems_in_caches({'name': cache})))


@pytest.mark.parametrize('file', sorted(ROOT.glob('examples/fleet/inventory/**/group_vars/*.yml')), ids=lambda path: path.name)
def test_the_inventory_to_copy_is_taken(file: Path) -> None:
    values = yaml.safe_load(file.read_text())
    assert not [error.message for error in Draft202012Validator(FILES['inventory.json']).iter_errors(values)]


@pytest.mark.parametrize(('variables', 'taken'), [
    ({'nixops_branches': ['main'], 'nixops_push': 'direct', 'ansible_user': 1}, True),
    ({'nixops_branches': '{{ branches }}', 'nixops_push': None, 'nixops_prebuild': '{{ true }}'}, True),
    ({'nixops_agent_secrets': {'a': {'data': {'x': '{{ y }}'}, 'condition': '{{ condition }}'}}}, True),
    ({'nixops_agent_secrets': {'a': '{{ b }}'}, 'nixops_agent_binary_caches': {'a': '{{ b }}'}}, True),
    ({'nixops_run_on': {'branches': ['{{ a }}']}}, True),
    ({'nixops_branches': 'main'}, False), ({'nixops_push': 'driect'}, False), ({'nixops_run_on': {'brunches': []}}, False),
    ({'nixops_agent_secrets': {'a': {'date': {}}}}, False), ({'nixops_agent_secrets': {'a': {'condition': {'isBranch': 1}}}}, False),
    ({'nixops_agent_binary_caches': {'a': {'kind': 'NixCache'}}}, False),
])
def test_variables_of_an_inventory(variables: dict[str, Any], taken: bool) -> None:
    assert takes('inventory.json', variables) == taken
