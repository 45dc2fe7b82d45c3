# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests over real connections: to the sandbox, and to servers that do one odd thing."""

from __future__ import annotations

import contextlib
import io
import itertools
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci import client as client_module
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci import failures
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import Client, connect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.failures import RequestFailed
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.transport import make_opener
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure

from tests.sandbox.server import Sandbox

TOKEN = 'a-token-that-must-not-be-seen'
STATES = '/site/github/account/neat-org/project/neat-repo/states'


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / 'sandbox', token=TOKEN) as running:
        running.add_project('github/neat-org/neat-repo')
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(sandbox: Sandbox, pauses: list[float]) -> Client:
    return made(sandbox.url, pauses)


def made(url: str, pauses: list[float], **options: Any) -> Client:
    found = connect({'api_base_url': url, 'api_token': TOKEN, 'timeout': 5, **options}, {})
    found.sleep = pauses.append
    return found


def answer(handler: BaseHTTPRequestHandler, body: bytes = b'{}', status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {'Content-Length': str(len(body)), **headers}.items():
        handler.send_header(name.replace('_', '-'), value)
    handler.end_headers()
    handler.wfile.write(body)


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


def test_an_upload_that_is_refused_before_it_was_read(serve: Callable[..., str], pauses: list[float]) -> None:
    """What the server has said is read although the rest could not be sent."""
    size = 50_000_000

    def refuse(handler: BaseHTTPRequestHandler) -> None:
        answer(handler, status=413)
        handler.close_connection = True

    with pytest.raises(RequestFailed, match=r'answered 413 .*for a higher limit') as raised:
        made(serve(refuse), pauses).upload('/x', io.BytesIO(bytes(size)), size)
    assert not raised.value.arrived
    assert not pauses


def test_a_success_before_all_was_read_is_none(serve: Callable[..., str], pauses: list[float]) -> None:
    def hasty(handler: BaseHTTPRequestHandler) -> None:
        answer(handler)
        handler.close_connection = True

    with pytest.raises(RequestFailed, match='did not answer') as raised:
        made(serve(hasty), pauses).upload('/x', io.BytesIO(bytes(50_000_000)), 50_000_000)
    assert raised.value.arrived


def test_a_proxy_that_is_gone_is_named(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(socket.create_server(('127.0.0.1', 0))) as listener:
        port = listener.getsockname()[1]
    monkeypatch.delenv('no_proxy', raising=False)
    for scheme in ('http', 'https'):
        monkeypatch.setenv(scheme + '_proxy', 'http://user:word@127.0.0.1:%d' % port)
        with pytest.raises(RequestFailed, match='^The proxy 127.0.0.1:%d does not answer, so' % port) as raised:
            made(scheme + '://ci.example', pauses).get('/x')
        assert 'word' not in str(raised.value)


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


@pytest.mark.parametrize(
    ('url', 'what'),
    [
        ('http://[x', 'Invalid IPv6'),
        ('http://host:abc', "'abc'"),
        ('http://host:99999', 'out of range'),
        ('http://.example', 'label empty'),
        ('http://' + 'a' * 70, 'too long'),
        ('https://host/ä', 'ascii'),
        ('https://host/\x7f', 'more than a host'),
        ('https://host\0', 'more than a host'),
        ('https://user:word@host', 'a user or a password'),
        ('hercules-ci.com', 'does not start with https'),
    ],
)
def test_addresses_that_are_none(url: str, what: str, pauses: list[float]) -> None:
    with pytest.raises(Failure, match=what) as raised:
        made(url, pauses)
    assert 'word' not in str(raised.value).replace('password', '')


def test_redirections_that_lead_nowhere(serve: Callable[..., str], pauses: list[float]) -> None:
    for location in ('/x', 'http://[', 'file:///etc/passwd'):
        url = serve(lambda handler, location=location: answer(handler, status=302, Location=location))
        with pytest.raises(RequestFailed):
            made(url, pauses).get('/x')
    assert not pauses


def test_the_token_goes_to_nobody_else(serve: Callable[..., str], pauses: list[float]) -> None:
    """hci sends it along."""
    seen: list[str | None] = []

    def storage(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers.get('Authorization'))
        answer(handler, b'{"here": 1}')

    elsewhere = serve(storage)
    url = serve(lambda handler: answer(handler, status=302, Location=elsewhere + '/bucket'))
    assert made(url, pauses).get('/x') == {'here': 1}
    assert seen == [None]


@pytest.mark.parametrize(
    ('before', 'after', 'with_token'),
    [
        ('http://ci.example/a', 'https://ci.example/b', True),
        ('http://ci.example:80/a', 'https://ci.example:443/b', True),
        ('https://ci.example/a', 'https://CI.example:443/b', True),
        ('http://ci.example:8080/a', 'http://ci.example:8080/b', True),
        ('http://ci.example:8080/a', 'https://ci.example/b', False),
        ('http://ci.example/a', 'https://ci.example:8443/b', False),
        ('https://ci.example/a', 'https://ci.example:8443/b', False),
        ('https://ci.example/a', 'https://ci.example.evil/b', False),
        ('https://ci.example/a', 'https://ci.example@evil.example/b', False),
        ('http://ci.example/a', 'https://storage.example/b', False),
    ],
)
def test_the_token_stays_with_its_server(before: str, after: str, with_token: bool) -> None:
    request = urllib.request.Request(before, headers={'Authorization': 'Bearer ' + TOKEN})
    (redirects,) = (each for each in make_opener(True, None).handlers if isinstance(each, urllib.request.HTTPRedirectHandler))
    following = redirects.redirect_request(request, io.BytesIO(), 302, 'Found', HTTPMessage(), after)
    assert following is not None
    assert following.has_header('Authorization') == with_token


def test_no_step_back_to_http() -> None:
    (redirects,) = (each for each in make_opener(True, None).handlers if isinstance(each, urllib.request.HTTPRedirectHandler))
    request = urllib.request.Request('https://ci.example/a')
    assert redirects.redirect_request(request, io.BytesIO(), 302, 'Found', HTTPMessage(), 'http://ci.example/b') is None


def test_writing_follows_no_redirection(serve: Callable[..., str], pauses: list[float]) -> None:
    url = serve(lambda handler: answer(handler, status=302, Location='http://elsewhere.example/?signature=secret'))
    with pytest.raises(RequestFailed, match=r'redirects to: http://elsewhere[.]example/') as raised:
        made(url, pauses).post('/x', {})
    assert 'secret' not in str(raised.value)
    assert not raised.value.arrived


def test_a_server_that_repeats_the_token(serve: Callable[..., str], pauses: list[float]) -> None:
    url = serve(lambda handler: answer(handler, b'{"errorTags": [], "message": "who is %s?"}' % TOKEN.encode(), 400))
    with pytest.raises(RequestFailed, match=r'who is \*+\?') as raised:
        made(url, pauses).get('/x')
    assert TOKEN not in repr(raised.value.result())
    url = serve(lambda handler: answer(handler, status=302, Location='http://user:word@elsewhere.example/login/%s' % TOKEN))
    with pytest.raises(RequestFailed, match=r'redirects to: \S+@elsewhere[.]example/login/\*+[.]') as raised:
        made(url, pauses).post('/x', {})
    assert TOKEN not in repr(raised.value.result())
    assert 'user:word' not in repr(raised.value.result())
    url = serve(lambda handler: handler.wfile.write(b'who is %s?\r\n%s' % (TOKEN.encode(), b'\r\n' * 500)))
    with pytest.raises(RequestFailed, match=r'who is \*+\? To do') as raised:
        made(url, pauses).get('/x')
    assert TOKEN not in repr(raised.value.result())


def test_a_proxy_from_the_environment(serve: Callable[..., str], pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def proxy(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        answer(handler)

    monkeypatch.setenv('http_proxy', serve(proxy))
    monkeypatch.delenv('no_proxy', raising=False)
    assert made('http://ci.example', pauses).get('/x') == {}
    assert asked == ['http://ci.example/api/v1/x']
    url = serve(answer)
    monkeypatch.setenv('no_proxy', 'localhost')
    assert made(url, pauses).get('/x') == {}
    assert len(asked) == 1


@pytest.mark.parametrize('proxy', ['http:/user:pass-word@proxy', 'http://user:pass-word@localhost:1', 'socks5://user:pass-word@localhost:1'])
def test_the_password_of_a_proxy_is_not_shown(proxy: str, pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('http_proxy', proxy)
    monkeypatch.delenv('no_proxy', raising=False)
    with pytest.raises(RequestFailed, match='the proxy in the environment') as raised:
        made('http://ci.example', pauses).get('/x')
    assert 'pass-word' not in repr(raised.value.result())


def test_a_proxy_that_refuses(serve: Callable[..., str], pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('http_proxy', serve(lambda handler: answer(handler, status=407)))
    monkeypatch.delenv('no_proxy', raising=False)
    with pytest.raises(RequestFailed, match=r'407 .* Check the user and the password in http_proxy'):
        made('http://ci.example', pauses).get('/x')


def test_https_where_only_http_is_spoken(serve: Callable[..., str], pauses: list[float]) -> None:
    url = serve(answer).replace('http:', 'https:')
    with pytest.raises(RequestFailed) as raised:
        made(url, pauses).get('/x')
    assert 'Hercules CI does not speak TLS at this address.' in str(raised.value)
    assert 'With %s, everybody on the way could read the token' % url.replace('https:', 'http:') in str(raised.value)
    assert 'SSL:' not in str(raised.value)
    assert not pauses


def test_certificates(serve: Callable[..., str], pauses: list[float], tmp_path: Path) -> None:
    key, certificate = tmp_path / 'key.pem', tmp_path / 'certificate.pem'
    command = ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=localhost']
    names = ['-addext', 'subjectAltName=DNS:localhost', '-keyout', str(key), '-out', str(certificate)]
    subprocess.run(command + names, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    url = serve(answer, context)
    with pytest.raises(RequestFailed, match='certificate of Hercules CI is not valid') as raised:
        made(url, pauses).get('/x')
    assert 'ca_path' in str(raised.value)
    assert not pauses
    assert made(url, pauses, ca_path=str(certificate)).get('/x') == {}
    assert made(url, pauses, validate_certs=False).get('/x') == {}
    with pytest.raises(RequestFailed, match='not valid'):
        made(url.replace('localhost', '127.0.0.1'), pauses, ca_path=str(certificate)).get('/x')
