# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run sessions of nox side by side in a copy of the tree: a line for each, the output of those that fail, and how many tests there were."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.surroundings import CACHE

NOX = CACHE / 'nox' / 'bin' / 'nox'
META = ('lint', 'quick')
"""Sessions that only name others."""
FINDINGS = {'build-import-check': re.compile(r'(?:WARNING|ERROR): '), 'ansible-test-sanity': re.compile(r'\[DEPRECATION WARNING\]')}
"""Output that is a finding although the session succeeds."""
SUMMARIES = {
    'exceptions': re.compile(r'\d+ exceptions'), 'coverage': re.compile(r'.* lines, .* branches'),
    **dict.fromkeys(('units', 'plays', 'gates'), re.compile(r'\d+ passed.*')),
}
"""The part of the output that is worth showing beside the session's name."""
NOTHING = re.compile('(?!)')
REASON = re.compile('(?<=skipped: ).*')
TIME = re.compile(r' \(took [^()]+\)(?=\.$)', re.MULTILINE)
"""What nox adds to a reason where a session took a second."""
HEADING = re.compile(r'={10} \S+ ([\w-]+): (\w+)')
END = re.compile(r'Starting session |nox > Ran \d+ sessions')


@dataclass
class Counts:
    """How many tests passed, failed and were skipped; a session that is not a test suite counts as one test."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Counts) -> None:
        """Add the counts of another session."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return '%d passed, %d failed, %d skipped' % (self.passed, self.failed, self.skipped)


class Told:
    """What nox says, in fewer words: the whole output only of what fails."""

    def __init__(self) -> None:
        self.findings: set[str] = set()
        self._name = self._state = ''
        self._output: list[str] = []

    def line(self, line: str) -> None:
        """The next line of nox. Between the headings of sessions stands their output."""
        heading = HEADING.match(line)
        if heading or END.match(line):
            self.end()
            self._name, self._state = heading.groups() if heading else ('', '')
            if self._failed():
                print(line, end='', flush=True)
        elif self._name and not self._failed():
            self._output.append(line)
        elif self._failed() or not line.startswith('nox > *'):
            print(line, end='', flush=True)

    def end(self) -> None:
        """A line for the session whose output has ended."""
        if not self._name or self._failed() or self._name in META:
            return
        output, self._output = self._output, []
        if any(FINDINGS[self._name].search(line) for line in output if self._name in FINDINGS):
            self.findings.add(self._name)
            print('========== %s: finding ==========\n%s' % (self._name, ''.join(output)), flush=True)
            return
        summary = (REASON if self._state == 'skipped' else SUMMARIES.get(self._name, NOTHING)).search(TIME.sub('', ''.join(output)))
        state = 'ok' if self._state == 'success' else self._state
        print('%-8s %-26s %s' % (state, self._name, summary.group() if summary else ''), flush=True)

    def _failed(self) -> bool:
        return self._state in ('failed', 'aborted')


def count(session: dict[str, Any], results: Path, finding: bool) -> Counts:
    """The counts of a session of nox' report, by the JUnit report that it wrote, if any."""
    failed = finding or session['result'] in ('failed', 'aborted')
    if session['result'] == 'skipped':
        return Counts(skipped=1)
    report, counts = results / ('%s.xml' % session['name']), Counts(passed=not failed)
    if report.exists():
        try:
            counts = tests_of(report)
        except ET.ParseError as error:  # what wrote it was ended, or the disk is full
            print('%s: its report cannot be read: %s' % (session['name'], error))
            failed, counts = True, Counts()
    if failed and not counts.failed:
        counts.failed = 1
    return counts


def tests_of(report: Path) -> Counts:
    """The counts in a JUnit report as pytest writes it."""
    counts = Counts()
    for suite in ET.parse(report).getroot().iter('testsuite'):
        tests, failures, errors, skipped = (int(suite.get(name, 0)) for name in ('tests', 'failures', 'errors', 'skipped'))
        counts.add(Counts(tests - failures - errors - skipped, failures + errors, skipped))
    return counts


def run(
    names: Iterable[str], collection: Path, variables: dict[str, str], jobs: int = 1, keep_going: bool = False,
) -> tuple[Counts, dict[str, str]]:
    """Run sessions, all if none is named; unless KEEP_GOING, none is begun after the first failure. Why some were skipped, by name."""
    report, told, code = Path(variables['OUT']) / 'nox.json', Told(), 1
    command = ['env', '--default-signal=INT',  # which who runs this in the background ignores
               str(NOX), '--noxfile', str(collection / 'noxfile.py'), '-R', '--parallel', str(jobs), '--report', str(report),
               *([] if keep_going else ['--stop-on-first-error']), *(['--sessions', *names] if names else [])]
    with subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors='replace', start_new_session=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                told.line(line)
            code = process.wait()
        except KeyboardInterrupt:
            os.kill(process.pid, signal.SIGINT)  # it gives its sessions time to clean up
            process.communicate()
            raise
    told.end()
    sessions = json.loads(report.read_text())['sessions'] if report.exists() else []
    sessions = [session for session in sessions if session['name'] not in META]
    total, results = Counts(), Path(variables['OUT'])
    for session in sessions:
        total.add(count(session, results, session['name'] in told.findings))
    if code and not total.failed:  # nox itself failed
        total.failed = 1
    return total, {session['name']: session['reason'] for session in sessions if session['result'] == 'skipped'}
