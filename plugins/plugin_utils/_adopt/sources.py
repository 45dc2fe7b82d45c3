# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Where a file of effects has nixpkgs and hercules-ci-effects from, as pins: by the places in the store that its fetchers returned."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from ...module_utils._nix.evaluation import hash_of_folder
from ...module_utils._nix.expression import to_nix
from ...module_utils._nix.pins import SHA256, SYSTEM
from ...module_utils._nix.recording import Recording
from .calls import PathBase, Unknown, value_of

FREE = '0' * 52  # a hash like any other, for what has none
ARCHIVE = re.compile(r'https://github\.com/([\w.-]+/[\w.-]+)/archive/([0-9a-f]{40})\.tar\.gz\Z')


def pin_of(place: str, recording: Recording, lock: Mapping[str, Any]) -> dict[str, Any] | None:
    """What points to a place in the store. lock: the nodes of flake.lock by the names of the flake's inputs."""
    for kind in ('npins', 'niv'):
        for name, known in recording.sources.get(kind, {}).items():
            if known == place:
                return {kind: name}
    for name, known in recording.sources.get('flake', {}).items():
        if known == place and (found := _locked(lock.get(name) or {})):
            return found
    for call in recording.fetched:
        if call['place'] == place:
            return _fetched(call)
    return None


def _locked(locked: Mapping[str, Any]) -> dict[str, Any] | None:
    """An input of a flake: what fetchTarball takes has the same hash, and so the same place in the store."""
    kind = locked.get('type')
    if kind == 'tarball':
        return {'url': locked['url'], 'sha256': locked['narHash']}
    if kind not in ('github', 'gitlab'):
        return None
    host, owner, repository = locked.get('host') or '%s.com' % kind, locked['owner'], locked['repo']
    if host == 'github.com':
        return {'github': '%s/%s' % (owner, repository), 'revision': locked['rev'], 'sha256': locked['narHash']}
    folder = '%s/-' % repository if kind == 'gitlab' else repository
    archive = 'https://%s/%s/%s/archive/%s.tar.gz' % (host, unquote(owner), folder, locked['rev'])  # a group in a group is quoted
    return {'url': archive, 'sha256': locked['narHash']}


def _fetched(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call of a fetcher. What no kind of pin can say stays code."""
    given, fetcher = call['arguments'], call['fetcher']
    plain = given if isinstance(given, Mapping) else {'url': given}
    if fetcher == 'fetchTarball' and plain.get('name', 'source') == 'source' and SHA256.match(str(plain.get('sha256') or FREE)):
        archive = ARCHIVE.match(plain['url'])
        where = {'github': archive[1], 'revision': archive[2]} if archive else {'url': plain['url']}
        if plain.get('sha256'):
            return {**where, 'sha256': plain['sha256']}
        # Without a hash every agent might see something else: from now on it is what it was when it was adopted.
        return {**where, 'sha256': hash_of_folder(call['place'])}
    argument = to_nix(given) if isinstance(given, Mapping) else to_nix(str(given))
    return {'expression': 'builtins.%s %s' % (fetcher, argument if isinstance(given, (str, Mapping)) else '(%s)' % argument)}


def pins_of(recording: Recording, lock: Mapping[str, Any], place: PathBase, nixops: str | None) -> dict[str, dict[str, Any]]:
    """The pins of a file, as far as they are known. nixops: the place of the nixpkgs that NixOps 1 is from, if that is another one."""
    call = next((each.call for each in recording.found if each.call), None)
    if call is None:
        return {}
    found = {}
    nixpkgs = pin_of(call['nixpkgs'], recording, lock)
    if nixpkgs is not None:
        config = config_of(instances_of(call['nixpkgs'], recording), place)
        system = call['system'] if call['system'] != SYSTEM else None
        found['nixpkgs'] = {**nixpkgs, **({'system': system} if system else {}), **({'config': config} if config else {})}
    effects = pin_of(call['library'], recording, lock)
    if effects is not None:
        found['effects'] = effects
    other = pin_of(nixops, recording, lock) if nixops else None
    if nixops and other is not None:
        config = config_of(instances_of(nixops, recording), place)
        found['nixops'] = {**other, **({'config': config} if config else {})}
    return found


def instances_of(path: str, recording: Recording) -> list[Mapping[str, Any]]:
    """The instances of a nixpkgs, the one with the most overlays first: that has the library."""
    return sorted((each for each in recording.nixpkgs if each['nixpkgs'] == path), key=lambda each: -int(each['overlays']))


def config_of(instances: Sequence[Mapping[str, Any]], place: PathBase) -> dict[str, Any]:
    """The config that an instance was given, without what only code can say."""
    found = {}
    for name, shown in (instances[0]['config'].get('set') or {}).items() if instances else ():
        try:
            found[name] = value_of(shown, 'mapping', place)
        except Unknown:
            continue
    return found


def others(recording: Recording, path: str) -> list[Mapping[str, Any]]:
    """One instance of each other nixpkgs than that of the library."""
    found = {each['nixpkgs']: each for each in recording.nixpkgs if each['nixpkgs'] != path}
    return list(found.values())
