# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets import document
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.change import (
    Rewrite,
    Wish,
    changed_names,
    difference,
    fulfilled,
    outline,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.sampled_from(['a', 'b', 'c', 'd'])
DATA = st.dictionaries(NAMES, st.sampled_from(['canary', ['canary'], {'x': 'canary'}, 'canary2', None, True]), max_size=3)
CONDITION = st.sampled_from(['isTag', 'isDefaultBranch', True, {'isBranch': 'x'}])
DOCUMENTS = st.dictionaries(NAMES, st.fixed_dictionaries(
    {'kind': st.just('Secret'), 'data': DATA}, optional={'condition': CONDITION | st.none(), 'comment': st.just('canary')},
))
WISHES = st.builds(
    Wish,
    secrets=st.dictionaries(NAMES, st.fixed_dictionaries({'data': DATA, 'condition': CONDITION})),
    present=st.booleans(), extend=st.booleans(), exclusive=st.booleans(), allow_empty=st.just(True),
)


@given(DOCUMENTS, WISHES)
def test_wishes_come_true_once_and_touch_nothing_else(before: Any, wish: Wish) -> None:
    copy = json.loads(json.dumps(before))
    after = fulfilled(wish, before)
    assert before == copy, 'the document before is a value'
    assert fulfilled(wish, after) == after
    assert list(document.problems_in(after)) == []
    for name in before.keys() - wish.secrets.keys():
        assert (name not in after) if wish.exclusive and wish.present else after[name] == before[name]
    for name, wanted in wish.secrets.items():
        if not wish.present:
            assert name not in after
            continue
        assert after[name]['condition'] == wanted['condition']
        kept = before.get(name, {}).get('data', {}) if wish.extend else {}
        assert after[name]['data'] == {**kept, **wanted['data']}
        assert after[name].get('comment') == before.get(name, {}).get('comment')


@given(DOCUMENTS, WISHES)
def test_nothing_that_is_shown_holds_a_value(before: Any, wish: Wish) -> None:
    after = fulfilled(wish, before)
    shown = difference(before, after)
    assert 'canary' not in json.dumps([shown, outline(before), outline(after), changed_names(before, after)])
    assert set(shown[0]) | set(shown[1]) == {name for names in changed_names(before, after).values() for name in names}
    assert (shown[0] == shown[1]) == (before == after), 'a reviewer sees every change'


def secret(**fields: Any) -> dict[str, Any]:
    return {'kind': 'Secret', 'data': {'x': '1', 'y': '2'}, 'condition': 'isTag', **fields}


def test_what_is_not_given_stays() -> None:
    before = {'a': secret()}
    assert fulfilled(Wish({'a': {'condition': True}}), before) == {'a': secret(condition=True)}
    assert fulfilled(Wish({'a': {'data': {'x': '3'}}}), before) == {'a': secret(data={'x': '3'})}
    assert fulfilled(Wish({'a': {'data': {'x': '3'}}}, extend=True), before) == {'a': secret(data={'x': '3', 'y': '2'})}
    assert fulfilled(Wish({'a': {}}), before) == before


def test_the_difference_tells_which_fields_change() -> None:
    before = {'a': secret(), 'b': secret()}
    after = {'a': secret(data={'x': '3', 'z': '4'}, condition=True), 'b': secret()}
    assert difference(before, after) == (
        {'a': {'data': {'x': 'a value', 'y': 'a value'}, 'condition': 'isTag'}},
        {'a': {'data': {'x': 'another value', 'z': 'a value'}, 'condition': True}},
    )


def test_new_secrets_need_data_and_a_condition() -> None:
    with pytest.raises(Failure) as caught:
        fulfilled(Wish({'a': {}, 'b': {'data': {}}, 'c': {'data': {}, 'condition': False}}), {'d': secret()})
    assert [(problem.where, problem.what) for problem in caught.value.problems] == [
        ('secret a', 'A new secret needs data.'),
        ('secret a', 'Agents from version 0.9 on give a secret without a condition to nobody.'),
        ('secret b', 'Agents from version 0.9 on give a secret without a condition to nobody.'),
    ]
    after = fulfilled(Wish({'b': {'data': {}}}, conditions_required=False), {})
    assert after == {'b': {'kind': 'Secret', 'data': {}}}


def test_a_secret_that_is_nested_too_deeply_is_a_failure() -> None:
    value: Any = 'canary'
    for _level in range(5000):
        value = [value]
    rewrite = Rewrite('/here', Wish({'a': {'data': {'x': value}, 'condition': True}}, present=True, extend=False, exclusive=False))
    with pytest.raises(Failure) as raised:
        rewrite(None)
    assert str(raised.value) == 'A secret is nested too deeply. Where: /here.'
