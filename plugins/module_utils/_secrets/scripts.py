# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Which secrets the shell code of an effect reads, and which of their fields.

The source of the functions is effects/effect/effects-setup-hook.sh of hercules-ci-effects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_WRITERS = {
    'writeAWSSecret': ('aws', ('aws_access_key_id', 'aws_secret_access_key')),
    'writeSSHKey': ('ssh', ('privateKey',)),
    'writeGPGKey': ('gpg', ('privateKey',)),
    'writeDockerKey': ('docker', ('clientKey', 'clientCertificate', 'CACertificate')),
}
_READERS = ('readSecretString', 'readSecretJSON')
_DOCKER = 'useDockerHost'

_WORD = r'''(?:"[^"]*"|'[^']*'|[^\s;&|()<>"'`])+'''
_CALL = re.compile(
    r'(?:^|[;&|({!`]|\b(?:then|do|else)\s)[ \t]*(?P<function>%s)(?P<arguments>(?:(?:[ \t]|\\\n)+%s)*)(?=[\s;&|()<>`"]|$)'
    % ('|'.join((*_WRITERS, *_READERS, _DOCKER)), _WORD), re.MULTILINE,
)
_COMMENT = re.compile(r'(^|\s)#.*', re.MULTILINE)
# With these NixOps finds keys without writeAWSSecret (ec2_utils.py, fetch_aws_secret_key).
_OWN_CREDENTIALS = re.compile(
    r'\.ec2-keys|\.aws\b|AWS_SHARED_CREDENTIALS_FILE|(?:EC2|AWS)_(?:SECRET_KEY|SECRET_ACCESS_KEY)|\baws\s+configure\b|(?:^|[;&|\s])(?:source|\.)\s',
    re.MULTILINE,
)
_DOCKER_HOST = re.compile(r"""\bDOCKER_HOST=["']?(?:ssh|tcp|https?)://(?:[^@/\s"']+@)?(\[[0-9A-Fa-f:]+\]|[\w.-]+)""")
_FIELD = re.compile(r'''\.(?:([A-Za-z_]\w*)|\[?"([^"\\]*)"\]?)''')


class SecretUse(NamedTuple):
    """A call that reads a secret.

    secret: the name in secretsMap; None if only the shell knows it. fields: those of its data that have to be there, as far as can be told.
    """

    function: str
    secret: str | None
    fields: tuple[str, ...]

    @property
    def goes_on(self) -> bool:
        """Whether the function writes null where a field is missing, and reports success."""
        return self.function in ('writeAWSSecret', 'readSecretJSON')


def uses_in(script: str) -> Iterator[SecretUse]:
    """The calls of the library's functions that read secrets, in order."""
    for function, words in _calls(script):
        if function in _WRITERS:
            default, fields = _WRITERS[function]
            yield SecretUse(function, words[0] if words else default, fields)
        elif function in _READERS and len(words) > 1:
            field = _FIELD.match(words[1] or '')
            yield SecretUse(function, words[0], (field[1] or field[2],) if field else ())


class Profiles(NamedTuple):
    """What scripts write to ~/.aws/credentials.

    secrets: by profile the name in secretsMap of what is written, None if only the shell knows it. complete: whether that is all;
    not so where a script has a name from a variable, or writes or exports credentials by itself.
    """

    secrets: dict[str, str | None]
    complete: bool


def profiles_in(scripts: Iterable[str]) -> Profiles:
    """The profiles that calls of writeAWSSecret in these scripts write."""
    secrets: dict[str, str | None] = {}
    complete = True
    for script in scripts:
        complete = complete and not _OWN_CREDENTIALS.search(_COMMENT.sub(r'\1', script))
        for function, words in _calls(script):
            if function == 'writeAWSSecret':
                profile = words[1] if len(words) > 1 else 'default'
                complete = complete and profile is not None
                if profile is not None:
                    secrets[profile] = words[0] if words else _WRITERS[function][0]
    return Profiles(secrets, complete)


def docker_hosts_in(script: str) -> Iterator[str]:
    """The hosts whose Docker a script uses, as far as it says so itself."""
    yield from (words[0] for function, words in _calls(script) if function == _DOCKER and words and words[0])
    yield from (match[1] for match in _DOCKER_HOST.finditer(_COMMENT.sub(r'\1', script)))


def _calls(script: str) -> Iterator[tuple[str, list[str | None]]]:
    """The calls of the library's functions that read secrets or name a host, with their arguments, in order."""
    for call in _CALL.finditer(_COMMENT.sub(r'\1', script)):
        yield call['function'], [_literal(word) for word in re.findall(_WORD, call['arguments'].replace('\\\n', ' '))]


def _literal(word: str) -> str | None:
    """What the shell makes of a word; None if that depends on a variable or a command."""
    parts = re.findall(r'''"([^"]*)"|'([^']*)'|([^"']+)''', word)
    if any('$' in double or '$' in bare for double, _single, bare in parts):
        return None
    return ''.join(re.sub(r'\\(.)', r'\1', double + bare) + single for double, single, bare in parts)
