# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unit tests stand where their subjects stand, and need nothing that is for plays. Files of tests are of a size to be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.surroundings import ROOT

UNIT = ROOT / 'tests' / 'unit'
FILES = sorted(UNIT.rglob('*.py'))
OF_PLAYS = ('tests.integration', 'tests.sandbox.server', 'tests.sandbox.web')
"""What starts plays, and the sandbox as a server. What unit tests share with plays is in tests/support, and the sandbox without a network
in tests/sandbox/in_process.py."""


def subjects(test: Path) -> Iterator[Path]:
    """Where the subject of a test may stand: test_git_push.py in the folder _x tests _x/git_push.py, _x/git.py, or all of _x.

    A folder may take the name of a file: hci_job/test_hci_job_info.py tests hci_job.py and what belongs to it.
    """
    room = ROOT / test.parent.relative_to(UNIT)
    words = test.stem.removeprefix('test_').split('_')
    for number in range(len(words), 0, -1):
        name = '_'.join(words[:number])
        yield from (room / ('%s%s.py' % (private, name)) for private in ('', '_'))
        if name == room.name.strip('_'):
            yield room
    yield room.with_suffix('.py')


@pytest.mark.parametrize('test', [path for path in FILES if path.name.startswith('test_') and 'plugins' in path.parts],
                         ids=lambda path: path.name)
def test_a_test_stands_where_its_subject_stands(test: Path) -> None:
    assert any(subject.exists() for subject in subjects(test)), 'Call it test_FILE.py or test_FILE_of_something.py, for a FILE of its room.'


@pytest.mark.parametrize('name', OF_PLAYS)
def test_a_unit_test_needs_nothing_that_is_for_plays(name: str) -> None:
    assert [str(path.relative_to(ROOT)) for path in FILES for module in imported(path) if module.startswith(name)] == []


def imported(path: Path) -> Iterator[str]:
    """The modules that a file names as its imports, with what it takes from them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ('%s.%s' % (node.module, alias.name) for alias in node.names)


def test_no_file_of_tests_is_too_long() -> None:
    files = (path for path in (ROOT / 'tests').rglob('*.py') if 'output' not in path.parts)
    assert {path.name: length for path in files if (length := len(path.read_text().splitlines())) > 400} == {}
