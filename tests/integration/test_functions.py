# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks of several functions of hercules-ci-effects, in two projects: NixOps beside a NixOS machine, Docker Compose and a branch."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.repository import git, make_repository
from tests.integration.world import PROJECT, World
from tests.marks import SLOW

OTHER = 'github/neat-org/other-repo'
FILES = {
    'web.nix': '{ networking.hostName = "web"; fileSystems."/".device = "/dev/vda1"; boot.loader.grub.enable = false; }\n',
    'arion-compose.nix': '{ }\n',
    'site/index.html': '<p>Neat</p>\n',
}
FLEET = '{ network.storage.hercules-ci.stateName = "fleet.nixops"; web.deployment.targetEnv = "none"; }\n'
WEB = {
    'nixops_function': 'runNixOS', 'nixops_configuration': 'web.nix', 'nixops_ssh_destination': 'root@web.example.net',
    'nixops_secrets_map': {'ssh': 'neat-ssh'},
    'nixops_user_setup_script': "writeSSHKey ssh\necho 'web.example.net ssh-ed25519 AAAA' >>~/.ssh/known_hosts",
}
SERVICES = {'nixops_function': 'runArion', 'nixops_modules': ['arion-compose.nix']}
PAGES = {'nixops_function': 'gitWriteBranch', 'nixops_git_remote': 'https://git.example.net/neat.git', 'nixops_forge_type': 'gitlab',
         'nixops_update_branch': 'pages', 'nixops_contents': 'site'}
MORE = {'web': WEB, 'services': SERVICES, 'pages': PAGES}


def add(checkout: Path, files: dict[str, str], *branches: str) -> None:
    """Commit files, and push that to branches."""
    for name, text in files.items():
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text(text)
    git(checkout, 'add', '.')
    git(checkout, 'commit', '--quiet', '-m', 'More to deploy')
    git(checkout, 'push', '--quiet', 'origin', 'main', *('main:%s' % branch for branch in branches))


def mixed(world: World) -> dict[str, Any]:
    """The world with more networks; the hosts of its branch production."""
    add(world.checkout, FILES, 'production', 'staging')
    networks = world.inventory['nixops_networks']
    hosts: dict[str, Any] = networks['children']['production']['hosts']
    hosts.update(copy.deepcopy(MORE))
    bare, checkout = world.folder / 'other.git', world.folder / 'other-repo'
    make_repository(bare, checkout, ())
    add(checkout, {'nixops.nix': FLEET})
    world.sandbox.add_project(OTHER, bare)
    networks['children']['other'] = {
        'vars': {'nixops_branches': ['main'], 'nixops_project': OTHER, 'nixops_checkout': str(checkout)},
        'hosts': {'fleet': {'nixops_function': 'runNixOps2', 'nixops_deployment': 'fleet', 'nixops_state': 'new',
                            'nixops_state_name': 'fleet.nixops', 'nixops_network_files': ['nixops.nix']}},
    }
    return hosts


def effects(world: World, project: str) -> dict[str, str]:
    """The effects that ran, and how they ended."""
    found = next(each for each in world.sandbox.summary()['projects'] if each['path'] == project)
    return {effect['attribute']: effect['status'] for job in found['jobs'] for effect in job.get('effects', ())}


@pytest.mark.parametrize('form', ['auto', SLOW('herculesCI')])
def test_networks_of_several_functions(world: World, form: str) -> None:
    mixed(world)
    world.inventory['nixops_networks']['vars']['nixops_form'] = form
    first = world.play()
    assert first.code == 0, first.output
    assert re.search(r'Runs runNixOS at root@web\.example\.net: /\S+-nixos-system-web-', first.output)
    assert 'Runs gitWriteBranch.' in first.output
    assert first.changes['nixcd.hercules_ci.nixops : Upload the state where Hercules CI has none'] == ['neat-network', 'neat-staging']
    ran = {**effects(world, OTHER), **effects(world, PROJECT)}
    assert {attribute.partition('effects.')[2] or attribute for attribute in ran} == {
        '%s%s' % (name, '.run') for name in ('fleet', 'neat-network', 'neat-staging', 'web', 'services', 'pages')}
    assert set(ran.values()) == {'Successful'}
    second = world.play()
    assert second.code == 0, second.output
    assert second.changes == {}
