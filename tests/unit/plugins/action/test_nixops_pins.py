# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""nixops_pins with the real Git and the real Nix, and archives of stand-ins."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest
from ansible.parsing.yaml.loader import AnsibleLoader
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._pins.pins import wanted_pins

from tests.sandbox import pins as sandbox_pins
from tests.support.as_written import HostVars

NETWORK = '{ ... }: { network.description = "x"; machine = { ... }: { services.nginx.enable = true; }; }\n'
INVENTORY = '''# our fleet
nixops_networks:
  vars:
    nixops_pins:
      # tested with staging first
      nixpkgs: {{url: {nixpkgs[url]}, sha256: '{nixpkgs[sha256]}'}}   # 24.05
      effects:
        url: "{old}"   # ours
        sha256: "{effects[sha256]}"

  hosts:
    neat-network:
'''
Play = Callable[..., dict[str, Any]]


class World:
    """A repository, archives of it by revision, a checkout of networks, and an inventory file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tarballs = sandbox_pins.make(folder)
        self.repository = folder / 'effects.git'
        self.archives = 'file://%s/archive-{revision}.tar.gz' % folder
        git = ['git', '-c', 'user.name=x', '-c', 'user.email=x@example.com', '-C']
        for place, branch in ((self.repository, 'master'), (folder / 'checkout', 'main')):
            place.mkdir()
            (place / 'network.nix').write_text(NETWORK)
            subprocess.run([*git, place, 'init', '-q', '-b', branch], check=True)
            subprocess.run([*git, place, 'add', '.'], check=True)
            subprocess.run([*git, place, 'commit', '-q', '-m', 'x'], check=True)
        self.revision = subprocess.run(['git', '-C', self.repository, 'rev-parse', 'HEAD'], check=True, capture_output=True,
                                       text=True).stdout.strip()
        self.file = folder / 'hosts.yml'
        old = self.archives.replace('{revision}', 'old')
        self.file.write_text(INVENTORY.format(**self.tarballs, old=old))
        self.file.chmod(0o640)
        self.publish('old', 'effects')
        self.publish(self.revision, 'effects')

    def publish(self, revision: str, name: str) -> None:
        shutil.copy(urlsplit(self.tarballs[name]['url']).path, self.folder / ('archive-%s.tar.gz' % revision))

    @property
    def pins(self) -> dict[str, Any]:
        value: dict[str, Any] = AnsibleLoader(self.file.read_text()).get_single_data()['nixops_networks']['vars']['nixops_pins']
        return value


@pytest.fixture
def world(tmp_path: Path, nix_store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> World:
    for name, value in nix_store.items():
        monkeypatch.setenv(name, value)
    return World(tmp_path)


@pytest.fixture
def play(make_action: Callable[..., Any], world: World) -> Play:
    def run(*, check: bool = False, variables: Mapping[str, Any] = MappingProxyType({}), **options: Any) -> dict[str, Any]:
        declared = {
            'nixops_project': 'github/neat-org/neat-repo', 'nixops_checkout': str(world.folder / 'checkout'), 'nixops_branches': ['main'],
            'nixops_deployment': 'foo', 'nixops_pins': world.pins, **variables,
        }
        task_vars = {'groups': {'nixops_networks': ['neat-network']}, 'hostvars': HostVars({'neat-network': declared})}
        return dict(make_action('nixops_pins', {'path': str(world.file), **options}, check_mode=check, diff=True).run(task_vars=task_vars))

    return run


def test_the_newest_revision_of_a_branch(play: Play, world: World) -> None:
    to = {'effects': {'repository': str(world.repository), 'branch': 'master', 'url': world.archives}}
    before = world.file.read_text()
    foreseen = play(check=True, pins=to)
    assert foreseen['changed'], foreseen
    assert world.file.read_text() == before
    done = play(pins=to)
    again = play(pins=to)
    assert (done['changed'], again['changed'], done['pins']) == (True, False, foreseen['pins'])
    assert world.file.read_text() == before.replace('archive-old', 'archive-%s' % world.revision)
    assert stat.S_IMODE(world.file.stat().st_mode) == 0o640
    assert [line[:1] for line in done['diff']['prepared'].splitlines()[3:]] == ['-', '+']


def test_pins_with_which_a_network_cannot_be_evaluated(play: Play, world: World) -> None:
    before = world.file.read_bytes()
    world.publish('bad', 'nixpkgs-20.09')
    to = {'nixpkgs': {'revision': 'bad', 'url': world.archives}}
    for check in (True, False):
        refused = play(check=check, pins=to)
        assert refused['failed'] and 'github/neat-org/neat-repo' in refused['msg'], refused
        assert world.file.read_bytes() == before
    done = play(pins=to, validate=False)
    assert done['changed']
    assert world.pins['nixpkgs'] == {
        'url': world.archives.replace('{revision}', 'bad'), 'sha256': world.tarballs['nixpkgs-20.09']['sha256'],
    }
    assert "# 24.05" in world.file.read_text()


@pytest.mark.parametrize(('variables', 'said'), [
    ({'nixops_pins': {}}, 'No network of the play has these pins, so that none can be evaluated with the new ones. Where: nixops_networks'),
    ({'nixops_form': 'x'}, 'The variables of the project cannot be evaluated. Where: github/neat-org/neat-repo. Found: value of form'),
], ids=['other pins', 'no such form'])
def test_what_cannot_be_evaluated_stays(play: Play, world: World, variables: dict[str, Any], said: str) -> None:
    before = world.file.read_bytes()
    refused = play(variables=variables, pins={'effects': {'revision': world.revision, 'url': world.archives}})
    assert refused['failed'] and said in refused['msg'], refused
    assert world.file.read_bytes() == before


def test_what_is_not_there(play: Play, world: World) -> None:
    for to, words in (
        ({'effects': {'repository': str(world.repository), 'branch': 'nowhere', 'url': world.archives}}, 'no such branch'),
        ({'effects': {'repository': str(world.folder / 'nowhere'), 'branch': 'x', 'url': world.archives}}, 'cannot read the repository'),
        ({'effects': {'revision': 'nowhere', 'url': world.archives}}, 'cannot fetch the archive'),
        ({'nixpkgs': {'branch': 'x'}}, 'does not say where the revision goes'),
        ({'nixpkgs': {}}, 'what the pin is to become'), ({'nixpkg': {'branch': 'x'}}, 'no such pin'),
    ):
        assert words in play(pins=to)['msg']
    assert 'no such file' in play(pins={'effects': {}}, path=os.devnull + 'x')['msg']
    assert 'There are no pins' in play(pins={'effects': {}}, at=['x'])['msg']


OLD = {'nixpkgs': {'github': 'NixOS/nixpkgs', 'revision': 'a' * 40, 'sha256': 'sha256-x', 'config': {'allowUnfree': True}}}


@pytest.mark.parametrize('pins, to, expected', [
    (OLD, {'nixpkgs': {'branch': 'b'}}, {'nixpkgs': {'revision': 'https://github.com/NixOS/nixpkgs b', 'sha256': 'hash like sha256-x'}}),
    (OLD, {'nixpkgs': {'revision': 'a' * 40}}, {}),
    ({}, {'nixpkgs': {'revision': 'r'}}, {'nixpkgs': {'github': 'NixOS/nixpkgs', 'revision': 'r', 'sha256': 'hash like '}}),
    ({'nixops': {'npins': 'x'}}, {'nixops': {'branch': 'b'}}, 'Nothing fetches this pin'),
    (OLD, {'nixpkgs': {'branch': 'b', 'revision': 'r'}}, 'one revision'),
    (OLD, {'nixpkgs': {'revision': '../..'}}, 'not a revision'),
    (OLD, {'nixpkgs': {'url': 'https://x'}}, 'one of GitHub'),
], ids=str)
def test_what_a_pin_becomes(pins: Any, to: Any, expected: Any) -> None:
    def newest(repository: str, branch: str) -> str:
        return '%s %s' % (repository, branch) if branch != 'b' else 'newest'

    def found() -> Any:
        return wanted_pins(pins, to, newest, lambda url, like: 'hash like %s' % like)

    if isinstance(expected, str):
        with pytest.raises(Failure, match=expected):
            found()
    else:
        text = str(expected).replace('https://github.com/NixOS/nixpkgs b', 'newest')
        assert str(found()) == text
