# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the pins of a file are, and what those of archives become. What needs no file or program of this is with the action."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._pins.pins import place_of_pins, wanted_pins
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._yaml_edits.changes import Path

PINS = {'nixpkgs': {'url': 'https://x'}}
TWO = {'a': {'nixops_pins': PINS}, 'b': [{'nixops_pins': PINS}]}
PLACES: dict[str, tuple[Any, list[Any] | None, Path]] = {
    'at the top': ({'nixops_pins': PINS}, None, ('nixops_pins',)),
    'in a play': ([{'hosts': 'x', 'vars': {'nixops_pins': PINS}}], None, (0, 'vars', 'nixops_pins')),
    'beside keys that are no text': ({1.5: {'nixops_pins': PINS}, None: {'nixops_pins': PINS}, 'a': {'nixops_pins': PINS}}, None,
                                     ('a', 'nixops_pins')),
    'not within pins': ({'nixops_pins': {'nixops_pins': PINS}}, None, ('nixops_pins',)),
    'where somebody says': (TWO, ['b', 0, 'nixops_pins'], ('b', 0, 'nixops_pins')),
    'under another name': ({'pins': PINS}, ['pins'], ('pins',)),
}
NO_PLACES: dict[str, tuple[Any, list[Any] | None, str]] = {
    'nowhere': ({'a': 1}, None, r'There are no pins\. Where: vars\.yml'),
    'no dictionary': ({'a': {'nixops_pins': '{{ our_pins }}'}}, None, r'There are no pins.* a → nixops_pins'),
    'not where somebody says': (TWO, ['b', 1, 'nixops_pins'], 'There are no pins.* b → 1 → nixops_pins'),
    'in two places': (TWO, None, 'several places with pins.* a → nixops_pins, b → 0 → nixops_pins'),
}


@pytest.mark.parametrize('name', PLACES)
def test_where_the_pins_are(name: str) -> None:
    value, given, place = PLACES[name]
    assert place_of_pins(value, given, 'vars.yml') == place


@pytest.mark.parametrize('name', NO_PLACES)
def test_where_no_pins_are(name: str) -> None:
    value, given, said = NO_PLACES[name]
    with pytest.raises(Failure, match=said):
        place_of_pins(value, given, 'vars.yml')


OLD = {'url': 'https://x/old.tar.gz', 'sha256': 'old'}
ANY = 'https://x/{revision}.tar.gz'
ARCHIVES: dict[str, tuple[Any, Any, Any]] = {
    'another address': (OLD, {'url': 'https://x/new.tar.gz'}, {'url': 'https://x/new.tar.gz', 'sha256': 'hash of https://x/new.tar.gz'}),
    'the same address, which has something else now': (OLD, {'url': OLD['url']}, {'sha256': 'hash of https://x/old.tar.gz'}),
    'a revision': (OLD, {'url': ANY, 'revision': 'r'}, {'url': 'https://x/r.tar.gz', 'sha256': 'hash of https://x/r.tar.gz'}),
    'the revision that is there': (OLD, {'url': ANY, 'revision': 'old'}, None),
    'a branch': ({}, {'url': ANY, 'repository': 'https://x.git', 'branch': 'b'},
                 {'url': 'https://x/https..x.git-b.tar.gz', 'sha256': 'hash of https://x/https..x.git-b.tar.gz'}),
    'a branch of nobody knows what': (OLD, {'url': ANY, 'branch': 'b'}, r'The revision is not known\. Where: pins\.effects'),
    'no revision': (OLD, {'url': ANY}, 'The revision is not known'),
}


@pytest.mark.parametrize('name', ARCHIVES)
def test_what_the_pin_of_an_archive_becomes(name: str) -> None:
    pin, to, expected = ARCHIVES[name]

    def wanted() -> dict[str, Any]:
        return wanted_pins({'effects': pin}, {'effects': to}, lambda repository, branch: '%s-%s' % (repository.replace(':/', '.').replace(
            '/', '.'), branch), lambda url, _like: 'hash of %s' % url)

    if isinstance(expected, str):
        with pytest.raises(Failure, match=expected):
            wanted()
    else:
        assert wanted() == ({} if expected is None else {'effects': expected})
