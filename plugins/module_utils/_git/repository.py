# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Git, as the program: somebody's checkout, read only, and a private repository beside it in which commits are made."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from .._problems import Failure, fail
from .._programs import run_program
from .._refs import HEADS, branch_ref
from .credentials import without_credentials

TIMEOUT = 300.0  # seconds for one git command; fetching a large repository over a slow line is the longest

HEEDED = (
    'GIT_SSH', 'GIT_ASKPASS', 'GIT_CONFIG_', 'GIT_SSL_', 'GIT_HTTP_', 'GIT_PROXY_', 'GIT_PROTOCOL', 'GIT_ALLOW_PROTOCOL',
    'GIT_AUTHOR_', 'GIT_COMMITTER_', 'GIT_EXEC_PATH',
)
"""What variables of Git begin with that say how to reach a remote and who one is. The others say which repository is meant, as they do in a
hook, how paths are read, or that everything is to be traced, credentials included."""


def cleaned_environment() -> dict[str, str]:
    """The environment for Git, and for programs that ask it: that of this process, without what is about another repository."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith('GIT_') or name.startswith(HEEDED)}
    # Nobody is there to answer a prompt.
    return {**inherited, 'GIT_TERMINAL_PROMPT': '0'}


class GitError(Exception):
    """A git command that failed; `str()` is what git said, without credentials."""


def one_line(said: str) -> str:
    """What git said, without its advice."""
    return ' '.join(said.partition('Please make sure you have the correct access rights')[0].split())


class Repository:
    """A Git repository on this machine."""

    def __init__(self, path: str, environment: Mapping[str, str] | None = None) -> None:
        """path: where git is started; environment: added to the process' own."""
        self.path = path
        # Messages are compared: no translations.
        self.environment = {**cleaned_environment(), 'LC_ALL': 'C', **(environment or {})}

    def with_environment(self, more: Mapping[str, str]) -> Repository:
        """This repository, with these variables added to its environment."""
        return Repository(self.path, {**self.environment, **more})

    def try_run(self, *arguments: str, data: bytes = b'') -> subprocess.CompletedProcess[bytes]:
        """Run git, whatever its exit code is."""
        try:
            return run_program(('git', *arguments), data=data, timeout=TIMEOUT, cwd=self.path, env=self.environment)
        except FileNotFoundError as error:
            if os.path.isdir(self.path):
                raise fail('Git is not on this machine.', where=self.path, remedy='Install git.') from error
            raise fail('There is no such folder.', where=self.path, remedy='Clone the repository there, or correct the path.') from error
        except subprocess.TimeoutExpired as error:
            raise fail('git %s did not end within %d seconds.' % (arguments[0], TIMEOUT), where=self.path,
                       remedy='Run it by hand to see what it waits for.') from error
        except ValueError as error:  # a null byte or half a surrogate pair in what is no path or name then
            raise GitError('git %s: %s' % (arguments[0], error)) from error

    def run(self, *arguments: str, data: bytes = b'') -> bytes:
        """Standard output of a git command that has to succeed; raises GitError."""
        done = self.try_run(*arguments, data=data)
        if done.returncode:
            raise GitError(without_credentials(done.stderr.decode('utf-8', 'replace').strip()))
        return done.stdout

    def ask(self, *arguments: str) -> bytes | None:
        """Standard output of a git command that answers a question: None for its no, which has the exit code 1; raises GitError."""
        done = self.try_run(*arguments)
        if done.returncode not in (0, 1):
            raise GitError(without_credentials(done.stderr.decode('utf-8', 'replace').strip()))
        return None if done.returncode else done.stdout

    def text(self, *arguments: str) -> str:
        """Like run, for output that is one line."""
        return self.run(*arguments).decode('utf-8', 'replace').strip()

    def configuration_files(self) -> dict[str, str]:
        """The files from which git takes settings here, by their real paths, in their order: what stands in a later one counts.

        Their own paths are what their includes are relative to.
        """
        origins = self.run('config', '--list', '--show-origin', '--name-only', '-z').decode('utf-8', 'surrogateescape').split('\0')[::2]
        files = (os.path.join(self.path, origin[len('file:'):]) for origin in origins if origin.startswith('file:'))
        return {os.path.realpath(file): file for file in files}

    def entry(self, revision: str, path: str) -> tuple[str, str] | None:
        """Mode and object id of a file in a commit, or None when the commit has no such file."""
        line = self.text('ls-tree', '--full-tree', revision, '--', path)
        if not line:
            return None
        mode, kind, rest = line.split(None, 2)
        if kind != 'blob':
            raise GitError('%s is a %s, not a file, in commit %s.' % (path, kind, revision))
        return mode, rest.split('\t', 1)[0]


