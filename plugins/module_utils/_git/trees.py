# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What the branches of a remote hold, beside what is checked out: an agent sees the former."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .push import fetch
from .repository import Repository, private_repository, remote_heads


@dataclass(frozen=True)
class Tree:
    """The files of a commit. folder: where they are; `None` if they are just what is checked out.

    branches: those with this commit, or another one with the same files. revision: the commit of the first of them.
    """

    revision: str
    branches: tuple[str, ...]
    folder: Path | None


@dataclass(frozen=True)
class BranchTrees:
    """heads: the commit of each branch that the remote has. trees: their files, each once."""

    heads: dict[str, str]
    trees: tuple[Tree, ...]


@contextlib.contextmanager
def branch_trees(checkout: Repository, remote: str, branches: Sequence[str], leave_out: str) -> Iterator[BranchTrees]:
    """The files of branches of a remote, for as long as the context lasts.

    leave_out: a file that does not count when files are compared, because it is to be written anew. Raises Failure where the remote does
    not answer, and GitError.
    """
    folder = Path(tempfile.mkdtemp(prefix='nixops-trees-'))
    try:
        with private_repository(checkout) as repository:
            heads = remote_heads(repository, remote, branches)
            fetch(repository, remote, heads)
            alike: dict[str, list[str]] = {}
            for branch, revision in heads.items():
                alike.setdefault(_tree_without(repository, revision, leave_out, folder), []).append(branch)
            here = '' if _is_modified(checkout, leave_out) else _tree_without(checkout, 'HEAD', leave_out, folder)
            trees = tuple(
                Tree(heads[names[0]], tuple(names), None if tree == here else _exported(repository, heads[names[0]], folder / tree))
                for tree, names in alike.items()
            )
        yield BranchTrees(heads, trees)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tree_without(repository: Repository, revision: str, path: str, folder: Path) -> str:
    """Git's name for the files of a commit but one."""
    listed = repository.run('ls-tree', '-r', '--full-tree', '-z', revision).split(b'\0')
    kept = (entry for entry in listed if entry and entry.partition(b'\t')[2] != os.fsencode(path))
    return repository.run('hash-object', '--stdin', data=b'\0'.join(kept)).decode('ascii').strip()


def _is_modified(checkout: Repository, leave_out: str) -> bool:
    """Whether files that Git tracks are not as in the commit that is checked out; also where there is none."""
    status = checkout.try_run('status', '--porcelain', '-z', '--no-renames', '--untracked-files=no')
    changed = {entry[3:] for entry in status.stdout.split(b'\0') if entry}
    return bool(status.returncode or changed - {os.fsencode(leave_out)})


def _exported(repository: Repository, revision: str, folder: Path) -> Path:
    """Write the files of a commit into a new folder."""
    folder.mkdir()
    private = repository.with_environment({'GIT_INDEX_FILE': str(folder) + '.index'})
    private.run('read-tree', revision)
    private.run('checkout-index', '--all', '--prefix=%s/' % folder)
    return folder
