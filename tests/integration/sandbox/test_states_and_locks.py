# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""State files and locks, and what can go wrong with them to order."""

from __future__ import annotations

import hashlib
import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.sandbox.conftest import PROJECT, SITE_PATH, Client
from tests.sandbox.server import Sandbox
from tests.sandbox.wire import hash_text

DATA = SITE_PATH + '/state/nixops-foo.json/data'
LOCK = SITE_PATH + '/lock/nixops-foo.json'


def versions(client: Client) -> Any:
    return client('GET', SITE_PATH + '/states').json['stateFiles']['nixops-foo.json']['versions']


def lock(client: Client, exclusive: bool = True, **fields: Any) -> Any:
    return client('POST', LOCK, {'description': 'a test', 'exclusive': exclusive, **fields}).json


def test_versions_are_numbered_and_kept(client: Client) -> None:
    for content in (b'one', b'', b'three'):
        assert client('PUT', DATA, content).status == 200
    assert client('GET', DATA).body == b'three'
    assert [client('GET', DATA + '?version=%d' % number).body for number in (1, 2)] == [b'one', b'']
    assert client('GET', DATA + '?version=4').status == 404
    assert [(item['version'], item['size'], item['sha256']) for item in versions(client)] == [
        (3, 5, hashlib.sha256(b'three').hexdigest()), (2, 0, hashlib.sha256(b'').hexdigest()), (1, 3, hashlib.sha256(b'one').hexdigest())]


def test_a_body_without_length_is_stored_whole(client: Client, sandbox: Sandbox) -> None:
    assert client('PUT', DATA, b'chunk by chunk', chunked=True).status == 200
    assert sandbox.states(PROJECT, 'nixops-foo.json') == [b'chunk by chunk']


def test_a_name_is_one_encoded_segment(client: Client, sandbox: Sandbox) -> None:
    assert client('PUT', SITE_PATH + '/state/a%20b%2Fc/data', b'x').status == 200
    assert sandbox.states(PROJECT, 'a b/c') == [b'x']


@pytest.mark.parametrize(('form', 'expected'), [
    ('hex', '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'),
    ('base64', 'LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE='),
    ('sri', 'sha256-LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE='),
    ('nix32', '10a83a91g1r50bdw8g4hn47m7j7m6angpabwc80l9c16nx11cw9d'),  # nix-hash --flat --type sha256 --base32
    ('none', None),
])
def test_hashes_come_in_the_form_that_is_set(form: str, expected: str | None) -> None:
    assert hash_text(hashlib.sha256(b'x').digest(), form) == expected


def test_unknown_sides_of_the_service_are_settings(client: Client, sandbox: Sandbox) -> None:
    sandbox.settings(sha256='none', size=False, order='oldest first', identical_upload='no version', unauthorized=403)
    for content in (b'one', b'two', b'two'):
        client('PUT', DATA, content)
    assert [(item['version'], item['size'], item['sha256']) for item in versions(client)] == [(1, None, None), (2, None, None)]
    assert client('GET', DATA, token='wrong').status == 403
    with pytest.raises(ValueError, match='no setting'):
        sandbox.settings(nonsense=1)
    with pytest.raises(ValueError, match='no value'):
        sandbox.settings(sha256='md5')


@pytest.mark.parametrize('token', [None, 'wrong'])
def test_a_token_is_needed(client: Client, token: str | None) -> None:
    assert client('PUT', DATA, b'x', token=token).status == 401
    assert client('GET', SITE_PATH + '/jobs', token=token).status == 401


def test_exclusive_leases_exclude_and_end(client: Client, sandbox: Sandbox) -> None:
    key = str(uuid4())
    first = lock(client, idempotencyKey=key)
    assert first == lock(client, idempotencyKey=key)
    blocked = lock(client)
    assert blocked['tag'] == 'Blocked'
    assert [item['id'] for item in blocked['contents']['blockedByLeases']] == [first['contents']['leaseId']]
    lease = '/lock-leases/%s' % first['contents']['leaseId']
    sandbox.service.clock.advance(400)
    assert client('POST', lease, {'description': 'still here'}).json['expirationTime'] > first['contents']['expirationTime']
    sandbox.service.clock.advance(400)
    assert [item['description'] for item in sandbox.leases(PROJECT, 'nixops-foo.json')] == ['still here']
    sandbox.service.clock.advance(400)
    assert client('POST', lease, {}).status == 404
    second = lock(client)
    assert second['tag'] == 'Acquired'
    assert client('DELETE', '/lock-leases/%s' % second['contents']['leaseId']).status == 200
    assert sandbox.leases(PROJECT, 'nixops-foo.json') == []


def test_shared_leases_and_children_do_not_block(client: Client) -> None:
    parent = lock(client, exclusive=False)
    assert lock(client, exclusive=False)['tag'] == 'Acquired'
    assert lock(client, exclusive=True)['tag'] == 'Blocked'
    assert lock(client, exclusive=True, parent=parent['contents']['leaseId'])['tag'] == 'Blocked'
    assert lock(client, exclusive=False, parent=parent['contents']['leaseId'])['tag'] == 'Acquired'


