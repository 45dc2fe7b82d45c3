# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a file of effects has its sources from, as pins: what locks of flakes and calls of fetchers become, and which pins a file has."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.pins import SYSTEM
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.recording import RecordedEffect, Recording
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._adopt import sources
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._adopt.calls import PathBase

NIXPKGS, EFFECTS, OLD = '/nix/store/1-source', '/nix/store/2-source', '/nix/store/3-source'
REVISION, HASH, SRI = 'a' * 40, '1' * 52, 'sha256-%s=' % ('A' * 43)
ARCHIVE = 'https://github.com/NixOS/nixpkgs/archive/%s.tar.gz' % REVISION
PLACE = PathBase('/root', 'ci.nix')

LOCKED: dict[str, tuple[dict[str, Any], Any]] = {
    'of GitHub': ({'type': 'github', 'owner': 'NixOS', 'repo': 'nixpkgs'},
                  {'github': 'NixOS/nixpkgs', 'revision': REVISION, 'sha256': SRI}),
    'of a GitHub of its own': ({'type': 'github', 'host': 'git.example.com', 'owner': 'ops', 'repo': 'nixpkgs'},
                               {'url': 'https://git.example.com/ops/nixpkgs/archive/%s.tar.gz' % REVISION, 'sha256': SRI}),
    'an archive': ({'type': 'tarball', 'url': 'https://example.com/nixpkgs.tar.xz'},
                   {'url': 'https://example.com/nixpkgs.tar.xz', 'sha256': SRI}),
    'of GitLab': ({'type': 'gitlab', 'owner': 'ops', 'repo': 'nixpkgs'},
                  {'url': 'https://gitlab.com/ops/nixpkgs/-/archive/%s.tar.gz' % REVISION, 'sha256': SRI}),
    'of a group in a group of a GitLab of its own': (
        {'type': 'gitlab', 'host': 'git.example.com', 'owner': 'ops%2Fnix', 'repo': 'nixpkgs'},
        {'url': 'https://git.example.com/ops/nix/nixpkgs/-/archive/%s.tar.gz' % REVISION, 'sha256': SRI}),
    'of Git': ({'type': 'git', 'url': 'https://example.com/nixpkgs.git'}, None),
}


@pytest.mark.parametrize('name', LOCKED)
def test_an_input_of_a_flake(name: str) -> None:
    locked, pin = LOCKED[name]
    recording = Recording((), sources={'flake': {'self': '/nix/store/0-source', 'nixpkgs': NIXPKGS}})
    assert sources.pin_of(NIXPKGS, recording, {'nixpkgs': {'rev': REVISION, 'narHash': SRI, **locked}}) == pin


def test_an_input_of_a_flake_without_a_lock_is_what_was_fetched() -> None:
    call = {'fetcher': 'fetchTarball', 'place': NIXPKGS, 'arguments': {'url': ARCHIVE, 'sha256': HASH}}
    recording = Recording((), (call,), sources={'flake': {'nixpkgs': NIXPKGS}})
    assert sources.pin_of(NIXPKGS, recording, {}) == {'github': 'NixOS/nixpkgs', 'revision': REVISION, 'sha256': HASH}


@pytest.mark.parametrize('kind', ['npins', 'niv'])
def test_a_pin_of_a_program_keeps_its_name(kind: str) -> None:
    recording = Recording((), sources={kind: {'other': OLD, 'nixpkgs': NIXPKGS}, 'flake': {'nixpkgs': NIXPKGS}})
    assert sources.pin_of(NIXPKGS, recording, {}) == {kind: 'nixpkgs'}


def test_what_nothing_points_to_has_no_pin() -> None:
    assert sources.pin_of(NIXPKGS, Recording((), sources={'niv': {'old': OLD}}), {}) is None


