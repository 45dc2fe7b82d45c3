# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Give up a file that somebody wrote, in the checkout and on branches, where it is shown that the new one means the same to agents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .._files import read_if_present
from .._git.repository import open_checkout
from .._git.trees import branch_trees
from .._problems import Problem, require_none
from .._project import ProjectPath
from .._refs import branch_ref
from . import ci_nix, sameness, walk
from .checkout import file_in
from .evaluation import Candidate

# A branch that nobody names: an effect that runs there runs more often than its inventory says.
ANOTHER_BRANCH = 'refs/heads/a-branch-that-no-inventory-names'
# A tag that nobody names, as there may be one.
A_TAG = 'refs/tags/a-tag-that-no-inventory-names'


@dataclass(frozen=True)
class AdoptedFile:
    """file: what agents read up to now, if somebody wrote it. replaces: branch → the hash of the file there that may be replaced.

    renamed: old name of an effect → its new one.
    """

    file: str | None = None
    replaces: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)


def foreign_file(checkout: Path) -> str | None:
    """The file that an agent reads in a checkout, if somebody else wrote it."""
    file = file_in(checkout)
    return file if file and not ci_nix.is_managed((checkout / file).read_text('utf-8', errors='replace')) else None


def form_of(checkout: Path) -> str | None:
    """The form of the file that takes its place."""
    file = foreign_file(checkout)
    if file is None:
        return None
    has_jobs = file == 'flake.nix' or 'herculesCI' in (checkout / file).read_text('utf-8', errors='replace')
    return 'herculesCI' if has_jobs else 'legacy'


def adopted(candidate: Candidate, options: Mapping[str, Any], refs: Sequence[str]) -> AdoptedFile:
    """What the candidate may take the place of. refs: those to ask about the checkout. Raises Failure with what would become different."""
    problems: list[Problem] = []
    replaces: dict[str, str] = {}
    renamed: dict[str, str] = {}
    file = foreign_file(candidate.checkout)
    own = candidate.path.relative_to(candidate.checkout).as_posix()
    project = ProjectPath.parse(options['project']) if options['project'] else None
    for branches, here, asked in _places(candidate, options, file, refs):
        old_file = foreign_file(here.checkout)
        if old_file is None:
            continue
        tried = [*asked, *([] if branches else walk.refs_of(here.checkout, old_file))]
        records = [walk.record(ref, project) for ref in dict.fromkeys([*tried, A_TAG])]
        where = '%s of branch %s' % (old_file, branches[0]) if branches else str(here.checkout / old_file)
        before, after = walk.walk(here, old_file, records), walk.walk(here, None, records)
        found = sameness.differences(before, after)
        problems += [replace(each, where='%s: %s' % (where, _in_words(each.where))) for each in found]
        renamed.update(sameness.renamed(before, after))
        content = read_if_present(str(here.checkout / own))
        replaces.update({branch: hashlib.sha256(content).hexdigest() for branch in branches} if content is not None else {})
    require_none(problems)
    return AdoptedFile(file, replaces, renamed)


def _in_words(text: str) -> str:
    return text.replace(ANOTHER_BRANCH, 'any other branch').replace(A_TAG, 'any other tag')


def _places(candidate: Candidate, options: Mapping[str, Any], file: str | None, refs: Sequence[str]) -> Iterator[
    tuple[tuple[str, ...], Candidate, list[str]]
]:
    """The checkout, and branches of a remote where they have other files: what to evaluate there, for which refs."""
    if file is not None:
        yield (), candidate, list(refs)
    if not options['remote']:
        return
    own = candidate.path.relative_to(candidate.checkout)
    with branch_trees(open_checkout(str(candidate.checkout)), options['remote'], options['branches'], '') as there:
        for tree in there.trees:
            names = [branch_ref(branch) for branch in tree.branches]
            if tree.folder is None:
                yield tree.branches, candidate, names
            else:
                yield tree.branches, replace(candidate, checkout=tree.folder, path=tree.folder / own, seen=None), names
