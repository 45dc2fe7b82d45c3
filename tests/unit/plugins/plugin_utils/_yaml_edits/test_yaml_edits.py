# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edits of YAML: what is refused, what is written, and properties of made-up files."""

from __future__ import annotations

import contextlib
import datetime
import math
import sys
from typing import Any

import pytest
import yaml
from ansible.parsing.yaml.loader import AnsibleLoader
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._yaml_edits.changes import Append, Change, Noted, Path, Put, literal
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._yaml_edits.edit import edited
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._yaml_edits.emitter import Style, mapping_lines
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._yaml_edits.nodes import parse
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._yaml_edits.reading import changed, same
from hypothesis import given
from hypothesis import strategies as st


def edit(text: str, path: Path, value: Any) -> str:
    return edited(text.encode(), [Put(path, value)], 'hosts.yml').decode()


REFUSED = {
    'encrypted': (b'$ANSIBLE_VAULT;1.1;AES256\n3132\n', 'The whole file is encrypted.'),
    'latin-1': (b'name: M\xfcller\n', 'The file is not UTF-8.'),
    'old mac': (b'a: 1\rb: 2\r', 'carriage return'),
    'two documents': (b'a: 1\n---\nb: 2\n', 'Ansible cannot read this file.'),
    'no yaml': (b'a: [1\n', 'Ansible cannot read this file.'),
    'tab': (b'a:\n\tb: 1\n', 'Ansible cannot read this file.'),
    'unknown tag': (b'a: !ruby/object x\n', 'Ansible cannot read this file.'),
    'a list': (b'- a\n', 'Something else stands where a mapping is to be.'),
    'text': (b'a: text\n', 'Something else stands where a mapping is to be.'),
    'an alias': (b'x: &x {y: 1}\na: *x\n', 'Something else stands where a mapping is to be.'),
    'an anchor': (b'a: &x {y: 1}\nb: *x\n', 'without changing something else'),
    'itself': (b'a: &x\n  y: *x\n', 'without changing something else'),
    'no string': (b'a:\n  1: x\n  ? [p]\n  : q\n', 'Ansible cannot read this file.'),
    'a value with an anchor': (b'a: {b: &x 2}\nc: *x\n', 'has a tag or an anchor'),
    'a tab that only Ansible reads': (b'a:\t{b: 2}\n', 'This is not YAML that can be edited.'),
    'nothing with an anchor': (b'a: &x\n', 'Nothing can be put at this place'),
    'nothing between braces': (b'{x: 1, a: }\n', 'Nothing can be put at this place'),
}


@pytest.mark.parametrize('name', REFUSED)
def test_refuses(name: str) -> None:
    content, what = REFUSED[name]
    with pytest.raises(Failure, match=what) as refused:
        edited(content, [Put(('a', 'b'), 1)], 'hosts.yml')
    assert 'hosts.yml' in str(refused.value)


REFUSED_CHANGES: dict[str, tuple[str, Change, str]] = {
    'text for a list': ('a: [1]\n', Put(('a',), 'x'), 'Another list or mapping is there already'),
    'a list for text': ('a: x\n', Put(('a',), [1]), 'Another list or mapping is there already'),
    'a key of a list': ('a: [1]\n', Put(('a', 'b'), 1), 'Something else stands where a mapping is to be.'),
    'an item of a mapping': ('a: {b: 1}\n', Put(('a', 0), 1), 'This is not a list.'),
    'an item that is not there': ('a:\n  - 1\n', Put(('a', 1), 2), 'The list has no item 1.'),
    'below an item that is not there': ('a:\n  - b: 1\n', Append(('a', 1, 'b'), 2), 'The list has no item 1.'),
    'at the end of text': ('a: x\n', Append(('a',), 1), 'This is not a list.'),
    'at the end of a number': ('a: 5\n', Append(('a',), 1), 'This is not a list.'),
    'at the end of a mapping': ('a: {b: 1}\n', Append(('a',), 1), 'This is not a list.'),
    'behind a comment behind a dash': ('a:\n  - # c\n    x\n', Append(('a',), 1), 'A comment stands between a dash and its item.'),
    'a value that JSON does not have': ('a: 1\n', Put(('b',), datetime.date(2026, 1, 21)), 'YAML that Ansible reads has no such value.'),
    'a key that is no text': ('a: 1\n', Put(('b',), {1: 'x'}), 'A key that is written into YAML has to be text.'),
    'half a character': ('a: 1\n', Put(('b',), '\ud800'), 'without changing something else'),
}


