# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the last deployment of a network without a state has deployed, by what Hercules CI says of its jobs; and what is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import Client
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import EvaluatedEffect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import fail
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._project import ProjectPath
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.last import (
    MOST_JOBS,
    Last,
    changes_of,
    last_deployments,
    refs_of,
)

PROJECT = ProjectPath.parse('github/neat-org/neat-repo')
REF = 'refs/heads/production'
SYSTEM = '/nix/store/1-nixos-system-web.drv'


class Told:
    """Answers as the service does; of what it was not told, it says nothing. asked: the paths."""

    base_url = 'https://hercules-ci.example.com'

    def __init__(self, jobs: list[dict[str, Any]], answers: Mapping[str, Any]) -> None:
        self.jobs, self.answers = jobs, answers
        self.asked: list[str] = []

    def get(self, path: str, query: Mapping[str, Any] | None = None, form: Any = None) -> Any:
        self.asked.append(path)
        if path.endswith('/jobs'):
            ref = (query or {}).get('ref')
            return {'items': [job for job in self.jobs if ref in (None, job['source']['ref'])], 'more': False}
        if path not in self.answers:
            raise fail('Nobody knows.', path)
        return self.answers[path]


def job(index: int, status: str = 'Success', ref: str = REF, **more: Any) -> dict[str, Any]:
    phase = 'Effects' if status == 'Pending' else 'Done'
    return {'id': str(index), 'index': index, 'jobType': 'OnPush', 'jobName': 'default', 'source': {'revision': 'a' * 40, 'ref': ref},
            'jobPhase': phase, 'jobStatus': status, **more}


def evaluation(name: str = 'web', system: str | None = SYSTEM) -> dict[str, Any]:
    found = {'run': ('Effect', '/nix/store/e.drv'), 'prebuilt': ('Regular', system)}
    return {'attributes': [{'path': ['effects', name, part], 'typ': kind, 'value': {'Ok': {'derivationPath': path}}}
                           for part, (kind, path) in found.items() if path]}


def ask(jobs: list[dict[str, Any]], answers: Mapping[str, Any], refs: frozenset[str] | None = frozenset((REF,))) -> tuple[Last, Told]:
    told = Told(jobs, answers)
    return last_deployments(cast(Client, told), PROJECT, {'web': refs})['web'], told


def test_the_newest_job_that_ran_it_counts() -> None:
    answers = {'/jobs/3/evaluation': evaluation('other'), '/jobs/2/evaluation': evaluation(), '/jobs/1/evaluation': evaluation(system='x')}
    last, told = ask([job(4, jobType='Config'), job(3), job(2), job(1)], answers)
    assert last == Last(2, '/nix/store/e.drv', SYSTEM)
    assert told.asked[1:] == ['/jobs/3/evaluation', '/jobs/2/evaluation']


@pytest.mark.parametrize(('status', 'begun', 'unknown'), [
    ('Successful', True, ''),
    ('Running', True, 'job 2, which was the last to deploy it, is still at it'),
    ('Failed', True, 'job 2, which was the last to deploy it, did not end well'),
    ('Cancelled', True, 'job 2, which was the last to deploy it, did not end well'),
    ('Cancelled', False, None), ('Waiting', False, None), ('DependencyFailed', False, None), ('Failed', False, None),
])
def test_a_job_that_did_not_succeed(status: str, begun: bool, unknown: str | None) -> None:
    """What it has begun may be on the machine; what it has not begun is not. Then the job before counts."""
    effect = {'status': status, 'events': [[{'Started': {'logId': 'x', 'agentHostname': 'agent-1'}}]] if begun else []}
    answers = {'/jobs/2/evaluation': evaluation(), '/jobs/2/effects/effects.web.run': effect, '/jobs/1/evaluation': evaluation()}
    last, _told = ask([job(2, 'Pending' if status == 'Running' else 'Failure'), job(1)], answers)
    assert (last.job, last.unknown) == ((1, '') if unknown is None else (2, unknown))


