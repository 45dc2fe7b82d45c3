# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox without a network: what is a socket for its client is answered in the client's own thread, in a time that is only counted."""

from __future__ import annotations

import io
import socket
from typing import Any

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


class Server:
    """What the handler of a request knows of its server."""

    def __init__(self, service: Service) -> None:
        self.service = service


class Wire:
    """A connection as its client sees it. The request is answered when the client begins to read."""

    def __init__(self, service: Service, time: Time, timeout: float) -> None:
        self._service, self._time, self._timeout = service, time, timeout
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
