# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP server, which misbehaves when a fault says so."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.sandbox import faults
from tests.sandbox.messages import Reply

if TYPE_CHECKING:
    from tests.sandbox.service import Service

CHUNK = 65536


class Handler(BaseHTTPRequestHandler):
    """One connection. How a request is answered is up to the fault that applies to it, if any."""

    protocol_version = 'HTTP/1.1'
    server: Server

    def log_request(self, *_arguments: Any) -> None:
        """Requests are recorded as they come in, for some are never answered."""

    def _answer(self) -> None:
        service = self.server.service
        service.record(self.command, self.path, 'Authorization' in self.headers)
        fault = service.faults.take(self.command, urlsplit(self.path).path)
        try:
            faults.apply(fault, self)
        except (ConnectionError, faults.Disconnected):
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = _answer

    def body_parts(self) -> Iterator[bytes]:
        """The request's body piece by piece, chunked or not. ConnectionError when the client stops early."""
        if self.headers.get('Transfer-Encoding', '').lower() == 'chunked':
            while True:
                size = int(self.rfile.readline().split(b';')[0] or b'0', 16)
                yield self._read(size)
                self.rfile.readline()
                if size == 0:
                    return
        left = int(self.headers.get('Content-Length') or 0)
        while left:
            part = self._read(min(left, CHUNK))
            left -= len(part)
            yield part

    def _read(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionError('The client closed the connection in the middle of its request.')
        return data

    def handle_request(self) -> Reply:
        """Read the body and do what the request asks."""
        return self.server.service.handle(self.command, self.path, b''.join(self.body_parts()), self.headers.get('Authorization', ''))

    def send_head(self, reply: Reply, length: int) -> None:
        self.send_response(reply.status)
        for name, value in {'Content-Type': reply.content_type, 'Content-Length': str(length), **reply.headers}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header('Connection', 'close')
        self.end_headers()

    def send(self, reply: Reply) -> None:
        self.send_head(reply, len(reply.body))
        self.wfile.write(reply.body)

    def reset(self) -> None:
        """Drop the connection so that the peer sees a reset."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        raise faults.Disconnected


class Server(ThreadingHTTPServer):
    """Listens on the loopback interface only."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, service: Service, port: int) -> None:
        super().__init__(('127.0.0.1', port), Handler)
        self.service = service
        self._connections: set[Any] = set()
        self._connections_lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nobody reads a traceback on stderr: what goes wrong is answered with status 500."""

    def close(self) -> None:
        """Stop listening and drop the connections that are still open."""
        self.shutdown()
        self.server_close()
        with self._connections_lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
