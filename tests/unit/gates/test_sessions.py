# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of the sessions of nox: which pass, fail and are skipped, and how many tests that is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.gates.sessions import Counts, Told, run
from tests.support.surroundings import ROOT

NOXFILE = '''
import nox
nox.options.allow_parallel = True
nox.options.default_venv_backend = 'none'


def add(name, command='true', **options):
    def session(session):
        session.run('bash', '-c', command, external=True)
    nox.session(name=name, **options)(session)


@nox.session
def absent(session):
    session.skip('not installed: no-such-program')


@nox.session(requires=['good'])
def lint(session):
    pass


add('good')
add('suite', """echo '<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1"/></testsuites>' > $OUT/suite.xml; false""")
add('cut', 'echo no space left; echo "<testsuites>" > $OUT/cut.xml')
add('exceptions', 'echo 3 exceptions')
add('build-import-check', 'echo "WARNING: careless"')
add('bad', 'echo the finding; false')
add('later', 'touch $OUT/later', requires=['bad'])
add('waits', 'echo $$ >$OUT/waits; exec sleep 60')
'''


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """told(*names) runs sessions of NOXFILE; the counts, why some were skipped, and what is printed."""
    (tmp_path / 'noxfile.py').write_text(NOXFILE)

    def tell(*names: str, **options: Any) -> tuple[Counts, dict[str, str], str]:
        counts, skipped = run(names, tmp_path, {**os.environ, 'OUT': str(tmp_path)}, **options)
        return counts, skipped, capsys.readouterr().out

    return tell


def test_sessions_are_counted(told: Any) -> None:
    """Tests of pytest one by one, each other session as one; what only names others is none."""
    counts, skipped, printed = told('good', 'lint', 'absent', 'suite', keep_going=True, jobs=2)
    assert counts == Counts(passed=3, failed=2, skipped=2)
    assert skipped == {'absent': 'not installed: no-such-program'}
    assert sorted(line.split() for line in printed.splitlines() if line.startswith(('ok', 'skipped'))) == [
        ['ok', 'good'], ['skipped', 'absent', 'not', 'installed:', 'no-such-program.'],
    ]


def test_a_reason_is_told_without_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Which nox adds to it where a session takes a second, as on a machine that is busy."""
    told = Told()
    told.line('========== Session absent: skipped ==========\n')
    told.line('nox > Session absent skipped: not installed: no (such) program (took 2 seconds).\n')
    told.end()
    assert capsys.readouterr().out.split(None, 2) == ['skipped', 'absent', 'not installed: no (such) program.\n']


def test_a_finding_fails_although_the_command_succeeds(told: Any) -> None:
    counts, _skipped, printed = told('build-import-check', jobs=2)
    assert counts == Counts(failed=1)
    assert 'WARNING: careless' in printed


def test_what_passes_is_told_in_a_line(told: Any) -> None:
    counts, _skipped, printed = told('exceptions', 'good', jobs=2)
    assert counts == Counts(passed=2)
    assert sorted(line.split() for line in printed.splitlines()) == [['ok', 'exceptions', '3', 'exceptions'], ['ok', 'good']]


def test_a_report_that_was_not_written_to_its_end(told: Any) -> None:
    counts, _skipped, printed = told('cut', jobs=2)
    assert counts == Counts(failed=1)
    assert 'cut: its report cannot be read' in printed


def test_after_the_first_failure_none_is_begun_and_its_output_is_shown(told: Any, tmp_path: Path) -> None:
    counts, _skipped, printed = told('bad', 'good', jobs=1)
    assert counts == Counts(failed=1)
    assert 'the finding' in printed
    assert told('later', keep_going=True)[0] == Counts(failed=2)
    assert not (tmp_path / 'later').exists()


def test_a_noxfile_that_cannot_be_read(told: Any, tmp_path: Path) -> None:
    (tmp_path / 'noxfile.py').write_text('import nothing_like_that')
    counts, _skipped, printed = told('good')
    assert counts == Counts(failed=1)
    assert 'nothing_like_that' in printed


def test_what_runs_is_ended_with_it(told: Any, tmp_path: Path) -> None:
    code = 'import os, signal; signal.signal(signal.SIGTERM, signal.default_int_handler); from pathlib import Path; ' \
        'from tests.gates.sessions import run; run(["waits", "good"], Path(%r), {**os.environ, "OUT": %r}, jobs=2)' % ((str(tmp_path),) * 2)
    with subprocess.Popen([sys.executable, '-c', code], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        started = time.monotonic()
        while not (tmp_path / 'waits').exists() or not (tmp_path / 'waits').read_text():
            assert process.poll() is None and time.monotonic() - started < 60
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30)
    number = int((tmp_path / 'waits').read_text())
    while Path('/proc/%d/stat' % number).exists() and ' Z ' not in Path('/proc/%d/stat' % number).read_text():
        assert time.monotonic() - started < 60
        time.sleep(0.05)