def test_other_refs_count_where_they_may_deploy_it() -> None:
    jobs = [job(2, ref='refs/tags/v1'), job(1)]
    answers = {'/jobs/2/evaluation': evaluation(), '/jobs/1/evaluation': evaluation()}
    assert ask(jobs, answers)[0].job == 1
    assert ask(jobs, answers, None)[0].job == 2


@pytest.mark.parametrize(('jobs', 'unknown'), [
    ([], 'no job has deployed it yet'),
    ([job(index) for index in range(MOST_JOBS, 0, -1)], 'no job has deployed it yet'),
    ([job(index) for index in range(MOST_JOBS + 1, 0, -1)], 'none of the newest 20 jobs has deployed it'),
    ([job(99)], 'Hercules CI does not say which jobs it has run'),
])
def test_what_cannot_be_known(jobs: list[dict[str, Any]], unknown: str) -> None:
    answers = {'/jobs/%d/evaluation' % index: evaluation('other') for index in range(1, MOST_JOBS + 2)}
    last, told = ask(jobs, answers)
    assert last == Last(unknown=unknown)
    assert len(told.asked) <= MOST_JOBS + 1


def effect(ref: str = REF, **more: Any) -> EvaluatedEffect:
    return EvaluatedEffect(ref, 'default', 'web', 'web.run', runs=True, **more)


@pytest.mark.parametrize(('found', 'last', 'expected'), [
    (effect(system='x', derivation=SYSTEM), Last(2, 'e', SYSTEM), 'same: No change: job 2 has deployed the same.'),
    (effect(system='x', derivation=SYSTEM), Last(2, SYSTEM, '/nix/store/2.drv'), 'changed: Changed: job 2 has deployed another one.'),
    (effect(derivation=SYSTEM), Last(2, SYSTEM), 'same: No change: job 2 has run the same.'),
    (effect(derivation=SYSTEM), Last(2, '/nix/store/2.drv'), 'changed: Changed: job 2 has run another one.'),
    (effect(), Last(2, SYSTEM), 'Nix was not asked what it is'),
    (effect(system='x', derivation=SYSTEM), Last(2, SYSTEM), 'job 2 does not tell what it has deployed'),
    (effect(derivation=SYSTEM), Last(2, '/elsewhere/store/1-nixos-system-web.drv'), 'job 2 was evaluated with another Nix store'),
    (effect(system='x', derivation=SYSTEM), Last(2, prebuilt='/nix/store/2.drv', imported=True),
     'job 2 took its packages from the file that imports this one'),
    (effect(system='x', derivation=SYSTEM), Last(2, prebuilt=SYSTEM, imported=True), 'same: No change: job 2 has deployed the same.'),
    (effect(derivation=SYSTEM), Last(unknown='no job has deployed it yet'), 'no job has deployed it yet'),
])
def test_whether_it_changes(found: EvaluatedEffect, last: Last, expected: str) -> None:
    if ': ' not in expected:
        expected = 'unknown: Whether that changes anything is not known: %s.' % expected
    assert '%s: %s' % changes_of(found, last) == expected


def test_which_refs_may_deploy_a_network() -> None:
    found = [effect(), effect('refs/heads/staging'), effect('refs/tags/v1')]
    assert refs_of(['web'], found[:2], {'web': ['production', 'staging']}) == {'web': {REF, 'refs/heads/staging'}}
    assert refs_of(['web'], found, {'web': ['production', 'staging']}) == {'web': None}


def test_two_networks_of_one_job_ask_for_it_once() -> None:
    parts = {name: evaluation(name)['attributes'] for name in ('web', 'mail')}
    told = Told([job(1)], {'/jobs/1/evaluation': {'attributes': [*parts['web'], *parts['mail']]}})
    last = last_deployments(cast(Client, told), PROJECT, {'web': frozenset((REF,)), 'mail': frozenset((REF,))})
    assert last == dict.fromkeys(('web', 'mail'), Last(1, '/nix/store/e.drv', SYSTEM))
    assert len(told.asked) == 2, 'the jobs of the branch, and the evaluation'
