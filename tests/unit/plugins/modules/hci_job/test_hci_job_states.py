# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""hci_job: running again, cancelling, and schedules."""

from __future__ import annotations

import urllib.error
from typing import Any

import pytest


def rerun_path(answers: Any, index: int, query: str = '') -> str:
    return 'POST /jobs/%s/rerun%s' % (answers.id(index), query)


def rerun_of(answers: Any, index: int, made: int, phase: str = 'Done', status: str = 'Success', **fields: Any) -> Any:
    return answers.job(made, phase, status, rerunOf=answers.id(index), rerunOfIndex=index, **fields)


def test_rerun_failed_runs_a_failed_job_again_once(service: Any, answers: Any, job: Any) -> None:
    failed, again = answers.job(42, status='Failure'), rerun_of(answers, 42, 43, 'Queued', 'Pending')
    failed_again = rerun_of(answers, 42, 43, status='Failure')
    service.expect(
        (answers.jobs_path, answers.jobs(failed)),
        (rerun_path(answers, 42), again),
        (answers.jobs_path, answers.jobs(failed)),  # the new job is not listed at once: the old one must not be taken for it
        (answers.jobs_path, answers.jobs(failed_again, failed)),
        ('/jobs/%s/evaluation' % answers.id(43), answers.evaluation()),
    )
    result = job(rerun_failed=True)
    assert result['failed']
    assert result['changed'] is True
    assert result['job']['index'] == 43


def test_rerun_failed_leaves_a_job_alone_that_succeeded(service: Any, answers: Any, job: Any) -> None:
    service.expect((answers.jobs_path, answers.jobs(answers.job(42))), ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation()))
    assert job(rerun_failed=True)['changed'] is False


def test_rerun_failed_runs_only_the_failed_one_of_several_handlers_again(service: Any, answers: Any, job: Any) -> None:
    config = answers.job(40, kind='Config')
    good = answers.job(41, kind='OnPush', jobName='a')
    bad = answers.job(42, kind='OnPush', jobName='b', status='Failure')
    again = rerun_of(answers, 42, 43, kind='OnPush', jobName='b')
    service.expect(
        (answers.jobs_path, answers.jobs(bad, good, config)),
        ('/jobs/%s/handlers' % answers.id(40), answers.handlers('a', 'b')),
        (rerun_path(answers, 42, '?rebuildFailures=true'), again),
        ('/jobs/%s/evaluation' % answers.id(41), answers.evaluation()),
        ('/jobs/%s/evaluation' % answers.id(43), answers.evaluation()),
    )
    result = job(rerun_failed=True, rebuild_failures=True)
    assert [each['index'] for each in result['jobs']] == [41, 43]


def test_a_rerun_whose_answer_was_lost_is_not_asked_for_twice(service: Any, answers: Any, job: Any) -> None:
    succeeded, again = answers.job(42), rerun_of(answers, 42, 43)
    service.expect(
        (answers.jobs_path, answers.jobs(succeeded)),
        (rerun_path(answers, 42), urllib.error.URLError(ConnectionResetError(104, 'Connection reset by peer'))),
        (answers.jobs_path, answers.jobs(again, succeeded)),
        ('/jobs/%s/evaluation' % answers.id(43), answers.evaluation()),
    )
    assert job(state='rerun')['job']['index'] == 43


def test_a_rerun_that_was_lost_on_the_way_is_reported(service: Any, answers: Any, job: Any) -> None:
    listed = (answers.jobs_path, answers.jobs(answers.job(42)))
    service.expect(listed, (rerun_path(answers, 42), 500), listed, listed, listed)
    result = job(state='rerun')
    assert '500' in result['msg'] and 'no new job is listed' in result['msg']
    assert result['changed'] is False


REFUSED = urllib.error.URLError(ConnectionResetError(104, 'Connection reset by peer'))
NO_ANSWERS = pytest.mark.parametrize('no_answer', [REFUSED, 500, 504, None, {'id': 'x'}, 'garbage', [1]], ids=str)


@NO_ANSWERS
@pytest.mark.parametrize('state', ['rerun', 'scheduled'])
def test_a_job_that_was_made_without_a_good_answer_is_found_and_no_second_one_made(
    state: str, no_answer: Any, service: Any, answers: Any, job: Any
) -> None:
    config, before = answers.job(40, kind='Config'), answers.job(41, kind='OnSchedule', jobName='nightly')
    made = answers.job(44, kind='OnSchedule', jobName='nightly')
    if state == 'rerun':
        config, before = answers.job(42), answers.job(41)
        made = rerun_of(answers, 42, 44)
    made_by = {'rerun': rerun_path(answers, 42), 'scheduled': 'POST /jobs/%s/on-schedule/nightly/run' % answers.id(40)}[state]
    known = answers.jobs(config, before)
    service.expect((answers.jobs_path, known))
    if state == 'scheduled':
        service.expect(('/jobs/%s/handlers' % answers.id(40), answers.handlers(schedules=('nightly',))))
    service.expect(
        (made_by, no_answer),
        (answers.jobs_path, known),  # the service may need a moment
        (answers.jobs_path, answers.jobs(made, config, before)),
        ('/jobs/%s/evaluation' % answers.id(44), answers.evaluation()),
    )
    result = job(state=state, schedule='nightly')
    assert (result['changed'], result['job']['index']) == (True, 44)


