# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""When jobs began, on the clock of AWS, whatever that of Hercules CI says; plays against the sandbox show that jobs are read rightly."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.jobs import Job
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.keys import Key, Note, Use
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.step import Answer, Kind, RotationPolicy, Seen, next_step
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._rotation import service

NOW = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)
GIVEN = NOW - timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PROJECT = 'github/neat-org/neat-repo'
NETWORK: Any = SimpleNamespace(name='neat-network', project=PROJECT, project_path=PROJECT, connection=dict)


def job(began: datetime, ended: bool) -> Job:
    """began: on the clock of Hercules CI, which writes twelve digits of a second."""
    start = began.strftime('%Y-%m-%dT%H:%M:%S.123456789012Z')
    phase, status = ('Done', 'Success') if ended else ('Effects', 'Pending')
    return Job(start, 1, '', 'OnPush', 'default', 'a' * 40, 'refs/heads/production', phase, status, '', False, None, start,
               start if ended else None, True, True)


def answer(monkeypatch: pytest.MonkeyPatch, jobs: list[Job], clock: datetime | None) -> Answer:
    """What is known of these jobs. clock: that of Hercules CI, when AWS says NOW."""
    monkeypatch.setattr(service, 'connect', lambda _connection: SimpleNamespace(clock=lambda: clock))
    monkeypatch.setattr(service, 'list_jobs', lambda _client, _project, limit: jobs)
    monkeypatch.setattr(service, 'get_evaluation', lambda _client, _job: SimpleNamespace(effects=('onPush.default.neat-network.run',)))
    return service.jobs_of([NETWORK], GIVEN, lambda: NOW)


def step(found: Answer) -> Kind:
    """What is to be done with the old key."""
    keys = (Key('A', NOW - timedelta(days=100), use=Use()), Key('B', GIVEN - MINUTE, use=Use()))
    note = Note(before=frozenset('A'), made='B', given=GIVEN)
    seen = Seen(NOW, keys, note, {'agent-1': 'B'}, jobs=found.jobs, tolerance=found.tolerance)
    return next_step(seen, RotationPolicy(timedelta(days=90), timedelta(days=1))).kind


@pytest.mark.parametrize('ahead', [-5, 0, 5])
@pytest.mark.parametrize(('minutes', 'kind'), [(-2, Kind.WAIT), (2, Kind.OFF)])
def test_a_deployment_before_or_after_the_key_was_given(monkeypatch: pytest.MonkeyPatch, ahead: int, minutes: int, kind: Kind) -> None:
    """The clock of Hercules CI is off by more than what it is about."""
    there = GIVEN + (minutes + ahead) * MINUTE
    found = answer(monkeypatch, [job(there, ended=True)], NOW + ahead * MINUTE)
    assert step(found) is kind
    assert found.jobs.deployed == {'neat-network': GIVEN + minutes * MINUTE if minutes > 0 else None}


@pytest.mark.parametrize('ahead', [-5, 0, 5])
@pytest.mark.parametrize(('minutes', 'kind'), [(-2, Kind.WAIT), (2, Kind.OFF)])
def test_a_job_that_runs_since_before_or_after_the_key_was_given(
    monkeypatch: pytest.MonkeyPatch, ahead: int, minutes: int, kind: Kind,
) -> None:
    deployed, running = job(GIVEN + (10 + ahead) * MINUTE, ended=True), job(GIVEN + (minutes + ahead) * MINUTE, ended=False)
    found = answer(monkeypatch, [deployed, running], NOW + ahead * MINUTE)
    assert step(found) is kind and found.jobs.oldest == GIVEN + minutes * MINUTE


@pytest.mark.parametrize(('minutes', 'kind'), [(4, Kind.WAIT), (6, Kind.OFF)])
def test_a_clock_that_does_not_tell_may_be_off_by_five_minutes(monkeypatch: pytest.MonkeyPatch, minutes: int, kind: Kind) -> None:
    found = answer(monkeypatch, [job(GIVEN + minutes * MINUTE, ended=True)], None)
    assert step(found) is kind and found.tolerance == 5 * MINUTE
