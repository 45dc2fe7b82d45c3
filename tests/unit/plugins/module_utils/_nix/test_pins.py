# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pins of every kind reach the right sources, and none goes without a hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import ci_nix, pins
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure

HASH = '11w3wn2yjhaa5pv20gbfbirvjq6i3m7pqrq2msf0g7cv44vijwgw'
URL = 'https://example.com/nixpkgs.tar.gz'


@pytest.mark.parametrize(('pin', 'written'), [
    ({'url': URL, 'sha256': HASH}, 'builtins.fetchTarball {\n  url = "%s";\n  sha256 = "%s";\n}' % (URL, HASH)),
    ({'github': 'NixOS/nixpkgs', 'revision': 'abc', 'sha256': HASH},
     'builtins.fetchTarball {\n  url = "https://github.com/NixOS/nixpkgs/archive/abc.tar.gz";\n  sha256 = "%s";\n}' % HASH),
    ({'npins': 'nixpkgs'}, '(import ./npins).nixpkgs'),
    ({'npins': 'nixos-24.05', 'file': 'deps/npins'}, '(import ./deps/npins)."nixos-24.05"'),
    ({'niv': 'nixpkgs'}, '(import ./nix/sources.nix).nixpkgs'),
    ({'expression': 'import ./pin.nix { a = 1; }'}, 'import ./pin.nix { a = 1; }'),
])
def test_each_kind(pin: dict[str, Any], written: str) -> None:
    assert pins.source(pin, '.', 0) == written


@pytest.mark.parametrize(('up', 'written'), [('..', '(import ../npins).x'), ('../..', '(import ../../npins).x')])
def test_files_of_the_checkout_are_reached_from_the_folder_of_the_file(up: str, written: str) -> None:
    assert pins.source({'npins': 'x'}, up, 0) == written


@pytest.mark.parametrize(('pin', 'words'), [
    ({'url': URL}, 'nix-prefetch-url --unpack ' + URL),
    ({'github': 'NixOS/nixpkgs', 'revision': 'abc'}, 'nix-prefetch-url --unpack https://github.com/NixOS/nixpkgs/archive/abc.tar.gz'),
    ({'url': URL, 'sha256': 'abc'}, 'nix-prefetch-url --unpack ' + URL),
    ({'url': URL, 'sha256': 'sha512-' + 'A' * 43 + '='}, 'fetchTarball does not accept the hash of the pin.'),
    ({'github': 'nixpkgs', 'revision': 'abc', 'sha256': HASH}, 'OWNER/NAME'),
    ({'github': 'NixOS/nixpkgs', 'sha256': HASH}, 'revision'),
    ({'url': URL, 'sha256': HASH, 'npins': 'x'}, 'one source'),
    ({'sha256': HASH}, 'needs a source'),
    ({'file': 'npins'}, 'needs a source'),
    ({'url': 'https://example.com/x?a=1&b=2'}, "nix-prefetch-url --unpack 'https://example.com/x?a=1&b=2'"),
    ({'url': URL, 'sha256': HASH, 'revision': 'abc'}, 'would not use this option. Where: pins.nixpkgs.revision'),
    ({'expression': './x', 'file': 'x'}, 'would not use this option. Where: pins.nixpkgs.file'),
])
def test_incomplete_pins_are_refused_with_what_to_do(pin: dict[str, Any], words: str) -> None:
    assert words in str(pins.problems({'nixpkgs': pin})[0])


@pytest.mark.parametrize(('name', 'option'), [('effects', 'config'), ('effects', 'overlays'), ('nixops', 'system'), ('nixops', 'overlays')])
def test_what_only_nixpkgs_has_is_refused_elsewhere(name: str, option: str) -> None:
    assert 'pins.%s.%s' % (name, option) in str(pins.problems({name: {'npins': 'x', option: 'x'}})[0])
    assert pins.problems({'nixpkgs': {'npins': 'x', option: 'x'}}) == []


@pytest.mark.parametrize('sha256', [HASH, 'sha256:' + HASH, 'a' * 64, 'sha256-OnSAY7XDSx7CtDoqNh8jwVwh4xNL/2HaJxGjryLWzX8='])
def test_every_notation_of_fetch_tarball_is_accepted(sha256: str) -> None:
    assert pins.problems({'nixpkgs': {'url': URL, 'sha256': sha256}}) == []


@pytest.mark.parametrize('name', ['', 'a..b', '.a', 'a.'])
def test_a_package_without_a_name(name: str) -> None:
    with pytest.raises(Failure, match=r'A package is named by its path in nixpkgs\. Where: here\. Expected: a name such as openssh\.'):
        pins.package(name, 'here')


