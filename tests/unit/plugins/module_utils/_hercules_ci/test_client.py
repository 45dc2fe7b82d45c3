# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the client makes of answers: of the sandbox, and of servers that do one odd thing."""

from __future__ import annotations

import contextlib
import io
import itertools
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci import client as client_module
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci import failures
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import Client
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.failures import RequestFailed

from tests.sandbox.in_process import Sandbox, Time

from .conftest import TOKEN, answer, made

STATES = '/site/github/account/neat-org/project/neat-repo/states'


@pytest.fixture
def client(sandbox: Sandbox, pauses: list[float]) -> Client:
    return made(sandbox.url, pauses)


@pytest.mark.parametrize('status', [408, 429, 500, 502, 503, 504])
def test_what_passes_is_waited_for_as_hci_does(status: int, client: Client, sandbox: Sandbox, pauses: list[float]) -> None:
    sandbox.fault('status', status=status, times=3)
    assert client.get(STATES)['stateFiles'] == {}
    assert [0.1 * 2**number <= pause <= 0.2 * 2**number for number, pause in enumerate(pauses)] == [True] * 3


@pytest.mark.parametrize('status', [400, 401, 403, 404, 501, 505])
def test_what_stays_is_not_waited_for(status: int, client: Client, sandbox: Sandbox, pauses: list[float]) -> None:
    sandbox.fault('status', status=status, times=-1)
    with pytest.raises(RequestFailed) as raised:
        client.get(STATES)
    assert raised.value.status == status == raised.value.result()['status']
    assert 'GET %s/api/v1%s' % (sandbox.url, STATES) in str(raised.value)
    assert str(status) in str(raised.value)
    assert raised.value.problems[0].remedy
    assert not pauses


def test_the_number_of_tries_has_a_bound(sandbox: Sandbox, pauses: list[float]) -> None:
    sandbox.fault('status', times=-1)
    with pytest.raises(RequestFailed, match='503 Service Unavailable'):
        made(sandbox.url, pauses, timeout=30).get(STATES)
    assert len(pauses) == client_module.TRIES - 1
    assert sum(pauses) < 60


def test_the_server_may_say_how_long_to_wait(client: Client, sandbox: Sandbox, pauses: list[float]) -> None:
    sandbox.fault('status', status=429, headers={'Retry-After': '7'})
    client.get(STATES)
    assert pauses == [7.0]
    sandbox.fault('status', status=429, headers={'Retry-After': '3600'})
    with pytest.raises(RequestFailed, match='429'):
        client.get(STATES)


@pytest.mark.parametrize(
    ('text', 'pause'),
    [
        ('Sun, 22 Nov 2026 12:00:40 GMT', 40.0),
        ('Sun, 22 Nov 2026 11:00:00 GMT', 0.15),
        ('soon', 0.15),
        ('Sun, 99 Nov 2026 11:00:00 GMT', 0.15),
        ('-1', 0.15),
        ('²', 0.15),
    ],
)
def test_until_when_to_wait_may_be_a_date(
    text: str, pause: float, sandbox: Sandbox, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, 'time', SimpleNamespace(time=lambda: 1795348800.0))  # noon of that day
    sandbox.fault('status', status=503, headers={'Retry-After': text})
    made(sandbox.url, pauses).get(STATES)
    assert pauses == [pytest.approx(pause, abs=0.06)]


def test_who_asked_is_said_where_access_is_refused(client: Client, sandbox: Sandbox) -> None:
    sandbox.service.personal_token('another')
    with pytest.raises(RequestFailed, match=r'The token was taken from the option api_token[.] Run hci login'):
        client.get(STATES)
    sandbox.service.personal_token(TOKEN)
    with pytest.raises(RequestFailed, match='that the project exists and that you have access'):
        client.get(STATES.replace('neat-repo', 'none'))


@pytest.mark.parametrize(
    ('kind', 'repeatable', 'arrivals'), [('lost-answer', False, 1), ('lost-answer', True, 2), ('reset', False, 1), ('reset', True, 2)]
)
def test_what_may_have_arrived_is_repeated_only_if_it_may(
    kind: str, repeatable: bool, arrivals: int, client: Client, sandbox: Sandbox
) -> None:
    sandbox.settings(idempotent_leases=False)
    sandbox.fault(kind, 'POST')
    path, body = STATES.replace('states', 'lock/x'), {'description': '', 'exclusive': False}
    if repeatable:
        client.post(path, body, repeatable=True)
    else:
        with pytest.raises(RequestFailed) as raised:
            client.post(path, body)
        assert raised.value.arrived
    taken = len(sandbox.leases('github/neat-org/neat-repo', 'x'))
    assert taken == arrivals if kind == 'lost-answer' else taken == arrivals - 1


