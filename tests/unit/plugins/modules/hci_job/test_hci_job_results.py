# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""hci_job: what it says when a job does not succeed."""

from __future__ import annotations

import json
import urllib.error
from typing import Any

import pytest

PAGE = 'https://ci.example.org/github/neat-org/neat-repo/jobs/42'
EFFECT = '/jobs/%s/effects/neat-network.run'


def test_a_failed_effect_fails_with_the_end_of_the_log_of_its_last_run(service: Any, answers: Any, job: Any) -> None:
    """iMin repeats the last line that has come, so that nothing is lost if it is exclusive; here it is inclusive."""
    lines = ['line %d' % number for number in range(30)]
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, status='Failure'))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation(['neat-network', 'run'], ['other', 'run'])),
        (EFFECT % answers.id(42), answers.effect('Failed')),
        ('/jobs/%s/effects/other.run' % answers.id(42), answers.effect('Successful')),
        (answers.log_path(), answers.log(0, *lines)),
        (answers.log_path(after=29), answers.log(29, 'line 29', '\x1b[31merror: cannot connect to web-1\x1b[0m', '', done=True)),
    )
    result = job(log_lines=3)
    assert result['failed']
    for expected in ('The effect neat-network.run of job 42 failed.', PAGE, 'error: cannot connect to web-1'):
        assert expected in result['msg']
    effect = result['job']['effects'][0]
    assert effect['log'] == ['line 29', 'error: cannot connect to web-1', '']
    assert (effect['message'], effect['agent']) == ('error: cannot connect to web-1', 'agent-1')
    assert [each['status'] for each in result['job']['effects']] == ['Failed', 'Successful']
    assert json.dumps(result).count('line 29') == 1, 'the log is printed once'
    assert [each['status'] for each in result['jobs'][0]['effects']] == ['Failed', 'Successful']


def test_what_an_effect_does_after_its_failure_is_not_why_it_failed(service: Any, answers: Any, job: Any) -> None:
    """The state is uploaded then, too."""
    said = ('app1> activating', 'error: no space left on device', 'pushing state file nixops-foo.json...', 'pushing state successful.',
            'The effect failed with exit code 1.')
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, status='Failure'))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation(['neat-network', 'run'])),
        (EFFECT % answers.id(42), answers.effect('Failed')),
        (answers.log_path(), answers.log(0, *said, done=True)),
    )
    result = job()
    assert result['job']['effects'][0]['message'] == 'error: no space left on device'
    assert result['job']['effects'][0]['log'] == list(said)


def test_the_reason_is_found_above_the_lines_that_are_returned(service: Any, answers: Any, job: Any) -> None:
    """What the shell prints when it uploads the state may be longer than they are."""
    said = ('error: activation of 1 of 1 machines failed', 'uploading state files after failure', 'pushing state file nixops-foo.json...',
            'curl: (22) The requested URL returned error: 500', 'pushing state successful.')
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, status='Failure'))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation(['neat-network', 'run'])),
        (EFFECT % answers.id(42), answers.effect('Failed')),
        (answers.log_path(), answers.log(0, *said, done=True)),
    )
    result = job(log_lines=2)
    assert result['job']['effects'][0]['message'] == 'error: activation of 1 of 1 machines failed'
    assert result['job']['effects'][0]['log'] == list(said[-2:])


def test_the_log_is_whole_when_i_min_is_exclusive_and_lines_come_late(service: Any, answers: Any, job: Any, fake_time: Any) -> None:
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, status='Failure'))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation(['neat-network', 'run'])),
        (EFFECT % answers.id(42), answers.effect('Failed')),
        (answers.log_path(), answers.log(0, 'a', 'b')),
        (answers.log_path(after=1), answers.log(2)),
        (answers.log_path(after=1), answers.log(2, 'c')),
        (answers.log_path(after=2), answers.log(3, done=True)),
    )
    assert job()['job']['effects'][0]['log'] == ['a', 'b', 'c']
    assert fake_time.pauses == [0.5]


@pytest.mark.parametrize('inclusive', [True, False])
def test_a_log_that_comes_line_by_line_is_read_to_its_end(inclusive: bool, service: Any, answers: Any, job: Any, fake_time: Any) -> None:
    said = ['line %d' % number for number in range(12)]

    def answer(asked: str) -> Any:
        if '/log/lines' not in asked:
            kinds = {'/evaluation': answers.evaluation(['neat-network', 'run']), '/effects/neat-network.run': answers.effect('Failed')}
            return next((kinds[end] for end in kinds if asked.endswith(end)), answers.jobs(answers.job(42, status='Failure')))
        least = asked.partition('&iMin=')[2]
        first = 0 if not least else int(least) + (not inclusive)
        return answers.log(first, *said[first:first + 1], done=first == 11)

    service.always = answer
    assert job(log_lines=20)['job']['effects'][0]['log'] == said
    assert len([asked for asked in service.requests if '/log/lines' in asked]) == (13 if inclusive else 12)
    assert fake_time.pauses == []


