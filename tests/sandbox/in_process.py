# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox without a network: what is a socket for its client is answered in the client's own thread, in a time that is only counted.

`with Sandbox(tmp_path) as sandbox: …`
"""

from __future__ import annotations

import contextlib
import http.client
import io
import itertools
import math
import socket
from pathlib import Path
from typing import Any
from unittest import mock

from tests.sandbox import faults
from tests.sandbox.controls import Controls
from tests.sandbox.service import Service
from tests.sandbox.web import Handler


class Time:
    """Stands in for the module time, on both sides: who sleeps, and who waits for the other side, goes on at once, later."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Sandbox(Controls):
    """A local Hercules CI that only this process can reach, by what asks over HTTP with Python's own library."""

    ports = itertools.count(1)  # at which nobody listens

    def __init__(self, data: Path, token: str | None = None, **changes: Any) -> None:
        super().__init__(data, token, **changes)
        self.time = Time()
        self.service.base_url = 'http://127.0.0.1:%d' % next(self.ports)
        self._listens = False
        self._patches = contextlib.ExitStack()

    def __enter__(self) -> Sandbox:
        connect = http.client.HTTPConnection.connect

        def connect_here(connection: http.client.HTTPConnection) -> None:
            if 'http://%s:%d' % (connection.host, connection.port) != self.url:
                connect(connection)
            elif self._listens:
                connection.sock = Wire(self.service, self.time, connection.timeout)
            else:
                raise ConnectionRefusedError(111, 'Connection refused')

        self._patches.enter_context(mock.patch.object(http.client.HTTPConnection, 'connect', connect_here))
        self._patches.enter_context(mock.patch.object(faults, 'time', self.time))
        return super().__enter__()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self._patches.close()

    def listen(self) -> None:
        self._listens = True

    def hang_up(self) -> None:
        self._listens = False


class Server:
    """What the handler of a request knows of its server."""

    def __init__(self, service: Service) -> None:
        self.service = service


class Wire:
    """A connection as its client sees it. The request is answered when the client begins to read."""

    def __init__(self, service: Service, time: Time, timeout: Any) -> None:
        self._service, self._time = service, time
        self._timeout = timeout if isinstance(timeout, (float, int)) else math.inf  # the default is an object of its own
        self._sent = bytearray()

    def sendall(self, data: Any) -> None:
        self._sent += bytes(data)

    def settimeout(self, seconds: float) -> None:
        self._timeout = seconds

    def setsockopt(self, *_arguments: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def makefile(self, *_arguments: Any) -> io.BufferedReader:
        end = _End(bytes(self._sent))
        before = self._time.now
        handler: Any = Handler
        handler(end, ('client', 0), Server(self._service))
        if self._time.now - before > self._timeout:  # of which no part came in time, as far as anybody can tell who has stopped to listen
            self._time.now = before + self._timeout
            return io.BufferedReader(_Reply(b'', socket.timeout('timed out')))
        return io.BufferedReader(_Reply(bytes(end.written), ConnectionResetError(104, 'Connection reset by peer') if end.reset else None))


class _End:
    """The same connection as the server sees it."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.written = bytearray()
        self.reset = False

    def makefile(self, *_arguments: Any) -> io.BytesIO:
        return io.BytesIO(self._request)

    def sendall(self, data: Any) -> None:
        self.written += bytes(data)

    def setsockopt(self, _level: int, option: int, _value: Any) -> None:
        self.reset = self.reset or option == socket.SO_LINGER

    def close(self) -> None:
        pass


class _Reply(io.RawIOBase):
    """What the client reads; at its end comes what broke the connection, if something did."""

    def __init__(self, data: bytes, error: OSError | None) -> None:
        self._data, self._error = io.BytesIO(data), error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._data.read(len(buffer))
        if not block and self._error:
            raise self._error
        buffer[:len(block)] = block
        return len(block)