def test_whether_a_job_was_made_may_be_known_to_nobody(service: Any, answers: Any, job: Any) -> None:
    service.expect((answers.jobs_path, answers.jobs(answers.job(42))), (rerun_path(answers, 42), REFUSED), (answers.jobs_path, 403))
    result = job(state='rerun')
    assert result['msg'].startswith('Hercules CI gave no good answer, and it cannot be found out whether the job was started.')
    assert (result['failed'], result['changed'], result['job']['index']) == (True, True, 42)


@pytest.mark.parametrize('state', ['rerun', 'cancelled', 'scheduled'])
def test_what_nobody_was_there_to_do_has_not_been_done(state: str, service: Any, answers: Any, job: Any) -> None:
    """There is nobody to ask about it either."""
    first, path = {
        'rerun': (answers.job(42), rerun_path(answers, 42)),
        'cancelled': (answers.job(42, 'Queued', 'Pending'), 'POST /jobs/%s/cancel' % answers.id(42)),
        'scheduled': (answers.job(40, kind='Config'), 'POST /jobs/%s/on-schedule/nightly/run' % answers.id(40)),
    }[state]
    service.expect((answers.jobs_path, answers.jobs(first)))
    if state == 'scheduled':
        service.expect(('/jobs/%s/handlers' % answers.id(40), answers.handlers(schedules=('nightly',))))
    service.expect((path, urllib.error.URLError(ConnectionRefusedError(111, 'Connection refused'))))
    result = job(state=state, schedule='nightly')
    assert (result['failed'], result['changed']) == (True, False)
    assert result['msg'].startswith('Hercules CI did not answer.') and 'Connection refused' in result['msg']


@NO_ANSWERS
def test_a_cancellation_without_a_good_answer_is_looked_up(no_answer: Any, service: Any, answers: Any, job: Any) -> None:
    cancelled = answers.job(42, 'Queued', 'Failure', isCancelled=True)
    if no_answer in (REFUSED, 500, 504):
        service.expect(
            (answers.jobs_path, answers.jobs(answers.job(42, 'Queued', 'Pending'))),
            ('POST /jobs/%s/cancel' % answers.id(42), no_answer), ('/jobs/%s' % answers.id(42), cancelled),
        )
    else:
        service.expect(
            (answers.jobs_path, answers.jobs(answers.job(42, 'Queued', 'Pending'))), ('POST /jobs/%s/cancel' % answers.id(42), no_answer)
        )
    result = job(state='cancelled', wait=False)
    assert (result['changed'], result['job']['index']) == (True, 42)


@pytest.mark.parametrize('later', [401, 403, 404, {'items': [{}], 'more': False}, 'x', REFUSED], ids=str)
@pytest.mark.parametrize('state', ['rerun', 'cancelled', 'scheduled'])
def test_what_was_done_is_told_whatever_the_next_answer_is(state: str, later: Any, service: Any, answers: Any, job: Any) -> None:
    first = {
        'rerun': answers.job(42),
        'cancelled': answers.job(42, 'Queued', 'Pending'),
        'scheduled': answers.job(40, kind='Config'),
    }[state]
    made = answers.job(44, 'Queued', 'Pending')

    def answer(asked: str) -> Any:
        if asked.startswith('POST'):
            return None if asked.endswith('/cancel') else made
        if asked.endswith('/handlers'):
            return answers.handlers(schedules=('nightly',))
        return answers.jobs(first) if len(service.requests) == 1 else later

    service.always = answer
    result = job(state=state, schedule='nightly', wait_timeout=60)
    number = 42 if state == 'cancelled' else 44
    assert (result['failed'], result['changed'], result['job']['index']) == (True, True, number)
    assert 'Before that, this was done: ' in result['msg']
    assert 'exception' not in result and 'Traceback' not in result['msg']


def test_the_first_of_two_reruns_is_told_when_the_second_is_refused(service: Any, answers: Any, job: Any) -> None:
    config = answers.job(40, kind='Config')
    jobs = [answers.job(index, kind='OnPush', jobName=name, status='Failure') for index, name in ((41, 'a'), (42, 'b'))]
    service.expect(
        (answers.jobs_path, answers.jobs(*jobs, config)), ('/jobs/%s/handlers' % answers.id(40), answers.handlers('a', 'b')),
        (rerun_path(answers, 41), rerun_of(answers, 41, 43, 'Queued', 'Pending', kind='OnPush', jobName='a')),
        (rerun_path(answers, 42), 403), (answers.jobs_path, answers.jobs(*jobs, config)),
    )
    result = job(rerun_failed=True)
    assert [each['index'] for each in result['jobs']] == [43, 42]
    assert result['changed'] is True
    assert 'this was done: run job 41 (a) again.' in result['msg']


