# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of a backup: when it is made, and what is said where that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.store import Folder


@pytest.mark.parametrize('place', ['file', 'file/below', 'folder'])
def test_a_folder_that_cannot_be_made(tmp_path: Path, place: str) -> None:
    (tmp_path / 'file').write_text('ours')
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'contents').write_text('ours')
    with pytest.raises(Failure) as failure:
        Folder(str(tmp_path / place), make=True)
    (problem,) = failure.value.problems
    assert (problem.what, problem.where) == ('The folder cannot be made.', str(tmp_path / place))
    assert problem.found in ('File exists', 'Not a directory')
    assert (tmp_path / 'file').read_text() == (tmp_path / 'folder' / 'contents').read_text() == 'ours'


def test_a_folder_that_is_only_read_is_not_made(tmp_path: Path) -> None:
    assert Folder(str(tmp_path / 'backup'), make=False).read_index() == (None, None)
    assert not (tmp_path / 'backup').exists()
