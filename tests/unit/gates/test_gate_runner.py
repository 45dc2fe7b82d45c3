# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runner of the gates: what passes, fails, is skipped, and stops the rest."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.gates.gate import Counts, Gate
from tests.gates.line_coverage import spans
from tests.gates.role_variables import disagreements
from tests.gates.runner import run_all

JUNIT = '<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1"/></testsuites>'


def counts(tmp_path: Path, *gates: Gate, keep_going: bool = False, jobs: int = 2) -> Counts:
    variables = {**os.environ, 'OUT': str(tmp_path)}
    return asyncio.run(run_all(list(gates), tmp_path, variables, jobs=jobs, keep_going=keep_going))


def test_gates_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = Gate('suite', "echo '%s' > $OUT/suite.xml; false" % JUNIT, junit='suite.xml')
    absent = Gate('absent', 'true', programs=('no-such-program',))
    gates = (Gate('good', 'true'), absent, Gate('no', 'true', possible='echo not here; false'), suite)
    assert counts(tmp_path, *gates, keep_going=True) == Counts(passed=3, failed=2, skipped=3)
    printed = capsys.readouterr().out
    assert 'skipped  absent                   0.0 s  not installed: no-such-program' in printed
    assert 'skipped  no                       0.0 s  not here' in printed
    assert 'FAILED   suite' in printed


def test_a_finding_fails_although_the_command_succeeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert counts(tmp_path, Gate('noisy', 'echo WARNING: careless', finding='^WARNING: .*$')).failed == 1
    assert 'its output has "WARNING: careless"' in capsys.readouterr().out


def test_a_report_that_was_not_written_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write = 'echo no space left; echo "<testsuites>" > $OUT/report.xml; '
    gates = [Gate(end, write + end, junit='report.xml') for end in ('true', 'false')]
    assert counts(tmp_path, *gates, keep_going=True) == Counts(failed=2)
    printed = capsys.readouterr().out
    assert 'its report cannot be read' in printed
    assert 'exit code 1' in printed
    assert printed.count('no space left') == 4  # in the command and in its output


def test_a_failure_within_a_pipe_counts(tmp_path: Path) -> None:
    assert counts(tmp_path, Gate('pipe', 'false | cat')).failed == 1


def test_the_first_failure_stops_the_rest_and_its_output_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = Gate('slow', 'trap "echo $$ > $OUT/ended; exit 1" TERM; touch $OUT/started; for i in {1..600}; do sleep 0.1; done')
    bad = Gate('bad', 'until [ -e $OUT/started ]; do sleep 0.01; done; echo the finding; false')
    started = time.monotonic()
    assert counts(tmp_path, slow, bad, Gate('later', 'touch $OUT/later')) == Counts(failed=1)
    assert time.monotonic() - started < 30
    printed = capsys.readouterr().out
    assert 'the finding' in printed
    assert 'stopped  slow' in printed
    assert (tmp_path / 'ended').exists()
    assert not (tmp_path / 'later').exists()


def test_each_gate_that_still_runs_is_stopped_in_its_own_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = Gate('quick', 'touch $OUT/quick; sleep 60')
    slow = Gate('slow', 'trap "sleep 0.5; touch $OUT/ended; exit 1" TERM; touch $OUT/slow; for i in {1..600}; do sleep 0.1; done')
    bad = Gate('bad', 'until [ -e $OUT/quick -a -e $OUT/slow ]; do sleep 0.01; done; false')
    assert counts(tmp_path, quick, slow, bad, jobs=3) == Counts(failed=1)
    assert capsys.readouterr().out.count('stopped') == 2
    assert (tmp_path / 'ended').exists()


def test_a_gate_waits_for_those_whose_results_it_reads(tmp_path: Path) -> None:
    first = Gate('first', 'sleep 0.2; echo 1 > $OUT/result')
    assert counts(tmp_path, Gate('second', 'test -e $OUT/result', after=('first', 'not-chosen')), first).failed == 0


def test_lines_are_told_in_few_words() -> None:
    assert spans([3, 4, 5, 9]) == '3-5 9'


def test_a_role_whose_parts_disagree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    role = tmp_path / 'roles' / 'toy'
    for folder in ('defaults', 'meta', 'tasks'):
        (role / folder).mkdir(parents=True)
    (role / 'defaults' / 'main.yml').write_text('toy_a: 1\ntoy_b: 2\ntoy_lost: 3\n')
    (role / 'meta' / 'argument_specs.yml').write_text(
        'argument_specs: {main: {options: {toy_a: {default: 1}, toy_b: {default: 3}, toy_c: {}}}}\n')
    (role / 'tasks' / 'main.yml').write_text("- debug: {msg: '{{ toy_a }} {{ toy_b }}'}\n")
    assert list(disagreements(role, {'toy_d': {'type': 'int'}, 'toy_a': {'type': 'str'}})) == [
        'toy_lost is in defaults/main.yml and no option of meta/argument_specs.yml',
        'toy_b: its default is 3 in meta/argument_specs.yml and 2 in defaults/main.yml',
        'toy_c is an option that no task and no plugin reads',
        'toy_a is an option of an effect of type str, and in meta/argument_specs.yml absent',
        'toy_d is an option of an effect of type int, and in meta/argument_specs.yml absent',
    ]
