# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gates that are run by a hook of Git see their own copy of the tree only."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import surroundings


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