def test_the_defaults_are_complete() -> None:
    assert pins.problems(pins.DEFAULTS) == []


def test_nixops_1_is_added_to_the_default_nixpkgs_only() -> None:
    assert list(pins.with_defaults({}, ['runNixOps'])) == ['nixpkgs', 'effects', 'nixops']
    assert list(pins.with_defaults({}, ['runNixOps2'])) == ['nixpkgs', 'effects']
    assert list(pins.with_defaults({'nixpkgs': {'npins': 'x'}}, ['runNixOps'])) == ['nixpkgs', 'effects']
    both = {'nixpkgs': {'npins': 'x'}, 'nixops': {'npins': 'y'}}
    assert list(pins.with_defaults(both, ['runNixOps'])) == ['nixpkgs', 'effects', 'nixops']


def test_settings_alone_keep_the_default_source() -> None:
    pin = pins.with_defaults({'nixpkgs': {'config': {'allowUnfree': True}}}, ['runNixOps'])['nixpkgs']
    assert pin['revision'] == pins.DEFAULTS['nixpkgs']['revision']
    assert pin['config'] == {'allowUnfree': True}


def test_config_overlays_and_system_of_nixpkgs() -> None:
    pin = {
        'npins': 'nixpkgs', 'system': 'aarch64-linux', 'config': {'allowUnfree': True, 'permittedInsecurePackages': ['a', 'b']},
        'overlays': [{'_path': './overlay.nix'}, {'_nix': 'final: prev: { hello = prev.hello; }'}],
    }
    assert pins.nixpkgs(pins.with_defaults({'nixpkgs': pin}, ['runNixOps']), '.', 2) == '''\
import nixpkgs {
    system = "aarch64-linux";
    config.allowUnfree = true;
    config.permittedInsecurePackages = [
      "a"
      "b"
    ];
    overlays = [
      (import "${effectsSrc}/overlay.nix")
      (import ./overlay.nix)
      (final: prev: { hello = prev.hello; })
    ];
  }'''


@pytest.mark.parametrize('overlay', ['final: prev: { }', {'a': 1}, 1])
def test_an_overlay_that_is_not_marked_is_no_code(overlay: Any) -> None:
    with pytest.raises(Failure, match='overlay'):
        pins.nixpkgs({'nixpkgs': {'npins': 'x', 'overlays': [overlay]}}, '.', 0)


def test_every_pin_arrives_where_it_belongs(tmp_path: Path, evaluated: Callable[[str], Any]) -> None:
    """nixpkgs from npins, the library from niv, NixOps from another nixpkgs by an overlay; evaluated in the folder nix/."""
    nixpkgs = '''{ overlays ? [ ], config ? { }, system }:
      let base = { stdenv.hostPlatform.system = system; lib.cleanSource = toString; inherit config; nixops = "nixops from %s"; };
          final = builtins.foldl' (prev: overlay: prev // overlay final prev) base overlays;
      in final'''
    for name in ('new', 'old'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'default.nix').write_text(nixpkgs % name)
    (tmp_path / 'npins').mkdir()
    (tmp_path / 'npins' / 'default.nix').write_text('{ nixpkgs = { outPath = ../new; }; old = ../old; }')
    (tmp_path / 'library').mkdir()
    (tmp_path / 'library' / 'overlay.nix').write_text(
        'final: prev: { effects = { runIf = on: value: value; runNixOps = args: { inherit args; inherit (final) nixops config; }; }; }')
    (tmp_path / 'nix').mkdir()
    # Like niv's own, this is a set that is a function as well.
    (tmp_path / 'nix' / 'sources.nix').write_text('{ effects = ../library; __functor = self: args: self; }')
    chosen = {
        'nixpkgs': {'npins': 'nixpkgs', 'config': {'allowUnfree': True}}, 'effects': {'niv': 'effects'},
        'nixops': {'npins': 'old', 'config': {'permittedInsecurePackages': ['python-2.7.18.6']}},
    }
    text = ci_nix.render([{'name': 'x', 'run_on': {'any_ref': True}}], 'legacy', 'nix/ci.nix', chosen_pins=chosen)
    (tmp_path / 'nix' / 'ci.nix').write_text(text)
    assert evaluated('let x = (import ./nix/ci.nix { }).x; in { inherit (x) config nixops; source = x.args.src; }') == {
        'config': {'allowUnfree': True}, 'nixops': 'nixops from old', 'source': str(tmp_path),
    }
