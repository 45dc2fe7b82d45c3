# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Why a push failed, from what git says: the remote refused it, somebody else was faster, or it could not be made at all."""

from __future__ import annotations

import re

from .._problems import Failure, fail
from .credentials import without_credentials
from .repository import Repository, one_line, remote_addresses

MOVED = ('fetch first', 'non-fast-forward', 'stale info', 'cannot lock ref', 'incorrect old value', 'failed to update ref')
REJECTED = re.compile(r'^!\t[^\t]*\t\[(?:remote )?rejected\]', re.MULTILINE)
"""A line of `git push --porcelain` about a ref that the remote, or git itself because of the remote's refs, did not take."""
DENIED = re.compile(
    r'returned error: 40[13]|Authentication failed|Permission denied|permission to \S+ denied|could not read (?:Username|Password)'
    r'|not allowed to push|write access .*not granted|access denied|insufficient permission',
    re.IGNORECASE,
)
UNREACHABLE = re.compile(
    r'Could not resolve host|unable to connect|unable to access|Connection (?:refused|reset|timed out)|timed out|unable to look up'
    r'|Could not read from remote repository|does not appear to be a git repository|not found|Network is unreachable|No route to host'
    r'|the remote end hung up|SSL|protocol .* not (?:allowed|supported)|transport .* not allowed',
    re.IGNORECASE,
)


def moved(said: str) -> bool:
    """Whether the branch was not where it had been seen."""
    return any(reason in said for reason in MOVED)


def failed(repository: Repository, remote: str, branch: str, pushed_to: str, said: str) -> Failure:
    """What to tell somebody whose push failed.

    branch: the branch that is to have the files. pushed_to: itself, or its side branch. said: standard output and error of git push.
    """
    where, said = 'branch %s' % branch, without_credentials(said, remote_addresses(repository, remote))
    if REJECTED.search(said) or DENIED.search(said):
        side = pushed_to != branch
        remedy = ('Allow this user to push to %s, or push by hand (nixops_push: none).' % pushed_to if side else
                  'Push to a side branch for somebody to merge (nixops_push: branch), or allow this user to push.')
        return fail('The remote %s refused the push to branch %s.' % (remote, pushed_to), where=where, found=_reasons(said), remedy=remedy)
    if "--mirror can't be combined" in said:
        return fail('No single branch can be pushed to the remote %s: it is configured as a mirror.' % remote, where=where,
                    found='remote.%s.mirror = true' % remote,
                    remedy='Name another remote, or unset it: git config --unset remote.%s.mirror' % remote)
    if 'push options' in said:
        return fail('The remote %s does not take the options that Git is configured to push with.' % remote, where=where,
                    found=_reasons(said), remedy='Unset push.pushOption in the checkout, or let the remote take options '
                    '(receive.advertisePushOptions).')
    if UNREACHABLE.search(said):
        return _no_address(repository, remote, where, said)
    return fail('Git could not push to branch %s of the remote %s.' % (pushed_to, remote), where=where, found=_reasons(said),
                remedy='Correct what Git says. "git push --dry-run %s HEAD:refs/heads/%s" there, as the same user, should say the same.' % (
                    remote, pushed_to))


def _no_address(repository: Repository, remote: str, where: str, said: str) -> Failure:
    """The remote answered when it was read; where it has an address of its own for pushes, that is the one that does not."""
    if address(repository, remote) == address(repository, remote, '--push'):
        return fail('Git cannot push to the remote %s, although it can read it.' % remote, where=where, found=_reasons(said),
                    remedy='Try "git push --dry-run %s HEAD" there, as the same user.' % remote)
    return fail('Git cannot reach the address to which the remote %s is pushed.' % remote, where=where, found=_reasons(said),
                remedy='Correct it: git remote set-url --push %s URL' % remote)


def other_addresses(repository: Repository, remote: str, said: str) -> Failure | None:
    """For a branch that stays where it was and is not there for a push: perhaps the remote is another one for pushes."""
    if 'stale info' not in said or address(repository, remote) == address(repository, remote, '--push'):
        return None
    return fail('The remote %s is pushed to another address than it is fetched from, where its branches are different.' % remote,
                where=without_credentials(address(repository, remote, '--push')), expected='the branches of %s' % without_credentials(
                    address(repository, remote)), remedy='Name a remote that is fetched from where it is pushed to.')


def address(repository: Repository, remote: str, *which: str) -> str:
    """Where a remote is, a line for each of its addresses; with `--push`, where it is pushed to."""
    return repository.text('remote', 'get-url', '--all', *which, remote)


def _reasons(said: str) -> str:
    """The lines in which git and the remote give their reasons."""
    lines = [line.strip() for line in said.splitlines() if not line.startswith(('To ', 'hint:'))]
    if any(line.startswith(('!', 'remote:')) for line in lines):
        lines = [line for line in lines if line.startswith(('!', 'remote:', 'error:', 'fatal:'))]
    return one_line(' '.join(lines) or said)
