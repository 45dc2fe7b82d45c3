# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables of a task whose values go to an agent: each part is evaluated by itself, and messages quote no value."""

from __future__ import annotations

from typing import Any

import pytest
from ansible import template
from ansible.parsing.dataloader import DataLoader
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.provided import evaluated, named

from tests.support.as_written import as_written

OMIT = {} if hasattr(template, 'trust_as_template') else {'omit': '__omit_place_holder__0ade84a85ad396dfc867dbe919efff5aa6ade9dd'}
"""What ansible-core before 2.19 has among the variables of a task."""


def value_of(value: Any, **variables: Any) -> Any:
    return evaluated('given', {**OMIT, **as_written({'given': value, **variables})}, DataLoader())


@pytest.mark.parametrize(('value', 'expected'), [
    ({'a': '{{ word }}', 'b': {'c': ['{{ word }}', 'plain', 3]}}, {'a': 'a word', 'b': {'c': ['a word', 'plain', 3]}}),
    ('{{ others }}', {'x': 'a word', 'y': ['a word']}),
    (['{{ word }}', ['{{ others }}']], ['a word', [{'x': 'a word', 'y': ['a word']}]]),
    ({'a': '{{ omit }}', 'b': ['{{ omit }}', 1, {'c': '{{ omit }}', 'd': 2}]}, {'b': [1, {'d': 2}]}),
    ('{{ omit }}', None), ('', None), (None, None), ({}, {}),
])
def test_each_part_is_evaluated_and_what_is_omit_is_not_there(value: Any, expected: Any) -> None:
    assert value_of(value, word='a word', others={'x': '{{ word }}', 'y': ['{{ word }}']}) == expected


def test_a_variable_that_is_not_set_has_no_value() -> None:
    assert evaluated('missing', {}, DataLoader()) is None


def test_each_part_that_cannot_be_evaluated_is_named_and_no_value_is_quoted() -> None:
    with pytest.raises(Failure) as refused:
        value_of({'a': '{{ nothing }}', 'b': ['canary', 'canary{{x'], 'c': '{{ word }}'}, word='canary')
    assert [problem.where for problem in refused.value.problems] == ["given['a']", "given['b'][1]"]
    assert "'nothing' is undefined" in refused.value.problems[0].found and 'canary' not in str(refused.value)


@pytest.mark.parametrize('value', ['no name', '', ['a'], {'a': 1}, None, '3a'])
def test_an_option_names_a_variable(value: Any) -> None:
    assert named('secrets', 'nixops_agent_secrets') == 'nixops_agent_secrets'
    with pytest.raises(Failure, match='This is neither a dictionary nor the name of a variable'):
        named('secrets', value)
