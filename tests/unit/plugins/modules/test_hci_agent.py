# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""hci_agent: the other files of an agent."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._payload import packed
from ansible_collections.nixcd.hercules_ci.plugins.modules import hci_agent

from .conftest import Agent


def test_caches_of_the_wrong_types_are_replaced(agent: Agent, run_module: Callable[..., dict[str, Any]]) -> None:
    (agent.folder / 'binary-caches.json').write_text('{"c": {"kind": 3, "publicKeys": [1.5, "canary"]}, "d": {"kind": ["canary"]}}')
    options = {'path': str(agent.folder), '_payload': packed({'binary_caches': {}, 'cluster_join_token': None})}
    result = run_module(hci_agent.main, options, diff=True)
    assert result['changed'] and 'canary' not in json.dumps(result)
    assert result['diff'][0]['before'] == {'c': {'kind': 'a value', 'publicKeys': 'a value'}, 'd': {'kind': 'a value'}}


def test_files_of_an_agent(agent: Agent, run_module: Callable[..., dict[str, Any]]) -> None:
    def run(caches: Any, token: Any, **how: Any) -> dict[str, Any]:
        payload = packed({'binary_caches': caches, 'cluster_join_token': token})
        result = run_module(hci_agent.main, {'path': str(agent.folder), '_payload': payload}, diff=True, **how)
        assert 'canary' not in json.dumps(result)
        return result

    caches = {'c': {'kind': 'CachixCache', 'publicKeys': ['p'], 'authToken': 'canary'}}
    assert run(caches, 'canary', check=True)['changed'] and agent.names() == []
    assert run(caches, ' canary\n')['changed'] and agent.names() == ['binary-caches.json', 'cluster-join-token.key']
    assert not run(caches, 'canary')['changed']
    assert (agent.folder / 'cluster-join-token.key').read_text() == 'canary\n'
    assert {stat.S_IMODE(path.stat().st_mode) for path in agent.folder.iterdir()} == {0o400}
    foreseen, result = ({**run(None, 'canary2', check=check), 'invocation': None} for check in (True, False))
    assert foreseen == result
    assert [(diff['before'], diff['after']) for diff in result['diff']] == [({'token': 'a value'}, {'token': 'another value'})]
    result = run({'c': {**caches['c'], 'authToken': 'canary2'}}, None)
    assert result['diff'][0]['after'] == {'c': {'kind': 'CachixCache', 'publicKeys': ['p'], 'authToken': 'another value'}}
    assert [file['path'] for file in result['files']] == [str(agent.folder / 'binary-caches.json')]
    (agent.folder / 'binary-caches.json').unlink()
    (agent.folder / 'binary-caches.json').write_text('[')
    result = run(caches, None)
    assert result['failed'] and (agent.folder / 'binary-caches.json').read_text() == '['
    (agent.folder / 'binary-caches.json').write_text('[]')
    said = run(caches, None)['msg']
    assert said.startswith('The agent cannot start with this file: it holds no object. Where: %s' % (agent.folder / 'binary-caches.json'))
    assert said.endswith('To do: Remove the file.') and (agent.folder / 'binary-caches.json').read_text() == '[]'
