# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Start other programs of this machine, in modules and on the controller alike, and end them with all that they have started."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

SECONDS_TO_END = 10.0


class Program(subprocess.Popen[Any]):
    """A program that runs. `with` ends it, and all that it has started, when something is raised meanwhile."""

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        if kind:
            end_program(self)
        super().__exit__(kind, value, traceback)


def start_program(command: Sequence[str], **options: Any) -> Program:
    """Start it; OSError. options: those of subprocess.Popen.

    It has a session of its own, so that it can be ended with all that it starts, and no terminal, on which it would ask and wait, unseen.
    """
    return Program(command, start_new_session=True, **options)


def run_program(
    command: Sequence[str], *, data: bytes = b'', timeout: float | None = None, **options: Any,
) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end, whatever its exit code is; OSError, and TimeoutExpired when it was ended because of its time.

    data: for its standard input. What it prints is in the result, unless the options say where it goes.
    """
    pipes = dict.fromkeys(('stdin', 'stdout', 'stderr'), subprocess.PIPE)
    with start_program(command, **{**pipes, **options}) as process:
        output, messages = process.communicate(data, timeout)
    return subprocess.CompletedProcess(command, process.returncode, output, messages)


def end_program(process: subprocess.Popen[Any]) -> None:
    """End it and all that it has started, those who take no notice less gently."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(SECONDS_TO_END)
