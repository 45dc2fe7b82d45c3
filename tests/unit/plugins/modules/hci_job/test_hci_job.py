# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""hci_job: which jobs it waits for, and how."""

from __future__ import annotations

import urllib.error
from typing import Any

import pytest

REFUSED = urllib.error.URLError(ConnectionRefusedError(111, 'Connection refused'))


def test_a_job_that_has_succeeded_is_evidence_for_two_requests(service: Any, answers: Any, job: Any, fake_time: Any) -> None:
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation(['neat-network', 'run'], counts=(0, 0, 3))),
    )
    result = job()
    assert result['changed'] is False
    assert fake_time.pauses == []
    assert result['job']['url'] == 'https://ci.example.org/github/neat-org/neat-repo/jobs/42'
    assert (result['job']['status'], result['job']['builds']) == ('Success', {'done': 3, 'all': 3})
    assert [(effect['attribute'], effect['status']) for effect in result['job']['effects']] == [('neat-network.run', 'Successful')]


def test_it_follows_a_push_from_the_configuration_to_the_end_of_all_handlers(service: Any, answers: Any, job: Any) -> None:
    config = answers.job(40, kind='Config')
    first, second = (answers.job(41, kind='OnPush', jobName='a'), answers.job(43, kind='OnPush', jobName='b'))
    service.expect(
        (answers.jobs_path, answers.jobs()),
        (answers.jobs_path, answers.jobs(answers.job(40, 'Evaluating', 'Pending', 'Config'))),
        (answers.jobs_path, answers.jobs(config)),
        ('/jobs/%s/handlers' % answers.id(40), answers.handlers('a', 'b')),
        (answers.jobs_path, answers.jobs(first, config)),  # the other one is still to come
        (answers.jobs_path, answers.jobs(answers.job(43, 'Queued', 'Pending', 'OnPush', jobName='b'), first, config)),
        (answers.jobs_path, answers.jobs(second, first, config)),
        ('/jobs/%s/evaluation' % answers.id(41), answers.evaluation()),
        ('/jobs/%s/evaluation' % answers.id(43), answers.evaluation()),
    )
    result = job()
    assert [(each['name'], each['index']) for each in result['jobs']] == [('a', 41), ('b', 43)]
    assert result['job']['index'] == 43


def test_a_configuration_without_handlers_may_be_followed_by_a_legacy_job(service: Any, answers: Any, job: Any) -> None:
    config = answers.job(40, kind='Config')
    service.expect(
        (answers.jobs_path, answers.jobs(config)),
        ('/jobs/%s/handlers' % answers.id(40), answers.handlers()),
        (answers.jobs_path, answers.jobs(config)),
        (answers.jobs_path, answers.jobs(answers.job(41), config)),
        ('/jobs/%s/evaluation' % answers.id(41), answers.evaluation()),
    )
    assert job()['job']['type'] == 'Legacy'


def test_a_configuration_of_schedules_alone_has_succeeded_when_it_has_ended(service: Any, answers: Any, job: Any) -> None:
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(40, kind='Config'))),
        ('/jobs/%s/handlers' % answers.id(40), answers.handlers(schedules=('nightly',))),
        ('/jobs/%s/evaluation' % answers.id(40), 404),
    )
    assert job()['job']['type'] == 'Config'


@pytest.mark.parametrize('newest_first', [True, False])
def test_a_rerun_replaces_its_predecessor_in_whatever_order_they_come(service: Any, answers: Any, job: Any, newest_first: bool) -> None:
    jobs = [answers.job(44, rerunOf=answers.id(42), rerunOfIndex=42), answers.job(42, status='Failure')]
    service.expect(
        (answers.jobs_path, answers.jobs(*(jobs if newest_first else reversed(jobs)))),
        ('/jobs/%s/evaluation' % answers.id(44), answers.evaluation()),
    )
    result = job()
    assert (result['job']['index'], result['job']['rerun_of']) == (44, 42)


