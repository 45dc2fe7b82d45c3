# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run_on says the same to Nix as to us, for any names of branches and tags."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import run_on
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.expression import quoted
from hypothesis import strategies as st

from .conftest import sample

letters = st.text('ab*.+|(){}$"\'ü-/', min_size=1, max_size=6).filter(lambda name: not run_on.NOT_IN_REF.search(name))
rules = st.fixed_dictionaries({}, optional={'branches': st.lists(letters, max_size=3), 'tags': st.lists(letters, max_size=3)}).filter(
    lambda rule: not run_on.problems(rule, ''),
)


def test_nix_agrees_for_any_names(evaluated: Callable[[str], Any]) -> None:
    asked = []
    for rule, other in sample(st.tuples(rules, letters), 150):
        named = [name.replace('*', 'ab/c') for name in run_on.patterns(rule)]
        refs = ['refs/heads/' + other, 'refs/tags/' + other, 'refs/pull/1/merge', *named]
        asked += [(rule, ref) for ref in refs]
    answers = evaluated('[ %s ]' % '\n'.join(
        '(let src.ref = %s; in %s)' % (quoted(ref), run_on.condition(rule, 'src')) for rule, ref in asked
    ))
    assert answers == [run_on.expected_on(rule, ref) for rule, ref in asked]
    assert True in answers
    assert False in answers


@pytest.mark.parametrize('rule', [{'branches': ['main']}, {'branches': ['a', 'b']}, {'tags': ['*']}, {'any_ref': True}])
def test_nobody_passing_a_ref_is_no_error(evaluated: Callable[[str], Any], rule: dict[str, Any]) -> None:
    assert evaluated('let src.ref = null; in %s' % run_on.condition(rule, 'src')) is bool(rule.get('any_ref'))


@pytest.mark.parametrize(('rule', 'written'), [
    ({'branches': ['production']}, '(src.ref == "refs/heads/production")'),
    ({'tags': ['v1']}, '(src.ref == "refs/tags/v1")'),
    ({'branches': ['a', 'b']}, '(builtins.elem src.ref [ "refs/heads/a" "refs/heads/b" ])'),
    ({'tags': ['v*']}, '(builtins.match "refs/tags/v.*" (toString src.ref) != null)'),
    ({'any_ref': True}, 'true'),
    ({'condition': 'src.branch == "x"', 'branches': ['x']}, '(src.branch == "x")'),
    ({'condition': 'true # always'}, '(\n  true # always\n)'),
    ({'branches': ['one', 'two'], 'tags': ['v1.*', 'release-*']}, '''(
  builtins.elem src.ref [ "refs/heads/one" "refs/heads/two" ]
  || builtins.match "refs/tags/v1[.].*" (toString src.ref) != null
  || builtins.match "refs/tags/release-.*" (toString src.ref) != null
)'''),
])
def test_conditions_read_as_in_the_guide(rule: dict[str, Any], written: str) -> None:
    assert run_on.condition(rule, 'src') == written


def test_a_branch_is_not_a_tag_nor_a_pull_request() -> None:
    rule = {'branches': ['production']}
    assert run_on.expected_on(rule, 'refs/heads/production')
    assert not run_on.expected_on(rule, 'refs/tags/production')
    assert not run_on.expected_on(rule, 'refs/pull/1/production')
    assert not run_on.expected_on(rule, 'refs/heads/production2')


def test_what_a_condition_alone_means_only_nix_knows() -> None:
    assert run_on.expected_on({'condition': 'src.ref != null'}, 'refs/heads/main') is None
    assert run_on.expected_on({'condition': 'src.ref != null', 'branches': ['main']}, 'refs/heads/main') is True


@pytest.mark.parametrize('condition', ['false', ' false ', '(false)', '( (false))\n'])
def test_an_effect_that_is_off_runs_nowhere_on_purpose(condition: str) -> None:
    rule = {'condition': condition, 'branches': ['production']}
    assert run_on.expected_on(rule, 'refs/heads/production') is False
    assert run_on.problems(rule, 'here') == []
    assert run_on.expected_on({'condition': 'false || src.ref == null', 'branches': ['x']}, 'refs/heads/x') is True


def test_a_full_name_gets_its_short_one() -> None:
    found = run_on.problems({'branches': ['refs/heads/feature/x', 'refs/heads/'], 'tags': ['refs/tags/v1']}, 'here')
    assert [problem.expected for problem in found] == ['the short name, such as %s' % name for name in ('feature/x', 'production', 'v1')]


@pytest.mark.parametrize(('rule', 'words'), [
    (None, 'never run'),
    ({'branches': []}, 'never run'),
    ({'any_ref': True, 'branches': ['x']}, 'no other rule'),
    ({'branches': ['refs/heads/x']}, 'no branch in Git'),
    ({'branches': ['a b']}, 'no branch in Git'),
    ({'tags': ['a..b']}, 'no tag in Git'),
    ({'tags': ['']}, 'no tag in Git'),
])
def test_rules_that_mean_nothing(rule: dict[str, Any] | None, words: str) -> None:
    assert words in str(run_on.problems(rule, 'here')[0])
