# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import sys
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils import _json_schema, _variables
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._json_schema import Schema
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._schemas import problems_in_caches, problems_in_secrets
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._variables import HostVariables, as_json, refuse_if_any, where_in

from tests.support.as_written import as_written


class Vaulted:
    """What ansible-core before 2.19 makes of a vaulted value."""

    __ENCRYPTED__ = True

    def __str__(self) -> str:
        return 'decrypted'


def test_plain_values() -> None:
    given = {'a': ('x', 1, 1.5, True, None, Vaulted()), 2: {'b': []}}
    assert as_json(given, 'secrets') == {'a': ['x', 1, 1.5, True, None, 'decrypted'], '2': {'b': []}}


def test_values_that_json_lacks_are_all_named() -> None:
    with pytest.raises(Failure) as caught:
        as_json({'a': [datetime.date(2026, 1, 1), float('nan')], 'b': {'c': b'canary'}}, 'secrets')
    assert [problem.where for problem in caught.value.problems] == ["secrets['a'][0]", "secrets['a'][1]", "secrets['b']['c']"]
    assert 'canary' not in str(caught.value)


@pytest.mark.parametrize(('given', 'where'), [
    ({'a': ['canary\udcce']}, "data['a'][0]"), ({'a': {'b\udcce': 'canary'}}, r"data['a']['b\udcce']"), ('\udcce', 'data'),
])
def test_text_that_was_read_from_what_is_no_text(given: Any, where: str) -> None:
    with pytest.raises(Failure) as caught:
        as_json(given, 'data')
    problem, = caught.value.problems
    assert (problem.what, problem.where) == ('This text is not valid UTF-8.', where)
    assert 'base64' in problem.remedy and 'canary' not in str(problem)


@pytest.mark.parametrize(('given', 'where'), [
    ({True: 'canary'}, 'data[True]'), ({None: 'canary'}, 'data[None]'), ({'a': [{1.5: 'canary'}]}, "data['a'][0][1.5]"),
    ({1: 'canary', '1': 'canary'}, "data['1']"), ({datetime.date(2026, 1, 1): 'canary'}, 'data[datetime.date(2026, 1, 1)]'),
])
def test_keys_that_json_lacks_or_that_become_the_same(given: Any, where: str) -> None:
    with pytest.raises(Failure) as caught:
        as_json(given, 'data')
    problem, = caught.value.problems
    assert problem.where == where and problem.remedy == 'Put the key in quotes, and give each once.'
    assert 'canary' not in str(problem)


def test_without_a_name_the_first_key_is_the_option() -> None:
    with pytest.raises(Failure, match=r"Where: data\['x'\]\."):
        as_json({'data': {'x': b'canary'}}, '')
    assert where_in('', {'condition': 'canary'}, ('condition',)) == 'condition'


def test_places_name_file_and_line(tmp_path: Path) -> None:
    inventory, vault = tmp_path / 'inventory.yml', tmp_path / 'vault.yml'
    inventory.write_text('---\n\na:\n  c: 1\n')
    vault.write_text('\n' * 6 + 'b: canary\n')
    value = DataLoader().load_from_file(str(inventory))
    value['a']['b'] = DataLoader().load_from_file(str(vault))['b']
    assert where_in('secrets', value, ('a', 'b')) == "secrets['a']['b'] (%s:7)" % vault
    assert where_in('secrets', value, ('a',)) == "secrets['a'] (%s:4)" % inventory
    assert where_in('secrets', value, ('a', 'x', 'y')) == "secrets['a']['x']['y'] (%s:4)" % inventory
    with pytest.raises(Failure, match=r'^What\. Where: secrets'):
        refuse_if_any('secrets', value, [(['a'], 'What.'), (('a',), 'What.')])


class Positioned(str):
    """Text as ansible-core before 2.19 reads it from a file."""

    ansible_pos: tuple[Any, ...]


class PositionedList(list[Any]):
    """A list as it reads it."""

    ansible_pos = ('inventory.yml', 3, 1)


def positioned(text: str, *position: Any) -> Positioned:
    made = Positioned(text)
    made.ansible_pos = position
    return made