def open_checkout(path: str) -> Repository:
    """The checkout at this path; raises Failure when there is none that git would read."""
    checkout = Repository(path)
    try:
        return Repository(checkout.text('rev-parse', '--show-toplevel'))
    except GitError as error:
        raise unreadable(path, error) from error


def unreadable(path: str, error: GitError) -> Failure:
    """What to tell somebody whose checkout git does not read."""
    remedy = 'Clone the repository there, or correct the path.'
    if 'dubious ownership' in str(error) or 'unsafe repository' in str(error):
        remedy = ('Run the task as the owner of the checkout (become_user), or let this user trust it: '
                  'git config --global --add safe.directory %s' % shlex.quote(path))
    return fail('Git cannot read the checkout.', where=path, expected='a working tree that git can read', found=one_line(str(error)),
                remedy=remedy)


def top_of_working_tree(path: str) -> Repository | None:
    """The repository whose working tree the folder is; None where it is in no repository.

    Raises Failure where git does not answer, and for a folder further down: agents look at the top.
    """
    folder = PurePath(os.path.realpath(path))
    if not any(os.path.lexists(parent / '.git') for parent in (folder, *folder.parents)):
        return None
    repository = open_checkout(path)
    if os.path.realpath(repository.path) != str(folder):
        raise fail('The checkout is not the top of a working tree.', where=path, expected=repository.path, found=path,
                   remedy='Agents read ci.nix at the top of the repository: give that folder as the checkout.')
    return repository


def remote_url(checkout: Repository, remote: str) -> str:
    """Where a push to this remote goes, as git's own configuration says; may hold credentials."""
    try:
        return checkout.text('remote', 'get-url', '--push', remote)
    except GitError as error:
        raise fail('The checkout has no remote called %s.' % without_credentials(remote), where=checkout.path, found=str(error),
                   remedy='Add it (git remote add %s URL), or name another one.' % without_credentials(remote)) from error


def remote_addresses(checkout: Repository, remote: str) -> list[str]:
    """All addresses that git's configuration has for a remote, as they are written there."""
    listed = checkout.try_run('config', '--get-regexp', r'^remote\.%s\.(push)?url$' % re.escape(remote)).stdout.decode('utf-8', 'replace')
    return [line.partition(' ')[2] for line in listed.splitlines()]


def remote_heads(repository: Repository, remote: str, branches: Iterable[str]) -> dict[str, str]:
    """Commit ids of those of the branches that the remote has, with one request."""
    try:
        listing = repository.text('ls-remote', remote, *map(branch_ref, branches))
    except GitError as error:
        raise unreachable(repository, remote, error) from error
    heads = (line.split('\t', 1) for line in listing.split('\n') if line)
    return {ref[len(HEADS):]: revision for revision, ref in heads}


def remote_default_branch(repository: Repository, remote: str) -> str:
    """The branch that a clone of the remote has checked out; empty where there is none, or the remote does not answer."""
    listing = repository.try_run('ls-remote', '--symref', remote, 'HEAD').stdout.decode('utf-8', 'replace')
    found = re.match(r'ref: refs/heads/(\S+)\tHEAD$', listing, re.MULTILINE)
    return found.group(1) if found else ''


