# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Put the content of a few files on branches of a remote: one commit a branch, only where something differs, never by force."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Callable

from .._problems import Failure, Problem, fail
from .._refs import branch_ref
from .failed_push import address, failed, moved, other_addresses
from .repository import GitError, Repository, no_branch, no_files, remote_heads, unreachable

ATTEMPTS = 3  # to push on top of a branch that others push to at the same time
ROLES = ('AUTHOR', 'COMMITTER')
LINK = '120000'  # the mode of a symbolic link, whose content is its target


@dataclass(frozen=True)
class Commit:
    """What a commit says: the whole message, and the author's name and mail address where git's own are not wanted."""

    message: str
    author_name: str | None = None
    author_email: str | None = None

    def environment(self, repository: Repository) -> dict[str, str]:
        """Git's variables; who has no name in git is called Ansible, and who has no address gets one."""
        given = {key: value for key, value in (('NAME', self.author_name), ('EMAIL', self.author_email)) if value}
        name, email = {'NAME': 'Ansible'}, {'EMAIL': 'ansible@localhost'}
        variables: dict[str, str] = {}
        for lacking in ({}, name, email, {**name, **email}):
            variables = {'GIT_%s_%s' % (role, key): value for role in ROLES for key, value in {**lacking, **given}.items()}
            if has_identity(repository.with_environment(variables)):
                break
        return variables


def has_identity(repository: Repository) -> bool:
    """Whether git knows a name and an address, other than those that it makes up."""
    asked = (repository.try_run('-c', 'user.useConfigOnly=true', 'var', 'GIT_%s_IDENT' % role) for role in ROLES)
    return not any(answer.returncode for answer in asked)


@dataclass
class PushedBranch:
    """What became of one branch.

    revision: the commit that holds the files, None when it could not be made or, in check mode, is yet to be made.
    previous: the head of the branch before, None when the remote has no such branch.
    pushed_to: the branch that holds the files: this one, or a side branch that waits to be merged; empty for none.
    files: the paths that differed.
    """

    branch: str
    previous: str | None = None
    revision: str | None = None
    pushed_to: str = ''
    files: list[str] = field(default_factory=list)
    before: dict[str, bytes] = field(default_factory=dict)
    problem: Problem | None = None

    @property
    def head(self) -> str | None:
        """The commit at the head of the branch itself, None when that does not have the files: it is yet to be made, or the push failed."""
        return self.revision if self.pushed_to == self.branch and not self.problem else None

    @property
    def changed(self) -> bool:
        """Whether a commit was pushed, or would be; it may have been although the push failed."""
        return bool(self.files) and (self.problem is None or self.revision is not None)

    def as_dict(self) -> dict[str, Any]:
        """For a module's results."""
        names = ('branch', 'previous', 'revision', 'pushed_to', 'files')
        result = {name: getattr(self, name) for name in names}
        result['changed'] = self.changed
        if self.problem:
            result['msg'] = str(self.problem)
        return result


def look(
    repository: Repository, remote: str, branch: str, *, heads: Mapping[str, str], files: Mapping[str, bytes], side: str = '',
) -> PushedBranch:
    """Compare the files with a branch of the remote, or with its side branch where that one is ahead; fetches what is missing.

    heads: commit ids by branch, as remote_heads returns them.
    """
    head = heads.get(branch)
    if head is None:
        raise no_branch(repository, remote, branch)
    fetch(repository, remote, {name: heads[name] for name in (branch, side) if name in heads})
    found = PushedBranch(branch, previous=head, revision=head, pushed_to=branch)
    found.files = differing(repository, head, files)
    if found.files and side in heads and not is_ancestor(repository, heads[side], head):
        found.revision, found.pushed_to = heads[side], side
        found.files = differing(repository, heads[side], files)
    for path in found.files:
        entry = repository.entry(str(found.revision), path)
        found.before[path] = repository.run('cat-file', 'blob', entry[1]) if entry else b''
    if found.files and side:
        found.pushed_to = side
    return found


def require_files(repository: Repository, remote: str, found: PushedBranch, wanted: Iterable[str]) -> None:
    """Refuse a branch without these files or folders: what is to be pushed refers to them."""
    paths = list(wanted)
    listed = repository.run('ls-tree', '--full-tree', '--name-only', '-z', str(found.revision), '--', *paths) if paths else b''
    there = {name.decode('utf-8', 'surrogateescape') for name in listed.split(b'\0')}
    # Of a folder that is asked for beside something in it, Git lists the content.
    missing = [path for path in paths if path not in there and not any(name.startswith(path + '/') for name in there)]
    if missing:
        raise no_files(remote, found.branch, ' and '.join(found.files), missing)


def fetch(repository: Repository, remote: str, heads: Mapping[str, str]) -> None:
    """Have these commits, heads of branches of the remote, with their files."""
    missing = [branch for branch, commit in heads.items() if repository.try_run('cat-file', '-e', commit + '^{tree}').returncode]
    if missing:
        try:
            repository.run('fetch', '--quiet', '--no-tags', '--refmap=', remote,
                           *('+refs/heads/%s:refs/remotes/private/%s' % (branch, branch) for branch in missing))
        except GitError as error:
            raise unreachable(repository, remote, error) from error


