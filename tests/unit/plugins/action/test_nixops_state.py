# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin of nixops_state: where the work is done, and with what."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.nixcd.hercules_ci.plugins.action import nixops_state
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import fail

OPTIONS = {'project': 'github/neat-org/neat-repo', 'deployment': 'foo'}
Action = Callable[..., Any]


@pytest.fixture
def action(make_action: Action) -> Action:
    return partial(make_action, 'nixops_state')


@pytest.mark.parametrize('place', [
    {'transport': 'ssh'}, {'become': object()}, {'async_val': 600},
], ids=['remote host', 'become', 'async'])
def test_elsewhere_the_module_does_the_work(action: Action, monkeypatch: pytest.MonkeyPatch, place: dict[str, Any]) -> None:
    called: list[Any] = []
    monkeypatch.setattr(nixops_state.ActionModule, '_execute_module', lambda self, **how: called.append(how) or {'changed': True})
    monkeypatch.setattr(nixops_state, 'run', lambda *_arguments: pytest.fail('not here'))
    assert action(OPTIONS, **place).run(task_vars={'a': 1}) == {'changed': True}
    assert [(how['task_vars'], bool(how['wrap_async'])) for how in called] == [({'a': 1}, 'async_val' in place)]


def test_here_the_code_of_the_module_is_run(action: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def run(module: Any) -> dict[str, Any]:
        module.warn('Look.')
        seen.extend([module.params['existing'], module.check_mode, module._diff])
        return {'changed': True, 'sha256': 'abc'}

    monkeypatch.setattr(nixops_state, 'run', run)
    result = action(OPTIONS, check_mode=True, diff=True).run(task_vars={})
    assert result == {'changed': True, 'sha256': 'abc', 'warnings': ['Look.']}
    assert seen == ['keep', True, True]


def test_options_are_checked_as_the_module_checks_them(action: Action) -> None:
    with pytest.raises(AnsibleActionFail, match='mutually exclusive'):
        action({**OPTIONS, 'export_file': '/a', 'database': '/b'}).run()


def test_a_failure_is_a_result_without_the_token(action: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_arguments: Any) -> dict[str, Any]:
        raise fail('It did not work.', found='Bearer eyJ-personal')

    monkeypatch.setattr(nixops_state, 'run', run)
    result = action({**OPTIONS, 'api_token': 'eyJ-personal'}).run()
    assert (result['failed'], result['problems'][0]['what']) == (True, 'It did not work.')
    assert 'eyJ-personal' not in repr(result)
