# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks of several functions of hercules-ci-effects, in two projects: NixOps beside a NixOS machine, Docker Compose and a branch."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_jobs import row
from tests.sandbox.pins import NIX
from tests.support.functions import FILES, MORE, WEB, add
from tests.support.marks import SLOW
from tests.support.repository import git, make_repository
from tests.support.world import PROJECT, Played, World, running_world

OTHER = 'github/neat-org/other-repo'
FLEET = '{ network.storage.hercules-ci.stateName = "fleet.nixops"; web.deployment.targetEnv = "none"; }\n'


def add_networks(world: World) -> None:
    """More networks, of other functions on the branch production, and of another project."""
    add(world.checkout, FILES, 'production', 'staging')
    networks = world.inventory['nixops_networks']
    production = networks['children']['production']
    hosts: dict[str, Any] = production['hosts']
    # What a group says for its networks of NixOps is no slip of the others.
    production['vars'].update(nixops_action='switch', nixops_state_name='nixops-{{ nixops_deployment }}.json', nixops_deployment='aws-prod')
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


@pytest.fixture(scope='module', params=['auto', SLOW('herculesCI')])
def mixed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, collections: Path) -> Iterator[tuple[World, Played]]:
    """A world with those networks, in a form of ci.nix, and its first deployment."""
    with running_world(tmp_path_factory.mktemp('mixed') / 'world', collections) as made:
        add_networks(made)
        made.inventory['nixops_networks']['vars']['nixops_form'] = request.param
        first = made.play()
        assert first.code == 0, first.output
        yield made, first


def effects(world: World, project: str) -> dict[str, str]:
    """The effects that ran, and how they ended."""
    found = next(each for each in world.sandbox.summary()['projects'] if each['path'] == project)
    return {effect['attribute']: effect['status'] for job in found['jobs'] for effect in job.get('effects', ())}


def test_networks_of_several_functions(mixed: tuple[World, Played]) -> None:
    world, first = mixed
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


def plan_of_web(played: Played) -> str:
    """What a play says of the machine before it deploys it, or in place of that."""
    (line,) = re.findall(r'Runs runNixOS at \S+: \S+-nixos-system-web\S*\. (.+)', played.output)
    return str(line)


def planned(world: World) -> str:
    """What the playbook plan says of the machine."""
    shown = world.play('--limit', 'web', playbook='plan')
    assert shown.code == 0, shown.output
    return plan_of_web(shown)


def test_the_plan_says_whether_a_machine_changes(world: World) -> None:
    """Against what its last job has deployed: before any, after that, with another configuration, and after a job that failed."""
    add(world.checkout, {**FILES, 'new.nix': FILES['web.nix'].replace('"web"', '"web2"')}, 'production')
    networks = world.inventory['nixops_networks']['children']
    networks['production']['hosts'] = {'web': WEB}
    del networks['staging']
    del world.inventory['hercules_agents']['vars']['nixops_agent_secrets']['neat-aws']
    first = world.play()
    assert first.code == 0, first.output
    assert plan_of_web(first) == 'Whether that changes anything is not known: no job has deployed it yet.'
    assert row(first, 'web')[-4:] == ['+0', '~?', '-0', 'deployed']
    assert planned(world) == 'No change: job 4 has deployed the same.'
    networks['production']['hosts']['web'] = {**WEB, 'nixops_configuration': 'new.nix', 'nixops_effect_script': 'exit 1'}
    assert planned(world) == 'Changed: job 4 has deployed another one.'
    failed = world.play(playbook='networks')
    assert plan_of_web(failed) == 'Changed: job 4 has deployed another one.'
    assert row(failed, 'web')[-4:] == ['+0', '~1', '-0', 'failed']
    assert planned(world) == 'Whether that changes anything is not known: job 6, which was the last to deploy it, did not end well.'


def machine_beside_nixops(world: World) -> None:
    """A machine in the group of the network of NixOps, which says for that what its deployment is; nothing else is deployed."""
    add(world.checkout, FILES, 'production')
    networks = world.inventory['nixops_networks']['children']
    del networks['staging']
    networks['production']['vars']['nixops_deployment'] = networks['production']['hosts']['neat-network'].pop('nixops_deployment')
    networks['production']['hosts']['web'] = copy.deepcopy(WEB)


def test_what_is_done_with_states_passes_a_machine_by(mixed: tuple[World, Played]) -> None:
    """To keep, bring back and roll back is for those that have one; to deploy once more is for all."""
    world, _first = mixed
    folder = 'nixops_backup_folder=%s' % (world.folder / 'backup')
    kept = world.play('-e', folder, playbook='backup')
    assert kept.code == 0, kept.output
    restored = world.play('-e', folder, '--limit', 'web', playbook='restore')
    assert (restored.code, restored.changes) == (0, {}), restored.output
    assert 'web has no state, as it is not deployed by NixOps.' in restored.output
    back = world.play('-e', 'nixops_state_version=1', '--limit', 'web', playbook='rollback')
    assert back.code != 0
    assert 'web has no state that could be rolled back, as runNixOS keeps none.' in back.output
    jobs = len(world.sandbox.deployed(PROJECT))
    again = world.play('--limit', 'web', playbook='rerun')
    assert again.code == 0, again.output
    assert len(world.sandbox.deployed(PROJECT)) > jobs


