# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Start other programs of this machine, in modules and on the controller alike."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any


def start_program(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start it; OSError. options: those of subprocess.Popen."""
    return subprocess.Popen(command, **options)  # pylint: disable=ansible-bad-function  there is no module whose run_command could be used


def run_program(
    command: Sequence[str], *, data: bytes = b'', timeout: float | None = None, **options: Any,
) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end, whatever its exit code is; OSError, and TimeoutExpired when it was ended because of its time.

    data: for its standard input. What it prints is in the result, unless the options say where it goes.
    """
    pipes = dict.fromkeys(('stdin', 'stdout', 'stderr'), subprocess.PIPE)
    with start_program(command, **{**pipes, **options}) as process:
        try:
            output, messages = process.communicate(data, timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, messages)