def unreachable(repository: Repository, remote: str, error: GitError) -> Failure:
    """What to tell somebody whose remote does not answer, or does not let them in: what git said, without its advice, on one line."""
    said = one_line(without_credentials(str(error), remote_addresses(repository, remote)))
    return fail('Git cannot reach the remote %s.' % remote, where=repository.path, found=said,
                remedy='Try "git ls-remote %s" there as the same user: the credentials are those of git itself.' % remote)


def no_branch(repository: Repository, remote: str, branch: str, named_in: str = 'branches') -> Failure:
    """What to tell somebody who deploys from a branch that the remote does not have."""
    return fail('The remote %s has no branch %s.' % (remote, branch), where=without_credentials(remote_url(repository, remote)),
                remedy='Create it with "git push %s HEAD:refs/heads/%s", or correct %s.' % (remote, branch, named_in))


def no_files(remote: str, branch: str, referring: str, missing: Iterable[str]) -> Failure:
    """What to tell somebody whose branch lacks files that another one refers to."""
    return fail('The branch does not have files that %s refers to.' % referring, where='%s of %s' % (branch, remote),
                found='nothing at %s' % ', '.join(missing),
                remedy='Push them to the branch first: an agent sees what is there, not what is in the checkout.')


@contextlib.contextmanager
def private_repository(checkout: Repository) -> Iterator[Repository]:
    """An empty repository with the objects and the configuration of a checkout, in which nothing touches the checkout.

    It borrows the checkout's objects, so that only news are fetched, and includes its configuration, so that remotes, credentials,
    proxies and ssh commands are the same. Hooks are not run. It lives in a temporary folder, with an empty working tree of its own, and is
    removed at the end.
    """
    folder = tempfile.mkdtemp(prefix='nixops-push-')
    try:
        paths = ('--git-path', 'objects', '--git-path', 'shallow', '--git-path', 'info/attributes')
        said = checkout.text('rev-parse', '--path-format=absolute', *paths, '--show-object-format')
        objects, shallow, attributes, form = said.rsplit('\n', 3)
        private = Repository(checkout.path, {'GIT_DIR': os.path.join(folder, 'git'), 'GIT_INDEX_FILE': os.path.join(folder, 'index')})
        private.run('init', '--quiet', '--template=', '--object-format=%s' % form)
        with open(os.path.join(folder, 'git', 'objects', 'info', 'alternates'), 'w', encoding='utf-8') as stream:
            stream.write(objects + '\n')
        if os.path.exists(shallow):
            shutil.copy(shallow, os.path.join(folder, 'git', 'shallow'))
        if os.path.exists(attributes):
            os.makedirs(os.path.join(folder, 'git', 'info'), exist_ok=True)
            shutil.copy(attributes, os.path.join(folder, 'git', 'info', 'attributes'))
        tree = os.path.join(folder, 'tree')
        os.mkdir(tree)
        own = {'bare': 'false', 'worktree': tree, 'hooksPath': os.devnull, 'sparseCheckout': 'false', 'safecrlf': 'false'}

        def configure(files: Iterable[str]) -> None:
            with open(os.path.join(folder, 'git', 'config'), 'w', encoding='utf-8', errors='surrogateescape') as stream:
                stream.write('[core]\n\trepositoryformatversion = %d\n' % (form != 'sha1'))
                stream.write('[extensions]\n\tobjectFormat = %s\n' % form if form != 'sha1' else '')
                stream.writelines('[include]\n\tpath = "%s"\n' % re.sub(r'(["\\])', r'\\\1', file) for file in files)
                stream.write('[gc]\n\tauto = 0\n[core]\n%s' % ''.join('\t%s = "%s"\n' % setting for setting in own.items()))

        # Git reads the files for all repositories by itself, and what a file includes with it. The others, as those for the place of the
        # checkout (includeIf, config.worktree), are included here. None is read twice.
        included: list[str] = []
        configure(included)
        known = private.configuration_files()
        for real, file in checkout.configuration_files().items():
            if real not in known:
                included.append(file)
                configure(included)
                known = private.configuration_files()
        yield private
    finally:
        shutil.rmtree(folder, ignore_errors=True)