def test_jobs_of_an_earlier_configuration_do_not_count(service: Any, answers: Any, job: Any) -> None:
    old = [answers.job(40, kind='Config'), answers.job(41, kind='OnPush', jobName='default', status='Failure')]
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, kind='Config'), *old)),
        ('/jobs/%s/handlers' % answers.id(42), answers.handlers('default')),
        (answers.jobs_path, answers.jobs(answers.job(43, kind='OnPush', jobName='default'), answers.job(42, kind='Config'), *old)),
        ('/jobs/%s/evaluation' % answers.id(43), answers.evaluation()),
    )
    assert job()['job']['index'] == 43


def test_without_a_revision_the_newest_push_counts_and_not_a_rerun_of_an_older_commit(service: Any, answers: Any, job: Any) -> None:
    rerun_of_old = answers.job(43, revision='f' * 40, rerunOf=answers.id(30), rerunOfIndex=30)
    by_schedule = answers.job(44, revision='e' * 40, kind='OnSchedule', jobName='nightly')
    service.expect(
        (answers.jobs_path.replace('&rev=' + answers.revision, ''), answers.jobs(by_schedule, rerun_of_old, answers.job(42))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation()),
    )
    result = job(revision=None)
    assert (result['job']['index'], result['revision']) == (42, answers.revision)


def test_pages_are_read_on_only_when_the_newest_may_be_further_on(service: Any, answers: Any, job: Any) -> None:
    path = answers.jobs_path
    service.expect(
        (path, answers.jobs(answers.job(41), answers.job(42), more=True)),
        ('%s&offsetId=%s' % (path, answers.id(42)), answers.jobs(answers.job(43))),
        ('/jobs/%s/evaluation' % answers.id(43), answers.evaluation()),
    )
    assert job()['job']['index'] == 43


def test_each_poll_is_one_request_however_many_effects_there_are(service: Any, answers: Any, job: Any, fake_time: Any) -> None:
    """And the pauses grow up to their limit while nothing changes."""
    effects = [['network-%d' % number, 'run'] for number in range(30)]

    def answer(asked: str) -> Any:
        if asked.endswith('/evaluation'):
            return answers.evaluation(*effects)
        if '/effects/' in asked:
            return answers.effect('Running')
        done = len(fake_time.pauses) > 200
        return answers.jobs(answers.job(42) if done else answers.job(42, 'Effects', 'Pending'))

    service.always = answer
    job()
    assert len(service.requests) == 1 + len(fake_time.pauses) + 1  # the first look, and the details in the end
    assert fake_time.pauses[0] == 0.5
    assert fake_time.pauses[-100:] == [10.0] * 100
    asked_effects = [asked for asked in service.requests if '/effects/' in asked]
    assert {asked_effects.count(asked) for asked in asked_effects} <= {3, 4}  # in turns


@pytest.mark.parametrize('outage', [REFUSED, 502, 503])
def test_an_outage_of_the_service_is_waited_out(service: Any, answers: Any, job: Any, outage: Any) -> None:
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, 'Queued', 'Pending'))),
        (answers.jobs_path, outage),
        (answers.jobs_path, outage),
        (answers.jobs_path, answers.jobs(answers.job(42))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation()),
    )
    assert job()['job']['status'] == 'Success'


def test_what_cannot_be_told_about_a_job_does_not_end_the_waiting(service: Any, answers: Any, job: Any) -> None:
    inside = '/jobs/%s/evaluation' % answers.id(42)
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, 'Building', 'Pending'))),
        (inside, 404),
        (answers.jobs_path, answers.jobs(answers.job(42, 'Building', 'Pending'))),
        (inside, {'attributes': [{}]}),
        (answers.jobs_path, {'items': [{}], 'more': False}),
        (answers.jobs_path, answers.jobs(answers.job(42, 'Building', 'Pending'))),
        (inside, 503),
        (answers.jobs_path, answers.jobs(answers.job(42))),
        (inside, answers.evaluation()),
    )
    assert job()['job']['status'] == 'Success'


