# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make release` refuses before it changes anything."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.surroundings import ROOT, git

Change = Callable[[Path], object]


def commit(repository: Path) -> None:
    git(repository, 'add', '--all')
    git(repository, '-c', 'user.name=A', '-c', 'user.email=a@example.org', 'commit', '--quiet', '--message', 'A change')


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One of which 1.2.3 was released, and to which a change with a fragment has come."""
    for name in ('tests/release.sh', 'changelogs/fragments/change.yml', 'galaxy.yml'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    shutil.copy2(ROOT / 'tests' / 'release.sh', tmp_path / 'tests')
    git(tmp_path, 'init', '--quiet')
    commit(tmp_path)
    git(tmp_path, 'tag', '1.2.3')
    return tmp_path


def nothing_to_say(repository: Path) -> None:
    git(repository, 'rm', '--quiet', 'changelogs/fragments/change.yml')
    commit(repository)


@pytest.mark.parametrize(('version', 'change', 'words'), [
    ('', None, "Say which version, such as: make release VERSION=1.2.3 (found: '')"),
    ('v1.3.0', None, "(found: 'v1.3.0')"),
    ('1.3', None, "(found: '1.3')"),
    ('1.3.0', lambda repository: (repository / 'new').touch(), 'There are changes that are not committed.'),
    ('1.2.3', None, 'The tag 1.2.3 is there already.'),
    ('1.2.2', None, 'The last release was 1.2.3, so 1.2.2 would be a step back.'),
    ('1.10.0', nothing_to_say, 'No change has a fragment'),
])
def test_it_is_refused(repository: Path, version: str, change: Change | None, words: str) -> None:
    if change:
        change(repository)
    before = git(repository, 'rev-parse', 'HEAD')
    done = subprocess.run([repository / 'tests' / 'release.sh', version], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert words in done.stderr
    assert git(repository, 'rev-parse', 'HEAD') == before
    assert (repository / 'galaxy.yml').read_text() == ''
