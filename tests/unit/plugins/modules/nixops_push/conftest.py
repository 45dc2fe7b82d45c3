# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A checkout and its remote, both real."""

from __future__ import annotations

import importlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]
Meanwhile = Callable[..., None]
COLLECTION = 'ansible_collections.nixcd.hercules_ci.plugins.'  # it can be imported only after pytest has read this file


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(('git', '-C', str(folder), *arguments), check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of a bare repository with the branches main and production, and a ci.nix that is not committed."""
    for name in ('XDG_CONFIG_HOME', *(name for name in os.environ if name.startswith('GIT_'))):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('GIT_CONFIG_NOSYSTEM', '1')
    monkeypatch.setenv('TMPDIR', str(tmp_path / 'tmp'))
    monkeypatch.setattr('tempfile.tempdir', None)
    (tmp_path / 'tmp').mkdir()
    git(tmp_path, 'init', '-q', '--bare', '-b', 'main', 'bare.git')
    git(tmp_path, 'clone', '-q', 'bare.git', 'checkout')
    folder = tmp_path / 'checkout'
    git(folder, 'config', 'user.name', 'Somebody')
    git(folder, 'config', 'user.email', 'somebody@example.org')
    git(folder, 'symbolic-ref', 'HEAD', 'refs/heads/main')
    (folder / 'network.nix').write_text('{ }\n')
    git(folder, 'add', '.')
    git(folder, 'commit', '-q', '-m', 'network')
    git(folder, 'push', '-q', 'origin', 'main', 'main:production')
    (folder / 'ci.nix').write_text('{ a = 1; }\n')
    return folder


@pytest.fixture
def push(checkout: Path, run_module: Callable[..., dict[str, Any]]) -> Run:
    module = importlib.import_module(COLLECTION + 'modules.nixops_push')

    def run(**options: Any) -> dict[str, Any]:
        flags = {name: options.pop(name) for name in ('check', 'diff') if name in options}
        defaults = {'checkout': str(checkout), 'files': ['ci.nix'], 'branches': ['production']}
        return run_module(module.main, {**defaults, **options}, **flags)
    return run


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """meanwhile(action, always=False): somebody acts when a commit has been made and not yet pushed, the first time or each time."""
    room = importlib.import_module(COLLECTION + 'module_utils._git.push')
    plain = room.commit_on

    def arrange(action: Callable[[], object], *, always: bool = False) -> None:
        acted = False

        def somebody_is_faster(*arguments: Any) -> str:
            nonlocal acted
            made: str = plain(*arguments)
            if always or not acted:
                acted = True
                action()
            return made
        monkeypatch.setattr(room, 'commit_on', somebody_is_faster)
    return arrange


@pytest.fixture
def other(checkout: Path) -> Path:
    """Somebody else's clone, on the branch production."""
    git(checkout.parent, 'clone', '-q', '-b', 'production', 'bare.git', 'other')
    return checkout.parent / 'other'


def push_theirs(other: Path) -> None:
    """Commit what has changed in somebody else's clone, or nothing, and push it."""
    git(other, 'add', '.')
    git(other, '-c', 'user.name=O', '-c', 'user.email=o@example.org', 'commit', '-q', '--allow-empty', '-m', 'theirs')
    git(other, 'push', '-q', 'origin', 'production')