FETCHED: dict[str, tuple[str, Any, dict[str, str]]] = {
    'an archive of GitHub': ('fetchTarball', {'url': ARCHIVE, 'sha256': HASH},
                             {'github': 'NixOS/nixpkgs', 'revision': REVISION, 'sha256': HASH}),
    'an archive': ('fetchTarball', {'url': 'https://x/y.tar', 'sha256': SRI, 'name': 'source'}, {'url': 'https://x/y.tar', 'sha256': SRI}),
    'without a hash': ('fetchTarball', 'https://x/y.tar', {'url': 'https://x/y.tar', 'sha256': 'hash of %s' % NIXPKGS}),
    'with a name': ('fetchTarball', {'url': 'https://x', 'name': 'nixpkgs'},
                    {'expression': 'builtins.fetchTarball {\n  url = "https://x";\n  name = "nixpkgs";\n}'}),
    'with half a hash': ('fetchTarball', {'url': 'https://x', 'sha256': '1'},
                         {'expression': 'builtins.fetchTarball {\n  url = "https://x";\n  sha256 = "1";\n}'}),
    'a repository': ('fetchGit', 'https://x/${y}.git', {'expression': 'builtins.fetchGit "https://x/\\${y}.git"'}),
    'a flake': ('getFlake', 'github:NixOS/nixpkgs', {'expression': 'builtins.getFlake "github:NixOS/nixpkgs"'}),
    'a tree': ('fetchTree', {'type': 'git'}, {'expression': 'builtins.fetchTree { type = "git"; }'}),
}


@pytest.mark.parametrize('name', FETCHED)
def test_a_call_of_a_fetcher(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetcher, arguments, pin = FETCHED[name]
    monkeypatch.setattr(sources, 'hash_of_folder', lambda place: 'hash of %s' % place)
    calls = ({'fetcher': 'fetchGit', 'place': OLD, 'arguments': 'x'}, {'fetcher': fetcher, 'place': NIXPKGS, 'arguments': arguments})
    assert sources.pin_of(NIXPKGS, Recording((), calls), {}) == pin


def instance(place: str, overlays: int = 0, **config: Any) -> dict[str, Any]:
    return {'nixpkgs': place, 'overlays': overlays, 'config': {'set': config}}


def effect(system: str = SYSTEM, **call: Any) -> RecordedEffect:
    known = {'nixpkgs': NIXPKGS, 'library': EFFECTS, 'system': system, **call} if call else None
    return RecordedEffect('refs/heads/main', 'effect', 'job', ('a',), True, call=known)


INSTANCES = (
    instance(NIXPKGS, allowBroken={'v': True}),
    instance(NIXPKGS, 1, allowUnfree={'v': True}, packageOverrides={'code': 'a function'}, licenses={'list': [{'code': 'a set'}]}),
    instance(OLD, permittedInsecurePackages={'list': [{'v': 'python-2.7'}]}),
)
ALL = {'nixpkgs': NIXPKGS, 'effects': EFFECTS, 'old': OLD}
UNFREE = {'niv': 'nixpkgs', 'config': {'allowUnfree': True}}
PINS: dict[str, tuple[RecordedEffect, tuple[Any, ...], dict[str, str], str | None, dict[str, Any]]] = {
    'no call': (effect(), INSTANCES, ALL, OLD, {}),
    'all that code need not say of the config': (effect(name='mkEffect'), INSTANCES, ALL, None, {
        'nixpkgs': UNFREE, 'effects': {'niv': 'effects'}}),
    'NixOps of its own': (effect(name='runNixOps'), INSTANCES, ALL, OLD, {
        'nixpkgs': UNFREE, 'effects': {'niv': 'effects'},
        'nixops': {'niv': 'old', 'config': {'permittedInsecurePackages': ['python-2.7']}}}),
    'another system, and no config': (effect('aarch64-linux', name='mkEffect'), (), ALL, OLD, {
        'nixpkgs': {'niv': 'nixpkgs', 'system': 'aarch64-linux'}, 'effects': {'niv': 'effects'}, 'nixops': {'niv': 'old'}}),
    'nixpkgs from nowhere': (effect(name='mkEffect'), INSTANCES, {'effects': EFFECTS}, OLD, {'effects': {'niv': 'effects'}}),
    'the library from nowhere': (effect(name='mkEffect'), INSTANCES, {'nixpkgs': NIXPKGS}, None, {'nixpkgs': UNFREE}),
}


@pytest.mark.parametrize('name', PINS)
def test_the_pins_of_a_file(name: str) -> None:
    found, instances, known, nixops, pins = PINS[name]
    recording = Recording((effect(), found), (), instances, {'niv': known})
    assert sources.pins_of(recording, {}, PLACE, nixops) == pins


def test_one_instance_of_each_other_nixpkgs() -> None:
    recording = Recording((), nixpkgs=(*INSTANCES, instance(OLD, 2)))
    assert sources.others(recording, NIXPKGS) == [instance(OLD, 2)]