@pytest.mark.parametrize('wrong', [
    [({'nixops_ssh_destination': 'root@agent-1'}, 'The network would deploy an agent'),
     ({'nixops_secrets_map': {'ssh': 'no-such'}}, 'No agent has the secret no-such.')],
    [({'nixops_configuration': None}, 'runNixOS does not know what to do without it.'),
     ({'nixops_user_setup_script': 'writeSSHKey ssh'}, 'it knows no host keys and asks nobody.'),
     ({'nixops_action': 'boot'}, 'runNixOS has no parameter for this option.')],
], ids=['beside others', 'by itself'])
def test_what_is_wrong_is_refused_before_anything_is_pushed(world: World, wrong: list[tuple[dict[str, Any], str]]) -> None:
    """Of a machine beside others, and then of one by itself; each has something else that is wrong, and all are told of."""
    machine_beside_nixops(world)
    hosts = world.inventory['nixops_networks']['children']['production']['hosts']
    web = hosts.pop('web')
    hosts.update({'web-%d' % number: {**web, 'nixops_ssh_destination': 'root@web-%d' % number, **change}
                  for number, (change, _said) in enumerate(wrong)})
    heads = git(world.bare, 'for-each-ref', 'refs/heads')
    refused = world.play()
    assert refused.code != 0
    for number, ((variable,), said) in enumerate(wrong):
        assert re.search(r'%s Where: %s\S* \(%s/inventory\.yml:\d+\) of web-%d\.' % (
            re.escape(said) + r'[^"]*?', variable, world.folder, number), refused.output), said + refused.output
    assert (git(world.bare, 'for-each-ref', 'refs/heads'), world.sandbox.states(PROJECT, 'nixops-aws-prod.json')) == (heads, [])
    assert not world.agent_secrets('agent-1').exists()


# As in the guide, with folders of the repository in place of inputs, for which nobody has to fetch anything.
FLAKE = '''{
  outputs = { self }:
    let
      packages = import ./vendor/nixpkgs { system = "x86_64-linux"; };
      inputs = {
        inherit self;
        nixpkgs = { inherit (packages) lib; legacyPackages.x86_64-linux = packages; };
        flake-parts = import ./vendor/flake-parts;
        hercules-ci-effects.flakeModule = ./vendor/effects/flake-module.nix;
      };
      inherit (inputs) flake-parts hercules-ci-effects;
    in
    flake-parts.lib.mkFlake { inherit inputs; } ({ withSystem, self, ... }: {
      imports = [ hercules-ci-effects.flakeModule ];
      systems = [ "x86_64-linux" ];
      flake.nixosConfigurations.web = packages.nixos ./web.nix;
      herculesCI = { config, ... }: {
        onPush.default.outputs.effects = withSystem "x86_64-linux" ({ pkgs, hci-effects, ... }:
          import ./effects.nix {
            inherit pkgs self;
            effects = hci-effects;
            src = config.repo;
          });
      };
    });
}
'''


def test_a_machine_of_a_flake_with_flake_parts(world: World) -> None:
    """The file of effects is what the module of hercules-ci-effects for flake-parts gives to agents."""
    vendored = {'vendor/%s' % path.relative_to(NIX): path.read_text() for name in ('nixpkgs', 'effects', 'flake-parts')
                for path in sorted((NIX / name).rglob('*')) if path.is_file() and '__pycache__' not in path.parts}
    add(world.checkout, {**FILES, **vendored, 'flake.nix': FLAKE}, 'production')
    networks = world.inventory['nixops_networks']['children']
    networks['production']['hosts'] = {
        'web': {**WEB, 'nixops_configuration': {'_nix': 'self.nixosConfigurations.web'}},
        'pages': {**MORE['pages'], 'nixops_git_remote': 'https://git.example.net/pages.git'}}
    del networks['staging']
    del world.inventory['hercules_agents']['vars']['nixops_agent_secrets']['neat-aws']
    first = world.play()
    assert first.code == 0, first.output
    assert effects(world, PROJECT) == {'effects.web.run': 'Successful', 'effects.pages.run': 'Successful'}
    second = world.play()
    assert (second.code, second.changes) == (0, {}), second.output
    shown = world.play('--limit', 'web', playbook='plan')
    assert 'has deployed the same.' in shown.output, shown.output
