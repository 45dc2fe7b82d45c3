# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""States that no effect could work with are refused before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.in_process import Sandbox
from tests.support.surroundings import FIXTURES

Run = Callable[..., dict[str, Any]]
PROJECT = 'github/neat-org/neat-repo'
NIXOPS = FIXTURES / 'nixops'


def export(tmp_path: Path, content: bytes | str) -> str:
    path = tmp_path / 'export.json'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize(
    ('content', 'what'),
    [
        (b'', 'The state is empty'),
        (b' \n', 'The state is empty'),
        ((NIXOPS / 'nixops-1.7' / 'deployments.nixops').read_bytes(), 'Give it as database'),
        (b'{}\n', 'There is no deployment'),
        (b'{"uuid": {"name": "aws-prod", "resources": {}}', 'breaks off'),
        (b'{"uuid": {"name": "aws-pr', 'breaks off'),
        (b'[1, 2]', 'not an export'),
        (b'Traceback (most recent call last):\n', 'not an export'),
        (b'{"uuid": {"name": "aws-prod", "resources": {"m": {"type": "none", "state": 3}}}}', 'not an export'),
        (b'{"uuid": {"name": "aws-prod", "resources": {"m": {"state": "3"}}}}', 'with a type'),
        (b'\x1f\x8b\x08 compressed', 'not an export'),
        (b'\xef\xbb\xbf{"a": {"name": "aws-prod", "resources": {}}}', 'not an export'),  # with a mark at its start, as Windows has it
        (b'{"a": {"name": %s, "resources": {}}}' % (b'1' * 5000), 'not an export'),  # which Python refuses to make a number of
        (b'{"a": {"name": "aws-prod"}}', 'resources, once'),
        (b'{"a": {"name": "aws-prod", "resources": {"m": {"type": "none"}}, "resources": {}}}', 'resources, once'),
        (b'{"a": {"name": "aws-prod", "resources": {}}, "b": {"resources": {}}}', 'more than one deployment'),
        (b'{"a": {"name": "aws-test", "resources": {}}}', 'There is no deployment'),
        (b'{"a": {"resources": {}}}', 'There is no deployment'),
    ],
)
def test_what_is_no_export_of_the_deployment(content: bytes, what: str, state: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    result = state(export_file=export(tmp_path, content))
    assert what in result['msg']
    assert 'To do' in result['msg']
    assert 'Traceback' not in result['msg']
    assert [call.method for call in sandbox.service.calls if call.method != 'GET'] == []


def test_an_export_file_arrives_byte_for_byte(state: Run, sandbox: Sandbox, tmp_path: Path, aws_prod: bytes) -> None:
    content = b'\n ' + json.dumps(json.loads(aws_prod)).encode()
    assert state(export_file=export(tmp_path, content))['action'] == 'created'
    assert sandbox.states(PROJECT, 'nixops-aws-prod.json') == [content]


def test_a_missing_export_file(state: Run, tmp_path: Path) -> None:
    assert 'No such file' in state(export_file=str(tmp_path / 'none'))['msg']


@pytest.mark.parametrize(
    ('options', 'name'),
    [
        ({'deployment': 'aws-prod'}, 'nixops-aws-prod.json'),
        ({'deployment': 'cccc'}, 'nixops-aws-prod.json'),
        ({'deployment': '99999999-1700-11e7-8000-000000000008'}, 'nixops-twin.json'),
        ({'deployment': '12345678'}, 'nixops-12345678.json'),
        ({'deployment': 'aws-prod', 'effect_deployment': 'cccccccc'}, 'nixops-cccccccc.json'),
        ({'deployment': 'aws-prod', 'name': 'my.state_1'}, 'my.state_1'),
    ],
)
def test_the_file_is_named_as_the_effect_looks_for_it(options: dict[str, str], name: str, state: Run, sandbox: Sandbox) -> None:
    result = state(**options)
    assert (result['action'], result['name']) == ('created', name)
    assert len(sandbox.states(PROJECT, name)) == 1


def test_an_effect_that_would_not_find_the_deployment(state: Run, sandbox: Sandbox) -> None:
    result = state(effect_deployment='prod')
    assert 'would not find' in result['msg']
    assert '--name prod' in result['msg']
    assert "named 'prod'" in result['problems'][0]['expected']
    assert sandbox.states(PROJECT, 'nixops-prod.json') == []


@pytest.mark.parametrize('name', ['a b', 'a/b', '..', '', 'ä', 'a;b', 'a\n'])
def test_names_that_effects_would_garble(name: str, state: Run) -> None:
    result = state(**{'name': name}) if name else state(deployment='')
    assert result['failed']
    assert 'To do' in result['msg']


def test_machines_at_which_the_import_of_keys_would_crash(state: Run, sandbox: Sandbox) -> None:
    """NixOps 1.7 was run on this state: see errors/import-include-keys-webfarm.bin."""
    captured = (NIXOPS / 'nixops-1.7' / 'errors' / 'import-include-keys-webfarm.bin').read_text()
    assert 'TypeError' in captured
    result = state(deployment='webfarm')
    assert '--include-keys' in result['msg']
    assert result['problems'][0]['found'] == 'web1'  # the others have no public address
    assert 'function=runNixOps2' in result['msg']
    assert sandbox.states(PROJECT, 'nixops-webfarm.json') == []
    assert '--include-keys' not in str(state(deployment='webfarm', function='runNixOps2', check=True).get('warnings'))
    warned = state(deployment='webfarm', import_check=False, check=True)
    assert warned['action'] == 'created'
    assert '--include-keys' in str(warned['warnings'])


def test_what_nixops_could_import_is_accepted(state: Run) -> None:
    """NixOps 1.7 was run on this state, too: see cli/import-include-keys-aws-prod.bin."""
    assert 'exit code: 0' in (NIXOPS / 'nixops-1.7' / 'cli' / 'import-include-keys-aws-prod.bin').read_text()
    assert state(deployment='aws-prod')['action'] == 'created'


def test_all_problems_at_once(state: Run) -> None:
    assert len(state(deployment='webfarm', effect_deployment='farm')['problems']) == 2


@pytest.mark.parametrize('options', [{'database': '/none/x.nixops'}, {'deployment': 'nosuch'}, {'deployment': 'twin'}])
def test_databases_and_deployments_that_are_not_there(options: dict[str, str], state: Run) -> None:
    result = state(**options)
    assert result['failed']
    assert 'To do' in result['msg']
    if 'database' not in options:
        assert {'uuid': '99999999-1700-11e7-8000-000000000008', 'name': 'twin'} in result['candidates']