def test_a_rerun_that_is_refused_is_looked_for_once(service: Any, answers: Any, job: Any) -> None:
    listed = (answers.jobs_path, answers.jobs(answers.job(42)))
    service.expect(listed, (rerun_path(answers, 42), 403), listed)
    result = job(state='rerun')
    assert '403' in result['msg']
    assert result['changed'] is False
    service.expect(listed, (rerun_path(answers, 42), 403), (answers.jobs_path, 403))
    assert job(state='rerun')['changed'] is False


def test_rerun_only_waits_for_a_job_that_still_runs(service: Any, answers: Any, job: Any) -> None:
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, 'Queued', 'Pending'))),
        (answers.jobs_path, answers.jobs(answers.job(42))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation()),
    )
    assert job(state='rerun')['changed'] is False


def test_there_must_be_something_to_run_again(service: Any, answers: Any, job: Any) -> None:
    service.expect((answers.jobs_path, answers.jobs()))
    assert 'no job to run again' in job(state='rerun')['msg']


def test_a_user_who_may_not_run_jobs_again_hears_it_before_anything_happens(service: Any, answers: Any, job: Any) -> None:
    service.expect((answers.jobs_path, answers.jobs(answers.job(42, mayRerun=False))))
    assert 'may not run again job 42' in job(state='rerun')['msg']


@pytest.mark.parametrize('options', [{'state': 'rerun'}, {'rerun_failed': True}])
def test_check_mode_says_what_would_be_run_again(service: Any, answers: Any, job: Any, options: dict[str, Any]) -> None:
    service.expect((answers.jobs_path, answers.jobs(answers.job(42, status='Failure'))))
    result = job(check=True, **options)
    assert (result.get('failed', False), result['changed']) == (False, True)
    assert 'would run job 42 again' in result['msg']


def test_cancel_waits_for_the_end_of_what_ran(service: Any, answers: Any, job: Any) -> None:
    running, queued, old = answers.job(42, 'Evaluating', 'Pending'), answers.job(43, 'Queued', 'Pending', jobName='b'), answers.job(40)
    service.expect(
        (answers.jobs_path, answers.jobs(queued, running, old)),
        ('POST /jobs/%s/cancel' % answers.id(43), None),
        ('POST /jobs/%s/cancel' % answers.id(42), None),
        (answers.jobs_path, answers.jobs(answers.job(43, 'Queued', 'Failure', isCancelled=True), answers.job(42, status='Failure'), old)),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation()),
    )
    result = job(state='cancelled')
    assert not result.get('failed')
    assert (result['changed'], [each['index'] for each in result['jobs']]) == (True, [43, 42])


def test_cancel_changes_nothing_where_nothing_runs(service: Any, answers: Any, job: Any) -> None:
    service.expect((answers.jobs_path, answers.jobs(answers.job(42, status='Failure'))))
    result = job(state='cancelled')
    assert (result['changed'], result['job']) == (False, None)


def test_check_mode_cancels_nothing(service: Any, answers: Any, job: Any) -> None:
    service.expect((answers.jobs_path, answers.jobs(answers.job(42, 'Queued', 'Pending'))))
    result = job(state='cancelled', check=True)
    assert result['changed'] is True
    assert 'would cancel job 42' in result['msg']


def test_a_schedule_is_run_from_the_newest_configuration_and_waited_for(service: Any, answers: Any, job: Any) -> None:
    made = {'kind': 'OnSchedule', 'jobName': 'nightly'}
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(40, kind='Config'), answers.job(39, kind='Config'))),
        ('/jobs/%s/handlers' % answers.id(40), answers.handlers('default', schedules=('nightly',))),
        ('POST /jobs/%s/on-schedule/nightly/run' % answers.id(40), answers.job(44, 'Queued', 'Pending', **made)),
        ('/jobs/%s' % answers.id(44), answers.job(44, **made)),
        ('/jobs/%s/evaluation' % answers.id(44), answers.evaluation()),
    )
    result = job(state='scheduled', schedule='nightly')
    assert (result['changed'], result['job']['index'], result['job']['name']) == (True, 44, 'nightly')


def test_a_schedule_needs_a_configuration_that_succeeded(service: Any, answers: Any, job: Any) -> None:
    service.expect((answers.jobs_path, answers.jobs(answers.job(40, kind='Config', status='Failure'))))
    assert 'No configuration job' in job(state='scheduled', schedule='nightly')['msg']


def test_a_schedule_that_is_not_declared_is_refused_with_those_that_are(service: Any, answers: Any, job: Any) -> None:
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(40, kind='Config'))),
        ('/jobs/%s/handlers' % answers.id(40), answers.handlers(schedules=('nightly', 'weekly'))),
    )
    assert 'one of nightly, weekly' in job(state='scheduled', schedule='daily')['msg']


def test_check_mode_runs_no_schedule(service: Any, answers: Any, job: Any) -> None:
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(40, kind='Config'))),
        ('/jobs/%s/handlers' % answers.id(40), answers.handlers(schedules=('nightly',))),
    )
    result = job(state='scheduled', schedule='nightly', check=True)
    assert (result['changed'], result['job']) == (True, None)