def test_faults_come_in_order_and_are_used_up(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_state(PROJECT, 'nixops-foo.json', b'0123456789')
    sandbox.fault('status', 'GET', '.*/data', skip=1, times=2, status=429, headers={'Retry-After': '1'})
    sandbox.fault('garbage', 'GET', '.*/states')
    answers = [client('GET', DATA) for request in range(4)]
    assert [answer.status for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers['retry-after'] == '1'
    with pytest.raises(ValueError, match='Expecting'):
        assert client('GET', SITE_PATH + '/states').json
    assert versions(client)[0]['version'] == 1
    assert sandbox.service.faults.waiting() == []


@pytest.mark.parametrize(('kind', 'error'), [
    ('reset', ConnectionError), ('reset-in-reply', (ConnectionError, http.client.IncompleteRead)), ('truncate', http.client.IncompleteRead),
])
def test_downloads_can_break(client: Client, sandbox: Sandbox, kind: str, error: type[Exception]) -> None:
    sandbox.put_state(PROJECT, 'nixops-foo.json', b'0123456789')
    sandbox.fault(kind)
    with pytest.raises(error):
        client('GET', DATA)
    assert client('GET', DATA).body == b'0123456789'


def test_a_short_download_can_look_complete(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_state(PROJECT, 'nixops-foo.json', b'0123456789')
    sandbox.fault('short-length', bytes=4)
    assert client('GET', DATA).body == b'0123'
    sandbox.fault('slow', seconds=0.01, pieces=5)
    assert client('GET', DATA).body == b'0123456789'


@pytest.mark.parametrize(('kind', 'stored'), [('reset-in-request', []), ('lost-answer', [b'0123456789'])])
def test_uploads_can_break_before_or_after_they_are_stored(client: Client, sandbox: Sandbox, kind: str, stored: list[bytes]) -> None:
    sandbox.fault(kind, 'PUT')
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        client('PUT', DATA, b'0123456789')
    assert sandbox.states(PROJECT, 'nixops-foo.json') == stored


@pytest.mark.parametrize(('when', 'expected'), [('before', [b'theirs', b'ours']), ('after', [b'ours', b'theirs'])])
def test_somebody_else_can_upload_at_the_same_time(client: Client, sandbox: Sandbox, when: str, expected: list[bytes]) -> None:
    sandbox.fault('race', 'PUT', when=when, data='theirs')
    assert client('PUT', DATA, b'ours').status == 200
    assert sandbox.states(PROJECT, 'nixops-foo.json') == expected


def test_a_lease_can_get_lost(client: Client, sandbox: Sandbox) -> None:
    lease = lock(client)['contents']['leaseId']
    sandbox.fault('lost-lock', 'GET')
    client('GET', SITE_PATH + '/states')
    assert client('POST', '/lock-leases/%s' % lease, {}).status == 404


def test_faults_can_be_queued_over_http(client: Client, sandbox: Sandbox) -> None:
    assert client('POST', '/sandbox/faults', {'kind': 'status', 'path': '.*/states', 'options': {'status': 501}}).status == 200
    assert client('POST', '/sandbox/faults', {'kind': 'nonsense'}).status == 400
    assert client('GET', SITE_PATH + '/states').status == 501
    assert [(call.method, call.with_token) for call in sandbox.service.calls][-1] == ('GET', True)


def test_the_service_can_go_away_and_come_back_with_its_data(client: Client, sandbox: Sandbox) -> None:
    client('PUT', DATA, b'kept')
    before = sandbox.url
    sandbox.hang_up()
    with pytest.raises(ConnectionRefusedError):
        client('GET', DATA)
    sandbox.listen()
    assert sandbox.url == before
    assert client('GET', DATA).body == b'kept'


def test_an_outage_refuses_everybody_for_a_while(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault('refuse', seconds=0.2)
    with pytest.raises(ConnectionError):
        client('GET', DATA)
    for _attempt in range(200):
        try:
            assert client('GET', DATA).status == 404
            break
        except ConnectionError:
            threading.Event().wait(0.05)
    else:
        pytest.fail('The server did not come back.')


def test_many_clients_at_once_get_one_version_each_and_one_lease(client: Client, sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        uploads = list(pool.map(lambda number: client('PUT', DATA, b'%d' % number).status, range(40)))
        leases = list(pool.map(lambda _number: lock(client)['tag'], range(16)))
    assert uploads == [200] * 40
    assert sorted(item['version'] for item in versions(client)) == list(range(1, 41))
    assert sorted(sandbox.states(PROJECT, 'nixops-foo.json')) == sorted(b'%d' % number for number in range(40))
    assert sorted(leases) == ['Acquired'] + ['Blocked'] * 15


def test_something_can_be_done_when_a_request_comes_in(client: Client, sandbox: Sandbox) -> None:
    sandbox.when_asked_for('/states$', lambda: sandbox.put_state(PROJECT, 'nixops-foo.json', b'just now'))
    assert client('GET', DATA).status == 404
    assert len(versions(client)) == 1
    assert len(versions(client)) == 1
