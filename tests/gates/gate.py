# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One gate: a command, what it needs, and what counts as a finding."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

SECONDS_TO_CLEAN_UP = 30


@dataclass(frozen=True)
class Gate:
    """A check of the whole tree.

    command: run by bash in the collection's folder.
    finding: output that matches it is a finding even when the command succeeds.
    programs: what it needs on PATH. possible: a command that succeeds where the gate can run, and else prints why it cannot.
    after: gates that have to end before, because it reads their results or would stumble over their files.
    junit: the command's report under $OUT, whose tests are counted one by one.
    summary: the part of the output that is worth showing beside the gate's name.
    fast: part of `make lint`.
    """

    name: str
    command: str
    finding: str = ''
    programs: tuple[str, ...] = ()
    possible: str = ''
    after: tuple[str, ...] = ()
    junit: str = ''
    summary: str = ''
    fast: bool = False

    def obstacle(self, directory: Path, environment: dict[str, str]) -> str:
        """Why this gate cannot run on this machine; empty if it can."""
        missing = [program for program in self.programs if not shutil.which(program, path=environment['PATH'])]
        if missing:
            return 'not installed: %s' % ', '.join(missing)
        asked = subprocess.run(['bash', '-c', self.possible], cwd=directory, env=environment, check=False, capture_output=True, text=True)
        return (asked.stdout or asked.stderr).strip() if asked.returncode else ''


@dataclass
class Counts:
    """How many tests passed, failed and were skipped; a gate that is not a test suite counts as one test."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Counts) -> None:
        """Add the counts of another gate."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return '%d passed, %d failed, %d skipped' % (self.passed, self.failed, self.skipped)


@dataclass
class Outcome:
    """What became of a gate. `state` is passed, failed, skipped or stopped."""

    gate: Gate
    state: str
    seconds: float = 0.0
    output: str = ''
    reason: str = ''
    counts: Counts = field(default_factory=Counts)

    @property
    def remark(self) -> str:
        """How many tests a test suite has, or what the gate sums up."""
        if self.gate.junit and self.state == 'passed':
            return str(self.counts)
        match = re.search(self.gate.summary, self.output) if self.gate.summary else None
        return match.group(0) if match else ''


def count_tests(report: Path) -> Counts:
    """The counts in a JUnit report as pytest writes it."""
    counts = Counts()
    for suite in ET.parse(report).getroot().iter('testsuite'):
        tests, failures, errors, skipped = (int(suite.get(name, 0)) for name in ('tests', 'failures', 'errors', 'skipped'))
        counts.add(Counts(tests - failures - errors - skipped, failures + errors, skipped))
    return counts


def judge(gate: Gate, code: int, output: str, seconds: float, results: Path) -> Outcome:
    """What the exit code, the output and the report of a gate say together."""
    reason = '' if code == 0 else 'exit code %d' % code
    match = re.search(gate.finding, output, re.MULTILINE) if gate.finding else None
    if match and not reason:
        reason = 'its output has "%s"' % match.group(0).strip()
    report, counts = results / gate.junit, Counts(passed=not reason)
    if gate.junit and report.exists():
        try:
            counts = count_tests(report)
        except ET.ParseError as error:  # what wrote it was ended, or the disk is full
            counts, reason = Counts(), reason or 'its report cannot be read: %s' % error
    if reason and not counts.failed:
        counts.failed = 1
    return Outcome(gate, 'failed' if reason else 'passed', seconds, output, reason, counts)


async def end(process: asyncio.subprocess.Process) -> None:
    """End the process and all that it started, but give it time to clean up."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), SECONDS_TO_CLEAN_UP)
    except asyncio.TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)


async def run(gate: Gate, directory: Path, environment: dict[str, str]) -> Outcome:
    """Run one gate to its end, or until it is cancelled."""
    obstacle = gate.obstacle(directory, environment)
    if obstacle:
        return Outcome(gate, 'skipped', reason=obstacle, counts=Counts(skipped=1))
    started, results = time.monotonic(), Path(environment['OUT'])
    log = results / ('%s.log' % gate.name)
    with log.open('wb') as output:
        process = await asyncio.create_subprocess_exec(
            'bash', '-euo', 'pipefail', '-c', gate.command, cwd=directory, env=environment, start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=asyncio.subprocess.STDOUT)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        await end(process)
        return Outcome(gate, 'stopped', time.monotonic() - started)
    return judge(gate, code, log.read_text(errors='replace'), time.monotonic() - started, results)
