# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of docs/docsite/rst/guide_ci_nix.rst import the file of effects as they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import ci_nix

from tests.support.surroundings import ROOT

GUIDE = (ROOT / 'docs' / 'docsite' / 'rst' / 'guide_ci_nix.rst').read_text()
EXAMPLES = dict(re.findall(r'\.\. code-block:: nix\n   :caption: (.*)\n\n((?:   .*\n|\n)+)', GUIDE))
PKGS = 'import ./vendor/nixpkgs { system = "x86_64-linux"; overlays = [ (import ./vendor/effects/overlay.nix) ]; }'
REPOSITORY = '{ ref = "refs/heads/production"; }'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with effects.nix, and stand-ins of nixpkgs and the effects library."""
    for name in ('nixpkgs', 'effects'):
        shutil.copytree(ROOT / 'tests' / 'sandbox' / 'nix' / name, tmp_path / 'vendor' / name)
    (tmp_path / 'network.nix').write_text('{ ... }: { }')
    (tmp_path / 'nix').mkdir()
    (tmp_path / 'nix' / 'nixpkgs.nix').write_text(PKGS.replace('./vendor', '../vendor'))
    effect = {'name': 'neat-network', 'run_on': {'branches': ['production']}}
    (tmp_path / 'effects.nix').write_text(ci_nix.render([effect], 'effects', 'effects.nix'))
    return tmp_path


def test_a_ci_nix_of_ones_own(repository: Path, evaluated: Callable[[str], Any]) -> None:
    (repository / 'ci.nix').write_text(EXAMPLES['ci.nix'])
    assert evaluated('(import ./ci.nix { src = %s; }).deployments.neat-network.run.isEffect' % REPOSITORY) is True
    assert evaluated('(import ./ci.nix { }).deployments.neat-network ? run') is False
    assert evaluated('(import ./ci.nix { }).deployments.recurseForDerivations') is True


def test_a_flake(repository: Path, evaluated: Callable[[str], Any]) -> None:
    (repository / 'flake.nix').write_text(EXAMPLES['flake.nix'])
    assert evaluated('''let
      outputs = (import ./flake.nix).outputs {
        nixpkgs.legacyPackages.x86_64-linux = %s;
        hercules-ci-effects.lib.withPkgs = pkgs: pkgs.effects;
      };
    in (outputs.herculesCI { primaryRepo = %s; }).onPush.default.outputs.effects.neat-network.run.isEffect''' % (PKGS, REPOSITORY)) is True


def test_a_flake_with_flake_parts_says_the_same_by_its_options(repository: Path, evaluated: Callable[[str], Any]) -> None:
    """mkFlake is played by a function that hands over what flake-parts documents; the real one needs all of its inputs."""
    (repository / 'flake.nix').write_text(EXAMPLES['flake.nix with flake-parts'])
    assert evaluated('''let
      pkgs = %s;
      withSystem = system: function: function { inherit pkgs; hci-effects = pkgs.effects; };
      outputs = (import ./flake.nix).outputs {
        flake-parts.lib.mkFlake = arguments: module: module { inherit withSystem; };
        hercules-ci-effects.flakeModule = { };
      };
    in (outputs.herculesCI { config.repo = %s; }).onPush.default.outputs.effects.neat-network.run.isEffect''' % (PKGS, REPOSITORY)) is True


def test_every_example_is_a_nix_expression(nix_store: dict[str, str]) -> None:
    assert len(EXAMPLES) == 3
    for text in EXAMPLES.values():
        command = ['nix-instantiate', '--parse', '-']
        subprocess.run(command, input=text.encode(), env={**os.environ, **nix_store}, check=True, capture_output=True)
