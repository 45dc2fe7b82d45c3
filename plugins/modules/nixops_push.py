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

from ..module_utils._entry import entry
from ..module_utils._nix.push_files import SPEC, run


def main() -> None:
    entry(SPEC, run)


if __name__ == '__main__':
    main()
