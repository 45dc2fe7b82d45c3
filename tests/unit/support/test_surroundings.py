# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What gates run in: their own copy of the tree, also for a hook of Git, and a folder for temporary files from which programs run."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.support import surroundings
from tests.support.surroundings import use_temporary_folder


def test_a_hook_s_repository_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a hook Git sets variables that say which repository and index are meant, wherever a program is run."""
    repository, copy = tmp_path / 'repository', tmp_path / 'copy'
    subprocess.run(['git', 'init', '--quiet', repository], check=True)
    for folder in (repository, copy):
        folder.mkdir(exist_ok=True)
        (folder / 'file').write_text(folder.name)
    subprocess.run(['git', 'add', 'file'], cwd=repository, check=True)
    git = repository / '.git'
    before = {name: (git / name).read_bytes() for name in ('config', 'index')}
    monkeypatch.setenv('GIT_DIR', str(git))
    monkeypatch.setenv('GIT_INDEX_FILE', str(git / 'index'))
    surroundings.make_repository(copy)
    assert {name: (git / name).read_bytes() for name in ('config', 'index')} == before
    assert (copy / '.git' / 'index').exists()
    assert 'galaxy.yml' in surroundings.files_of_the_change()
    assert not {'GIT_DIR', 'GIT_INDEX_FILE'} & surroundings.environment(tmp_path).keys()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that Python finds for temporary files."""
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
