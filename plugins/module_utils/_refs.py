# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What Git calls branches and tags in full."""

from __future__ import annotations

from ._problems import fail

HEADS = 'refs/heads/'
TAGS = 'refs/tags/'


def branch_ref(branch: str) -> str:
    return '%s%s' % (HEADS, branch)


def branch_of(ref: str) -> str:
    """The branch that a ref is; empty for another ref."""
    return ref[len(HEADS):] if ref.startswith(HEADS) else ''


def full_ref(branch: str | None, ref: str | None) -> str | None:
    """The full name of a branch, or a ref that is checked to have one."""
    if branch and branch.startswith('refs/'):
        short = branch_of(branch)
        raise fail('A branch is named without refs/heads/.', where='branch', expected=short or 'the name of a branch, or ref in its place',
                   found=branch, remedy='Set branch: %s' % short if short else 'Set ref: %s' % branch)
    if branch:
        return branch_ref(branch)
    if ref is not None and not ref.startswith('refs/'):
        raise fail('The ref is not complete.', where='ref', expected='refs/heads/BRANCH or refs/tags/TAG', found=repr(ref))
    return ref
