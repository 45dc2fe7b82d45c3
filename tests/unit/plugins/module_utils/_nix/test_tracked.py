# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The copy of a checkout that agents would have. What Nix makes of it is tested with nixops_effect."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.tracked import as_agents_see_it
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure

FILE = 'nix/ci.nix'


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(['git', '-C', str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / 'temporary').mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'temporary'))
    folder = tmp_path / 'checkout'
    (folder / 'machines').mkdir(parents=True)
    (folder / 'network.nix').write_text('{ }')
    (folder / 'machines' / 'a b.nix').write_text('{ web = 1; }')
    (folder / 'linked.nix').symlink_to('machines/a b.nix')
    (folder / 'dangling.nix').symlink_to('nowhere')
    git(folder, 'init', '-q')
    git(folder, 'add', '.')
    return folder


def files(folder: Path) -> dict[str, str]:
    """The content of each file, or where it leads."""
    return {str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_text()
            for path in sorted(folder.rglob('*')) if path.is_symlink() or (path.is_file() and '.git' not in path.parts)}


TRACKED = {'dangling.nix': 'nowhere', 'linked.nix': 'machines/a b.nix', 'machines/a b.nix': '{ web = 1; }', 'network.nix': '{ }'}


def test_without_git_the_checkout_is_what_there_is(tmp_path: Path) -> None:
    (tmp_path / 'network.nix').write_text('{ }')
    with as_agents_see_it(tmp_path, FILE) as seen:
        assert seen == tmp_path


def test_git_that_fails_is_told(checkout: Path) -> None:
    (checkout / '.git' / 'index').write_bytes(b'no index')
    with pytest.raises(Failure, match=r'Git cannot say what it tracks of the checkout. Where: %s. Found: .*index.* To do: Run git ls-files'
                       % checkout), as_agents_see_it(checkout, FILE):
        pytest.fail('what is tracked is not known')


def test_the_checkout_itself_is_read_where_it_holds_nothing_else(checkout: Path) -> None:
    """The file that is written does not count."""
    (checkout / 'ci.nix').write_text('{ }')
    with as_agents_see_it(checkout, 'ci.nix') as seen:
        assert seen == checkout


@pytest.mark.parametrize('across', [False, True])
def test_else_what_is_tracked_is_copied(checkout: Path, monkeypatch: pytest.MonkeyPatch, across: bool) -> None:
    """across: the copy is on another file system, where no link can lead to a file of this one."""
    def refused(*_arguments: object, **_options: object) -> None:
        raise OSError(18, 'Invalid cross-device link')

    if across:
        monkeypatch.setattr(os, 'link', refused)
    (checkout / 'untracked').touch()
    (checkout / 'network.nix').chmod(0o755)
    with as_agents_see_it(checkout, FILE) as seen:
        assert seen.name == 'checkout' and seen != checkout
        assert files(seen) == TRACKED
        assert os.access(seen / 'network.nix', os.X_OK)
        assert seen.joinpath('network.nix').samefile(checkout / 'network.nix') is not across
        assert (seen / 'nix').is_dir(), 'the file can be evaluated at its place'
    assert not seen.exists()
    assert files(checkout) == {**TRACKED, 'untracked': ''}


def test_what_is_gone_from_the_working_tree_is_not_there_either(checkout: Path) -> None:
    (checkout / 'network.nix').unlink()
    (checkout / 'linked.nix').unlink()
    (checkout / 'linked.nix').mkdir()
    (checkout / 'linked.nix' / 'untracked').touch()
    (checkout / 'untracked').touch()
    with as_agents_see_it(checkout, FILE) as seen:
        assert files(seen) == {name: text for name, text in TRACKED.items() if name in ('dangling.nix', 'machines/a b.nix')}
