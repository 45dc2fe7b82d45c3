# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugins of all modules that take a token: what of it Ansible gets to see, and what the module gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._payload import HIDDEN, take_token
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils import _token_action, _unseen_action

NAMES = ['hci_effect', 'hci_job', 'hci_job_info', 'nixops_state', 'nixops_state_fetch', 'nixops_state_info']
OPTIONS = {'project': 'github/neat-org/neat-repo', 'api_token': 'canary', 'api_base_url': 'https://ci.example.org'}
Run = Callable[..., Any]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Ansible is told to run."""
    how: list[dict[str, Any]] = []
    monkeypatch.setattr(_unseen_action.UnseenAction, '_execute_module', lambda self, **given: how.append(given) or {'changed': False})
    return how


@pytest.fixture
def run(make_action: Callable[..., Any]) -> Run:
    """run(name, options, **of_the_task): result and task, elsewhere than on this machine."""
    def it(name: str, options: dict[str, Any], **of_task: Any) -> Any:
        action = make_action(name, options, transport='ssh', **of_task)
        action._connection.has_pipelining = False
        action._is_become_unprivileged = lambda: False
        return action.run(task_vars={}), action._task
    return it


@pytest.mark.parametrize('name', NAMES)
def test_the_module_gets_the_token_and_nobody_sees_it(run: Run, sent: list[dict[str, Any]], name: str) -> None:
    _result, task = run(name, OPTIONS)
    assert task.args == {**OPTIONS, 'api_token': HIDDEN}
    assert 'canary' not in repr(sent) and sent[0]['module_name'] == 'nixcd.hercules_ci.' + name
    module = SimpleNamespace(params=sent[0]['module_args'], no_log_values=set())
    take_token(module)
    assert module.params == OPTIONS and module.no_log_values == {'canary'}


@pytest.mark.parametrize('name', NAMES)
def test_without_a_token_the_module_finds_its_own(run: Run, sent: list[dict[str, Any]], name: str) -> None:
    run(name, {'project': 'x', 'api_token': ''}, async_val=600)
    assert sent == [{'module_args': {'project': 'x', 'api_token': ''}, 'task_vars': {}, 'wrap_async': True}]


@pytest.mark.parametrize('name', NAMES)
def test_a_token_would_lie_in_a_file(run: Run, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert 'Drop async: its api_token would lie in a file on the host meanwhile.' in run(name, OPTIONS, async_val=600)[0]['msg']
    monkeypatch.setattr(_unseen_action.config, 'get_config_value', lambda _name: True)
    assert run(name, OPTIONS)[0]['msg'].startswith('%s cannot run while Ansible keeps the files of modules' % name)
    assert not sent


@pytest.mark.parametrize('name', NAMES)
def test_a_placeholder_is_no_token(run: Run, sent: list[dict[str, Any]], name: str) -> None:
    assert 'VALUE_HIDDEN stands where a value of the task belongs.' in run(name, {**OPTIONS, 'api_token': HIDDEN})[0]['msg']
    assert not sent


@pytest.mark.parametrize('address', [
    'https://user:canary@ci.example.org', 'https://ci.example.org/?token=canary', 'ftp://user:canary@ci.example.org',
    'https://user:canary@ci.example.org:port', 'https://ci.example.org/#canary', 'user:canary@host',
])
@pytest.mark.parametrize('name', NAMES[1:])
def test_an_address_with_credentials_is_refused_and_not_shown(run: Run, sent: list[dict[str, Any]], name: str, address: str) -> None:
    result, task = run(name, {**OPTIONS, 'api_base_url': address})
    assert result['failed'] and not sent
    assert 'canary' not in json.dumps([result, task.args])


@pytest.mark.parametrize(('name', 'value', 'hidden'), [
    ('api_tokn', 'canary', False), ('apitoken', 'canary', True), ('token', True, False), ('token', 'no', False), ('token', 'canary', True),
    ('project', 'canary', False),
])
def test_what_is_hidden(name: str, value: Any, hidden: bool) -> None:
    assert _token_action.hides(name, value) is hidden
