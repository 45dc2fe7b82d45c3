# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._programs import run_program


def test_a_program_gets_its_input_and_gives_what_it_prints_and_its_exit_code() -> None:
    done = run_program(['sh', '-c', 'cat; echo wrong >&2; exit 3'], data=b'what it is given')
    assert (done.returncode, done.stdout, done.stderr) == (3, b'what it is given', b'wrong\n')


def test_output_goes_where_the_options_say(tmp_path: Path) -> None:
    with (tmp_path / 'out').open('wb') as out:
        done = run_program(['sh', '-c', 'cat; pwd'], stdin=subprocess.DEVNULL, stdout=out, cwd=tmp_path)
    assert (done.returncode, (tmp_path / 'out').read_text()) == (0, '%s\n' % tmp_path.resolve())


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired) as expired:
        run_program(['sh', '-c', 'echo begun; exec sleep 600'], timeout=0.5)
    assert expired.value.timeout == 0.5  # and that is all: it would wait for a program that goes on


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        run_program(['no-such-program'])
