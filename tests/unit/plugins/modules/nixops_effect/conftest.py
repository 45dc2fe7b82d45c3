# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide's repository, stand-ins of nixpkgs and hercules-ci-effects for it, and the module run in it by the real Nix."""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import pins as sandbox_pins

Run = Callable[..., dict[str, Any]]
NETWORKS = {
    'network.nix': '{ size ? "small", ... }: { network.description = size; machine = { ... }: { services.nginx.enable = true; }; }\n',
    'network-aws.nix': '{ ... }: { machine = { config, ... }: { networking.hostName = config.networking.privateIPv4; }; }\n',
    'network-stub.nix': '{ defaults.networking.privateIPv4 = "203.0.113.1"; }\n',
    'nixops.nix': '{ network.storage.hercules-ci.stateName = "x"; network.lock.hercules-ci.stateName = "x"; machine = { ... }: { }; }\n',
}
EFFECT: dict[str, Any] = {
    'name': 'neat-network', 'deployment': 'foo', 'run_on': {'branches': ['production']},
    'network_files': ['network.nix', 'network-aws.nix'], 'prebuild_only_network_files': ['network-stub.nix'],
    'secrets_map': {'aws': 'neat-aws'}, 'user_setup_script': 'writeAWSSecret aws default',
}


def git(folder: Path, *arguments: str) -> str:
    command = ['git', '-C', str(folder), '-c', 'user.name=x', '-c', 'user.email=x@example.com', *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope='session')
def tarballs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Name → url and sha256: nixpkgs, effects, and releases of nixpkgs to play."""
    return sandbox_pins.make(tmp_path_factory.mktemp('pins'))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / 'neat-repo'
    folder.mkdir()
    for name, text in NETWORKS.items():
        (folder / name).write_text(text)
    git(folder, 'init', '-q', '-b', 'main')
    git(folder, 'add', '.')
    git(folder, 'commit', '-q', '-m', 'networks')
    return folder


@pytest.fixture
def run(
    run_module: Run, checkout: Path, tarballs: dict[str, dict[str, str]], nix_store: dict[str, str], monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """run(**options) runs the module for the guide's network in the checkout; check=True and diff=True are for Ansible."""
    for name, value in nix_store.items():
        monkeypatch.setenv(name, value)
    pins = {name: tarballs[name] for name in ('nixpkgs', 'effects')}

    # The collection can be imported only after pytest has read this file.
    module = importlib.import_module('ansible_collections.nixcd.hercules_ci.plugins.modules.nixops_effect')

    def with_defaults(*, check: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
        defaults = {'checkout': str(checkout), 'pins': pins, 'effects': [EFFECT]}
        return run_module(module.main, {**defaults, **options}, check=check, diff=diff)
    return with_defaults
