# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""When jobs began, on the clock of AWS, whatever that of Hercules CI says, and in which regions states have something; plays against the
sandbox show that jobs are read rightly."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.jobs import Job
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.keys import Key, Note, Use
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.step import Answer, Kind, RotationPolicy, Seen, next_step
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import Network
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._rotation import service

from tests.sandbox.in_process import Sandbox
from tests.support.surroundings import FIXTURES

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


@pytest.mark.parametrize('text', ['', 'soon'])
@pytest.mark.parametrize(('ended', 'kind'), [(True, Kind.OFF), (False, Kind.WAIT)])
def test_a_job_that_does_not_say_when_it_began(monkeypatch: pytest.MonkeyPatch, text: str, ended: bool, kind: Kind) -> None:
    """While it runs, it may have the old key, as one from before; when it has ended, nobody knows which key it had."""
    unknown = replace(job(NOW, ended), start_time=text)
    alone = answer(monkeypatch, [unknown], NOW)
    assert step(alone) is Kind.WAIT and alone.jobs.deployed == {'neat-network': None}
    assert step(answer(monkeypatch, [unknown, job(GIVEN + 2 * MINUTE, ended=True)], NOW)) is kind


def test_of_deployments_the_newest_counts_and_others_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [replace(job(GIVEN + minutes * MINUTE, ended=True), id=str(minutes)) for minutes in (9, 7, 5)]
    asked: list[str] = []
    answer(monkeypatch, jobs, NOW)
    effects = {'9': ('onPush.default.other.run',), '7': ('onPush.default.neat-network.run',)}
    monkeypatch.setattr(service, 'get_evaluation', lambda _client, each: asked.append(each.id) or SimpleNamespace(effects=effects[each.id]))
    assert service.jobs_of([NETWORK], GIVEN, lambda: NOW).jobs.deployed == {'neat-network': GIVEN + 7 * MINUTE}
    assert asked == ['9', '7']


def test_where_deployments_do_not_matter_no_evaluation_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a key that no agent has."""
    answer(monkeypatch, [job(GIVEN, ended=False), job(GIVEN, ended=True)], NOW)
    monkeypatch.delattr(service, 'get_evaluation')
    found = service.jobs_of([NETWORK], None, lambda: NOW)
    assert found.jobs.deployed == {'neat-network': None} and found.jobs.oldest == GIVEN


@pytest.fixture
def network(tmp_path: Path) -> Any:
    """network(content) is a network with this state on Hercules CI, or none; known: whether Hercules CI knows who asks."""
    with Sandbox(tmp_path / 'sandbox', token='a-token') as sandbox:
        sandbox.add_project(PROJECT)

        def make(content: bytes | None, known: bool = True) -> Network:
            number = len(made)
            made.append(number)
            variables = {'nixops_project': PROJECT, 'nixops_deployment': 'neat-%d' % number, 'nixops_api_base_url': sandbox.url,
                         'nixops_api_token': 'a-token' if known else 'another'}
            if content is not None:
                sandbox.put_state(PROJECT, 'nixops-neat-%d.json' % number, content)
            return Network('neat-%d' % number, variables, variables)

        made: list[int] = []
        yield make


def state_in(*regions: str) -> bytes:
    """A state with a machine in each of these regions, and what else there is in one."""
    state = json.loads((FIXTURES / 'nixops' / 'nixops-1.7' / 'export-aws-prod.json').read_text())
    (deployment,) = state.values()
    model = deployment['resources']['app1']
    deployment['resources'] = {'app%d' % number: {**model, 'ec2.region': region} for number, region in enumerate(regions)}
    deployment['resources']['key'] = {'type': 'ec2-keypair', 'region': 'ap-south-2', 'state': '2'}
    deployment['resources']['place'] = {'type': 'none', 'region': 'somewhere'}
    return json.dumps(state).encode()


def test_the_regions_of_all_states_are_those_in_which_a_key_has_to_work(network: Callable[..., Network]) -> None:
    of_others = network(state_in('us-east-1'), known=False)
    networks = [network(state_in('eu-west-1', 'eu-west-1a', '')), network(None), network(b'no state'), of_others,
                network(state_in('us-gov-east-1'))]
    assert service.regions_of(networks) == {'eu-west-1', 'ap-south-2', 'us-gov-east-1'}
    assert service.regions_of(networks[1:4]) == set()
