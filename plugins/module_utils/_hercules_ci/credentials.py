# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Where the token comes from: the same places as `hci` looks in, in the same order."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .._files import open_regular
from .._problems import fail
from .._secrets.places import folder_of_hci

LOGIN = 'Run hci login and confirm it in the browser, or set HERCULES_CI_API_TOKEN or the option api_token'


@dataclass(frozen=True)
class Token:
    """A token and where it was found; only the latter may be shown."""

    value: str = field(repr=False)
    source: str


def find_token(
    domain: str,
    api_token: str | None,
    credentials_file: str | None,
    environment: Mapping[str, str],
) -> Token:
    """The token for a domain, which is the host of the base URL without its port.

    The options come first, then HERCULES_CI_API_TOKEN, then inside an effect its own token, then what `hci login` has stored.
    Raises Failure when there is none, and when the place that should hold it cannot be read: no other token is tried then.
    """
    if api_token:
        return _checked(api_token, 'the option api_token')
    if not credentials_file:
        if environment.get('HERCULES_CI_API_TOKEN'):
            return _checked(environment['HERCULES_CI_API_TOKEN'], 'the environment variable HERCULES_CI_API_TOKEN')
        if environment.get('IN_HERCULES_CI_EFFECT') == 'true':
            path = environment.get('HERCULES_CI_SECRETS_JSON', '')
            return _from_file(path, ('hercules-ci', 'data', 'token'), 'Check how the effect was started')
    path = credentials_file or default_credentials_file(environment)
    return _from_file(path, ('domains', domain, 'personalToken'), LOGIN)


def default_credentials_file(environment: Mapping[str, str]) -> str:
    """Where hci login stores tokens."""
    return os.path.join(folder_of_hci(environment), 'credentials.json')


@contextmanager
def token_in_file(api_token: str | None, domain: str, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The environment for a program that looks for a token as `hci` does, and finds this one, if one is given.

    It is in a file, because other processes inherit an environment. The file is where the program looks for its configuration: in a
    folder that has all else that was in that of before, and that lasts as long as this context.
    """
    if not api_token:
        yield dict(environment)
        return
    token = _checked(api_token, 'the option api_token').value
    credentials = default_credentials_file(environment)
    with tempfile.TemporaryDirectory(prefix='hercules-ci-') as folder:
        own = os.path.join(folder, 'hercules-ci')
        os.mkdir(own, 0o700)
        _link_all(os.path.dirname(os.path.dirname(credentials)), folder)
        _link_all(os.path.dirname(credentials), own)
        path = os.path.join(own, 'credentials.json')
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'w', encoding='utf-8') as file:
            json.dump({'domains': {domain: {'personalToken': token}}}, file)
        kept = {name: value for name, value in environment.items() if name not in ('HERCULES_CI_API_TOKEN', 'IN_HERCULES_CI_EFFECT')}
        yield {**kept, 'XDG_CONFIG_HOME': folder}


def _link_all(source: str, target: str) -> None:
    """Have all of a folder in another one, but for what is there, and for credentials."""
    for name in os.listdir(source) if os.path.isdir(source) else ():
        if name != 'credentials.json' and not os.path.lexists(os.path.join(target, name)):
            os.symlink(os.path.abspath(os.path.join(source, name)), os.path.join(target, name))


def _from_file(path: str, keys: tuple[str, ...], remedy: str) -> Token:
    where = '%s at %s' % (path, '.'.join(keys))
    try:
        with open_regular(path) as file:
            value: Any = json.loads(file.read())
    except FileNotFoundError:
        raise fail('There is no token for Hercules CI.', where=where, found='no such file', remedy=remedy) from None
    except OSError as error:
        raise fail('The credentials file cannot be read.', where=path, found=str(error.strerror), remedy=remedy) from None
    except (ValueError, RecursionError):
        raise fail('The credentials file is not valid JSON.', where=path, remedy=remedy) from None
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, str) or not value:
        raise fail('There is no token for Hercules CI.', where=where, found='nothing there', remedy=remedy)
    return _checked(value, where)


def _checked(value: str, source: str) -> Token:
    stripped = value.strip()
    if not stripped or not all('!' <= character <= '~' for character in stripped):
        raise fail(
            'The token has characters that no token has.',
            where=source,
            expected='letters, digits and punctuation without blanks',
            remedy=LOGIN,
        )
    return Token(stripped, source)