def is_ancestor(repository: Repository, older: str, newer: str) -> bool:
    """Whether the one commit is contained in the other."""
    return repository.ask('merge-base', '--is-ancestor', older, newer) is not None


def differing(repository: Repository, revision: str, files: Mapping[str, bytes]) -> list[str]:
    """The paths whose content in a commit is not the given one."""
    there = {path: repository.entry(revision, path) for path in files}
    stored = blobs(repository, revision, files)
    return [path for path, entry in sorted(there.items()) if entry is None or entry[1] != stored[path]]


def blobs(repository: Repository, revision: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """What Git stores of files when they are added to a commit, by their paths; they are in the index then, beside those of the commit.

    Line ends and whatever else is converted as the attributes of the checkout want it, and where it has none those of the commit.
    """
    repository.run('read-tree', revision)
    tree = Repository(repository.text('config', 'core.worktree'), repository.environment)
    for path in files:
        for folder in PurePath(path).parents:
            attributes = os.path.join(repository.path, folder, '.gitattributes')
            if os.path.isfile(attributes):
                with open(attributes, 'rb') as stream:
                    _write(tree.path, folder / '.gitattributes', stream.read())
    for path, content in files.items():
        _write(tree.path, path, content)
        if tree.run('check-attr', '-z', 'filter', '--', path).split(b'\0')[2:3] == [b'lfs']:
            raise fail('Git LFS would keep the file elsewhere, where nothing puts it from here.', where=path, found='filter=lfs',
                       expected='a file that Git itself keeps', remedy='Exclude it in .gitattributes: %s -filter' % path)
        tree.run('update-index', '--add', '--', path)
    return {path: tree.text('ls-files', '--stage', '--', ':(literal)%s' % path).split()[1] for path in files}


def _write(tree: str, path: str | PurePath, content: bytes) -> None:
    try:
        os.makedirs(os.path.join(tree, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(tree, path), 'wb') as stream:
            stream.write(content)
    except (OSError, ValueError) as error:  # one of the files is another one's folder
        raise GitError('%s: %s' % (path, getattr(error, 'strerror', None) or error)) from error


def commit_on(repository: Repository, base: str, files: Mapping[str, bytes], commit: Commit) -> str:
    """Make a commit on top of another one in which these files have this content, and return its id."""
    for path, blob in blobs(repository, base, files).items():
        entry = repository.entry(base, path)
        mode = entry[0] if entry and entry[0] != LINK else '100644'
        repository.run('update-index', '--add', '--cacheinfo', '%s,%s,%s' % (mode, blob, path))
    author = repository.with_environment(commit.environment(repository))
    return author.run('commit-tree', repository.text('write-tree'), '-p', base, data=commit.message.encode('utf-8')).decode('ascii').strip()


def _has(repository: Repository, remote: str, branch: str, commit: str) -> bool:
    """Whether the remote has the commit at the head of the branch, as far as it tells."""
    try:
        return remote_heads(repository, remote, [branch]).get(branch) == commit
    except Failure:
        return False


def push(
    repository: Repository, remote: str, found: PushedBranch, commit: Commit, *, heads: Mapping[str, str], files: Mapping[str, bytes],
    require: Callable[[PushedBranch], None],
) -> PushedBranch:
    """Bring the files that differ to the branch; when others pushed meanwhile, do it again on top of theirs.

    heads: commit ids by branch from which the outcome was found. require: raises Failure where nothing may be pushed on top of a head.
    """
    before, said = heads, ''
    for _attempt in range(ATTEMPTS):
        if not found.files:
            return found
        require(found)
        made = commit_on(repository, str(found.revision), {path: files[path] for path in found.files}, commit)
        ref, head = branch_ref(found.pushed_to), heads.get(found.pushed_to, '')
        # The lease forces nothing: the commit is a descendant of that head. A branch that was deleted or reset meanwhile is not restored.
        done = repository.try_run('push', '--porcelain', '--force-with-lease=%s:%s' % (ref, head), remote, '%s:%s' % (made, ref))
        if done.returncode == 0:
            found.revision = made
            return found
        said = (done.stdout + done.stderr).decode('utf-8', 'replace')
        if not moved(said):
            failure = failed(repository, remote, found.branch, found.pushed_to, said)
            if not _has(repository, remote, found.pushed_to, made):
                raise failure
            found.revision = made
            if '\n' not in address(repository, remote, '--push'):  # only the answer was lost
                return found
            told = failure.problems[0]
            told = replace(told, what='%s Of its several addresses for pushes, one has the commit.' % told.what)
            raise Failure((told,), {'revision': made})
        side = found.pushed_to if found.pushed_to != found.branch else ''
        heads = remote_heads(repository, remote, filter(None, (found.branch, side)))
        found = look(repository, remote, found.branch, heads=heads, files=files, side=side)
    if heads.get(found.pushed_to) == before.get(found.pushed_to):  # such as a branch nixops, beside which Git cannot have nixops/production
        raise other_addresses(repository, remote, said) or failed(repository, remote, found.branch, found.pushed_to, said)
    raise fail('Branch %s of the remote %s moved %d times while it was pushed to.' % (found.pushed_to, remote, ATTEMPTS),
               where=repository.path, remedy='Run the play again when the others have finished pushing.')
