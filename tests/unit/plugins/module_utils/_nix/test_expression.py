# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is printed is what Nix reads, for any value; and it looks as a person would have written it."""

from __future__ import annotations

import re
import textwrap
from datetime import date
from typing import Any, Callable

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.expression import (
    attribute_name,
    can_be_indented,
    indented,
    path,
    quoted,
    to_nix,
)
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from hypothesis import strategies as st

from .conftest import EXAMPLES, sample, texts, values


def in_list(expressions: list[str]) -> str:
    """One Nix list of them, so that one process answers for all."""
    return '[\n%s\n]' % '\n'.join('(%s)' % expression for expression in expressions)


@pytest.mark.parametrize('short_lists', [False, True])
def test_any_value_comes_back(evaluated: Callable[[str], Any], short_lists: bool) -> None:
    printed = sample(values)
    assert len(printed) >= EXAMPLES * 0.9
    assert evaluated(in_list([to_nix(value, 4, short_lists=short_lists) for value in printed])) == printed


def test_any_text_comes_back_from_both_kinds_of_strings(evaluated: Callable[[str], Any]) -> None:
    printed = sample(st.lists(texts, min_size=1, max_size=4).map('\n'.join))
    assert evaluated(in_list([quoted(text) for text in printed])) == printed
    several = [text for text in printed if can_be_indented(text)]
    assert len(several) > len(printed) / 10
    assert evaluated(in_list([indented(text, 6) for text in several])) == several


def test_floats_are_exact(evaluated: Callable[[str], Any]) -> None:
    printed = sample(st.floats(allow_nan=False, allow_infinity=False))
    # --json rounds to six digits in old versions of Nix, so Nix itself compares with what it reads from JSON.
    pairs = ['%s == builtins.fromJSON "%r"' % (to_nix([value])[2:-2], value) for value in printed]
    assert evaluated(in_list(pairs)) == [True] * len(printed)


@pytest.mark.parametrize('code', [
    'x: x', '1; injected = 2', '1 # comment', '1 /* open', '"}"', 'let a = 1; in a', '{ a = 1; }', '-1', '1 + 1',
    "''\n  text\n    more\n''", 'if true then 1 else 2', '{ a = 1; }; b2 = { }', '"}"; b2 = "{"', '{ a = "}"; }; b2 = { }', '}; b2 = {',
    '"${"}"}"; b2 = 1', '{ a."}" = { b = "\\""; }; }',
])
def test_code_never_leaves_its_place(evaluated: Callable[[str], Any], code: str) -> None:
    for value in ({'a': {'_nix': code}, 'b': 1}, [{'_nix': code}, 1]):
        expression = '(%s)' % to_nix(value)
        names = 'builtins.attrNames' if isinstance(value, dict) else 'builtins.length'
        try:
            found = evaluated('%s %s' % (names, expression))
        except AssertionError as error:
            assert 'syntax error' in str(error) or 'unterminated' in str(error) or 'end of file' in str(error)
        else:
            assert found == (['a', 'b'] if isinstance(value, dict) else 2)


def test_paths_are_paths(evaluated: Callable[[str], Any]) -> None:
    written = ['./a.nix', './a b/c', '../x', '.', './', '..', '../..', './a//b/', '/etc', '/', './ü', './${x}', '../a b', './a/../b']
    found = evaluated('map (p: builtins.typeOf p + " " + toString p) [ %s ]' % ' '.join(
        to_nix([{'_path': text}])[2:-2] for text in written
    ))
    here = evaluated('toString ./.')
    above = here.rpartition('/')[0]
    top = above.rpartition('/')[0]
    assert found == ['path ' + text for text in [
        here + '/a.nix', here + '/a b/c', above + '/x', here, here, above, top, here + '/a/b', '/etc', '/', here + '/ü', here + '/${x}',
        above + '/a b', here + '/b',
    ]]


