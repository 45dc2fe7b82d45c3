# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Bring ci.nix and other files to branches of a remote: what nixops_push does."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from .._argspec import ArgumentSpec
from .._git.credentials import advice
from .._git.push import Commit, PushedBranch, look, push, require_files
from .._git.repository import (
    GitError,
    Repository,
    open_checkout,
    private_repository,
    remote_addresses,
    remote_heads,
    remote_url,
)
from .._problems import Failure, Problem, fail, require_none
from .ci_nix import is_managed

SPEC = ArgumentSpec({
    'checkout': {'type': 'path', 'required': True},
    'files': {'type': 'list', 'elements': 'str', 'required': True},
    'contents': {'type': 'dict', 'default': {}},
    'required_files': {'type': 'list', 'elements': 'str', 'default': []},
    'branches': {'type': 'list', 'elements': 'str', 'required': True},
    'heads': {'type': 'dict', 'default': {}},
    'replaces': {'type': 'dict', 'default': {}},
    'hold': {'type': 'list', 'elements': 'str', 'default': []},
    'remote': {'type': 'str', 'default': 'origin'},
    'mode': {'type': 'str', 'choices': ['direct', 'branch', 'none'], 'default': 'direct'},
    'side_branch': {'type': 'str', 'default': 'nixops/{branch}'},
    'commit_message': {'type': 'str', 'default': 'Deploy NixOps networks with Hercules CI'},
    'author_name': {'type': 'str'},
    'author_email': {'type': 'str'},
})


def contents(module: Any, top: str) -> dict[str, bytes]:
    """The wanted content of every file, by its path as Git spells it."""
    given = module.params['contents']
    found = {}
    for path in module.params['files']:
        name = os.path.normpath(path)
        if name.startswith(('/', '../')) or name in ('.', '..'):
            raise fail('A file to push lies outside the checkout.', where='files', expected='a path below %s' % top, found=path)
        if path in given:
            found[name] = given[path].encode('utf-8')
            continue
        try:
            with open(os.path.join(top, path), 'rb') as stream:
                found[name] = stream.read()
        except (OSError, ValueError) as error:  # the latter is of what is no path
            raise fail('A file to push cannot be read.', where=os.path.join(top, path),
                       found=getattr(error, 'strerror', None) or str(error),
                       remedy='Write it first, with nixcd.hercules_ci.nixops_effect, or correct the option files.') from error
    return found


def require_own(found: PushedBranch, remote: str, files: dict[str, bytes], replaces: str | None) -> None:
    """Refuse to put what nixops_effect wrote in the place of what it did not: it looked at the checkout, which may be on another branch.

    replaces: the hash of what it has looked at on the branch, and found to mean the same.
    """
    for path in found.files:
        old, new = (content.decode('utf-8', 'replace') for content in (found.before[path], files[path]))
        seen = hashlib.sha256(found.before[path]).hexdigest() == replaces
        if old and is_managed(new) and not is_managed(old) and not seen:
            raise fail('The branch has a file that nixops_effect did not write.', where='%s on %s of %s' % (path, found.pushed_to, remote),
                       remedy='Let nixops_effect show that it means the same (adopt: true), remove it there, or keep it, write '
                       'another file with form: effects, and import that.')


def require_short_name(branch: str) -> None:
    """Refuse refs/heads/x, which Git would look for as refs/heads/refs/heads/x."""
    if branch.startswith('refs/'):
        raise fail('A branch is named without refs/heads/.', where='branches', found=branch,
                   expected=branch[len('refs/heads/'):] if branch.startswith('refs/heads/') else 'the name of a branch')


def require_head(found: PushedBranch, remote: str, expected: str | None) -> None:
    """Refuse a branch that is not as it was when somebody looked at what a push would do."""
    if expected and found.previous != expected:
        raise fail('The branch has moved since it was looked at.', where='%s of %s' % (found.branch, remote), expected=expected,
                   found=str(found.previous), remedy='Run the play again: it looks at what is there now.')


def one_branch(module: Any, repository: Repository, heads: dict[str, str], branch: str, files: dict[str, bytes]) -> PushedBranch:
    """Compare, and push unless there is a reason not to; a failure is kept, so that the other branches go on."""
    options = module.params
    side = options['side_branch'].replace('{branch}', branch) if options['mode'] == 'branch' else ''
    found = PushedBranch(branch, previous=heads.get(branch))

    def require(outcome: PushedBranch) -> None:
        require_head(outcome, options['remote'], options['heads'].get(branch))
        require_own(outcome, options['remote'], files, options['replaces'].get(branch))
        require_files(repository, options['remote'], outcome, map(os.path.normpath, options['required_files']))

    try:
        require_short_name(branch)
        found = look(repository, options['remote'], branch, heads=heads, files=files, side=side)
        held = branch in options['hold']
        if (held or options['mode'] == 'none') and found.files:
            module.warn('Branch %s of %s has other content in %s; nothing is pushed (%s).' % (
                branch, options['remote'], ', '.join(found.files), 'hold' if held else 'mode: none'))
            found.files, found.pushed_to = [], ''
        if found.files and module.check_mode:
            require(found)
            found.revision = None
        elif found.files:
            commit = Commit(options['commit_message'], options['author_name'], options['author_email'])
            found = push(repository, options['remote'], found, commit, heads=heads, files=files, require=require)
    except Failure as failure:
        found.problem, found.revision = failure.problems[0], failure.extra.get('revision')
    except GitError as error:
        found.problem, found.revision = Problem('Git failed.', where='branch %s' % branch, found=str(error)), None
    return found


def difference(outcome: PushedBranch, files: dict[str, bytes]) -> list[dict[str, str]]:
    """For diff mode: the files of a branch, before and after."""
    return [{
        'before_header': '%s:%s' % (outcome.branch, path), 'before': outcome.before[path].decode('utf-8', 'replace'),
        'after_header': '%s:%s' % (outcome.pushed_to, path), 'after': files[path].decode('utf-8', 'replace'),
    } for path in outcome.files]


def run(module: Any) -> dict[str, Any]:
    """What nixops_push returns; raises Failure when no branch could be looked at."""
    options = module.params
    checkout = open_checkout(options['checkout'])
    files = contents(module, checkout.path)
    remote_url(checkout, options['remote'])
    warning = advice(options['remote'], remote_addresses(checkout, options['remote']), checkout.path)
    if warning:
        module.warn(str(warning))
    with private_repository(checkout) as repository:
        wanted = list(options['branches'])
        if options['mode'] == 'branch':
            wanted += [options['side_branch'].replace('{branch}', branch) for branch in wanted]
        heads = remote_heads(repository, options['remote'], wanted)
        outcomes = [one_branch(module, repository, heads, branch, files) for branch in options['branches']]
    result: dict[str, Any] = {
        'branches': [outcome.as_dict() for outcome in outcomes],
        'heads': {outcome.branch: outcome.head for outcome in outcomes if outcome.head},
        'changed': any(outcome.changed for outcome in outcomes),
    }
    if module._diff:
        result['diff'] = [part for outcome in outcomes for part in difference(outcome, files)]
    require_none((outcome.problem for outcome in outcomes if outcome.problem), **result)
    return result
