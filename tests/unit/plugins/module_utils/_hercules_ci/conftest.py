# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox, clients that do not pause, and servers for one test."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import Client, connect

from tests.sandbox.in_process import Sandbox

TOKEN = 'a-token-that-must-not-be-seen'
PROJECT = 'github/neat-org/neat-repo'


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / 'sandbox', token=TOKEN) as running:
        running.add_project(PROJECT)
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


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
