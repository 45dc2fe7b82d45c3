# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machines of molecule are taken down however its run ends; molecule and hosts.sh are stand-ins."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.surroundings import ROOT


@pytest.fixture
def run(tmp_path: Path) -> list[str]:
    """The command that runs molecule, from the folder of this test."""
    hosts = tmp_path / 'tests' / 'hosts'
    hosts.mkdir(parents=True)
    shutil.copy(ROOT / 'tests' / 'hosts' / 'molecule.sh', hosts)
    (tmp_path / '.ansible' / 'tmp' / 'molecule.x.default' / 'hosts').mkdir(parents=True)
    for path, script in ((hosts / 'hosts.sh', 'echo "$@" >>down'), (tmp_path / 'molecule', 'echo "$@" >up; exec sleep ${SLEEP:-0}')):
        path.write_text('#!/bin/sh\n%s\n' % script)
        path.chmod(0o755)
    return ['setpriv', '--pdeathsig', 'TERM', 'setsid', 'tests/hosts/molecule.sh']


def variables(folder: Path, seconds: int) -> dict[str, str]:
    return {**os.environ, 'HOME': str(folder), 'PATH': '%s:%s' % (folder, os.environ['PATH']), 'SLEEP': str(seconds)}


def test_a_run_that_ends(run: list[str], tmp_path: Path) -> None:
    subprocess.run([*run, '--scenario-name', 'agent'], cwd=tmp_path, env=variables(tmp_path, 0), check=True)
    assert (tmp_path / 'up').read_text() == 'test --scenario-name agent\n'
    assert (tmp_path / 'down').read_text() == 'down %s/.ansible/tmp/molecule.x.default/hosts\n' % tmp_path


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_who_runs_it_is_killed(run: list[str], tmp_path: Path, number: signal.Signals) -> None:
    """It gets a signal then, outside of the group that may be killed at the same time."""
    command = ['bash', '-c', '"$@"; true', 'bash', *run]
    with subprocess.Popen(command, cwd=tmp_path, env=variables(tmp_path, 60), start_new_session=True) as parent:
        until(tmp_path / 'up')
        os.killpg(parent.pid, number)
    until(tmp_path / 'down')


def until(path: Path) -> None:
    """Wait until the file has something in it."""
    started = time.monotonic()
    while not path.exists() or not path.read_text():
        assert time.monotonic() - started < 50
        time.sleep(0.02)
