# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that do one odd thing."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """serve(handle, context=None) runs a server for this test and returns its URL; handle gets the request handler."""
    servers: list[tuple[HTTPServer, threading.Thread]] = []

    def start(handle: Callable[[BaseHTTPRequestHandler], None], context: ssl.SSLContext | None = None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_any(self) -> None:
                handle(self)

            do_GET = do_POST = do_PUT = do_CONNECT = do_any

            def log_message(self, *_arguments: Any) -> None:
                pass

        server = HTTPServer(('127.0.0.1', 0), Handler)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02})
        thread.start()
        servers.append((server, thread))
        return 'http%s://localhost:%d' % ('s' if context else '', server.server_port)

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()
