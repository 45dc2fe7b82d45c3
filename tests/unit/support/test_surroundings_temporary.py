# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder for temporary files: children use the same, and programs run from it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.surroundings import use_temporary_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    monkeypatch.setenv('TMPDIR', '/nowhere')
    return tmp_path


def test_children_are_told_the_folder_that_was_found(temporary: Path) -> None:
    use_temporary_folder()
    assert os.environ['TMPDIR'] == str(temporary)
    assert list(temporary.iterdir()) == []


def test_programs_have_to_run_from_it(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(command: list[Any], **_options: Any) -> None:
        raise PermissionError(13, 'Permission denied', str(command[0]))
    monkeypatch.setattr(subprocess, 'run', refuse)
    with pytest.raises(SystemExit, match=r'Permission denied: .*Set TMPDIR to a folder'):
        use_temporary_folder()


def test_there_has_to_be_one(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, 'tempdir', str(temporary / 'missing'))
    with pytest.raises(SystemExit, match=r'No such file or directory: .*Set TMPDIR to a folder'):
        use_temporary_folder()
