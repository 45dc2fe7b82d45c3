# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replacing while others are at work: locks, jobs, and somebody who takes notice of neither."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.in_process import Sandbox

Run = Callable[..., dict[str, Any]]
PROJECT = 'github/neat-org/neat-repo'
NAME = 'nixops-aws-prod.json'
OLD = b'{"cccccccc-1700-11e7-8000-000000000003": {"name": "aws-prod", "resources": {}}}'
FOREIGN = b'{"cccccccc-1700-11e7-8000-000000000003": {"name": "aws-prod", "description": "foreign", "resources": {}}}'


@pytest.fixture
def replace(state: Run, sandbox: Sandbox) -> Run:
    """replace(**options) replaces OLD."""
    sandbox.put_state(PROJECT, NAME, OLD)
    return lambda **options: state(**{'existing': 'replace', 'lock_timeout': 0, **options})


def ask(sandbox: Sandbox, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(sandbox.url + '/api/v1' + path, json.dumps(body).encode() if body else None, method=method)
    request.add_header('Authorization', 'Bearer ' + sandbox.token)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def hold(sandbox: Sandbox, description: str = 'deploying by hand') -> str:
    """Take the lock as somebody else; the id of the lease."""
    path = '/site/github/account/neat-org/project/neat-repo/lock/' + NAME
    lease: str = ask(sandbox, 'POST', path, {'description': description, 'exclusive': True})['contents']['leaseId']
    return lease


def test_the_lock_is_named_as_the_file_and_held_while_uploading(
    replace: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[Any] = []
    original = sandbox.service.put_state

    def put_state(*arguments: Any) -> int:
        held.extend(sandbox.leases(PROJECT, NAME))
        return original(*arguments)

    monkeypatch.setattr(sandbox.service, 'put_state', put_state)
    assert replace()['action'] == 'replaced'
    (lease,) = held
    assert lease['exclusive']
    assert lease['description'].startswith('ansible: replaced %s (' % NAME)
    assert sandbox.leases(PROJECT, NAME) == []


def test_who_holds_the_lock_is_named(replace: Run, sandbox: Sandbox) -> None:
    hold(sandbox)
    result = replace()
    assert result['msg'].startswith('Somebody else holds the lock on the state. Where: lock ')
    assert 'alice: deploying by hand' in result['msg']
    assert 'at most until' in result['msg']
    assert sandbox.states(PROJECT, NAME) == [OLD]
    assert len(sandbox.leases(PROJECT, NAME)) == 1


def test_a_lock_that_becomes_free_is_waited_for(replace: Run, sandbox: Sandbox, pauses: Any) -> None:
    lease = hold(sandbox)

    def wait_on() -> None:
        pauses.meanwhile = lambda: ask(sandbox, 'DELETE', '/lock-leases/' + lease)

    pauses.meanwhile = wait_on
    assert replace(lock_timeout=600)['action'] == 'replaced'
    assert len(pauses) == 2
    assert 0.25 <= pauses[0] <= 0.5 <= pauses[1] <= 1


def test_the_first_upload_takes_the_lock_and_looks_for_jobs(
    state: Run, sandbox: Sandbox, make_job: Callable[..., int], pauses: Any, aws_prod: bytes
) -> None:
    """An effect that found no state stores its own at its end, with machines that it made anew."""
    number = make_job('Effects')
    lease = hold(sandbox)
    assert 'deploying by hand' in state(lock_timeout=0)['msg']
    ask(sandbox, 'DELETE', '/lock-leases/' + lease)
    assert '/jobs/%d' % number in state(lock_timeout=0)['msg']
    assert sandbox.states(PROJECT, NAME) == []
    pauses.meanwhile = lambda: sandbox.service.store.all("UPDATE job SET phase = 'Done'")
    assert state(running_jobs='wait')['action'] == 'created'
    assert sandbox.states(PROJECT, NAME) == [aws_prod]


def test_the_first_upload_may_take_no_notice_of_jobs(state: Run, make_job: Callable[..., int]) -> None:
    make_job('Effects')
    assert state(running_jobs='ignore')['action'] == 'created'


def test_what_a_job_stores_before_the_first_upload_is_not_hidden(
    state: Run, sandbox: Sandbox, make_job: Callable[..., int], pauses: Any
) -> None:
    make_job('Effects')

    def end() -> None:
        sandbox.put_state(PROJECT, NAME, FOREIGN)
        sandbox.service.store.all("UPDATE job SET phase = 'Done'")

    pauses.meanwhile = end
    assert 'while this waited' in state(running_jobs='wait')['msg']
    assert sandbox.states(PROJECT, NAME) == [FOREIGN]


def test_a_job_that_starts_during_the_first_upload_is_reported(
    state: Run, sandbox: Sandbox, make_job: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = sandbox.service.put_state

    def put_state(*arguments: Any) -> int:
        make_job('Effects')
        return original(*arguments)

    monkeypatch.setattr(sandbox.service, 'put_state', put_state)
    result = state()
    assert result['action'] == 'created'
    assert '%s/%s/jobs/1' % (sandbox.url, PROJECT) in str(result['warnings'])


@pytest.mark.parametrize('idempotent', [True, False])
def test_the_answer_about_the_lock_is_lost(idempotent: bool, replace: Run, sandbox: Sandbox) -> None:
    """Whether the service returns the same lease for the same key is not known. Without that, our own lease is in our way."""
    sandbox.settings(idempotent_leases=idempotent)
    sandbox.fault('lost-answer', 'POST', '.*/lock/.*')
    assert replace()['action'] == 'replaced'
    assert sandbox.leases(PROJECT, NAME) == []


def test_a_lock_that_somebody_took_over_is_told_after_a_look_at_the_versions(replace: Run, sandbox: Sandbox, warned: list[str]) -> None:
    sandbox.fault('lost-lock', 'DELETE', '.*/lock-leases/.*')
    result = replace()
    assert (result['action'], result['version']) == ('replaced', 2)
    assert [text for text in warned if text.startswith('The lock was lost while the state was changed, so somebody else may have taken it')]
    assert sum(call.url.endswith('/states') for call in sandbox.service.calls) == 4


def test_what_whoever_took_the_lock_over_has_stored_is_told(replace: Run, sandbox: Sandbox) -> None:
    sandbox.fault('lost-lock', 'DELETE', '.*/lock-leases/.*')
    sandbox.when_asked_for('/lock-leases/', lambda: sandbox.put_state(PROJECT, NAME, FOREIGN))
    result = replace()
    assert result['msg'].startswith('1. Somebody else stored a state at the same time. The other one is the newest, and will be used.')
    assert (result['failed'], result['changed'], result['version']) == (True, True, 3)


@pytest.mark.parametrize('status', [403, 500])
def test_a_lock_that_cannot_be_released_is_told(status: int, replace: Run, sandbox: Sandbox, warned: list[str]) -> None:
    sandbox.fault('status', 'DELETE', '.*/lock-leases/.*', status=status, times=-1)
    assert replace(timeout=1)['action'] == 'replaced'
    (text,) = (text for text in warned if text.startswith('The lock could not be released, and keeps others out until it expires ('))
    assert str(status) in text


def test_a_release_whose_answer_was_lost_is_one(replace: Run, sandbox: Sandbox, warned: list[str]) -> None:
    sandbox.fault('lost-answer', 'DELETE', '.*/lock-leases/.*')
    assert replace()['action'] == 'replaced'
    assert not [text for text in warned if 'lock' in text]


@pytest.mark.parametrize('body', ['{"tag": ', '[]', '{"tag": "Acquired", "contents": {}}', '{"tag": "Else"}', ''])
def test_a_lock_that_was_given_without_a_usable_answer_is_found(body: str, replace: Run, sandbox: Sandbox) -> None:
    sandbox.fault('garbage', 'POST', '.*/lock/.*', body=body)
    assert replace()['action'] == 'replaced'
    assert sandbox.leases(PROJECT, NAME) == []


def test_a_lock_that_cannot_be_found_is_told(replace: Run, sandbox: Sandbox) -> None:
    sandbox.fault('garbage', 'POST', '.*/lock/.*', times=-1)
    result = replace()
    assert 'If it gave the lock, that lasts until it expires.' in result['msg']
    assert result['changed'] is False
    assert len(sandbox.leases(PROJECT, NAME)) == 1


def test_what_was_stored_before_a_failure_is_told(replace: Run, sandbox: Sandbox, tmp_path: Any) -> None:
    hosts = tmp_path / 'known_hosts'
    hosts.write_text('192.0.2.1 ssh-ed25519 AAAA\n')
    sandbox.fault('status', 'PUT', '.*known_hosts/data', status=403, times=-1)
    result = replace(known_hosts=str(hosts))
    assert '403' in result['problems'][0]['found']
    assert 'this was stored: %s as version 2.' % NAME in result['msg']
    assert result['changed'] is True
    assert sandbox.leases(PROJECT, NAME) == []


@pytest.mark.parametrize('phase', ['Queued', 'Evaluating', 'Building', 'Effects'])
def test_a_running_job_is_in_the_way(phase: str, replace: Run, sandbox: Sandbox, make_job: Callable[..., int]) -> None:
    number = make_job(phase)
    result = replace()
    assert '%s/%s/jobs/%d' % (sandbox.url, PROJECT, number) in result['msg']
    assert 'running_jobs=wait' in result['msg']
    assert sandbox.states(PROJECT, NAME) == [OLD]
    assert sandbox.leases(PROJECT, NAME) == []
    assert replace(running_jobs='ignore')['action'] == 'replaced'


def test_a_job_is_waited_for_without_the_lock(replace: Run, sandbox: Sandbox, make_job: Callable[..., int], pauses: Any) -> None:
    """The job may be waiting for the lock."""
    make_job('Effects')
    leases: list[Any] = [None]

    def end() -> None:
        leases[:] = sandbox.leases(PROJECT, NAME)
        sandbox.service.store.all("UPDATE job SET phase = 'Done'")

    pauses.meanwhile = end
    assert replace(running_jobs='wait')['action'] == 'replaced'
    assert leases == []


def test_what_the_awaited_job_stores_is_not_hidden(replace: Run, sandbox: Sandbox, make_job: Callable[..., int], pauses: Any) -> None:
    make_job('Effects')

    def end() -> None:
        sandbox.put_state(PROJECT, NAME, FOREIGN)
        sandbox.service.store.all("UPDATE job SET phase = 'Done'")

    pauses.meanwhile = end
    result = replace(running_jobs='wait')
    assert 'while this waited' in result['msg']
    assert sandbox.states(PROJECT, NAME) == [OLD, FOREIGN]


def test_a_job_that_does_not_end(replace: Run, make_job: Callable[..., int]) -> None:
    make_job('Effects')
    assert 'running' in replace(running_jobs='wait', job_timeout=2)['msg']


@pytest.mark.parametrize('hash_form', ['hex', 'none'])
@pytest.mark.parametrize(('when', 'advice'), [('before', 'version=2'), ('after', 'existing=replace')])
def test_a_race_is_seen_and_no_version_is_lost(when: str, advice: str, hash_form: str, replace: Run, sandbox: Sandbox) -> None:
    sandbox.settings(sha256=hash_form)
    sandbox.fault('race', 'PUT', '.*/data', when=when, data=FOREIGN.decode())
    result = replace()
    assert 'at the same time' in result['msg']
    assert advice in result['msg']
    assert result['version'] == 3
    old, second, third = sandbox.states(PROJECT, NAME)
    assert (old, second if when == 'before' else third) == (OLD, FOREIGN)
    assert sandbox.leases(PROJECT, NAME) == []


def test_a_job_that_starts_meanwhile_is_reported(
    replace: Run, sandbox: Sandbox, make_job: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = sandbox.service.put_state

    def put_state(*arguments: Any) -> int:
        make_job('Effects')
        return original(*arguments)

    monkeypatch.setattr(sandbox.service, 'put_state', put_state)
    result = replace()
    assert result['action'] == 'replaced'
    assert '%s/%s/jobs/1' % (sandbox.url, PROJECT) in str(result['warnings'])


def test_that_nobody_says_whether_jobs_have_started_is_no_failure(replace: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The upload is done and verified by then."""
    original = sandbox.service.put_state

    def put_state(*arguments: Any) -> int:
        sandbox.fault('status', 'GET', '.*/jobs.*', times=-1, status=400)
        return original(*arguments)

    monkeypatch.setattr(sandbox.service, 'put_state', put_state)
    result = replace()
    assert result['action'] == 'replaced' and not result.get('failed')


def test_somebody_creates_the_file_first(state: Run, sandbox: Sandbox, aws_prod: bytes) -> None:
    sandbox.fault('race', 'PUT', '.*/data', data=FOREIGN.decode())
    assert 'at the same time' in state()['msg']
    assert sandbox.states(PROJECT, NAME) == [FOREIGN, aws_prod]


def test_two_of_us_at_once_store_one_version(sandbox: Sandbox, state: Run, pauses: Any, aws_prod: bytes) -> None:
    """The other one is done while this one waits for the lock."""
    lease = hold(sandbox)

    def other_run() -> None:
        sandbox.put_state(PROJECT, NAME, aws_prod)
        ask(sandbox, 'DELETE', '/lock-leases/' + lease)

    pauses.meanwhile = other_run
    result = state(lock_timeout=600)
    assert 'while this waited' in result['msg']
    assert sandbox.states(PROJECT, NAME) == [aws_prod]
    assert state()['action'] == 'unchanged'