@pytest.mark.parametrize(('value', 'expected'), [
    ({}, '{ }'),
    ([], '[ ]'),
    ([1], '[ 1 ]'),
    ([-1, 1.5], '[\n  (-1)\n  1.5\n]'),
    ({'a': 1}, '{ a = 1; }'),
    ({'a': {'b': ['x']}}, '{ a = { b = [ "x" ]; }; }'),
    ({'b': 1, 'a': None}, '{\n  b = 1;\n  a = null;\n}'),
    ({'if': 1, 'a b': 2, '1': 3, '': 4}, '{\n  "if" = 1;\n  "a b" = 2;\n  "1" = 3;\n  "" = 4;\n}'),
    ({'script': 'one\n  two\n\nthree\n'}, "{\n  script = ''\n    one\n      two\n\n    three\n  '';\n}"),
    ('  all\n  indented\n', '"  all\\n  indented\\n"'),
    (1e22, '1.0e+22'),
    (1.0, '1.0'),
    (-(2**63), '(-9223372036854775807 - 1)'),
    ({'_nix': 'pkgs.hello'}, 'pkgs.hello'),
    ([{'_nix': 'pkgs.hello'}, {'_nix': 'f x'}], '[\n  pkgs.hello\n  (f x)\n]'),
    ({'_nix': 'a # b'}, '(\n  a # b\n)'),
    ({'_nix': 'import ./pin.nix { a = { b = "x;}"; }; }'}, 'import ./pin.nix { a = { b = "x;}"; }; }'),
    ({'_nix': 'let a = 1; in a'}, '(let a = 1; in a)'),
    ({'a': 'it\'\'s\n\'${b}\n'}, "{\n  a = ''\n    it\'\'\'s\n    \'\'\\\'\'\'${b}\n  '';\n}"),
])
def test_layout(value: Any, expected: str) -> None:
    assert to_nix(value) == expected


def test_lists_of_plain_values_can_stay_on_a_line_while_they_fit() -> None:
    assert to_nix(['a', 1, {'_nix': 'x'}], short_lists=True) == '[ "a" 1 x ]'
    assert '\n' in to_nix(['a' * 50, 'b' * 50], short_lists=True)
    assert '\n' in to_nix([['a'], ['b']], short_lists=True)


def test_inner_lines_are_indented_and_the_first_is_not() -> None:
    assert to_nix({'a': 1, 'b': 'x\ny\n'}, 4) == textwrap.indent(to_nix({'a': 1, 'b': 'x\ny\n'}), '    ').lstrip()


@pytest.mark.parametrize(('value', 'message'), [
    (2**63, "The number does not fit Nix' 64 bit integers."), (-(2**63) - 1, "The number does not fit Nix' 64 bit integers."),
    (float('inf'), 'Nix has no infinity and no NaN.'), (float('nan'), 'Nix has no infinity and no NaN.'),
    ('a\0b', 'Nix cannot read the character NUL.'), ({'a': {'\0': 1}}, 'Nix cannot read the character NUL.'),
    ('lone \ud800', 'Nix reads UTF-8, and this text has a lone surrogate.'),
    ({1: 2}, 'Attribute names are text.'), ({None: 1}, 'Attribute names are text.'),
    ({'_nix': 'a', 'b': 1}, 'A marked value has the one key _nix and a text.'), ({'_nix': 1}, 'A marked value has the one key _nix'),
    ({'_nix': ' '}, 'A marked value has the one key _nix'), ({'_path': ''}, 'A marked value has the one key _path and a text.'),
    ({'_path': 'stub.nix'}, 'A path starts with ./, ../ or /.'),
    (date(2026, 11, 22), 'no values of type date'), ({1, 2}, 'no values of type set'), (b'bytes', 'no values of type bytes'),
])
def test_what_nix_cannot_hold_is_refused(value: Any, message: str) -> None:
    with pytest.raises(Failure) as caught:
        to_nix({'outer': [value]}, where='variable')
    (problem,) = caught.value.problems
    assert 'variable.outer[0]' in problem.where
    assert message in problem.what


@pytest.mark.parametrize(('value', 'advice'), [
    ({'_nix': 'a', 'b': 1, 'c': 2}, 'Found: b, c, too. To do: Put nothing beside _nix.'),
    ({'_path': 7}, 'Found: no text. To do: Give it the text.'),
])
def test_what_is_wrong_with_a_marked_value_is_said(value: Any, advice: str) -> None:
    with pytest.raises(Failure, match=re.escape(advice)):
        to_nix(value)


def test_types_are_called_as_users_know_them() -> None:
    tagged = type('_AnsibleTaggedDate', (date,), {'__module__': 'ansible.module_utils._internal._datatag'})
    with pytest.raises(Failure, match='no values of type date'):
        to_nix(tagged(2026, 11, 22))


def test_endless_nesting_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(Failure, match='nested'):
        to_nix(value)


def test_names_and_paths_alone() -> None:
    assert attribute_name("a'-1") == "a'-1"
    assert attribute_name('or') == '"or"'
    assert path('.') == './.'


@pytest.mark.parametrize('code', [
    '"a\\"\n  b"', '"a\n  b"', "''a ''${x}\n  b ''${y}''", "''a\n  b''", "''\n  a ''${x}\n    b\n  c ''${y}\n''", "x + x\n  + ''a''",
])
def test_strings_in_code_of_several_lines_stay_as_they_are(evaluated: Callable[[str], Any], code: str) -> None:
    written, printed = evaluated('let x = "x"; in [ (%s) %s ]' % (code, to_nix({'_nix': code}, 8)))
    assert printed == written
