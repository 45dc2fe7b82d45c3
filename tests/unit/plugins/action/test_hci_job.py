# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin of hci_job: where the work is done, and what is printed meanwhile."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable
from functools import partial
from itertools import chain, repeat
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.nixcd.hercules_ci.plugins.action import hci_job
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import connect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.jobs import Job, Situation
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._jobs import watch as job_watch
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._jobs.effects import Effect, Evaluation
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, fail

OPTIONS = {'project': 'github/neat-org/neat-repo', 'branch': 'main', 'api_base_url': 'https://ci.example.org'}
JOB = Job('id', 42, 'url', 'OnPush', 'a', 'r', 'refs/heads/main', 'Queued', 'Pending', 'Success', False, None, 't', None, True, True)
Action = Callable[..., Any]


@pytest.fixture
def action(make_action: Action, monkeypatch: pytest.MonkeyPatch) -> Action:
    monkeypatch.delenv('HERCULES_CI_API_TOKEN', raising=False)
    return partial(make_action, 'hci_job')


@pytest.mark.parametrize(
    'place', [{'transport': 'ssh'}, {'become': object()}, {'async_val': 600}], ids=['remote host', 'become', 'async']
)
def test_elsewhere_the_module_does_the_work(action: Action, monkeypatch: pytest.MonkeyPatch, place: dict[str, Any]) -> None:
    called: list[Any] = []
    monkeypatch.setattr(hci_job.ActionModule, '_execute_module', lambda self, **how: called.append(how) or {'changed': False})
    assert action(OPTIONS, **place).run(task_vars={}) == {'changed': False}
    assert [(how['task_vars'], bool(how['wrap_async'])) for how in called] == [({}, 'async_val' in place)]


