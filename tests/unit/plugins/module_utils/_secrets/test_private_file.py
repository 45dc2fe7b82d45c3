# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file of an agent where two runs want it at once, or the user is yet to come. Modules that write such files test the rest."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.private_file import change_file


def test_another_run_may_make_the_folder_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, mkdir = tmp_path / 'a' / 'b' / 'secrets.json', os.mkdir
    both: list[str] = []

    def faster(folder: str, mode: int) -> None:
        both.append(folder)
        mkdir(folder, mode)
        mkdir(folder, mode)

    monkeypatch.setattr(os, 'mkdir', faster)
    assert change_file(str(path), lambda _before: b'{}', mode=0o400).changed
    assert both == [str(tmp_path / 'a'), str(tmp_path / 'a' / 'b')]
    assert path.read_bytes() == b'{}' and stat.S_IMODE(path.stat().st_mode) == 0o400


@pytest.mark.parametrize('folder', ['', 'new'])
@pytest.mark.parametrize('kind', ['owner', 'group'])
def test_a_user_who_is_yet_to_come_gets_no_file(tmp_path: Path, kind: str, folder: str) -> None:
    path = tmp_path / folder / 'secrets.json'
    owner, group = ('hci-to-be', None) if kind == 'owner' else (None, 'hci-to-be')
    foreseen = change_file(str(path), lambda _before: b'{}', mode=0o400, owner=owner, group=group, check=True)
    assert foreseen.access_after is not None and foreseen.access_after.as_dict()[kind] == 'hci-to-be'
    with pytest.raises(TypeError, match='a name is for check mode only'):
        change_file(str(path), lambda _before: b'{}', mode=0o400, owner=owner, group=group)
    assert not path.exists() and not (tmp_path / 'new').exists()
