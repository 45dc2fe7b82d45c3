# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Git repository of the examples, and what somebody else does in it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tests.support.examples import repository_files

FILES = repository_files()


def git(folder: Path, *arguments: str) -> str:
    """What git prints; raises when it fails."""
    done = subprocess.run(['git', '-C', str(folder), *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError('git %s: %s' % (' '.join(arguments), done.stderr))
    return done.stdout.strip()


def make_repository(bare: Path, checkout: Path, branches: tuple[str, ...], files: dict[str, str] = FILES) -> None:
    """A bare repository with these files, the example's by default, on main and on these branches, and a checkout of main."""
    bare.parent.mkdir(parents=True, exist_ok=True)
    git(bare.parent, 'init', '--quiet', '--bare', '--initial-branch=main', bare.name)
    git(bare.parent, 'clone', '--quiet', os.fspath(bare), os.fspath(checkout))
    git(checkout, 'symbolic-ref', 'HEAD', 'refs/heads/main')
    git(checkout, 'config', 'user.name', 'Fleet Keeper')
    git(checkout, 'config', 'user.email', 'fleet@example.org')
    for name, text in files.items():
        (checkout / name).write_text(text)
    git(checkout, 'add', '.')
    git(checkout, 'commit', '--quiet', '-m', 'A neat network')
    git(checkout, 'push', '--quiet', 'origin', 'main', *('main:refs/heads/%s' % branch for branch in branches))


def head(bare: Path, branch: str) -> str:
    """The commit at the head of a branch."""
    return git(bare, 'rev-parse', 'refs/heads/%s' % branch)


def commit(bare: Path, branch: str, name: str, text: str) -> str:
    """Somebody else pushes a change of one file to a branch; the new head."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / 'clone'
        git(Path(folder), 'clone', '--quiet', '--branch', branch, os.fspath(bare), 'clone')
        (clone / name).write_text(text)
        git(clone, 'add', name)
        git(clone, '-c', 'user.name=Somebody', '-c', 'user.email=somebody@example.org', 'commit', '--quiet', '-m', 'Change %s' % name)
        git(clone, 'push', '--quiet', 'origin', branch)
        return git(clone, 'rev-parse', 'HEAD')
