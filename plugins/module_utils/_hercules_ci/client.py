# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Requests to Hercules CI: JSON in both directions, files in both directions, and what to do when one fails.

A request that only reads is repeated as `hci` does, but not for ever: whoever is silent, or says that they cannot, is asked for as long
again as they may be silent. One that changes something is repeated only where the caller says that it may arrive twice, or where it
certainly has not arrived once.
"""

from __future__ import annotations

import copy
import hashlib
import http.client
import json
import math
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import IO, Any, Callable, TypeVar
from urllib.parse import urlencode, urlsplit

from .._files import room_for_temporary_files
from .._numbers import require_sensible_numbers
from .._problems import Problem
from .answers import mismatch
from .credentials import Token, find_token
from .failures import HIDDEN, LONGEST_PAUSE, RequestFailed, Truncated, misshapen, refused, unanswered
from .transport import checked_base_url, make_opener

DEFAULT_BASE_URL = 'https://hercules-ci.com'
TRIES = 8
"""How often a request is sent at most; the pauses between add up to about twenty seconds."""
BLOCK = 1 << 16
LARGEST_JSON = 1 << 26
"""Bytes of an answer that is read into memory."""
SLOWEST = 1000
"""Bytes a second on average, after as many seconds as a silence may last: a server that sends less could send for ever."""
Result = TypeVar('Result')


@dataclass(frozen=True)
class Downloaded:
    """What came: the number of bytes, and their SHA-256 in lower-case hexadecimal."""

    size: int
    sha256: str


def connect(options: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Client:
    """A client made from the connection options (see _argspec); what is None there is found as `hci` finds it.

    options: they, among all of a module's. Raises Failure with what is wrong with them, or with any number beside them.
    """
    require_sensible_numbers(options)
    environment = os.environ if environment is None else environment
    base_url = find_base_url(options.get('api_base_url'), environment)
    token = find_token(urlsplit(base_url).hostname or '', options.get('api_token'), options.get('credentials_file'), environment)
    opener = make_opener(options.get('validate_certs') is not False, options.get('ca_path'))
    return Client(base_url, token, opener, float(options.get('timeout') or 30))


def find_base_url(api_base_url: str | None, environment: Mapping[str, str]) -> str:
    """Where Hercules CI answers: by the option, else by the environment, else the hosted service."""
    if api_base_url:
        return checked_base_url(api_base_url, 'api_base_url')
    variable = 'HERCULES_CI_API_BASE_URL'
    return checked_base_url(environment.get(variable) or DEFAULT_BASE_URL, 'the environment variable %s' % variable)


class Client:
    """Talks to one Hercules CI as one user. All methods raise RequestFailed."""

    def __init__(
        self,
        base_url: str,
        token: Token,
        opener: urllib.request.OpenerDirector,
        timeout: float = 30.0,
    ) -> None:
        self.base_url = base_url
        self._token = token
        self._opener = opener
        self.timeout = timeout
        self.sleep: Callable[[float], None] = time.sleep
        self._until = math.inf
        self._heard: dict[str, str] = {}  # the same for all copies

    def clock(self) -> datetime | None:
        """What the clock of Hercules CI said in its last answer; None where it has not told."""
        try:
            return parsedate_to_datetime(self._heard.get('Date', '')).astimezone(timezone.utc)
        except (TypeError, ValueError):
            return None

    def within(self, seconds: float) -> Client:
        """The same, but whatever is asked comes within so many seconds from now or not at all."""
        client = copy.copy(self)
        client._until = min(self._until, time.monotonic() + seconds)
        return client

    def get(self, path: str, query: Mapping[str, Any] | None = None, form: Any = object) -> Any:
        """The JSON at a path below /api/v1, of this form; what is None in the query is left out, a list is repeated."""
        return self._repeat(lambda client: client._json('GET', path, query, form=form), repeatable=True)

    def post(
        self, path: str, body: Any = None, query: Mapping[str, Any] | None = None, repeatable: bool = False, form: Any = object
    ) -> Any:
        """Send JSON and return the JSON that is answered, None when that is empty. repeatable: whether it may arrive twice."""
        return self._repeat(lambda client: client._json('POST', path, query, body, form), repeatable)

    def delete(self, path: str) -> None:
        """Delete what is at a path: asked twice, the second answer may be 404. What a success has to say is of no interest."""
        self._repeat(lambda client: client._delete(path), repeatable=True)

    def download(self, path: str, target: IO[bytes], query: Mapping[str, Any] | None = None) -> Downloaded:
        """Write the file at a path to the seekable target from its start, and from there again whenever the connection breaks."""
        return self._repeat(lambda client: client._download(path, target, query), repeatable=True)

    def upload(self, path: str, source: IO[bytes], size: int) -> None:
        """Send size bytes of the seekable source from its start. They arrive at most once; after a failure look at its `arrived`."""
        self._repeat(lambda client: client._upload(path, source, size), repeatable=False)

    def _json(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None, form: Any = object) -> Any:
        headers = {'Accept': 'application/json'}
        if method == 'POST':
            headers['Content-Type'] = 'application/json'
        data = json.dumps(body).encode() if body is not None else b'' if method == 'POST' else None
        with self._exchange(method, path, query, data, headers) as answer:
            text = self._read(answer, LARGEST_JSON)
        try:
            found = json.loads(text) if text.strip() else None
        except (ValueError, RecursionError):
            remedy = 'Check that %s is the address of Hercules CI, and that no proxy answers in its stead' % self.base_url
            raise RequestFailed(Problem('The answer is not valid JSON.', self._request(method, path), remedy=remedy), 200) from None
        wrong = mismatch(found, form)
        if wrong:
            raise misshapen(self._request(method, path), wrong.expected, wrong.found if text.strip() else 'nothing')
        return found

    def _delete(self, path: str) -> None:
        with self._exchange('DELETE', path, None, None, {'Accept': 'application/json'}):
            pass

    def _download(self, path: str, target: IO[bytes], query: Mapping[str, Any] | None) -> Downloaded:
        target.seek(0)
        target.truncate()
        digest, size = hashlib.sha256(), 0
        with self._exchange('GET', path, query, None, {'Accept': 'application/octet-stream'}) as answer:
            for block in self._blocks(answer):
                with room_for_temporary_files():  # that there is none is not the server's fault
                    target.write(block)
                digest.update(block)
                size += len(block)
        target.flush()
        return Downloaded(size, digest.hexdigest())

    def _upload(self, path: str, source: IO[bytes], size: int) -> None:
        source.seek(0)
        headers = {'Content-Type': 'application/octet-stream', 'Content-Length': str(size)}
        with self._exchange('PUT', path, None, _InTime(source, self.timeout), headers):
            pass  # the reply is empty

    @contextmanager
    def _exchange(
        self, method: str, path: str, query: Mapping[str, Any] | None, data: Any, headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request and give its answer if that is a success; whatever goes wrong until it has been read is a RequestFailed."""
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        url = '%s/api/v1%s%s' % (self.base_url, path, '?' + urlencode(wanted, doseq=True) if wanted else '')
        request = urllib.request.Request(url, data, {**headers, 'User-Agent': 'nixcd.hercules_ci'}, method=method)  # noqa: S310 checked_base_url
        request.add_header('Authorization', 'Bearer ' + self._token.value)
        try:
            with self._opener.open(request, timeout=max(0.1, min(self.timeout, self._until - time.monotonic()))) as answer:
                self._heard['Date'] = answer.headers.get('Date') or ''
                if method == 'GET' and answer.status != 200:  # an empty success is no content: hci would store an empty file
                    raise self._refused(method, path, answer.status, answer.headers, b'')
                if answer.headers.get('Content-Encoding', 'identity').lower() != 'identity':  # nobody has asked for it
                    raise ValueError('The answer is compressed, as %s' % answer.headers['Content-Encoding'])
                yield answer
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(method, path, error.code, error.headers, self._body(error)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            proxy = request.host if request.host != urlsplit(url).netloc else ''  # urllib puts the one that it asks in the host's place
            raise unanswered(self._request(method, path), self.base_url, error, self._token.value, proxy) from None

    def _blocks(self, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        """The rest of an answer, as it comes. Raises what the connection raises, Truncated, or TimeoutError when it comes too slowly."""
        missing, size, started = answer.length, 0, time.monotonic()
        while missing is None or size < missing:
            block = answer.read1(BLOCK)
            if not block:
                break
            size += len(block)
            now = time.monotonic()
            seconds = now - started
            if seconds > self.timeout + size / SLOWEST or now > self._until:
                raise TimeoutError('only %d bytes came in %d seconds' % (size, seconds))
            yield block
        if missing is not None and size < missing:  # http.client says nothing about it
            raise Truncated('%d bytes are missing' % (missing - size))

    def _read(self, answer: http.client.HTTPResponse, largest: int) -> bytes:
        text = bytearray()
        for block in self._blocks(answer):
            text += block
            if len(text) > largest:
                raise ValueError('The answer has more than %d bytes' % largest)
        return bytes(text)

    def _body(self, error: urllib.error.HTTPError) -> bytes:
        """What an answer other than success has to say for itself; nothing if that is hard to read."""
        try:
            return self._read(error.fp, BLOCK) if isinstance(error.fp, http.client.HTTPResponse) else b''
        except (OSError, http.client.HTTPException, ValueError):
            return b''

    def _repeat(self, attempt: Callable[[Client], Result], repeatable: bool) -> Result:
        client, tried, arrived, asked_to_wait = self, 1, False, 0.0
        until = time.monotonic() + 2 * self.timeout
        while True:
            try:
                return attempt(client)
            except RequestFailed as failure:
                failure.repeated, arrived = arrived, arrived or failure.arrived
                pause = failure.pause(tried)
                if tried == TRIES or pause is None or (failure.arrived and not repeatable):
                    raise
                asked_to_wait += failure.retry_after or 0.0
                left = min(until + asked_to_wait, self._until) - time.monotonic()
                if pause >= left or asked_to_wait > LONGEST_PAUSE:
                    raise
            self.sleep(pause)
            tried += 1
            client = copy.copy(self)
            client.timeout = min(self.timeout, left - pause)

    def _refused(self, method: str, path: str, status: int, headers: Any, body: bytes) -> RequestFailed:
        location = (headers.get('Location') or '').replace(self._token.value, HIDDEN)  # in case the other side repeats what it was sent
        return refused(
            self._request(method, path),
            self.base_url,
            token_source=self._token.source,
            status=status,
            headers={'Location': location, 'Retry-After': headers.get('Retry-After')},
            body=body.replace(self._token.value.encode(), HIDDEN.encode()),
        )

    def _request(self, method: str, path: str) -> str:
        return '%s %s/api/v1%s' % (method, self.base_url, path)


class _InTime:
    """A file that is read as fast as its bytes are sent; TimeoutError when that would take for ever."""

    def __init__(self, file: IO[bytes], patience: float) -> None:
        self._file, self._patience = file, patience
        self._size, self._started = 0, time.monotonic()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if time.monotonic() - self._started > self._patience + self._size / SLOWEST:
            raise TimeoutError('only %d bytes were taken in %d seconds' % (self._size, time.monotonic() - self._started))
        block = self._file.read(size)
        self._size += len(block)
        return block
