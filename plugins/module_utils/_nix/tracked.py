# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The files of a checkout that an agent would have: what Git tracks, with the contents of the working tree."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .._git.repository import GitError, Repository
from .._problems import fail

SUBMODULE = '160000'


@contextmanager
def as_agents_see_it(checkout: Path, file: str = '') -> Iterator[Path]:
    """A folder with what Git tracks of the checkout and nothing else.

    That is the checkout itself where it holds nothing else, or where no Git tells. file: the one that is written, which does not count, if
    there is one.
    """
    tracked = _tracked(checkout, file)
    if tracked is None:
        yield checkout
        return
    with tempfile.TemporaryDirectory(prefix='nixops-effect-') as folder:
        copy = Path(folder).resolve() / checkout.name
        os.makedirs(os.path.dirname(os.path.join(copy, file)))
        _copy(checkout, copy, tracked)
        yield copy


def _tracked(checkout: Path, file: str) -> list[str] | None:
    """The files that Git tracks, without submodules, which agents do not have; None where there is nothing else to leave out."""
    if not any((folder / '.git').exists() for folder in (checkout, *checkout.parents)):
        return None
    repository = Repository(str(checkout))
    try:
        listed = os.fsdecode(repository.run('ls-files', '-z', '--stage'))
        others = os.fsdecode(repository.run('ls-files', '-z', '--others', '--directory', '--no-empty-directory'))
    except GitError as error:
        raise fail('Git cannot say what it tracks of the checkout.', str(checkout), found=str(error),
                   remedy='Run git ls-files there to see why.') from error
    entries = [entry.partition('\t') for entry in listed.split('\0') if entry]
    files = dict.fromkeys(path for facts, _tab, path in entries if not facts.startswith(SUBMODULE))
    # What is not tracked may be ignored or not; a whole folder ends with a slash.
    return list(files) if len(files) < len(entries) or set(others.split('\0')) - {'', file} else None


def _copy(checkout: Path, copy: Path, paths: Iterable[str]) -> None:
    """Hard links where they are possible: they cost the same for files of any size. Nix only reads them."""
    folders = set()
    for path in paths:
        source, target = os.path.join(checkout, path), os.path.join(copy, path)
        folder = os.path.dirname(target)
        if folder not in folders:
            os.makedirs(folder, exist_ok=True)
            folders.add(folder)
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:
            # Of another owner, on another file system, or gone from the working tree.
            if os.path.islink(source) or os.path.isfile(source):
                shutil.copy2(source, target, follow_symlinks=False)
