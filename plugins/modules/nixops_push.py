#!/usr/bin/python
# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Certain files of a checkout are on certain branches of its remote."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nixops_push
short_description: Put a few files of a checkout on branches of its remote
version_added: 0.1.0
description:
  - Makes sure that certain files, such as the C(ci.nix) that M(nixcd.hercules_ci.nixops_effect) wrote, are on branches of a Git remote.
  - Where a branch has other content, one commit with exactly these files is made on top of its head and pushed. Nothing else is taken
    along, whatever else is modified or staged in the checkout.
  - What M(nixcd.hercules_ci.nixops_effect) wrote replaces only what it wrote, too. A file that people wrote on a branch is left alone.
  - Line ends and whatever else Git converts is compared and committed as Git itself would, by its configuration and the attributes of the
    checkout, or else of the branch.
  - The checkout itself is only read. Its branch, index, working tree, references and configuration stay as they are; commits are made in a
    private repository that borrows its objects.
  - A push is never forced. When somebody else pushes meanwhile, the commit is made anew on top of theirs.
  - Without a difference there is no commit and no push.
author: nixcd.hercules_ci contributors (@nixcd)
extends_documentation_fragment:
  - nixcd.hercules_ci._attributes
attributes:
  check_mode:
    support: full
    details:
      - The remote is asked for its branches, and what is missing is fetched into a private repository that is removed.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - git 2.31 or newer
notes:
  - Credentials are those of Git itself, such as an SSH agent, C(core.sshCommand) or a credential helper, for the user that runs the task.
    Git is not allowed to ask for a password. Variables that say which repository is meant, as C(GIT_DIR) in a hook, are not passed to it.
  - Hooks of the checkout are not run, and commits are not signed, also where C(commit.gpgsign) is set, as nobody is there to unlock a key.
    Where the remote wants signatures, use V(mode=branch) and sign the merge.