@pytest.mark.parametrize('name', REFUSED_CHANGES)
def test_refuses_a_change(name: str) -> None:
    text, change, what = REFUSED_CHANGES[name]
    with pytest.raises(Failure, match=what):
        edited(text.encode(), [change], 'hosts.yml')


def test_several_documents_have_no_root() -> None:
    with pytest.raises(Failure, match=r'The file has several documents\. Where: hosts\.yml'):
        parse('a: 1\n---\nb: 2\n', 'hosts.yml')


def test_says_how_to_get_ruamel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'ruamel.yaml', None)
    with pytest.raises(Failure, match=r'pip install ruamel\.yaml'):
        edit('a: 1\n', ('b',), 1)


def test_reads_nothing_else_than_ansible_where_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'ruamel.yaml', None)
    assert edit('a: {b: 1}  # c', ('a',), {'b': 1}) == 'a: {b: 1}  # c'


WRITTEN = {
    'nothing': ('', ('a', 'b'), 1, 'a:\n  b: 1\n'),
    'comments': ('# one\n', ('a',), [1], '# one\na:\n  - 1\n'),
    'marker': ('---\n# one\n', ('a',), 1, '---\n# one\na: 1\n'),
    'marked end': ('---\n...\n', ('a',), 1, '---\na: 1\n...\n'),
    'braces': ('{}\n', ('a',), 1, 'a: 1\n'),
    'braces behind the marker': ('--- {}  # c\n', ('a',), 1, '---  # c\na: 1\n'),
    'below a comment of its own': ('a:\n  # own\nb: 1\n', ('a', 'x'), 1, 'a:\n  # own\n  x: 1\nb: 1\n'),
    'not below a comment of the next': ('a:\n  x: 1\n\n# b\nb: 1\n', ('a', 'z'), 2, 'a:\n  x: 1\n  z: 2\n\n# b\nb: 1\n'),
    'braces and a comment': ('a: {}   # c\nb: 1\n', ('a', 'x'), 1, 'a:   # c\n  x: 1\nb: 1\n'),
    'two levels': ('a:\n  b:\n    c: 1\n', (), {'a': {'b': {'d': 2}, 'e': 3}, 'f': 4}, 'a:\n  b:\n    c: 1\n    d: 2\n  e: 3\nf: 4\n'),
    'a pin': ('p: {x: 1, y: old}  # c\n', ('p', 'y'), 'new', 'p: {x: 1, y: new}  # c\n'),
    'quotes': ("p:\n  x: 'old'  # c\n", ('p', 'x'), 'new', "p:\n  x: 'new'  # c\n"),
    'quoted neighbours': ("p:\n  x: 'one'\n  y: 'two'\n", ('p', 'z'), 'three', "p:\n  x: 'one'\n  y: 'two'\n  z: 'three'\n"),
    'a note': ('a:\n  b: 1\n', ('a',), {'c': Noted(2, ('Why?',))}, 'a:\n  b: 1\n  # Why?\n  c: 2\n'),
    'a template': ('a: 1\n', ('b',), '{{ vault_b }}', 'a: 1\nb: "{{ vault_b }}"\n'),
    'no template': ('a: 1\n', ('b',), literal('{{ b }}'), 'a: 1\nb: !unsafe "{{ b }}"\n'),
    'merged': ('x: &x {k: 1}\na:\n  <<: *x\n', ('a', 'k'), 2, 'x: &x {k: 1}\na:\n  <<: *x\n  k: 2\n'),
    'a literal': ('a: |\n  one\n  two\nb: 1\n', ('a',), 'three\nfour\n', 'a: |\n  three\n  four\nb: 1\n'),
    'lines in braces': ('a: {\n  b: 1,  # one\n  c: 2  # two\n}\n', ('a', 'd'), 3, 'a: {\n  b: 1,  # one\n  c: 2,  # two\n  d: 3\n}\n'),
    'a long key': ('? "a"\n: 1\n', ('b',), 2, '? "a"\n: 1\nb: 2\n'),
    'in the place of nothing': ('a:   # c\nb: 2\n', ('a',), 'x', 'a: x   # c\nb: 2\n'),
    'a large number': ('a: 1\n', ('a',), 1e16, 'a: 1.0e+16\n'),
    'no number': ('a: 1\n', ('a',), math.nan, 'a: .nan\n'),
    'more than any number': ('a: 1\n', ('a',), math.inf, 'a: .inf\n'),
    'less than any number': ('a: 1\n', ('a',), -math.inf, 'a: -.inf\n'),
    'an item of a list': ('a:\n  - one  # c\n  - two\n', ('a', 1), 'three', 'a:\n  - one  # c\n  - three\n'),
    'json': ('{"a": {"b": 1}}', ('a', 'c'), None, '{"a": {"b": 1, "c": null}}'),
}


