# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox as a server on a thread: `with Sandbox(tmp_path) as sandbox: …`."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tests.sandbox.controls import Controls
from tests.sandbox.web import Server


class Sandbox(Controls):
    """A local Hercules CI that whoever is on this machine can reach."""

    def __init__(self, data: Path, port: int = 0, token: str | None = None, **changes: Any) -> None:
        super().__init__(data, token, **changes)
        self._port = port
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._return: threading.Timer | None = None
        self.service.go_away = self._go_away

    def __exit__(self, *exception: object) -> None:
        self.service.runner.stop()
        if self._return is not None:
            self._return.cancel()
            self._return.join()
        super().__exit__(*exception)

    def listen(self) -> None:
        self._server = Server(self.service, self._port)
        self._port = self._server.server_address[1]
        self.service.base_url = 'http://127.0.0.1:%d' % self._port
        (self.data / 'url').write_text(self.url + '\n', encoding='utf-8')
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.01}, name='sandbox server')
        self._thread.start()

    def hang_up(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.close()
            self._thread.join()
            self._server = self._thread = None
            (self.data / 'url').unlink(missing_ok=True)

    def _go_away(self, seconds: float) -> None:
        """Hang up, and listen again after some seconds; not on the calling thread, which is answering a request."""
        def leave() -> None:
            self.hang_up()
            threading.Event().wait(seconds)
            self.listen()

        self._return = threading.Timer(0, leave)
        self._return.start()
