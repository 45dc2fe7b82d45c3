# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""One HTTP exchange: proxies, certificates and redirects. What an answer means, and whether to ask again, is the client's business."""

from __future__ import annotations

import functools
import http.client
import re
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .._problems import fail

BROKEN = (ConnectionError, socket.timeout, ssl.SSLEOFError, ssl.SSLZeroReturnError)
PORTS = {'http': 80, 'https': 443}


def checked_base_url(text: str, where: str) -> str:
    """The address without a slash at its end. hci takes one without a scheme as plain http, which would show the token: refused."""
    expected = 'https://HOST, as in https://hercules-ci.com'
    try:
        parts = urlsplit(text)
        _usable = parts.port, (parts.hostname or '').encode('idna'), parts.path.encode('ascii')  # each may say why it is not
    except ValueError as error:
        # What the error says may repeat the part of the address that a password was taken for.
        found = '%s: %s' % (_shown(text), error) if _shown(text) == text else _shown(text)
        raise fail('The address of Hercules CI is not valid.', where=where, expected=expected, found=found) from None
    if parts.username is not None or parts.password is not None:
        raise fail('The address of Hercules CI holds a user or a password.', where=where, expected=expected, remedy='Use api_token')
    if parts.scheme not in ('http', 'https') or not parts.hostname:
        raise fail('The address of Hercules CI does not start with https://.', where=where, expected=expected, found=_shown(text))
    if parts.query or parts.fragment or not text.isprintable() or ' ' in text:
        raise fail('The address of Hercules CI has more than a host and a path.', where=where, expected=expected, found=_shown(text))
    return text.rstrip('/')


def _shown(text: str) -> str:
    """An address for a message, without what may be a password or a token in it."""
    if text.isprintable() and not set(text) & set('@?#'):
        return text
    host = re.split('[/:?#]', text.partition('://')[2].rpartition('@')[2], maxsplit=1)[0]
    return '%s, and more that is not shown' % (host if host.isprintable() and host else 'a host')


def make_opener(validate_certs: bool, ca_path: str | None) -> urllib.request.OpenerDirector:
    """What opens connections. Proxies come from the environment."""
    trust = functools.cache(functools.partial(_trust, validate_certs, ca_path))
    if ca_path is not None:
        trust()  # a file that cannot be read is told before anything is asked
    return urllib.request.build_opener(_HTTP(), _HTTPS(trust), _Redirects())


def _trust(validate_certs: bool, ca_path: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_path)
    except (OSError, ValueError) as error:  # ssl.SSLError is the former, a path with a null byte the latter
        raise fail(
            'The certificates of the authorities to trust cannot be read.',
            where='ca_path: %s' % ca_path,
            expected='a file in PEM format',
            found=str(getattr(error, 'strerror', None) or error),
        ) from None
    if not validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _Connection(http.client.HTTPConnection):
    """Where a request cannot be sent to its end, because the server has said all that it wants to say and left, listen to that."""

    _broken: OSError | None = None

    def endheaders(self, message_body: Any = None, *, encode_chunked: bool = False) -> None:
        try:
            super().endheaders(message_body, encode_chunked=encode_chunked)
        except BROKEN as error:
            if self.sock is None:  # there is no connection
                raise
            self._broken = error
            self.sock.settimeout(1.0)  # what was said is here already

    def getresponse(self) -> http.client.HTTPResponse:
        if self._broken is None:
            return self._answer()
        try:
            answer = super().getresponse()
        except (OSError, http.client.HTTPException):
            raise urllib.error.URLError(self._broken) from None
        if answer.status < 300:  # of a request that has not arrived whole
            raise urllib.error.URLError(self._broken)
        return answer

    def _answer(self) -> http.client.HTTPResponse:
        """The answer without its body. The timeout of a socket is for each of its bytes; here it is for all lines of the head."""
        late = threading.Event()

        def hang_up(connection: socket.socket) -> None:
            late.set()
            connection.shutdown(socket.SHUT_RDWR)

        patience = threading.Timer(self.timeout or 0.0, hang_up, (self.sock,))
        patience.daemon = True
        patience.start()
        try:
            answer = super().getresponse()
        except (OSError, http.client.HTTPException):
            if not late.is_set():
                raise
        finally:
            patience.cancel()
        if late.is_set():  # the end may look like one
            raise socket.timeout('timed out')
        return answer


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    """The same with TLS."""


class _HTTP(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _HTTPS(urllib.request.HTTPSHandler):
    """Asks whom to trust when the first connection needs it: to read a system's certificates takes as long as several requests."""

    def __init__(self, trust: Callable[[], ssl.SSLContext]) -> None:
        super().__init__(context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # without one it would read them itself since Python 3.12
        self._trust = trust

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req, context=self._trust())


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows where a reading request is sent on to, but takes the token to no other server and never from https to http.

    The same server is the same host and port, or the step from http to https on their own ports.
    """

    def redirect_request(self, req: urllib.request.Request, *details: Any) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(details[-1])
        downgraded = before.scheme == 'https' and after.scheme != 'https'
        if req.get_method() != 'GET' or downgraded or after.scheme not in ('http', 'https'):
            return None  # then the answer is an error with its status
        request = super().redirect_request(req, *details)
        if request is not None and not _same_server(before, after):
            request.remove_header('Authorization')
        return request


def _same_server(before: SplitResult, after: SplitResult) -> bool:
    ports = tuple(parts.port or PORTS.get(parts.scheme) for parts in (before, after))
    if before.hostname != after.hostname or not after.hostname:
        return False
    if before.scheme == after.scheme:
        return ports[0] == ports[1]
    return (before.scheme, after.scheme) == ('http', 'https') and ports == (PORTS['http'], PORTS['https'])
