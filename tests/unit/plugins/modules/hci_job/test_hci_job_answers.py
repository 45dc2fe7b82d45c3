# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""hci_job: whatever the shape of an answer, the result is a sentence."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.support.wrong_shapes import wrong_shapes


@pytest.mark.parametrize('which', ['jobs', 'handlers', 'evaluation', 'effects', 'log'])
def test_answers_of_the_wrong_shape(which: str, service: Any, answers: Any, job: Any) -> None:
    config = answers.job(41, kind='Config')
    failed = answers.job(42, kind='OnPush', status='Failure', jobName='default')
    waits = {'waitingForEffects': [{'attributePath': ['b']}], 'waitingForJobs': answers.waiting(7)['waitingForJobs']}
    missing = {'platform': 'x86_64-linux', 'requiredSystemFeatures': ['kvm']}
    error = {'path': ['a'], 'value': {'Error': {'errorMessage': 'boom'}}, 'typ': 'Regular'}
    right = {
        'log': answers.log(0, 'last words', done=True),
        'effects': answers.effect('Failed', **waits),
        'evaluation': answers.evaluation(['neat-network', 'run'], attributes=(error,), unmetAgentRequirements=[missing]),
        'handlers': answers.handlers('default'),
        'jobs': answers.jobs(failed, config),
    }
    wrong: Any = None
    asked_often = itertools.count()

    def answer(path: str) -> Any:
        assert next(asked_often) < 100
        kind = next(kind for kind in right if kind in path)
        return wrong if kind == which else right[kind]

    service.always = answer
    wrong = right[which]
    assert 'last words' in job()['msg']
    for wrong in wrong_shapes(right[which]):
        asked_often = itertools.count()
        result = job(wait_timeout=60)
        assert 'exception' not in result, wrong
        assert 'changed' in result or result['msg'], wrong
