# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses, redirections, proxies and certificates, over real connections."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Callable
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.failures import RequestFailed
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.transport import make_opener
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure

from .conftest import TOKEN, answer, made


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


def test_an_upload_that_is_cut_off_without_a_word(serve: Callable[..., str], pauses: list[float]) -> None:
    """What broke while it was sent is told, not that nothing could be read afterwards."""
    def silent(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    with pytest.raises(RequestFailed, match=r'did not answer.* Found: .*(Broken pipe|Connection reset by peer)') as raised:
        made(serve(silent), pauses).upload('/x', io.BytesIO(bytes(50_000_000)), 50_000_000)
    assert raised.value.arrived
    assert not pauses


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
