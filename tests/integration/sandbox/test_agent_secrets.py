# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox's agents hand out secrets as real agents do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.sandbox.agent_secrets import Context, Refused, granted, holds, parse
from tests.support.surroundings import FIXTURES

SCHEMA = json.loads((FIXTURES / 'contract' / 'secrets.schema.json').read_text(encoding='utf-8'))
ON_MAIN = Context('neat-org', 'neat-repo', 'refs/heads/main', is_default_branch=True)

words = st.sampled_from(['isDefaultBranch', 'isTag', 'isBranch', 'isRepo', 'isOwner', 'and', 'or', 'other', 'Secret', 'main'])
scalars = st.one_of(st.none(), st.booleans(), st.integers(), words)
conditions = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=2)), max_leaves=6)
secrets = st.fixed_dictionaries({}, optional={
    'kind': st.sampled_from(['Secret', 'secret', None, 1]), 'data': st.one_of(scalars, st.dictionaries(words, scalars, max_size=2)),
    'condition': conditions, 'apiVersion': scalars, 'other': scalars})
documents = st.one_of(scalars, st.lists(scalars, max_size=2), st.dictionaries(st.text(max_size=3), st.one_of(secrets, scalars), max_size=3))


def accepted(document: Any) -> bool:
    try:
        parse(json.dumps(document))
    except ValueError:
        return False
    return True


@given(documents)
def test_exactly_what_the_schema_accepts_is_parsed(document: Any) -> None:
    assert accepted(document) == Draft202012Validator(SCHEMA).is_valid(document)


@pytest.mark.parametrize(('entry', 'message'), [
    ({'kind': 'Secret', 'data': {}, 'condition': 3}, 'Error in $.a.condition: Expected Object, String or true.'),
    ({'kind': 'Secret', 'data': {}, 'condition': {}}, 'Error in $.a.condition: The empty object does not represent a Condition.'),
    ({'kind': 'Secret', 'data': {}, 'condition': {'isRepo': 'a', 'isOwner': 'b'}},
     'Error in $.a.condition: A Condition object must contain a single field.'),
    ({'kind': 'Secret', 'data': {}, 'condition': {'and': [True, {'not': True}]}},
     'Error in $.a.condition[1]: The field name in a Condition'),
    ({'kind': 'Token', 'data': {}}, 'Error in $.a: kind field must be "Secret", not "Token"'),
    ({'kind': 'Secret', 'data': {}, 'apiVersion': 'v1'}, 'Error in $.a: Unexpected apiVersion field. '),
])
def test_a_bad_entry_is_named_in_the_agents_words(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match='Error') as caught:
        parse(json.dumps({'a': entry}))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(('condition', 'expected'), [
    (True, True), (False, False), (None, False), ({'and': []}, True), ({'or': []}, False), ('isDefaultBranch', True), ('isTag', False),
    ({'isBranch': 'main'}, True), ({'isBranch': 'refs/heads/main'}, False), ({'isRepo': 'neat-repo'}, True), ({'isOwner': 'other'}, False),
    ({'and': [{'isOwner': 'neat-org'}, {'or': ['isTag', {'isBranch': 'main'}]}]}, True),
])
def test_conditions_are_about_the_job(condition: Any, expected: bool) -> None:
    assert holds(condition, ON_MAIN) is expected


def write(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document), encoding='utf-8')
    return path


def test_only_what_is_declared_is_handed_out_and_without_its_condition(tmp_path: Path) -> None:
    path = write(tmp_path / 'secrets.json', {name: {'kind': 'Secret', 'data': {'n': name}, 'condition': True} for name in ('a', 'b')})
    assert granted('{"x": "a"}', path, ON_MAIN) == {'x': {'kind': 'Secret', 'data': {'n': 'a'}}}
    assert granted(None, Path('/nonexistent'), ON_MAIN) == {}
    assert granted('{"git": {"type": "GitToken"}}', path, ON_MAIN)['git']['data'].keys() == {'token'}


@pytest.mark.parametrize('document', [
    {}, {'a': {'kind': 'Secret', 'data': {}}}, {'a': {'kind': 'Secret', 'data': {}, 'condition': 'isTag'}}])
def test_missing_and_denied_read_alike(tmp_path: Path, document: Any) -> None:
    with pytest.raises(Refused, match="Secret a does not exist or access was denied, so we can't get a secret for x"):
        granted('{"x": "a"}', write(tmp_path / 'secrets.json', document), ON_MAIN)


def test_one_bad_entry_spoils_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / 'secrets.json', {'a': {'kind': 'Secret', 'data': {}, 'condition': True}, 'b': {'kind': 'Secret'}})
    with pytest.raises(Refused, match='Could not parse secrets file as configured on agent') as caught:
        granted('{"x": "a"}', path, ON_MAIN)
    assert caught.value.log == ('Could not parse secrets file %s: Error in $.b: key "data" not found' % path,)


def test_of_equal_keys_the_first_counts(tmp_path: Path) -> None:
    path = tmp_path / 'secrets.json'
    one, two = ('{"kind": "Secret", "data": {"n": %d}, "condition": true}' % number for number in (1, 2))
    path.write_text('{"a": %s, "a": %s}' % (one, two), encoding='utf-8')
    assert granted('{"x": "a"}', path, ON_MAIN)['x']['data'] == {'n': 1}


@pytest.mark.parametrize(('name', 'message'), [('missing.json', 'does not exist'), ('.', 'inappropriate type')])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(Refused, match='openBinaryFile: ' + message):
        granted('{"x": "a"}', tmp_path / name, ON_MAIN)


@pytest.mark.parametrize(('secrets_map', 'message'), [
    ('{"x": 1}', 'because it is neither a string nor an attribute set.'), ('{"x": {}}', 'because it does not have a type attribute.'),
    ('{"x": {"type": "Token"}}', 'because the type is unknown; must be "GitToken".'),
    ('{"x": {"type": 1}}', 'because the type attribute is not a string.'),
])
def test_secrets_maps_are_checked(secrets_map: str, message: str) -> None:
    with pytest.raises(Refused, match='Could not parse secret reference secretsMap.x, ' + message):
        granted(secrets_map, None, ON_MAIN)
