# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Credentials in the addresses of remotes: where they show, and how they are kept out of what is told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from .._problems import Problem

HIDDEN = '…'
LONGEST_NAME = 20
"""Characters of a user name. What is longer is a token, which forges take in its place."""
_USER = re.compile(r'(?<=://)[^/\s?#]*@')
_QUERY = re.compile(r'(\w://[^\s?#\'"]*[?#])[^\s\'"]+')
_OTHERS = (
    re.compile(r'\b(?:gh[a-z]_|github_pat_|gl[a-z]{2,6}-)[\w-]{16,}'),  # tokens of forges, by how they begin
    re.compile(r'(?i)(?<=[?&])((?:[\w-]*(?:token|password|passwd|secret|key|auth)[\w-]*)=)[^&\s\'"]+'),
    re.compile(r'(?i)((?:authorization|private-token|job-token)["\']?\s*[:=]\s*["\']?(?:(?:basic|bearer|token)\s+)?)[^\s\'"]+'),
)


def without_credentials(text: str, addresses: Iterable[str] = ()) -> str:
    """The text without user, password and query of every address, without tokens, and without what is a credential in these addresses."""
    text = _QUERY.sub(lambda found: found.group(1) + HIDDEN, _USER.sub('', text))
    for credential in sorted({part for address in addresses for part in credentials_of(address)}, key=len, reverse=True):
        text = text.replace(credential, HIDDEN)
    for pattern in _OTHERS:
        text = pattern.sub(lambda found: (found.group(1) if found.re.groups else '') + HIDDEN, text)
    return text


def credentials_of(address: str) -> set[str]:
    """The password in an address, or the token in the place of a user, as it stands there and as it is meant."""
    found = re.match(r'https?://([^/\s]*)@', address)
    user, _colon, password = found.group(1).partition(':') if found else ('', '', '')
    secret = {password} | ({user} if len(user) > LONGEST_NAME else set())
    return {form for part in secret for form in (part, unquote(part)) if form}


def advice(remote: str, addresses: Iterable[str], where: str) -> Problem | None:
    """A warning where an address has credentials in it: Git gives them to programs of its own as arguments, which everybody can see."""
    if not any(credentials_of(address) for address in addresses):
        return None
    return Problem(
        'The address of the remote %s has credentials in it. Git writes them into command lines, which everybody on the machine can see.'
        % remote, where=where, severity='warning',
        remedy='Take them out with "git remote set-url", and let a credential helper keep them ("git help credentials").',
    )
