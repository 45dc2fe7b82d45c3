# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What the branches of a project's remote have that a run does not change: files that are missing, and files that go on deploying."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...module_utils._git.credentials import advice
from ...module_utils._git.push import fetch
from ...module_utils._git.repository import (
    GitError,
    Repository,
    no_branch,
    no_files,
    open_checkout,
    private_repository,
    remote_addresses,
    remote_heads,
    remote_url,
)
from ...module_utils._nix import checkout as nix_checkout
from ...module_utils._nix import ci_nix, run_on
from ...module_utils._nix.expression import quoted
from ...module_utils._problems import Failure, Problem
from ...module_utils._refs import branch_ref
from .projects import Project, written_file

MOST_FETCHED = 50
"""Of more branches that nobody deploys from and whose commits are not here, none is looked at: to fetch them would take too long."""


class Heads:
    """The branches of a project's remote and their commits, asked for once, by whoever needs them first."""

    def __init__(self, remote: str) -> None:
        self._remote = remote
        self._answer: dict[str, str] | Failure | None = None

    def seen_from(self, repository: Repository) -> dict[str, str]:
        """Commit ids by branch. Raises Failure where the remote does not answer."""
        if self._answer is None:
            try:
                self._answer = remote_heads(repository, self._remote, ['*'])
            except Failure as failure:
                self._answer = failure
        if isinstance(self._answer, Failure):
            raise self._answer
        return self._answer


def remote_problems(project: Project, repository: Repository, *, asked: Heads) -> Iterator[Problem]:
    """A remote that does not answer, branches that it does not have, and those that are left."""
    remote = str(project.first['nixops_remote'])
    if not project.first.sound('nixops_remote'):
        return
    remote_url(repository, remote)
    warning = advice(remote, remote_addresses(repository, remote), repository.path)
    if warning:
        yield warning
    heads = asked.seen_from(repository) if project.pushed_branches else {}
    for branch in sorted(project.pushed_branches - heads.keys()):
        naming = [network for network in project.chosen if network.sound('nixops_branches') and branch in network.branches]
        impossible = run_on.problems({'branches': [branch]}, naming[0].place('nixops_branches'))
        yield from impossible or no_branch(repository, remote, branch, 'nixops_branches of %s' % naming[0].name).problems
    # A partial clone would fetch what is asked for.
    yield from left_branches(project, repository.with_environment({'GIT_NO_LAZY_FETCH': '1'}), heads)


def branch_problems(
    project: Project, effects: Sequence[Mapping[str, Any]], files: Iterable[str], content: str, asked: Heads,
) -> Iterator[Problem]:
    """What is wrong with the branches of the remote, for a project that has something to do. Of what cannot be known, nothing is said.

    effects: those of the file. files: what the file refers to. content: what it should be.
    """
    remote = str(project.first['nixops_remote'])
    with suppress(Failure, GitError), private_repository(open_checkout(str(project.first['nixops_checkout']))) as repository:
        heads = asked.seen_from(repository)
        own = {branch: heads[branch] for branch in sorted(project.pushed_branches) if branch in heads}
        fetch(repository, remote, own)
        yield from _missing_files(project, repository, own, effects, sorted(set(files)), content)
        others = _nobodys(project, heads)
        unknown = [branch for branch, text in _contents(repository, others, '').items() if text is None]
        if 0 < len(unknown) <= MOST_FETCHED:
            fetch(repository, remote, {branch: heads[branch] for branch in unknown})
        yield from left_branches(project, repository, heads)


def _missing_files(
    project: Project, repository: Repository, heads: Mapping[str, str], effects: Sequence[Mapping[str, Any]], files: list[str],
    content: str,
) -> Iterator[Problem]:
    """What a push would be refused for, or an effect would not find."""
    own = written_file(project)
    written = _contents(repository, heads, own)
    for branch, revision in heads.items():
        pushed = written[branch] != content.encode() and project.first['nixops_push'] == 'direct'
        wanted = files if pushed else _read_on(project, effects, branch)
        there = _contents(repository, dict.fromkeys((parent for file in wanted for parent in nix_checkout.with_parents(file)), revision))
        # Where a part of the path is no folder it is a link, behind which the file may be.
        missing = [file for file in wanted if there[file] is None and not any(there[parent] for parent in nix_checkout.with_parents(file))]
        if missing:
            yield from no_files(str(project.first['nixops_remote']), branch, own.rpartition('/')[2], missing).problems


def _read_on(project: Project, effects: Sequence[Mapping[str, Any]], branch: str) -> list[str]:
    """The files of the effects that are sure to run on a branch."""
    running = [effect for effect in effects if run_on.expected_on(effect['run_on'], branch_ref(branch))]
    place = nix_checkout.Declaration(written_file(project), str(project.first['nixops_form']))
    return sorted({file for _where, file in nix_checkout.wanted_files(running, place, {})})


def left_branches(project: Project, repository: Repository, heads: Mapping[str, str]) -> Iterator[Problem]:
    """Branches that no network is deployed from, with a file written for one that was: as far as their commits are here.

    heads: those of the remote.
    """
    if not all(network.sound('nixops_branches', 'nixops_run_on') for network in project.networks):
        return
    file = written_file(project)
    for branch, content in _contents(repository, _nobodys(project, heads), file).items():
        text = (content or b'').decode('utf-8', 'replace')
        if ci_nix.is_managed(text) and deploys_from(text, branch):
            yield Problem(
                'A branch that no network is deployed from any longer has a file that deploys from it at its next push.',
                '%s of %s' % (branch, project.first['nixops_remote']), found='%s, written for what the inventory once said' % file,
                remedy='Delete the branch (git push %s --delete %s), or remove %s from it; name it '
                'in nixops_branches where it is meant to be deployed.' % (project.first['nixops_remote'], branch, file), severity='warning')


def _nobodys(project: Project, heads: Mapping[str, str]) -> dict[str, str]:
    return {
        branch: revision for branch, revision in sorted(heads.items())
        if not any(branch in network.branches or network.runs_on_branch(branch) for network in project.networks)
    }


def deploys_from(text: str, branch: str) -> bool:
    """Whether an effect of a managed file runs on a branch, by the conditions that are written there (module_utils/_nix/run_on.py)."""
    ref = branch_ref(branch)
    if re.search(r'= runIf true \(', text) or quoted(ref) in text:
        return True
    return any(_matches(pattern, ref) for pattern in re.findall(r'builtins\.match "((?:[^"\\]|\\.)*)" \(toString', text))


def _matches(pattern: str, ref: str) -> bool:
    with suppress(re.error):
        return bool(re.fullmatch(re.sub(r'\\(.)', r'\1', pattern), ref, re.DOTALL))
    return False


def _contents(repository: Repository, revisions: Mapping[str, str], file: str | None = None) -> dict[str, bytes | None]:
    """What a file is in commits, asked of one process: by the keys that were given, None where there is none. A folder counts as empty.

    file: of all these commits; without it, the keys are the files.
    """
    names = list(revisions)
    if not names:
        return {}
    asked = ['%s:%s' % (revisions[name], name if file is None else file) for name in names]
    answer = repository.run('cat-file', '--batch', data=''.join(line + '\n' for line in asked).encode())
    found: dict[str, bytes | None] = {}
    for name in names:
        line, _newline, answer = answer.partition(b'\n')
        words = line.rsplit(b' ', 2)
        if len(words) == 3 and words[1] in (b'blob', b'tree', b'commit') and words[2].isdigit():
            size = int(words[2])
            found[name] = answer[:size] if words[1] == b'blob' else b''
            answer = answer[size + 1:]
        else:
            found[name] = None
    return found
