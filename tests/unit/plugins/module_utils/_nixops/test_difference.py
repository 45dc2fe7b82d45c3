# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs is listed up to a number, and counted beyond it."""

from __future__ import annotations

import io
import json

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops import difference
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.difference import compared, diff_text, differences
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import NOTHING, State, state_of

UUID = 'cccccccc-1700-11e7-8000-000000000003'


def state(*names: str, **attributes: str) -> State:
    resources = {name: {'type': 'none', **attributes} for name in names}
    return state_of(io.BytesIO(json.dumps({UUID: {'name': 'x', 'resources': resources}}).encode()), 'here')


@pytest.mark.parametrize(('number', 'more', 'sentence'), [
    (2, '', 'm0: only here; m1: only here'), (3, '', 'm2: only here'), (4, 'and 1 more differences\n', 'm2: only here and 1 more'),
    (9, 'and 6 more differences\n', 'm2: only here and 6 more'),
])
def test_the_first_are_listed_and_all_are_counted(
    number: int, more: str, sentence: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(difference, 'LISTED', 3)
    names = ['m%d' % each for each in range(number)]
    found = differences(state(*names), state())
    assert (len(found.listed), found.total) == (min(number, 3), number)
    assert str(found).endswith(sentence)
    told = diff_text(found, 'export.json', 'version 3')
    assert told['after'] == ''.join('%s (export.json)\n' % name for name in names[:3]) + more
    assert told['before'] == ''
    assert (told['before_header'], told['after_header']) == ('version 3', 'export.json')


def test_what_one_side_lacks_is_counted_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(difference, 'LISTED', 2)
    found = compared(state('a', 'b', 'c', 'd'), state('v', 'w', 'x', 'y', 'z'))
    assert (str(found.here_alone), found.here_alone.total) == ('a: only here; b: only here and 2 more', 4)
    assert (str(found.there_alone), found.there_alone.total) == ('v: only on the server; w: only on the server and 3 more', 5)
    assert found.differences.total == 9


def test_of_what_is_on_both_sides_only_attributes_are_named() -> None:
    found = differences(state('m', key='FAKE-one', same='x'), state('m', key='FAKE-two', same='x'))
    assert diff_text(found, 'here', 'there') == {
        'before': 'm: key (there)\n', 'after': 'm: key (here)\n', 'before_header': 'there', 'after_header': 'here'}


def test_a_deployment_that_is_not_there_yet() -> None:
    assert str(differences(state('m'), NOTHING)) == 'deployment %s: only here; m: only here' % UUID
