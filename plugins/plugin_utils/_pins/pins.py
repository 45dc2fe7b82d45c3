# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Which pins of a file are to become what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...module_utils._nix.pins import DEFAULTS, KINDS, archive_url, kind_of
from ...module_utils._problems import fail
from .._yaml_edits.changes import Path, Put
from .._yaml_edits.reading import at

VARIABLE = 'nixops_pins'
OPTIONS = ('branch', 'revision', 'repository', 'url')


def place_of_pins(value: Any, given: Sequence[Any] | None, where: str) -> Path:
    """Where the pins stand in a file: at the given keys, else at the only place that is called so."""
    found = [tuple(given)] if given else [path for path in _paths(value) if path[-1] == VARIABLE]
    if len(found) == 1 and isinstance(at(value, found[0]), Mapping):
        return found[0]
    places = ', '.join(' → '.join(map(str, path)) for path in found)
    if len(found) > 1:
        raise fail('The file has several places with pins.', where=where, found=places, remedy='Choose one with the option at.')
    raise fail('There are no pins.', where=where, expected='a dictionary %s' % VARIABLE, found=places,
               remedy='Name the file that sets %s, or set it there.' % VARIABLE)


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(key, (str, int)):
            yield (*path, key)
            if key != VARIABLE:
                yield from _paths(item, (*path, key))


def wanted_pins(
    pins: Mapping[str, Any], wanted: Mapping[str, Any], newest: Callable[[str, str], str], hash_of: Callable[[str, str], str],
) -> dict[str, dict[str, Any]]:
    """The options of pins that are to have other values.

    newest: gives the revision of a repository and branch. hash_of: gives the hash of an archive, in the form of another one.
    """
    return {name: found for name, to in wanted.items() if (found := _wanted(name, pins.get(name), to, newest, hash_of))}


def _wanted(
    name: str, pin: Any, to: Any, newest: Callable[[str, str], str], hash_of: Callable[[str, str], str],
) -> dict[str, Any]:
    where = 'pins.%s' % name
    if not isinstance(to, Mapping) or set(to) - set(OPTIONS) or not to:
        raise fail('This does not say what the pin is to become.', where=where, expected='some of %s' % ', '.join(OPTIONS),
                   remedy='Set branch, or revision, or for a pin of an archive its url.')
    if name not in DEFAULTS:
        raise fail('There is no such pin.', where=where, expected='one of %s' % ', '.join(DEFAULTS), remedy='Correct the name.')
    before = dict(pin) if isinstance(pin, Mapping) else {}
    kind = kind_of(before)
    if kind in KINDS and kind not in ('github', 'url'):
        raise fail('Nothing fetches this pin by revision or address.', where=where, found=kind,
                   remedy='Update it with the program that keeps it.')
    if kind == 'url' or (to.get('url') and not kind):
        return _archive(where, before, to, newest, hash_of)
    github = before.get('github') or DEFAULTS[name]['github']
    if to.get('url'):
        raise fail('The pin is one of GitHub.', where=where, expected='branch or revision', found='url', remedy='Drop url.')
    revision = _revision(where, to, 'https://github.com/%s' % github, newest)
    if revision == before.get('revision') and before.get('sha256'):
        return {}
    after = {**({} if kind else {'github': github}), 'revision': revision}
    return {**after, 'sha256': hash_of(archive_url({'github': github, **after}), str(before.get('sha256') or ''))}


def _archive(
    where: str, before: Mapping[str, Any], to: Mapping[str, Any], newest: Callable[[str, str], str], hash_of: Callable[[str, str], str],
) -> dict[str, Any]:
    url = str(to.get('url') or before['url'])
    if '{revision}' in url:
        if not to.get('revision') and not to.get('repository'):
            raise fail('The revision is not known.', where=where, expected='revision, or repository and branch', remedy='Set them.')
        url = url.replace('{revision}', _revision(where, to, '', newest))
        if url == before.get('url') and before.get('sha256'):
            return {}
    elif to.get('branch') or to.get('revision'):
        raise fail('The address does not say where the revision goes.', where='%s.url' % where, expected='{revision} in it',
                   remedy='Set url, for example https://git.example.org/nixpkgs/archive/{revision}.tar.gz')
    found = {'url': url, 'sha256': hash_of(url, str(before.get('sha256') or ''))}
    return {option: value for option, value in found.items() if before.get(option) != value}


def _revision(where: str, to: Mapping[str, Any], repository: str, newest: Callable[[str, str], str]) -> str:
    given, branch = to.get('revision'), to.get('branch')
    if bool(given) == bool(branch):
        raise fail('A pin has one revision.', where=where, expected='either branch or revision', remedy='Set one of them.')
    revision = str(given or newest(str(to.get('repository') or repository), str(branch)))
    if not re.fullmatch(r'[\w.-]+', revision):
        raise fail('This is not a revision.', where='%s.revision' % where, found=revision, remedy='Set a full commit hash, or branch.')
    return revision


def changes(place: Path, wanted: Mapping[str, Mapping[str, Any]]) -> list[Put]:
    return [Put((*place, name), dict(options)) for name, options in wanted.items()]
