# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""hci_secret_info: everything but values."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.modules import hci_secret_info

from .conftest import FOREIGN, Agent, warnings_of


def test_a_condition_that_is_nested_too_deeply(agent: Agent, run_module: Callable[..., dict[str, Any]]) -> None:
    content = '{"a": {"kind": "Secret", "data": {}, "condition": %strue%s}}' % ('{"and": [' * 200, ']}' * 200)
    agent.file.write_text(content)
    results = [run_module(hci_secret_info.main, {'path': str(agent.file)}), agent.secret({'a': {'data': {'id': 'canary'}}})]
    assert [result['problems'][0]['what'] for result in results] == ['A condition is nested too deeply.'] * 2
    assert str(agent.file) in results[0]['msg'] and agent.file.read_text() == content


def test_info_names_everything_but_values(agent: Agent, run_module: Callable[..., dict[str, Any]]) -> None:
    options = {'path': str(agent.file)}
    nothing = run_module(hci_secret_info.main, options)
    assert nothing['exists'] is False
    assert 'There is no file %s. An agent without it fails every effect that has a secretsMap' % agent.file in warnings_of(nothing)
    assert 'no-such' not in warnings_of(run_module(hci_secret_info.main, {'project': 'github/no-such/one'}))
    agent.file.write_text(FOREIGN)
    result = run_module(hci_secret_info.main, options)
    assert result['exists'] and result['secrets'] == {'foreign': {'fields': ['big', 'e', 'n'], 'condition': True, 'usable_by': 'anybody'}}
    agent.file.write_text('{"a": {}}')
    result = run_module(hci_secret_info.main, options)
    assert result['failed'] and [problem['what'] for problem in result['problems']] == [
        'The agent cannot parse its secrets: Error in $.a: key "kind" not found',
        'The agent cannot parse its secrets: Error in $.a: key "data" not found',
    ]


def test_info_reads_what_the_agent_reads(
    agent: Agent, run_module: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Secret managers of NixOS make links to where they keep secrets."""
    options = {'path': str(agent.file)}
    elsewhere = tmp_path_factory.mktemp('run') / 'secrets.json'
    agent.file.symlink_to(elsewhere)
    assert run_module(hci_secret_info.main, options)['exists'] is False
    elsewhere.write_text(FOREIGN)
    assert list(run_module(hci_secret_info.main, options)['secrets']) == ['foreign']
    agent.file.unlink()
    agent.file.symlink_to(agent.file)
    assert 'The file cannot be read.' in run_module(hci_secret_info.main, options)['msg']
    agent.file.unlink()
    os.mkfifo(agent.file)
    assert 'not a regular file' in run_module(hci_secret_info.main, options)['msg']