WRONG = [403, 404, 500, {'x': 1}, {}, None, 'text']


@pytest.mark.parametrize('wrong', WRONG, ids=str)
@pytest.mark.parametrize('which', ['/evaluation', '/effects/', '/log/lines'])
def test_a_job_that_has_failed_has_failed_whatever_cannot_be_read(which: str, wrong: Any, service: Any, answers: Any, job: Any) -> None:
    right = {
        '/log/lines': answers.log(0, 'last words', done=True),
        '/effects/': answers.effect('Failed'),
        '/evaluation': answers.evaluation(['neat-network', 'run']),
        '/jobs?': answers.jobs(answers.job(42, status='Failure')),
    }
    service.always = lambda asked: next(wrong if part == which else right[part] for part in right if part in asked)
    result = job(wait=False)
    assert (result['failed'], result['job']['index'], result['job']['status']) == (True, 42, 'Failure')
    assert result['problems'][0]['what'] in ('Job 42 failed.', 'The effect neat-network.run of job 42 failed.')
    if which != '/evaluation' or wrong != 404:
        assert ' could not be read: ' in result['msg']


def test_the_effects_of_several_jobs_may_have_the_same_name(service: Any, answers: Any, job: Any) -> None:
    jobs = [answers.job(index, kind='OnPush', jobName=name, status='Failure') for index, name in ((43, 'b'), (42, 'a'))]
    service.expect((answers.jobs_path, answers.jobs(*jobs)))
    for index in (42, 43):
        effect = '/jobs/%s/effects/x.run' % answers.id(index)
        service.expect(
            ('/jobs/%s/evaluation' % answers.id(index), answers.evaluation(['x', 'run'])), (effect, answers.effect('Failed')),
            (answers.log_path('x.run', job=index), answers.log(0, 'words', done=True)),
        )
    result = job()
    for name in ('job 42 (a)', 'job 43 (b)'):
        assert 'The effect x.run of %s failed.' % name in result['msg']
    logs = [effect.get('log') for each in (result['job'], *result['jobs']) for effect in each['effects']]
    assert logs in ([['words'], ['words'], None], [['words'], None, ['words']])


def test_a_log_that_never_says_that_it_is_done_is_not_read_for_ever(service: Any, answers: Any, job: Any) -> None:
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, status='Failure'))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation(['neat-network', 'run'])),
        (EFFECT % answers.id(42), answers.effect('Failed')),
        (answers.log_path(), answers.log(0, 'last words')),
        *[(answers.log_path(after=0), answers.log(0))] * 3,
    )
    assert 'last words' in job()['msg']


def test_what_the_agent_reports_goes_before_the_log(service: Any, answers: Any, job: Any) -> None:
    reason = "Secret neat-aws does not exist or access was denied, so we can't get a secret for aws."
    events = [[{'Queued': {'time': '2026-01-21T13:00:15Z'}}, {'Failed': {'time': '2026-01-21T13:00:16Z', 'technicalError': reason}}]]
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, status='Failure'))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation(['neat-network', 'run'])),
        (EFFECT % answers.id(42), answers.effect('Failed', events=events)),
    )
    result = job()
    assert reason in result['msg']
    assert result['job']['effects'][0]['message'] == reason


def test_a_failed_evaluation_names_the_attributes_and_their_errors(service: Any, answers: Any, job: Any) -> None:
    error = {'errorMessage': "attribute 'nope' missing", 'errorType': None, 'errorDerivation': None, 'trace': None}
    attributes = (
        {'path': ['neat-network', 'a.b'], 'value': {'Error': error}, 'typ': 'Regular'},
        {'path': ['may', 'fail'], 'value': {'Error': error}, 'typ': 'MayFail'},
        {'path': ['broken'], 'value': {'Ok': {'status': 'BuildFailure', 'derivationPath': '/nix/store/b.drv'}}},
    )
    messages = [{'index': 0, 'typ': 'Trace', 'message': 'trace: x'}, {'index': 1, 'typ': 'Error', 'message': 'out of memory'}]
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, status='Failure', evaluationStatus='Failure'))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation(['x'], attributes=attributes, messages=messages)),
    )
    result = job()
    assert [problem['what'] for problem in result['problems']] == [
        'The attribute neat-network."a.b" of job 42 does not evaluate.',
        'Job 42 does not evaluate.',
        'The attribute broken of job 42 could not be built.',
    ]
    assert result['job']['attribute_errors'][0] == {'attribute': 'neat-network."a.b"', 'message': "attribute 'nope' missing"}
    assert 'may.fail' not in result['msg']