def test_what_certainly_has_not_arrived_is_repeated(client: Client, sandbox: Sandbox, pauses: list[float]) -> None:
    sandbox.fault('status', 'PUT', status=429)
    client.upload(STATES.replace('states', 'state/x/data'), io.BytesIO(b'content'), 7)
    assert sandbox.states('github/neat-org/neat-repo', 'x') == [b'content']
    sandbox.hang_up()
    pauses.clear()
    with pytest.raises(RequestFailed, match='Connection refused') as raised:
        made(sandbox.url, pauses, timeout=30).post('/x')
    assert not raised.value.arrived
    assert len(pauses) == client_module.TRIES - 1


@pytest.mark.parametrize('kind', ['truncate', 'reset-in-reply'])
def test_a_broken_download_begins_again(kind: str, client: Client, sandbox: Sandbox) -> None:
    content = bytes(range(256)) * 2000
    sandbox.put_state('github/neat-org/neat-repo', 'x', content)
    sandbox.fault(kind, 'GET', '.*/data', times=2)
    target = io.BytesIO(b'something longer that was there' * 50000)
    found = client.download(STATES.replace('states', 'state/x/data'), target)
    assert target.getvalue() == content
    assert found.size == len(content)


def test_an_empty_success_is_no_content(client: Client, sandbox: Sandbox) -> None:
    """hci would overwrite its file with nothing."""
    sandbox.put_state('github/neat-org/neat-repo', 'x', b'content')
    sandbox.fault('empty', 'GET', '.*/data')
    with pytest.raises(RequestFailed, match='204'):
        client.download(STATES.replace('states', 'state/x/data'), io.BytesIO())