def test_places_name_file_and_line_where_ansible_keeps_them_on_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is so before ansible-core 2.19, which has no tags. A list that was evaluated is where its first item is."""
    monkeypatch.setitem(sys.modules, 'ansible._internal._datatag._tags', None)
    assert _variables.__spec__ is not None and _variables.__spec__.loader is not None
    older = module_from_spec(_variables.__spec__)
    _variables.__spec__.loader.exec_module(older)
    first = positioned('canary', 'vault.yml', 7, 4)
    value = {'list': [first, 'x'], 'own': PositionedList([first]), 'none': [], 'text': first, 'odd': positioned('canary', None, 0, 0)}
    assert {name: older.where_in('secrets', value, (name,)) for name in value} == {
        'list': "secrets['list'] (vault.yml:7)", 'own': "secrets['own'] (inventory.yml:3)", 'none': "secrets['none']",
        'text': "secrets['text'] (vault.yml:7)", 'odd': "secrets['odd']",
    }


def test_the_variables_of_a_host_can_be_counted_without_evaluating_any() -> None:
    class HostVars:
        def raw_get(self, _host: str) -> dict[str, Any]:
            return dict(as_written({'a': '{{ nothing }}', 'b': '{{ c }}', 'c': 'x'}))

    variables = HostVariables('agent-1', HostVars(), DataLoader())
    assert (len(variables), list(variables), 'a' in variables, 'd' in variables) == (3, ['a', 'b', 'c'], True, False)
    assert variables['b'] == 'x'


@pytest.mark.parametrize(('secrets', 'paths'), [
    ({'a': {'data': {'x': 'canary'}, 'condition': {'and': ['isTag']}}, 'b': {}}, []),
    (['canary'], [[]]),
    ({'a': 'canary', 'b': {'data': 'canary'}}, [['a'], ['b', 'data']]),
    ({'a': {'date': {'x': 'canary'}, 'kind': 'Secret'}}, [['a', 'date'], ['a', 'kind']]),
    ({'a': {'condition': {'and': [{'isBrunch': 'canary'}, {'or': ['canary']}]}}},
     [['a', 'condition', 'and', 0], ['a', 'condition', 'and', 1, 'or', 0]]),
    ({'a': {'aws_user': 'neat deployer'}, 'b': {'aws_user': 'neat'}, 'c': None}, [['a', 'aws_user'], ['c']]),
])
def test_findings_in_secrets(secrets: Any, paths: list[Any]) -> None:
    findings = list(problems_in_secrets(secrets))
    assert sorted((path for path, what in findings), key=str) == paths
    assert 'canary' not in str([what for path, what in findings])


@pytest.mark.parametrize(('cache', 'paths'), [
    ({'kind': 'CachixCache', 'publicKeys': ['p']}, []),
    ({'kind': 'CachixCache', 'publicKeys': ['p'], 'signingKeys': ['s'], 'authToken': 't'}, []),
    ({'kind': 'NixCache', 'storeURI': 'u', 'publicKeys': ['p'], 'signingKeys': []}, []),
    ({'kind': 'NixCache', 'publicKeys': 'canary'}, [['c', 'publicKeys'], ['c'], ['c']]),
    ({'kind': 'CachixCache', 'publicKeys': ['p'], 'authtoken': 'canary', 'signingKeys': [1]},
     [['c', 'authtoken'], ['c', 'signingKeys', 0]]),
    ({'kind': 'canary'}, [['c', 'kind']]), ({'kind': ['canary']}, [['c', 'kind']]), ({}, [['c']]), ('canary', [['c']]),
])
def test_findings_in_caches(cache: Any, paths: list[Any]) -> None:
    findings = list(problems_in_caches({'c': cache}))
    assert sorted((path for path, what in findings), key=str) == paths
    assert 'canary' not in str([what for path, what in findings])


def test_a_controller_without_jsonschema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_json_schema, 'jsonschema', None)
    with pytest.raises(Failure) as raised:
        Schema({}).is_valid(1)
    assert str(raised.value).startswith('The Python package jsonschema is missing on the controller. Where: %s.' % sys.executable)
    assert 'pip install jsonschema' in str(raised.value)
