# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bare Git repositories: what a commit is, its files, and the hook that reports pushes."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DELETED = '0' * 40


@dataclass(frozen=True)
class Commit:
    rev: str
    message: str
    committer: str


def git(repository: str | Path, *arguments: str) -> bytes:
    """Output of a git command on a bare repository; CalledProcessError when it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith('GIT_')}
    command = ['git', '-c', 'safe.directory=*', '--git-dir', str(repository), *arguments]
    return subprocess.run(command, capture_output=True, env=environment, check=True).stdout


def commit(repository: str | Path, rev: str) -> Commit:
    """The commit that a ref or hash points at; ValueError when there is none."""
    try:
        text = git(repository, 'log', '-1', '--format=%H%x00%cn%x00%B', rev, '--').decode('utf-8', 'replace')
    except subprocess.CalledProcessError as error:
        raise ValueError('The repository has no commit %s.' % rev) from error
    found, committer, message = text.split('\0')
    return Commit(found, message.strip(), committer)


def check_out(repository: str | Path, rev: str, folder: Path) -> Path:
    """Put the files of a commit into a new folder."""
    archive = git(repository, 'archive', '--format=tar', rev)
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        # Older patch releases of Python 3.10 and 3.11 have no filters.
        tar.extraction_filter = getattr(tarfile, 'tar_filter', lambda member, _path: member)
        tar.extractall(folder)
    return folder


def install_hook(repository: Path, data: Path, project: str) -> None:
    """Let the repository report each push to the sandbox whose data lies in this folder."""
    hook = repository / 'hooks' / 'post-receive'
    hook.parent.mkdir(exist_ok=True)
    command = [sys.executable, '-m', 'tests.sandbox.hook', str(data.resolve()), project]
    hook.write_text('#!/bin/sh\ncd %s && exec %s\n' % (shlex.quote(str(ROOT)), ' '.join(map(shlex.quote, command))), encoding='utf-8')
    hook.chmod(0o755)
