# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file that is written in the place of another: what its mode is, and what somebody else has written meanwhile."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._yaml_edits import file


@pytest.mark.parametrize('mode', [0o600, 0o664])
def test_a_file_keeps_its_mode_and_a_link_to_it_its_target(tmp_path: Path, mode: int) -> None:
    path, link = tmp_path / 'hosts.yml', tmp_path / 'link.yml'
    path.write_bytes(b'a: 1\n')
    path.chmod(mode)
    link.symlink_to(path)
    file.write(str(link), b'a: 1\n', b'a: 2\n')
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode), link.is_symlink()) == (b'a: 2\n', mode, True)


def test_a_new_file_is_for_all_to_read(tmp_path: Path) -> None:
    path = tmp_path / 'hosts.yml'
    assert file.content_of(str(path)) is None
    file.write(str(path), None, b'a: 1\n')
    assert (file.content_of(str(path)), stat.S_IMODE(path.stat().st_mode)) == (b'a: 1\n', 0o644)


@pytest.mark.parametrize('before', [None, b'a: 1\n'])
def test_what_somebody_else_has_written_meanwhile_stays(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / 'hosts.yml'
    path.write_bytes(b'theirs: 1\n')
    with pytest.raises(Failure, match='Somebody else has changed the file meanwhile'):
        file.write(str(path), before, b'a: 2\n')
    assert path.read_bytes() == b'theirs: 1\n'


def test_the_lines_beside_a_change_are_not_shown() -> None:
    shown = file.diff('hosts.yml', b'secret: x\na: 1\nb: 2\n', b'secret: x\na: 2\nb: 2\n')['prepared']
    assert shown.splitlines()[3:] == ['-a: 1', '+a: 2']
