# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The program hci: its version, what its effect commands are called with, and running it."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable

from .._problems import fail
from .._programs import Program, end_program, start_program

Version = tuple[int, ...]
PRETEND_SINCE: Version = (0, 3, 6)
EVAL_SINCE: Version = (0, 3, 9)


@dataclass(frozen=True)
class Hci:
    """Runs hci in a checkout.

    path: of the program, absolute.
    environment: all that the program shall see, its secrets file and its token included: neither ever becomes an argument.
    """

    path: str
    checkout: str
    environment: Mapping[str, str]

    def version(self) -> Version | None:
        """As in `(0, 3, 9)`; None before 0.3.6, which cannot tell."""
        answer = self.query(('--version',), 60)
        found = re.match(r'hci (\d+(?:\.\d+)*)', answer.stdout)
        return tuple(int(number) for number in found.group(1).split('.')) if found and answer.returncode == 0 else None

    def query(self, arguments: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
        """Run a command that prints its result; TimeoutExpired."""
        with self._start(arguments, subprocess.PIPE) as process:
            output, messages = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, output, messages)

    def follow(self, arguments: Sequence[str], timeout: float, take: Callable[[str], None]) -> int:
        """Run a command and hand over each line that it writes, on whichever stream; its exit code; TimeoutExpired."""
        timed_out = threading.Event()
        with self._start(arguments, subprocess.STDOUT) as process:

            def stop() -> None:
                timed_out.set()
                end_program(process)

            timer = threading.Timer(timeout, stop)
            timer.start()
            try:
                for line in process.stdout or ():
                    take(line)
                process.wait()
            finally:
                timer.cancel()
        if timed_out.is_set():
            raise subprocess.TimeoutExpired(process.args, timeout)
        return process.returncode

    def _start(self, arguments: Sequence[str], messages: int) -> Program:
        # Without input nothing asks for a password.
        try:
            return start_program(
                (self.path, *arguments),
                cwd=self.checkout,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=messages,
                encoding='utf-8',
                errors='replace',
            )
        except OSError as error:
            raise fail('The program hci does not start.', where='hci_program: %s' % self.path, found=str(error.strerror)) from None


def effect_arguments(
    command: str, *, attribute: str | None, project: str, ref: str | None, token: bool, version: Version | None
) -> tuple[str, ...]:
    """What `hci effect run`, `eval` or `list` is called with by a version of hci.

    A ref serves for branches and tags too: `--pretend-tag` is newer than `--pretend-ref`, and hci derives both from the ref.
    """
    known = version or (0,)
    if command != 'run' and known < EVAL_SINCE:
        raise fail(
            'This hci has no effect %s.' % command,
            where='hci_program',
            expected='hci 0.3.9 or newer',
            found='hci %s' % version_text(version),
            remedy='Update it, or use command: run',
        )
    arguments = ['effect', command, '--project', project]
    if ref is not None:
        arguments += ['--pretend-ref' if known >= PRETEND_SINCE else '--as-ref', ref]
    if not token:
        arguments.append('--no-token')
    return (*arguments, attribute) if attribute is not None else tuple(arguments)


def version_text(version: Version | None) -> str:
    return '.'.join(map(str, version)) if version else 'older than 0.3.6'
