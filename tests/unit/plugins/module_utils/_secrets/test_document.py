# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import random
from typing import Any

import jsonschema
import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils import _json_text as json_text
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets import document

from tests.support.surroundings import FIXTURES

CONTRACT = FIXTURES / 'contract' / 'secrets.schema.json'
COUNT = int(os.environ.get('NIXCD_DOCUMENTS', '3000'))
SECRET = '"kind": "Secret", "data": {}'


@pytest.mark.parametrize(('text', 'words'), [
    ('[]', 'Error in $: parsing Map ~Text failed, expected Object, but encountered Array'),
    ('{"a": []}', 'Error in $.a: parsing Secret failed, expected Object, but encountered Array'),
    ('{"a": {"data": {}}}', 'Error in $.a: key "kind" not found'),
    ('{"a": {"kind": "X", "data": {}}}', 'Error in $.a: kind field must be "Secret", not "X"'),
    ('{"a": {"kind": 1, "data": {}}}', 'Error in $.a.kind: parsing Text failed, expected String, but encountered Number'),
    ('{"a": {"kind": "Secret"}}', 'Error in $.a: key "data" not found'),
    ('{"a-b": {"kind": "Secret", "data": "x"}}',
     "Error in $['a-b'].data: parsing Map ~Text failed, expected Object, but encountered String"),
    ('{"a": {%s, "apiVersion": "1"}}' % SECRET, 'Error in $.a: Unexpected apiVersion field. '),
    ('{"a": {%s, "apiVersion": 1}}' % SECRET, 'Error in $.a.apiVersion: parsing Text failed, expected String, but encountered Number'),
    ('{"a": {%s, "condition": 1}}' % SECRET, 'Error in $.a.condition: Expected Object, String or true.'),
    ('{"a": {%s, "condition": "isdefaultbranch"}}' % SECRET, 'Error in $.a.condition: Expected Object, String or true.'),
    ('{"a": {%s, "condition": {}}}' % SECRET, 'Error in $.a.condition: The empty object does not represent a Condition.'),
    ('{"a": {%s, "condition": {"isTag": true, "or": []}}}' % SECRET,
     'Error in $.a.condition: A Condition object must contain a single field.'),
    ('{"a": {%s, "condition": {"or": [{"isTag": true}]}}}' % SECRET,
     'Error in $.a.condition: The field name in a Condition object must be one of ["and","or","isBranch","isRepo","isOwner"]'),
    ('{"a": {%s, "condition": {"and": {}}}}' % SECRET,
     'Error in $.a.condition: parsing [] failed, expected Array, but encountered Object'),
    ('{"a": {%s, "condition": {"isRepo": null}}}' % SECRET,
     'Error in $.a.condition: parsing Text failed, expected String, but encountered Null'),
])
def test_the_agents_words(text: str, words: str) -> None:
    with pytest.raises(Failure) as caught:
        document.parse(text.encode(), '/agent/secrets.json')
    problem, = caught.value.problems
    assert problem.what == 'The agent cannot parse its secrets: %s' % words
    assert problem.where.startswith('/agent/secrets.json, $')


def test_all_places_are_reported_and_values_are_not() -> None:
    text = '{"a": {"kind": "Secret", "data": "canary"}, "b": {"kind": "Secret", "data": {"x": "canary"}, "condition": [{"y": "canary"}]}}'
    with pytest.raises(Failure) as caught:
        document.parse(text.encode(), 'F')
    assert [problem.where for problem in caught.value.problems] == ['F, $.a.data', 'F, $.b.condition']
    assert 'canary' not in str(caught.value)


@pytest.mark.parametrize('entry', [
    SECRET, SECRET + ', "apiVersion": null, "condition": null', SECRET + ', "condition": {"and": []}', SECRET + ', "comment": [1, {}]',
    SECRET + ', "condition": {"or": [true, "isTag", {"and": [{"isBranch": ""}]}]}',
])
def test_what_the_agent_accepts(entry: str) -> None:
    assert list(document.parse(('{"a": {%s}}' % entry).encode(), 'F')) == ['a']


def random_document(random_: random.Random) -> Any:
    """A secrets.json, in which about every third thing is not as it should be."""
    def choose(*makers: Any) -> Any:
        maker = random_.choice(makers)
        return maker() if callable(maker) else maker

    def anything(depth: int = 0) -> Any:
        return choose(None, True, False, 0, 1.5, '', 'isTag', lambda: [] if depth > 2 else [anything(depth + 1)],
                      lambda: {} if depth > 2 else {choose('a', 'and', 'kind'): anything(depth + 1)})

    def condition(depth: int = 0) -> Any:
        parts = [condition(depth + 1) for each in range(random_.randrange(3))] if depth < 4 else []
        return choose(
            True, False, 'isDefaultBranch', 'isTag', {'and': parts}, {'or': parts},
            lambda: {choose('isBranch', 'isRepo', 'isOwner', 'isTag'): choose('a', '', 'master', anything)},
            lambda: {choose('and', 'or'): anything()}, lambda: {'and': parts, 'or': []}, anything,
        ) if random_.random() < 0.6 else {random_.choice(['and', 'or']): parts}

    def entry() -> Any:
        if random_.random() < 0.05:
            return anything()
        fields = {'kind': 'Secret' if random_.random() < 0.9 else choose('secret', 'CachixCache', anything)}
        fields['data'] = {choose('a', 'b'): anything()} if random_.random() < 0.9 else anything()
        if random_.random() < 0.8:
            fields['condition'] = condition()
        if random_.random() < 0.1:
            fields['apiVersion'] = choose(None, '1', anything)
        if random_.random() < 0.1:
            fields['comment'] = anything()
        return {field: value for field, value in fields.items() if random_.random() < 0.98}

    return {'s%d' % number: entry() for number in range(random_.randrange(1, 4))} if random_.random() < 0.97 else anything()


def test_parser_agrees_with_the_contract() -> None:
    """`NIXCD_DOCUMENTS=100000` for the whole bar."""
    valid = jsonschema.Draft202012Validator(json.loads(CONTRACT.read_text(encoding='utf-8'))).is_valid
    random_ = random.Random(4)
    accepted = 0
    for number in range(COUNT):
        given = random_document(random_)
        ours = not any(document.problems_in(json_text.parse(json.dumps(given).encode(), 'x')))
        assert ours == valid(given), (number, given)
        accepted += ours
    assert COUNT * 0.25 < accepted < COUNT * 0.75, 'both answers have to be common for agreement to mean anything'