def test_an_outage_at_the_very_end_is_waited_out(service: Any, answers: Any, job: Any, fake_time: Any) -> None:
    inside = '/jobs/%s/evaluation' % answers.id(42)
    service.expect((answers.jobs_path, answers.jobs(answers.job(42))), (inside, 503), (inside, 503), (inside, answers.evaluation()))
    assert job()['job']['status'] == 'Success'
    for options in ({'start_timeout': 30}, {'wait_timeout': 30}):  # it has succeeded, whatever else is known
        service.expect((answers.jobs_path, answers.jobs(answers.job(42))), *[(inside, 503)] * 4)
        result = job(**options)
        assert (result.get('failed'), result['job']['status'], result['job']['effects']) == (None, 'Success', [])
        assert 'The evaluation of job 42 could not be read: Hercules CI answered 503' in str(result['warnings'])


def test_a_service_that_never_answered_is_not_waited_for(service: Any, answers: Any, job: Any, fake_time: Any) -> None:
    service.expect((answers.jobs_path, REFUSED))
    result = job()
    assert result['failed']
    assert 'did not answer' in result['msg']
    assert fake_time.pauses == []


def test_a_token_that_expires_meanwhile_ends_the_waiting(service: Any, answers: Any, job: Any) -> None:
    running = answers.jobs(answers.job(42, 'Queued', 'Pending'))
    service.expect((answers.jobs_path, running), (answers.jobs_path, 401))
    result = job()
    assert result['failed']
    assert '401' in result['msg']


def test_without_wait_a_running_job_is_reported_as_it_is(service: Any, answers: Any, job: Any) -> None:
    service.expect((answers.jobs_path, answers.jobs(answers.job(42, 'Building', 'Pending'))))
    result = job(wait=False)
    assert not result.get('failed')
    assert result['job']['phase'] == 'Building'


def test_check_mode_looks_and_does_not_wait(service: Any, answers: Any, job: Any, fake_time: Any) -> None:
    service.expect((answers.jobs_path, answers.jobs()))
    result = job(check=True)
    assert (result['changed'], result['job'], fake_time.pauses) == (False, None, [])


def test_options_that_cannot_be_right_are_refused_before_any_request(service: Any, job: Any) -> None:
    assert 'all 40 digits' in job(revision='0a1b2c3d')['msg']
    assert 'refs/heads/BRANCH' in job(branch=None, ref='main')['msg']
    assert 'SITE/ACCOUNT/PROJECT' in job(project='neat-repo')['msg']
    assert 'mutually exclusive' in job(ref='refs/heads/main')['msg']


@pytest.mark.parametrize('known', [True, False])
def test_a_schedule_that_has_run_many_times_hides_no_push(service: Any, answers: Any, job: Any, known: bool) -> None:
    """Its jobs are of the same commit until somebody pushes: an hourly one fills the newest page in two days."""
    path = answers.jobs_path if known else answers.jobs_path.replace('rev=%s&' % answers.revision, '')
    hourly = [answers.job(index, kind='OnSchedule', jobName='hourly') for index in range(150, 100, -1)]
    config, pushed = answers.job(40, kind='Config'), answers.job(41, kind='OnPush', jobName='a')
    other = answers.job(39, kind='Config', revision='f' * 40)
    service.expect(
        (path, answers.jobs(*hourly, more=True)),
        (path.replace('limit', 'handler=Config&limit'), answers.jobs(*([config] if known else [config, other]))),
        (path.replace('limit', 'handler=Legacy&limit'), answers.jobs()),
        (path.replace('limit', 'handler=OnPush&limit'), answers.jobs(pushed)),
        ('/jobs/%s/handlers' % answers.id(40), answers.handlers('a', schedules=('hourly',))),
        ('/jobs/%s/evaluation' % answers.id(41), answers.evaluation()),
    )
    result = job(revision=answers.revision if known else None)
    assert (result['revision'], result['job']['index']) == (answers.revision, 41)