options:
  checkout:
    description: Working tree of the repository.
    type: path
    required: true
  files:
    description: The files, as paths below the top of the working tree.
    type: list
    elements: str
    required: true
  contents:
    description:
      - Content by path, for files in O(files) that are not to be read from the working tree.
      - In check mode this tells what a task before would have written.
    type: dict
    default: {}
  required_files:
    description:
      - Files or folders that O(files) refer to, as paths below the top of the working tree, such as
        RV(nixcd.hercules_ci.nixops_effect#module:files).
      - Nothing is pushed to a branch of the remote that does not have them, whatever the working tree has, because its job could only fail.
    type: list
    elements: str
    default: []
  branches:
    description: Names of the branches, without V(refs/heads/).
    type: list
    elements: str
    required: true
  replaces:
    description:
      - For a branch the SHA-256 hash of a file there that is replaced although M(nixcd.hercules_ci.nixops_effect) did not write it, such as
        RV(nixcd.hercules_ci.nixops_effect#module:replaces).
    type: dict
    default: {}
  hold:
    description: Those of the O(branches) that are not pushed to, whatever they have. It is only told whether they have the files.
    type: list
    elements: str
    default: []
  heads:
    description:
      - The commit that the head of a branch is expected to be, such as RV(nixcd.hercules_ci.nixops_effect#module:heads).
      - A branch that has moved since is not pushed to, as nobody has looked at what a push would do now.
    type: dict
    default: {}
  remote:
    description: Name of the Git remote.
    type: str
    default: origin
  mode:
    description:
      - V(direct) pushes to the branches.
      - V(branch) pushes to a side branch of each (O(side_branch)), for somebody to merge; for branches that are protected.
      - V(none) pushes nothing, and reports what differs as a warning.
    type: str
    choices: [direct, branch, none]
    default: direct
  side_branch:
    description: Name of the side branch. C({branch}) in it stands for the name of the branch.
    type: str
    default: nixops/{branch}
  commit_message:
    description: Message of the commits.
    type: str
    default: Deploy NixOps networks with Hercules CI
  author_name:
    description: Name of author and committer. By default the one that Git is configured with, or V(Ansible).
    type: str
  author_email:
    description: Mail address of author and committer. By default the one that Git is configured with, or V(ansible@localhost).
    type: str
seealso:
  - module: nixcd.hercules_ci.nixops_effect
  - module: nixcd.hercules_ci.hci_job
"""

EXAMPLES = r"""
- name: Put ci.nix on the branch that deploys production, unless its network files are missing there
  nixcd.hercules_ci.nixops_push:
    checkout: /srv/neat-repo
    files: [ci.nix]
    required_files: [network.nix, network-aws.nix, network-stub.nix]
    branches: [production]
  register: pushed

- name: Wait for the job of that commit
  nixcd.hercules_ci.hci_job:
    project: github/neat-org/neat-repo
    branch: production
    revision: "{{ pushed.heads.production }}"

- name: Propose ci.nix for protected branches
  nixcd.hercules_ci.nixops_push:
    checkout: /srv/neat-repo
    files: [ci.nix]
    branches: [staging, production]
    mode: branch
    author_name: Deployment
    author_email: deployment@example.org
    commit_message: |
      Update ci.nix from the inventory

      Made by ansible-playbook nixcd.hercules_ci.networks.
"""

RETURN = r"""
branches:
  description: What became of each branch, in the order of O(branches).
  type: list
  elements: dict
  returned: when the checkout could be read and the remote answered
  contains:
    branch:
      description: Name of the branch.
      type: str
      returned: always
      sample: production
    previous:
      description: Commit at the head of the branch before, V(null) when the remote has no such branch.
      type: str
      returned: always
      sample: 3f786850e387550fdab836ed7e6dc881de23001b
    revision:
      description:
        - Commit that has the files on RV(branches[].pushed_to); the head of that branch.
        - V(null) in check mode when it is yet to be made, and when the push failed. Of several addresses to which the remote is pushed some
          may have it although the push failed.
        - With V(mode=none) and other content there, the head of the branch.
      type: str
      returned: always
      sample: 89e6c98d92887913cadf06b2adb97f26cde4849b
    pushed_to:
      description: The branch that has the files now, this one or a side branch. Empty when there is none.
      type: str
      returned: always
      sample: production
    files:
      description: The files that differed.
      type: list
      elements: str
      returned: always
      sample: [ci.nix]
    changed:
      description: Whether a commit was pushed, or would be.
      type: bool
      returned: always
      sample: true
    msg:
      description: Why this branch could not be pushed.
      type: str
      returned: when it could not
      sample: "The remote origin has no branch production."
heads:
  description:
    - The commit at the head of each branch that has the files, after the task. These are the commits to wait for with
      M(nixcd.hercules_ci.hci_job).
    - Without branches whose commit is yet to be made, in check mode, those that could not be pushed, and those that have other content,
      with V(mode=none) or while a side branch waits to be merged.
  type: dict
  returned: when the checkout could be read and the remote answered
  sample: {production: 89e6c98d92887913cadf06b2adb97f26cde4849b}
problems:
  description: What is wrong, one dictionary for each problem, as RV(nixcd.hercules_ci.hci_secret#module:problems).
  type: list
  elements: dict
  returned: failure
  sample:
    - severity: error
      what: The remote origin has no branch production.
"""

import hashlib
import os
from typing import Any

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._entry import entry
from ..module_utils._git.credentials import advice
from ..module_utils._git.push import Commit, PushedBranch, look, push, require_files
from ..module_utils._git.repository import (
    GitError,
    Repository,
    open_checkout,
    private_repository,
    remote_addresses,
    remote_heads,
    remote_url,
)
from ..module_utils._nix.ci_nix import is_managed
from ..module_utils._problems import Failure, Problem, fail, require_none

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
        except OSError as error:
            raise fail('A file to push cannot be read.', where=os.path.join(top, path), found=error.strerror or '',
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


def run(module: Any) -> dict[str, object]:
    """What the module returns; raises Failure when no branch could be looked at."""
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
    result: dict[str, object] = {
        'branches': [outcome.as_dict() for outcome in outcomes],
        'heads': {outcome.branch: outcome.head for outcome in outcomes if outcome.head},
        'changed': any(outcome.changed for outcome in outcomes),
    }
    if module._diff:
        result['diff'] = [part for outcome in outcomes for part in difference(outcome, files)]
    require_none((outcome.problem for outcome in outcomes if outcome.problem), **result)
    return result


def main() -> None:
    entry(SPEC, run)


if __name__ == '__main__':
    main()
