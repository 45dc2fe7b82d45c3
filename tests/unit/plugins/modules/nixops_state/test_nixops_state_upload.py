# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever goes wrong while a state is replaced: the server holds the old version or the new one, and the next run gets there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.in_process import Sandbox
from tests.support.state_modules import NAME, OLD, PROJECT, Run, check_convergence


@pytest.fixture(autouse=True)
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails three times has failed."""
    monkeypatch.setattr('ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client.TRIES', 3)


def test_an_upload_that_is_refused_says_what_is_there(state: Run, sandbox: Sandbox) -> None:
    for number, words in ((0, 'there is no such file on the server'), (1, 'version 1 is still the newest')):
        sandbox.fault('status', 'PUT', '.*/data', status=403)
        said = state(existing='replace', lock_timeout=0)['msg']
        assert said.startswith('The state was not uploaded: %s. Where: %s, ' % (words, NAME)) and '403' in said
        assert len(sandbox.states(PROJECT, NAME)) == number
        sandbox.put_state(PROJECT, NAME, OLD)


def test_an_upload_that_leaves_no_version_is_no_success(state: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.put_state(PROJECT, NAME, OLD)
    monkeypatch.setattr(sandbox.service, 'put_state', lambda *_arguments: 2)
    said = state(existing='replace', lock_timeout=0)['msg']
    assert said.startswith('The upload was accepted, but no new version is listed. Where: %s. Expected: a version above 1.' % NAME)
    assert 'To do: Look at the list with nixops_state_info and run this again.' in said


def test_nobody_listens(state: Run, sandbox: Sandbox) -> None:
    sandbox.put_state(PROJECT, NAME, OLD)
    sandbox.hang_up()
    result = state(existing='replace')
    assert 'Connection refused' in result['msg']
    assert 'GET %s/api/v1/' % sandbox.url in result['msg']
    sandbox.listen()
    check_convergence(state, sandbox)


@pytest.mark.parametrize('identical', ['new version', 'no version'])
def test_a_lost_answer_to_an_upload_is_looked_up_not_repeated(identical: str, state: Run, sandbox: Sandbox) -> None:
    sandbox.settings(identical_upload=identical)
    sandbox.put_state(PROJECT, NAME, OLD)
    sandbox.fault('lost-answer', 'PUT', '.*/data')
    result = state(existing='replace')
    assert (result['action'], result['version']) == ('replaced', 2)
    assert len(sandbox.states(PROJECT, NAME)) == 2


def test_an_upload_of_which_nothing_can_be_known(state: Run, sandbox: Sandbox) -> None:
    sandbox.put_state(PROJECT, NAME, OLD)
    sandbox.fault('lost-answer', 'PUT', '.*/data')
    sandbox.fault('reset', 'GET', '.*/states', skip=2, times=-1)
    result = state(existing='replace')
    assert 'cannot be found out' in result['msg']
    assert len(sandbox.states(PROJECT, NAME)) == 2


UNUSABLE: dict[str, dict[str, Any]] = {
    **{str(status): {'kind': 'status', 'status': status} for status in (401, 403, 404)},
    'garbage': {'kind': 'garbage'},
    'empty': {'kind': 'empty'},
    'far-too-many': {'kind': 'status', 'status': 429, 'headers': {'Retry-After': '3600'}},
}


@pytest.mark.parametrize('answer', UNUSABLE)
def test_an_upload_that_cannot_be_verified_is_told(answer: str, state: Run, sandbox: Sandbox) -> None:
    sandbox.put_state(PROJECT, NAME, OLD)
    sandbox.fault(method='GET', path='.*/states', skip=2, times=-1, **UNUSABLE[answer])
    result = state(existing='replace', lock_timeout=0)
    assert result['msg'].startswith('The state was uploaded, but it could not be verified what Hercules CI has of it. Where: %s, ' % NAME)
    assert (result['failed'], result['changed'], result['action']) == (True, True, 'replaced')
    assert (result['version'], result['previous_version']) == (None, 1)
    assert Path(result['backup_file']).read_bytes() == OLD
    assert len(sandbox.states(PROJECT, NAME)) == 2


def test_an_upload_whose_content_cannot_be_read_back_is_told(state: Run, sandbox: Sandbox) -> None:
    sandbox.settings(sha256='none')
    sandbox.put_state(PROJECT, NAME, OLD)
    sandbox.fault('status', 'GET', '.*/data', skip=1, times=-1, status=403)
    result = state(existing='replace', lock_timeout=0)
    assert result['problems'][0]['what'].startswith('The state was uploaded, but it could not be verified')
    assert (result['failed'], result['changed'], result['version']) == (True, True, 2)


@pytest.mark.parametrize('settings', [{'sha256': 'wrong'}, {'sha256': 'wrong', 'size': False}], ids=str)
def test_a_wrong_hash_in_the_list_is_nobody_else(settings: dict[str, Any], state: Run, sandbox: Sandbox, warned: list[str]) -> None:
    sandbox.settings(**settings)
    result = state(existing='replace', lock_timeout=0)
    assert (result['action'], result['version'], len(sandbox.states(PROJECT, NAME))) == ('created', 1, 1)
    assert [text for text in warned if text.startswith('Hercules CI lists another size or hash of the new version than it has.')]


def test_numbers_may_begin_at_0(state: Run, sandbox: Sandbox) -> None:
    sandbox.settings(first_version=0)
    for expected in (['created', 0, None], ['unchanged', 0, 0]):
        result = state()
        assert [result[name] for name in ('action', 'version', 'previous_version')] == expected
    sandbox.put_state(PROJECT, NAME, OLD)
    restored = state(version=0, lock_timeout=0)
    assert [restored[name] for name in ('action', 'version', 'previous_version')] == ['restored', 2, 1]
    replaced = state(existing='replace', replaced_version=0)
    assert (replaced['action'], replaced['version']) == ('unchanged', 2)


def test_the_first_version_may_be_0_and_stored_meanwhile(state: Run, sandbox: Sandbox) -> None:
    sandbox.settings(first_version=0)
    sandbox.when_asked_for('/lock/', lambda: sandbox.put_state(PROJECT, NAME, OLD))
    result = state(lock_timeout=0)
    assert 'while this waited for its turn. Where: %s. Expected: no such file yet. Found: version 0 ' % NAME in result['msg']
    assert result['changed'] is False


@pytest.mark.parametrize(('sha256', 'downloads'), [('hex', 1), ('none', 2)])
def test_what_is_replaced_is_downloaded_once(sha256: str, downloads: int, state: Run, sandbox: Sandbox) -> None:
    """Where no hashes are listed, what was uploaded is read back once, too."""
    sandbox.settings(sha256=sha256)
    sandbox.put_state(PROJECT, NAME, OLD)
    result = state(existing='replace', lock_timeout=0)
    assert result['action'] == 'replaced'
    assert Path(result['backup_file']).read_bytes() == OLD
    assert downloaded(sandbox) == ['1', '2'][:downloads]


def test_what_is_brought_back_is_downloaded_once(state: Run, sandbox: Sandbox) -> None:
    state(lock_timeout=0)
    sandbox.put_state(PROJECT, NAME, OLD)
    sandbox.service.calls.clear()
    assert state(version=1, lock_timeout=0)['version'] == 3
    assert downloaded(sandbox) == ['1', '2']
    sandbox.service.calls.clear()
    for number in (1, 3):
        again = state(version=number, lock_timeout=0)
        assert (again['action'], again['version'], again['deployment']) == ('unchanged', 3, {'uuid': None, 'name': None})
    assert downloaded(sandbox) == []
    sandbox.settings(sha256='none')
    assert state(version=3, lock_timeout=0)['action'] == 'unchanged'
    assert downloaded(sandbox) == ['3']


def downloaded(sandbox: Sandbox) -> list[str]:
    """The numbers of the versions that were."""
    return [call.url.partition('version=')[2] for call in sandbox.service.calls if call.method == 'GET' and '/data' in call.url]
