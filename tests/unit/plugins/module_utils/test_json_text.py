# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils import _json_text as json_text
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from hypothesis import given
from hypothesis import strategies as st

from tests.support.surroundings import FIXTURES

TRANSCRIPT = FIXTURES / 'hci' / 'login-and-secret.txt'

TEXT = st.text(st.characters(codec='utf-8'), max_size=8)
NUMBER = st.from_regex(r'-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,4})?', fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | TEXT | NUMBER.map(json_text.Number),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def spelled(value: Any) -> Any:
    """The value with numbers as text, so that comparing it compares their spelling, too."""
    if isinstance(value, json_text.Number):
        return ('number', value.text)
    if isinstance(value, dict):
        return {key: spelled(item) for key, item in value.items()}
    return [spelled(item) for item in value] if isinstance(value, list) else value


@given(VALUES)
def test_what_is_written_is_read_back_to_the_last_digit(value: Any) -> None:
    assert spelled(json_text.parse(json_text.render(value), 'x')) == spelled(value)


@given(VALUES)
def test_others_read_the_same(value: Any) -> None:
    assert json.loads(json_text.render(value), parse_int=json_text.Number, parse_float=json_text.Number) == value


def written_by_hci() -> list[bytes]:
    """The contents of secrets.json in the transcript, shown there by `cat -A`."""
    text = TRANSCRIPT.read_text(encoding='ascii')
    shown = re.findall(r'^-r.* secrets\.json\n(\{\$\n(?:.*\$\n)*?\}\$\n)', text, re.MULTILINE)
    return [
        re.sub(rb'M-(\^?)(.)', lambda match: bytes([ord(match[2]) ^ (0x40 if match[1] else 0) | 0x80]), block.replace('$\n', '\n').encode())
        for block in shown
    ]


def test_bytes_are_those_of_hci() -> None:
    contents = written_by_hci()
    assert contents
    for content in contents:
        assert json_text.render(json_text.parse(content, 'x')) == content


@pytest.mark.parametrize(('left', 'right', 'same'), [
    ('1.50', '1.5', True), ('1', '1.0', True), ('1e2', '100', True), ('-0', '0', True), ('1E400', '10e399', True),
    ('12345678901234567890', '12345678901234567891', False), ('0.1', '0.10000000000000001', False), ('1', '2', False),
    ('1e9999999999999999999', '1e9999999999999999999', True), ('1e9999999999999999999', '1', False), ('9' * 5000, '9' * 5000 + '.0', True),
])
def test_numbers_are_compared_by_meaning(left: str, right: str, same: bool) -> None:
    assert (json_text.Number(left) == json_text.Number(right)) is same
    assert len({json_text.Number(left), json_text.Number(right)}) == (1 if same else 2)
    assert json_text.parse(left.encode(), 'x').text == left


def test_true_is_not_one() -> None:
    assert json_text.parse(b'[true, 1, "1"]', 'x') != json_text.parse(b'[1, 1, "1"]', 'x')
    assert repr(json_text.Number('4711')) == 'Number', 'a value must not appear where somebody prints it'


@pytest.mark.parametrize(('content', 'message'), [
    (b'', 'This is not JSON: Expecting value. Where: FILE, line 1, column 1.'),
    (b'{"a": 1,\n "canary" 2}', "This is not JSON: Expecting ':' delimiter. Where: FILE, line 2, column 11."),
    (b'\xef\xbb\xbf{}', 'This is not JSON'),
    (b'{"a": "\xff"}', 'This is not UTF-8. Where: FILE, byte 7.'),
    (b'{"a": NaN}', 'NaN is not JSON.'),
    (b'[-Infinity]', '-Infinity is not JSON.'),
    (b'{"a": "canary\x01"}', 'This is not JSON'),
    (b'{"a": 01}', 'This is not JSON'),
    (b'{} x', 'This is not JSON'),
    (rb'{"a": "\ud800"}', 'A string holds half of a surrogate pair.'),
    (b'[' * 100000, 'This JSON is nested too deeply.'),
    (b'{"a": {"b-c": [{"x": 1, "y": 2, "x": 3}]}}', 'The key "x" occurs twice in one object. Where: FILE, $.a[\'b-c\'][0].'),
    (b'{"a": 1, "a": 2}', 'The key "a" occurs twice in one object. Where: FILE, $.'),
])
def test_what_the_agent_refuses_or_reads_otherwise(content: bytes, message: str) -> None:
    with pytest.raises(Failure) as caught:
        json_text.parse(content, 'FILE')
    assert str(caught.value).startswith(message)
    assert caught.value.problems[0].remedy
    assert 'canary' not in str(caught.value)


def test_surrogate_pairs_are_characters() -> None:
    assert json_text.parse(rb'"\ud83d\ude00"', 'x') == '\U0001f600'


@pytest.mark.parametrize(('path', 'words'), [
    ((), '$'), (('a', 'data'), '$.a.data'), (('neat-aws', 'condition', 'and', 1), "$['neat-aws'].condition.and[1]"),
    (("it's\\",), "$['it\\'s\\\\']"), (('1a',), "$['1a']"), (('é',), '$.é'),
])
def test_paths_as_the_agent_prints_them(path: tuple[Any, ...], words: str) -> None:
    assert json_text.path_in_words(path) == words