def test_here_the_environment_of_the_task_and_its_check_mode_count(action: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def run(module: Any, tell: Any) -> dict[str, Any]:
        seen.extend([connect(module.params)._token.value, module.params['wait_timeout'], module.check_mode])
        return {'changed': False}

    monkeypatch.setattr(hci_job, 'run', run)
    action(OPTIONS, environment=[{'HERCULES_CI_API_TOKEN': 'of-the-play'}, {'HERCULES_CI_API_TOKEN': 'of-the-task'}], check_mode=True).run()
    assert seen == ['of-the-task', 3600, True]


@pytest.mark.parametrize('name', ['hci_job', 'nixops_state', 'nixops_preflight', 'nixops_report'])
def test_whatever_works_in_the_controller_has_the_environment_of_the_play(
    name: str, make_action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it: proxies and authorities to trust are found by Python itself. Nothing of it stays."""
    monkeypatch.setenv('http_proxy', 'http://of-the-controller:1')
    monkeypatch.delenv('HERCULES_CI_API_TOKEN', raising=False)
    seen: list[Any] = []

    def look(*_arguments: Any, **_named: Any) -> Any:
        seen.append((os.environ['http_proxy'], os.environ['HERCULES_CI_API_TOKEN'], os.environ['RETRIES']))
        raise fail('Enough seen.')

    module = importlib.import_module('ansible_collections.nixcd.hercules_ci.plugins.action.' + name)
    monkeypatch.setattr(module, {'nixops_preflight': 'check', 'nixops_report': 'outcomes'}.get(name, 'run'), look)
    options = {'hci_job': OPTIONS, 'nixops_state': {'project': 'github/neat-org/neat-repo', 'deployment': 'foo'},
               'nixops_report': {'projects': {'p': {'selected': [], 'branches': {}, 'actions': {}, 'states': {}, 'versions': {}}}}}
    environment = [{'http_proxy': 'http://of-the-play:1', 'HERCULES_CI_API_TOKEN': 'of-the-play', 'RETRIES': 3}]
    variables = {'groups': {}, 'hostvars': {}, 'ansible_play_batch': [], 'ansible_play_hosts_all': [], 'ansible_play_hosts': []}
    with contextlib.suppress(Failure):
        make_action(name, options.get(name, {}), environment=environment).run(task_vars=variables)
    assert seen == [('http://of-the-play:1', 'of-the-play', '3')]
    assert os.environ['http_proxy'] == 'http://of-the-controller:1'
    assert 'HERCULES_CI_API_TOKEN' not in os.environ


def test_options_are_checked_as_the_module_checks_them(action: Action) -> None:
    with pytest.raises(AnsibleActionFail, match='state is scheduled but all of the following are missing: schedule'):
        action({**OPTIONS, 'state': 'scheduled'}).run()
    with pytest.raises(AnsibleActionFail, match='Unsupported parameters'):
        action({**OPTIONS, 'branches': 'main'}).run()


def test_a_token_among_the_options_is_masked_in_whatever_is_returned(action: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_arguments: Any, **_named: Any) -> dict[str, Any]:
        raise fail('The effect failed.', found='Authorization: Bearer eyJ-personal', job={'effects': [{'log': ['eyJ-personal']}]})

    monkeypatch.setattr(hci_job, 'run', run)
    result = action({**OPTIONS, 'api_token': 'eyJ-personal'}).run()
    assert result['failed'] is True
    assert 'Authorization: Bearer ***' in result['msg']
    assert 'eyJ-personal' not in repr(result)


@pytest.mark.parametrize('no_log', [False, True])
def test_lines_are_printed_as_they_come_unless_the_task_hides_its_output(
    action: Action, monkeypatch: pytest.MonkeyPatch, no_log: bool
) -> None:
    printed: list[str] = []
    monkeypatch.setattr(hci_job.display, 'display', printed.append)
    monkeypatch.setattr(hci_job, 'run', lambda *_arguments, tell, **_named: tell('job 42 Queued') or {})
    action({**OPTIONS, 'api_token': 't'}, no_log=no_log).run()
    assert printed == ([] if no_log else ['job 42 Queued'])


class Clock:
    """Time that passes only when somebody sleeps."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_line_is_told_when_something_changes_and_none_when_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Phases and what is inside, a missing handler, an effect that waits, an end."""
    monkeypatch.setattr(job_watch, 'time', Clock())
    phases = iter(['Evaluating'] * 2 + ['Building'] * 6 + ['Effects'] * 6 + ['Done'])
    built = chain((Evaluation(built=number, builds=3) for number in (0, 2)), repeat(Evaluation(effects=('a.run',), built=3, builds=3)))
    waiting = Effect('a.run', 'Waiting', waiting_for=('https://ci.example.org/1',))
    effect = iter([waiting, Effect('a.run', 'Running'), Effect('a.run', 'Failed')])
    monkeypatch.setattr('%s.get_evaluation' % job_watch.Progress.__module__, lambda _client, _job: next(built))
    monkeypatch.setattr('%s.get_effect' % job_watch.Progress.__module__, lambda _client, _job, _attribute: next(effect))

    def look() -> Situation:
        phase = next(phases)
        status = 'Failure' if phase == 'Done' else 'Pending'
        return Situation((Job(**{**JOB.__dict__, 'phase': phase, 'status': status}),))

    told: list[str] = []
    client: Any = None
    end = job_watch.watch(client, Situation((JOB,), ('the handler onPush.b',)), look, told.append, wait_timeout=600, start_timeout=60)
    assert end.ended
    assert [line.split('] ', 1)[1] for line in told] == [
        'job 42 (a) Queued',
        'no job yet for the handler onPush.b',
        'job 42 (a) Evaluating',
        'job 42 (a) Building',
        'job 42 (a) Building: 0 of 3 builds done',
        'job 42 (a) Building: 2 of 3 builds done',
        'job 42 (a) Building: 3 of 3 builds done',
        'job 42 (a) Effects',
        'job 42 (a) Effects: a.run Waiting for https://ci.example.org/1',
        'job 42 (a) Effects: a.run Running',
        'job 42 (a) Effects: a.run Failed',
        'job 42 (a) ended: Failure',
    ]
    assert told[0].startswith('[0:00] ')