def test_a_failed_configuration_without_attributes_shows_the_log_of_the_evaluation(service: Any, answers: Any, job: Any) -> None:
    log_id = answers.id(12)
    log = '/jobs/%s/evaluation/log/lines?logId=%s' % (answers.id(42), log_id)
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, status='Failure', kind='Config', evaluationStatus='Failure'))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation(evaluationLog=log_id)),
        (log, answers.log(0, 'copying', 'error: syntax error, unexpected end of file')),
        (log + '&iMin=1', answers.log(2, done=True)),
    )
    result = job()
    assert 'syntax error, unexpected end of file' in result['msg']
    assert result['job']['evaluation_log'][0] == 'copying'


def test_a_cancelled_job_says_so_in_whatever_phase_the_service_left_it(service: Any, answers: Any, job: Any) -> None:
    service.expect((answers.jobs_path, answers.jobs(answers.job(42, 'Queued', 'Pending', isCancelled=True))))
    result = job()
    assert result['msg'].startswith('Job 42 was cancelled. Where: ' + PAGE)
    assert result['job']['cancelled'] is True


def test_a_cancelled_effect_says_so(service: Any, answers: Any, job: Any) -> None:
    service.expect(
        (answers.jobs_path, answers.jobs(answers.job(42, status='Failure'))),
        ('/jobs/%s/evaluation' % answers.id(42), answers.evaluation(['neat-network', 'run'])),
        (EFFECT % answers.id(42), answers.effect('Cancelled')),
    )
    assert 'The effect neat-network.run of job 42 was cancelled.' in job()['msg']


def test_a_time_out_says_what_is_waited_for(service: Any, answers: Any, job: Any, fake_time: Any) -> None:
    running = answers.jobs(answers.job(42, 'Effects', 'Pending'))
    unmet = [{'platform': 'aarch64-linux', 'requiredSystemFeatures': ['kvm']}]

    def answer(asked: str) -> Any:
        if asked.endswith('/evaluation'):
            return answers.evaluation(['neat-network', 'run'], unmetAgentRequirements=unmet)
        return answers.waiting(41) if '/effects/' in asked else running

    service.always = answer
    result = job(wait_timeout=60)
    assert fake_time.now == 1060.0
    assert result['msg'].startswith('Job 42 did not end within 60 seconds. Where: ' + PAGE)
    assert 'no agent of the account has aarch64-linux kvm' in result['msg']
    assert 'effect neat-network.run is Waiting, waits for https://ci.example.org/github/neat-org/neat-repo/jobs/41' in result['msg']
    assert result['job']['effects'][0]['waiting_for'] == ['https://ci.example.org/github/neat-org/neat-repo/jobs/41']


def test_a_time_out_during_an_outage_names_the_outage(service: Any, answers: Any, job: Any) -> None:
    running, outage = answers.jobs(answers.job(42, 'Queued', 'Pending')), urllib.error.URLError('no route to host')
    service.always = lambda asked: running if len(service.requests) == 1 else outage
    result = job(wait_timeout=60)
    assert 'no route to host' in result['msg']
    assert result['job']['index'] == 42


def test_a_commit_for_which_no_job_appears_is_given_up_soon(service: Any, answers: Any, job: Any, fake_time: Any) -> None:
    service.always = lambda asked: answers.jobs()
    result = job(start_timeout=120)
    assert fake_time.now == 1120.0
    assert result['msg'].startswith('Hercules CI has made no job for github/neat-org/neat-repo main 0a1b2c3d.')
    assert 'has been pushed to refs/heads/main' in result['msg']


def test_a_handler_for_which_no_job_appears_is_named(service: Any, answers: Any, job: Any) -> None:
    config, other = answers.job(40, kind='Config'), answers.job(41, kind='OnPush', jobName='a')

    def answer(asked: str) -> Any:
        if asked.endswith('/handlers'):
            return answers.handlers('a', 'b')
        return answers.evaluation() if asked.endswith('/evaluation') else answers.jobs(other, config)

    service.always = answer
    result = job(start_timeout=60)
    assert 'Hercules CI has made no job of github/neat-org/neat-repo main 0a1b2c3d for the handler onPush.b.' in result['msg']
    assert sum(asked.endswith('/handlers') for asked in service.requests) == 1


def test_in_check_mode_a_failed_job_fails_too_because_it_would(service: Any, answers: Any, job: Any) -> None:
    service.expect((answers.jobs_path, answers.jobs(answers.job(42, 'Queued', 'Pending', isCancelled=True))))
    assert job(check=True)['failed']
