# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The newest revision of a repository, and the hash of an archive: asked of Git and Nix."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess

from ...module_utils._git.repository import GitError, Repository, one_line
from ...module_utils._hercules_ci.state import hexadecimal
from ...module_utils._problems import fail
from ...module_utils._programs import run_program
from ...module_utils._refs import branch_ref

LONGEST = 1800.0
"""Seconds for an archive."""


def newest_revision(repository: str, branch: str) -> str:
    """The commit at the head of a branch, over whatever Git can."""
    try:
        said = Repository('/').run('ls-remote', '--', repository, branch_ref(branch)).decode('utf-8', 'replace')
    except GitError as error:
        raise fail('Git cannot read the repository.', where=one_line(repository), found=one_line(str(error)),
                   remedy='Look at its address, and at what git ls-remote says.') from None
    revision = said.partition('\t')[0].strip()
    if not re.fullmatch('[0-9a-f]{40,64}', revision):
        raise fail('The repository has no such branch.', where=one_line(repository), found=branch, remedy='Name another one.')
    return revision


def hash_of(url: str, like: str) -> str:
    """The hash of what an archive unpacks to, in the form of another one: base 32 as Nix prints it, or SRI."""
    program = shutil.which('nix-prefetch-url')
    if not program:
        raise fail('Nix is not on this machine.', where='nix-prefetch-url', remedy='Install Nix.')
    if not re.match(r'[a-z][a-z0-9+.-]*:', url):
        raise fail('This is not an address.', where=url, expected='a URL such as https://…', remedy='Correct it.')
    try:
        done = run_program((program, '--unpack', '--type', 'sha256', url), timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise fail('The archive did not come in time.', where=url, found='nothing in %d seconds' % LONGEST, remedy='Try again.') from None
    lines = done.stdout.decode('ascii', 'replace').split()
    digits = hexadecimal(lines[-1]) if lines and not done.returncode else None
    if digits is None:
        said = done.stderr.decode('utf-8', 'replace').strip().splitlines()
        raise fail('Nix cannot fetch the archive.', where=url, found=said[-1] if said else 'nothing', remedy='Look at its address.')
    if like.startswith('sha256-'):
        return 'sha256-' + base64.b64encode(bytes.fromhex(digits)).decode()
    return lines[-1]
