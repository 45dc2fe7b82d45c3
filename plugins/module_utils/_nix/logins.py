# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Can an effect log in where it deploys with SSH? It starts in an empty home, without a key and without known hosts, and asks nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .._problems import Problem
from .function import Function

_KNOWN = re.compile(r'known_?hosts|StrictHostKeyChecking|ssh-keyscan|\.ssh/config', re.IGNORECASE)
_KEY = re.compile(r'writeSSHKey|IdentityFile|IdentityAgent|CertificateFile|SSH_AUTH_SOCK|ssh-a(?:dd|gent)|\.ssh/|(?:^|\s)-i\b')
_DESTINATION = re.compile(r'(?:ssh(?:-ng)?://)?(?:[^@/\s]+@)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_][A-Za-z0-9_.:%-]*)\Z')


def host_of(destination: Any) -> str | None:
    """The host of USER@HOST; None where only Nix knows it, or where it is none."""
    match = _DESTINATION.match(destination) if isinstance(destination, str) else None
    return match['host'].strip('[]') if match else None


def problems(effect: Mapping[str, Any], function: Function, where: str) -> Iterator[Problem]:
    """Why an effect that logs in with SSH could not. Of what only Nix knows, nothing is said."""
    destination = effect.get(function.destination) if function.destination else None
    if destination in (None, ''):
        return
    if isinstance(destination, str) and host_of(destination) is None:
        yield Problem('The shell of the effect, or ssh, would take this for something else.', '%s: %s' % (where, function.destination),
                      expected='USER@HOST', found=destination, remedy='Put a port and the like into ssh_options.')
    texts = [effect.get(parameter.option) for parameter in function.of_kind('script')] + [effect.get('ssh_options')]
    texts += [*(effect.get('arguments') or {}).values(), *(effect.get('environment') or {}).values()]
    if any(isinstance(text, Mapping) for text in texts):
        return
    text = '\n'.join(text for text in texts if isinstance(text, str))
    at = '%s: user_setup_script' % where
    if not _KEY.search(text):
        yield Problem('Nothing gives the effect a key to log in with.', at, expected='a call of writeSSHKey', found='no key',
                      remedy='Add writeSSHKey to user_setup_script, and the secret with privateKey to secrets_map.')
    if not _KNOWN.search(text):
        yield Problem('The effect would refuse the host, as it knows no host keys and asks nobody.', at,
                      expected='lines for ~/.ssh/known_hosts', found='no known hosts',
                      remedy="Add to user_setup_script: echo '%s ssh-ed25519 …' >>~/.ssh/known_hosts" % (host_of(destination) or 'HOST'))
