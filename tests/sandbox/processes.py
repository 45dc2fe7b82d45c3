# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Child processes that end with the job they belong to."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from typing import Any


class Stopped(Exception):
    """The job was cancelled or the sandbox shuts down."""


class Processes:
    """Starts processes in groups of their own and can end them all; nothing starts afterwards."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self.stopped = threading.Event()

    def start(self, command: list[str], **options: Any) -> subprocess.Popen[str]:
        with self._lock:
            if self.stopped.is_set():
                raise Stopped
            process: subprocess.Popen[str] = subprocess.Popen(command, start_new_session=True, **options)
            self._running = {other for other in self._running if other.poll() is None} | {process}
        return process

    def run(self, command: list[str], check: bool = False, **options: Any) -> subprocess.CompletedProcess[str]:
        """Like subprocess.run without check."""
        with self.start(command, **options) as process:
            out, err = process.communicate()
        if self.stopped.is_set():
            raise Stopped
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def stop(self) -> None:
        with self._lock:
            self.stopped.set()
            for process in self._running:
                # Another thread may have waited for it and not yet noted that.
                with suppress(ProcessLookupError):
                    if process.poll() is None:
                        os.killpg(process.pid, signal.SIGKILL)