def test_garbage_is_not_believed(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault('garbage')
    with pytest.raises(RequestFailed, match='not valid JSON'):
        client.get(STATES)


@pytest.mark.parametrize(
    ('body', 'what'),
    [
        (b'[' * 200000, 'not valid JSON'),
        (b'<!DOCTYPE html><title>Welcome to the hotel</title>', 'not valid JSON'),
        (b' ' * 300000, 'more than 250000 bytes'),
    ],
    ids=['deep', 'page', 'huge'],
)
def test_answers_that_nobody_expects(
    body: bytes, what: str, serve: Callable[..., str], pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, 'LARGEST_JSON', 250000)
    with pytest.raises(RequestFailed, match=what):
        made(serve(lambda handler: answer(handler, body)), pauses).get('/x')
    assert not pauses


def test_a_refusal_with_a_hostile_body(serve: Callable[..., str], pauses: list[float]) -> None:
    url = serve(lambda handler: answer(handler, b'[' * 60000, 400))
    with pytest.raises(RequestFailed, match='400 Bad Request'):
        made(url, pauses).get('/x')


@pytest.mark.parametrize('length', ['5', '999999999'], ids=['breaks off', 'huge'])
def test_a_refusal_whose_body_cannot_be_read(length: str, serve: Callable[..., str], pauses: list[float]) -> None:
    """That does not hide the refusal."""
    def refuse(handler: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            answer(handler, b'no' if length == '5' else b' ' * 200000, 403, Content_Length=length)
        handler.close_connection = True
    with pytest.raises(RequestFailed, match='Hercules CI answered 403'):
        made(serve(refuse), pauses).get('/x')


def test_a_compressed_download_is_not_stored(serve: Callable[..., str], pauses: list[float]) -> None:
    url = serve(lambda handler: answer(handler, b'\x1f\x8b\x08', Content_Encoding='gzip'))
    target = io.BytesIO()
    assert made(serve(partial(answer, Content_Encoding='Identity')), pauses).get('/x') == {}
    with pytest.raises(RequestFailed, match='compressed, as gzip'):
        made(url, pauses).download('/x', target)
    assert target.getvalue() == b''


def test_a_server_that_sends_a_byte_now_and_then(serve: Callable[..., str], pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Never silent for as long as the timeout, and never done."""
    seconds = itertools.count(step=4)
    monkeypatch.setattr(client_module, 'time', SimpleNamespace(monotonic=lambda: next(seconds), sleep=time.sleep))

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b' ')

    monkeypatch.setattr(client_module, 'BLOCK', 1)
    with pytest.raises(RequestFailed, match='only 2 bytes came in 8 seconds'):
        made(serve(trickle), pauses).get('/x')
    assert not pauses  # twice the timeout is over by then


def test_a_server_that_is_silent_is_asked_for_twice_the_timeout(serve: Callable[..., str], pauses: list[float]) -> None:
    """However often that is, and whatever the timeout."""
    done = threading.Event()
    url = serve(lambda _handler: done.wait(10))
    client = made(url, pauses, timeout=1)
    for seconds, least, most in ((60, 1.5, 2.5), (0.5, 0.4, 1.4)):
        started = time.monotonic()
        with pytest.raises(RequestFailed, match='did not answer'):
            client.within(seconds).get('/x')
        assert least < time.monotonic() - started < most
    done.set()


def test_a_server_that_sends_its_head_line_by_line_for_ever(serve: Callable[..., str], pauses: list[float]) -> None:
    done = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b'HTTP/1.1 200 OK\r\n')
        with contextlib.suppress(OSError):
            while not done.wait(0.1):
                handler.wfile.write(b'X')

    started = time.monotonic()
    with pytest.raises(RequestFailed, match='did not answer'):
        made(serve(trickle), pauses, timeout=1).within(1).get('/x')
    assert time.monotonic() - started < 3
    done.set()


def test_a_server_may_ask_for_a_minute_in_all(client: Client, sandbox: Sandbox, pauses: list[float]) -> None:
    sandbox.fault('status', status=429, headers={'Retry-After': '25'}, times=-1)
    with pytest.raises(RequestFailed, match='429'):
        client.get(STATES)
    assert pauses == [25.0, 25.0]
    with pytest.raises(RequestFailed, match='429'):
        client.within(20).get(STATES)
    assert pauses == [25.0, 25.0]


@pytest.mark.parametrize(
    ('body', 'expected', 'found'),
    [
        (b'{"a": [{"c": 1}]}', 'a field a[0].b', 'no such field'),
        (b'{"a": [{"b": "x"}, {"b": null}]}', 'text as a[1].b', 'null'),
        (b'', 'an object', 'nothing'),
        (b'3.5', 'an object', 'a fraction'),
    ],
)
def test_a_field_that_is_missing_is_named(body: bytes, expected: str, found: str, serve: Callable[..., str], pauses: list[float]) -> None:
    url = serve(lambda handler: answer(handler, body))
    with pytest.raises(RequestFailed) as raised:
        made(url, pauses).get('/x', form={'a': [{'b': str}]})
    said = 'Where: GET %s/api/v1/x. Expected: %s. Found: %s.' % (url, expected, found)
    assert str(raised.value).startswith('The answer of Hercules CI does not have the expected form. ' + said)


def test_an_upload_that_is_taken_too_slowly_ends(
    client: Client, sandbox: Sandbox, pauses: list[float], monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Something is taken now and then, but all of it would take for ever."""
    clock = Time()
    monkeypatch.setattr(client_module, 'time', clock)

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            clock.sleep(30)
            return super().read(size)

    size = 1_000_000
    with pytest.raises(RequestFailed, match=r'did not answer.* Found: only \d+ bytes were taken in \d+ seconds') as raised:
        client.upload(STATES.replace('states', 'state/x/data'), Slow(bytes(size)), size)
    assert raised.value.arrived, 'as far as anybody knows'
    assert not pauses
    assert sandbox.states('github/neat-org/neat-repo', 'x') == []


@pytest.mark.parametrize(('header', 'expected'), [
    ('Mon, 30 Nov 2026 15:00:00 GMT', datetime(2026, 11, 30, 15, tzinfo=timezone.utc)),
    ('Mon, 30 Nov 2026 16:00:00 +0100', datetime(2026, 11, 30, 15, tzinfo=timezone.utc)),
    ('Mon, 99 Nov 2026 15:00:00 GMT', None), ('soon', None), ('', None),
])
def test_the_clock_of_the_service_is_what_its_last_answer_says(
    header: str, expected: datetime | None, serve: Callable[..., str], pauses: list[float],
) -> None:
    def dated(handler: BaseHTTPRequestHandler) -> None:
        with patch.object(handler, 'date_time_string', return_value=header):
            answer(handler)

    client = made(serve(dated), pauses)
    assert client.clock() is None, 'it has said nothing yet'
    client.within(5).get('/x')
    assert client.clock() == expected
