# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin of hci_job: where the work is done, and what is printed meanwhile."""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Callable
from functools import partial
from itertools import chain, repeat
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.action import hci_job
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import connect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.jobs import Job, Situation
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._jobs import watch as job_watch
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._jobs.effects import Effect, Evaluation

OPTIONS = {'project': 'github/neat-org/neat-repo', 'branch': 'main', 'api_base_url': 'https://ci.example.org'}
JOB = Job('id', 42, 'url', 'OnPush', 'a', 'r', 'refs/heads/main', 'Queued', 'Pending', 'Success', False, None, 't', None, True, True)
Action = Callable[..., Any]


@pytest.fixture
def action(make_action: Action, monkeypatch: pytest.MonkeyPatch) -> Action:
    monkeypatch.delenv('HERCULES_CI_API_TOKEN', raising=False)
    return partial(make_action, 'hci_job')


def test_here_the_environment_of_the_task_and_its_check_mode_count(action: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def run(module: Any, tell: Any) -> dict[str, Any]:
        seen.extend([connect(module.params)._token.value, module.params['wait_timeout'], module.check_mode])
        return {'changed': False}

    monkeypatch.setattr(hci_job, 'run', run)
    action(OPTIONS, environment=[{'HERCULES_CI_API_TOKEN': 'of-the-play'}, {'HERCULES_CI_API_TOKEN': 'of-the-task'}], check_mode=True).run()
    assert seen == ['of-the-task', 3600, True]


@pytest.mark.parametrize('no_log', [False, True])
def test_lines_are_printed_as_they_come_unless_the_task_hides_its_output(
    action: Action, monkeypatch: pytest.MonkeyPatch, no_log: bool
) -> None:
    printed: list[str] = []
    monkeypatch.setattr(hci_job.display, 'display', printed.append)
    monkeypatch.setattr(hci_job, 'run', lambda *_arguments, tell, **_named: tell('job 42 Queued') or {})
    action({**OPTIONS, 'api_token': 't'}, no_log=no_log).run()
    assert printed == ([] if no_log else ['job 42 Queued'])


def test_ansible_prints_lines_to_a_pipe_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked to when it imports the plugin, but not where something of its own takes the place of its output."""
    for out in (io.TextIOWrapper(io.BytesIO()), io.StringIO()):
        monkeypatch.setattr(sys, 'stdout', out)
        spec = importlib.util.find_spec(hci_job.__name__)
        assert spec and spec.loader
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        assert out.line_buffering is isinstance(out, io.TextIOWrapper)


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
