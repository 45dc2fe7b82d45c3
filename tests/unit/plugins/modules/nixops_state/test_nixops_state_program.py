# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program nixops: played by a script that checks how it is called and prints what was captured of the real one."""

from __future__ import annotations

import os
import re
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.in_process import Sandbox
from tests.support.surroundings import FIXTURES

Run = Callable[..., dict[str, Any]]
PROJECT = 'github/neat-org/neat-repo'
NIXOPS = FIXTURES / 'nixops'
SCRIPT = r"""#!/bin/sh
case "$*" in
  "export --help") cat %(help)s ;;
  "export --deployment=aws-prod%(state)s")
    [ "$NIXOPS_STATE" = '%(database)s' ] || exit 90
    cat %(stdout)s; cat %(stderr)s >&2; exit %(code)d ;;
  *) echo "not expected: $*" >&2; exit 91 ;;
esac
"""


@pytest.fixture
def nixops(tmp_path: Path, database: Path) -> Callable[..., str]:
    """nixops('1.7', stdout=b'…') makes the program; capture is the name of a file of the fixtures with a failure."""

    def make(version: str, stdout: bytes = b'', capture: str = '') -> str:
        text = (NIXOPS / ('nixops-%s' % version) / 'errors' / capture).read_text() if capture else ''
        found = re.search('^exit code: ([0-9]+)$', text, re.MULTILINE)
        (tmp_path / 'stdout').write_bytes(stdout)
        (tmp_path / 'stderr').write_text(text.partition('--- stderr\n')[2])
        program = tmp_path / 'nixops'
        program.write_text(SCRIPT % {
            'help': NIXOPS / ('nixops-%s' % version) / 'cli' / 'help-export.bin',
            'state': ' --state %s' % database if version == '1.7' else '',
            'database': database,
            'stdout': tmp_path / 'stdout',
            'stderr': tmp_path / 'stderr',
            'code': int(found.group(1)) if found else 0,
        })
        program.chmod(0o700)
        return str(program)

    return make


@pytest.mark.parametrize('version', ['1.7', '2.x'])
def test_what_it_prints_is_uploaded(version: str, nixops: Run, state: Run, sandbox: Sandbox, database: Path) -> None:
    printed = (NIXOPS / ('nixops-%s' % version) / 'export-aws-prod.json').read_bytes()
    result = state(nixops_program=nixops(version, printed), database=str(database))
    assert result['action'] == 'created', result
    assert sandbox.states(PROJECT, 'nixops-aws-prod.json') == [printed]


CAPTURES = sorted(
    (version, path.name)
    for version in ('1.7', '2.x')
    for path in (NIXOPS / ('nixops-%s' % version) / 'errors').iterdir()
    if re.search(r'^\$ .*nixops export', path.read_text(), re.MULTILINE) and 'exit code: 1\n' in path.read_text()
)


@pytest.mark.parametrize(('version', 'capture'), CAPTURES)
def test_its_tracebacks_become_sentences(version: str, capture: str, nixops: Run, state: Run, database: Path) -> None:
    result = state(nixops_program=nixops(version, capture=capture), database=str(database))
    assert result['failed']
    assert result['msg'].startswith('NixOps could not export the deployment.')
    assert 'Traceback' not in result['msg']
    assert 'File "' not in result['msg']
    assert len(result['problems'][0]['found']) > 10
    assert 'not expected' not in result['msg']
    assert 'exit code 1' in result['msg']


def test_known_errors_have_their_own_advice(nixops: Run, state: Run, database: Path) -> None:
    advice = state(nixops_program=nixops('2.x', capture='backend-plugin-missing-export-d.bin'), database=str(database))['msg']
    assert 'unknown resource type \u2018ec2-keypair\u2019' in advice
    assert 'needs no plugin' in advice


def test_success_without_output(nixops: Run, state: Run, database: Path) -> None:
    assert 'The state is empty' in state(nixops_program=nixops('1.7'), database=str(database))['msg']
    assert 'no deployment' in state(nixops_program=nixops('1.7', b'{}\n'), database=str(database))['msg']


def test_a_program_that_hangs_is_ended_with_what_it_has_started(state: Run, tmp_path: Path, database: Path) -> None:
    """A script that starts the real nixops, which waits for a locked database."""
    os.mkfifo(tmp_path / 'pipe')
    pipe = os.open(tmp_path / 'pipe', os.O_RDONLY | os.O_NONBLOCK)
    program = tmp_path / 'nixops'
    program.write_text('#!/bin/sh\n[ "$2" != --help ] || exit 0\n{ echo started; exec sleep 600; } > %s &\nwait\n' % (tmp_path / 'pipe'))
    program.chmod(0o700)
    assert 'did not finish in time' in state(nixops_program=str(program), database=str(database), nixops_timeout=2)['msg']
    assert os.read(pipe, 8) == b'started\n'
    assert select.select([pipe], [], [], 10)[0], 'still runs'
    assert os.read(pipe, 1) == b''  # nobody can write to it any longer
    os.close(pipe)


def test_a_database_is_not_made_by_asking(nixops: Run, state: Run, tmp_path: Path) -> None:
    missing = tmp_path / 'none.nixops'
    assert 'There is no database' in state(nixops_program=nixops('1.7'), database=str(missing))['msg']
    assert not missing.exists()


def test_a_program_that_is_not_there(state: Run, tmp_path: Path) -> None:
    assert 'cannot be run' in state(nixops_program=str(tmp_path / 'none'))['msg']
    assert 'cannot be run' in state(nixops_program=sys.executable, nixops_directory=str(tmp_path / 'none'))['msg']