@pytest.mark.parametrize('name', WRITTEN)
def test_writes(name: str) -> None:
    text, path, value, expected = WRITTEN[name]
    assert edit(text, path, value) == expected
    assert edit(expected, path, value) == expected


TEXT = st.characters(exclude_categories=['Cs'])
ODD = ('on', 'no', '012', '12:30', '1e3', '0o7', '{{ a }}', '# no', 'a: b', '- a', "it's", '"', '\\n', '~', '=', '<<', '2026-01-21', '*a',
       '&a', '!a', '%a', '@a', '`a', 'a\nb\n', '---', '...', ' a ', 'https://a/b')
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(TEXT, max_size=12), st.sampled_from(ODD))
KEYS = st.one_of(st.text(TEXT, min_size=1, max_size=8), st.sampled_from(['on', '1', 'a b', 'é', '{{ k }}']))
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)), max_leaves=8)
STYLES = st.builds(Style, step=st.sampled_from([2, 4]), dash=st.sampled_from([0, 2, 4]), quote=st.sampled_from(['"', "'"]),
                   quoted=st.booleans(), flow_mappings=st.booleans(), flow_sequences=st.booleans())


@given(st.dictionaries(KEYS, VALUES, max_size=4), STYLES)
def test_what_is_written_is_what_is_read(value: dict[str, Any], style: Style) -> None:
    text = '\n'.join([*mapping_lines(value, 0, style), '']) or '{}'
    assert same(AnsibleLoader(text).get_single_data(), value)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4), STYLES, st.data())
def test_edits_of_any_file(value: dict[str, Any], style: Style, data: st.DataObject) -> None:
    """Comments and blank lines stand between lines wherever they may. Nothing is refused, and all of them are kept."""
    lines = mapping_lines(value, 0, style) if data.draw(st.booleans()) else yaml.safe_dump(value, allow_unicode=True).splitlines()
    text = '\n'.join(lines) + '\n'
    between = st.sampled_from([(), ('',), ('# c',), ('      # d',)])
    commented = '\n'.join(part for line in lines for part in [*data.draw(between), line]) + '\n'
    with contextlib.suppress(yaml.YAMLError):
        text = commented if same(AnsibleLoader(commented).get_single_data(), value) else text
    before = AnsibleLoader(text).get_single_data()
    paths = [()] + [(key,) for key, item in value.items() if isinstance(item, dict)]
    path = (*data.draw(st.sampled_from(paths)), data.draw(KEYS))
    wanted = data.draw(VALUES)
    lists = [(key,) for key, item in value.items() if isinstance(item, list)]
    change = data.draw(st.sampled_from([Put(path, wanted), *(Append(place, wanted) for place in lists)]))
    try:
        after = edited(text.encode(), [change], 'hosts.yml').decode()
    except Failure:
        assert not isinstance(changed(before, change), dict) or _clashes(before, change)
        return
    assert same(AnsibleLoader(after).get_single_data(), changed(before, change))
    assert text.count('# c') <= after.count('# c')


def _clashes(before: Any, change: Any) -> bool:
    """Whether a list or mapping would be replaced: nobody is to lose what is written in there."""
    at = before
    for part in change.path:
        at = at.get(part) if isinstance(at, dict) else None
    return isinstance(at, (dict, list)) or isinstance(getattr(change, 'value', None), (dict, list))
