# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which states an effect can work with, whatever is in the file."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.importable import content_of, import_problems, unusable
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import State, state_of

UUID = 'cccccccc-1700-11e7-8000-000000000003'
OTHER = 'cccccccc-1700-11e7-8000-000000000004'
FUNCTIONS = ['runNixOps', 'runNixOps2']
Make = Callable[..., Path]


def state(content: bytes) -> State:
    return state_of(io.BytesIO(content), 'foo.json, version 3')


def export(*deployments: tuple[str, str | None]) -> bytes:
    document = {uuid: {**({'name': name} if name else {}), 'resources': {'m': {'type': 'none'}}} for uuid, name in deployments}
    return json.dumps(document).encode()


@pytest.mark.parametrize('function', FUNCTIONS)
@pytest.mark.parametrize('looked_for', ['foo', UUID, 'cccccccc', '', None])
def test_the_deployment_by_any_of_its_names(function: str, looked_for: str | None) -> None:
    assert unusable(state(export((UUID, 'foo'))), function, looked_for) == []


@pytest.mark.parametrize('function', FUNCTIONS)
@pytest.mark.parametrize('looked_for', [UUID, 'cccc', '', None])
def test_a_deployment_without_a_name(function: str, looked_for: str | None) -> None:
    assert unusable(state(export((UUID, None))), function, looked_for) == []


@pytest.mark.parametrize('function', FUNCTIONS)
@pytest.mark.parametrize('looked_for', ['foo', ''])
@pytest.mark.parametrize(
    ('content', 'what', 'found'),
    [
        (b'', 'is empty', '0 bytes'),
        (b' \n', 'is empty', ''),
        (b'{}', 'no deployment', 'none'),
        (b'{}\n', 'no deployment', 'none'),
        (b'null', 'not an export', ''),
        (b'[]', 'not an export', ''),
        (b'Traceback (most recent call last):', 'not an export', ''),
        (export((UUID, 'foo'))[:-2], 'breaks off', 'the end'),
        (export((UUID, 'foo')) * 2, 'not an export', ''),
        (export((UUID, 'foo'), (OTHER, 'bar')), 'several deployments', UUID),
        (export((UUID, 'foo'), (OTHER, 'foo')), 'several deployments', OTHER),
        (b'SQLite format 3\0 and no more', 'database', ''),
    ],
)
def test_what_no_effect_can_use(function: str, looked_for: str, content: bytes, what: str, found: str) -> None:
    (problem,) = unusable(state(content), function, looked_for)
    assert what in problem.what
    assert found in problem.found
    assert problem.where == 'foo.json, version 3'
    assert problem.severity == 'error'
    assert problem.remedy


@pytest.mark.parametrize('function', FUNCTIONS)
@pytest.mark.parametrize('looked_for', ['bar', OTHER, 'Foo', 'ccccccccc', UUID.upper()])
def test_another_deployment(function: str, looked_for: str) -> None:
    (problem,) = unusable(state(export((UUID, 'foo'))), function, looked_for)
    assert 'would not find the deployment' in problem.what
    assert repr(looked_for) in problem.expected


def test_a_database(make_database: Make) -> None:
    path = make_database({UUID: {'name': 'foo', 'resources': [('m', {'type': 'none'})]}})
    here = state(path.read_bytes())
    assert unusable(here, 'runNixOps2', 'foo') == []
    assert unusable(here, 'runNixOps2', None) == []
    assert 'another one' in unusable(here, 'runNixOps2', 'bar')[0].what
    assert 'imports exports only' in unusable(here, 'runNixOps', 'foo')[0].what


def test_databases_that_hold_too_little_or_too_much(make_database: Make) -> None:
    nothing = make_database({}, 'nothing.nixops')
    several = make_database({UUID: {'name': 'foo'}, OTHER: {'name': 'bar'}}, 'several.nixops')
    assert 'no deployment' in unusable(state(nothing.read_bytes()), 'runNixOps2', 'foo')[0].what
    assert 'several' in unusable(state(several.read_bytes()), 'runNixOps2', 'foo')[0].what


def test_a_database_of_a_newer_nixops_may_be_all_right(make_database: Make) -> None:
    path = make_database({UUID: {'name': 'foo'}})
    connection = sqlite3.connect(path)
    connection.execute('update SchemaVersion set version = 4')
    connection.commit()
    connection.close()
    assert unusable(state(path.read_bytes()), 'runNixOps2', 'foo') == []
    assert len(unusable(state(path.read_bytes()), 'runNixOps', 'foo')) == 1


def test_no_value_is_shown() -> None:
    secret = 'FAKE-secret-value'
    broken = b'{"%s": {"name": "foo", "resources": {"m": {"type": "none", "key": "%s", }' % (UUID.encode(), secret.encode())
    assert secret not in str(unusable(state(broken), 'runNixOps', 'foo')[0])


@pytest.mark.parametrize(('number', 'more'), [(1, ''), (10, ''), (11, ' and 1 more'), (15, ' and 5 more')])
def test_machines_at_which_the_import_would_end_are_named_up_to_a_number(number: int, more: str) -> None:
    bad = {'m%02d' % each: {'type': 'none', 'publicIpv4': '192.0.2.1'} for each in range(number)}
    good = {'good': {'type': 'ec2', 'publicIpv4': '192.0.2.2', 'ec2.publicHostKey': 'ssh-ed25519 AAAA'}, 'unborn': {'type': 'none'}}
    content = content_of(state(json.dumps({UUID: {'name': 'foo', 'resources': {**bad, **good}}}).encode()))
    assert (content.machines, content.without_host_key_in_all) == (number + 2, number)
    (problem,) = import_problems(content, content.deployments[0], 'foo', 'foo.json', 'warning')
    assert problem.found == ', '.join(sorted(bad)[:10]) + more
    assert problem.severity == 'warning'
    assert import_problems(content, content.deployments[0], 'foo', 'foo.json', '') == []
