# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From NixOps' database to a deployment by Hercules CI, with an inventory that the playbook adopt has written."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sandbox.nix.nixpkgs.nixops.bin import resource_types
from tests.support.repository import git, make_repository
from tests.support.surroundings import FIXTURES as ALL_FIXTURES
from tests.support.world import PROJECT, World

OTHER = 'github/neat-org/other-repo'
FIXTURES = ALL_FIXTURES / 'nixops'
VERSIONS = {'nixops-1.7': PROJECT, 'nixops-2.x': OTHER}
FILES = {'aws-prod': ['network.nix', 'network-aws.nix'], 'webfarm': ['staging.nix']}


def as_the_checkout_has_them(database: Path, checkout: Path) -> None:
    """The deployments of the repository's networks alone, with its files."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute('pragma foreign_keys = on')
        named = "select deployment from DeploymentAttrs where name = 'name' and value in ('aws-prod', 'webfarm')"
        connection.execute('delete from Deployments where uuid not in (%s)' % named)
        for name, files in FILES.items():
            paths = json.dumps([str(checkout / file) for file in files])
            connection.execute("update DeploymentAttrs set value = ? where name = 'nixExprs' and deployment in "
                               "(select deployment from DeploymentAttrs where name = 'name' and value = ?)", (paths, name))
        connection.commit()


@pytest.mark.slow
def test_adopted_deployments_are_deployed_without_a_new_machine(world: World, tmp_path: Path) -> None:
    as_the_checkout_has_them(world.database, world.checkout)
    networks = world.inventory['nixops_networks']
    children = networks['children']
    answers = {'aws-prod': children['production']['hosts']['neat-network'], 'webfarm': children['staging']['hosts']['neat-staging']}
    del networks['children']
    file = tmp_path / 'adopted.yml'
    options = ('-e', json.dumps({
        'nixops_adopt_inventory': str(file), 'nixops_adopt_databases': [str(world.database)], 'nixops_adopt_project': PROJECT,
        'nixops_adopt_checkout': str(world.checkout), 'nixops_adopt_branches': ['production'],
    }))
    adopted = world.play(*options, playbook='adopt')
    assert adopted.code == 0, adopted.output
    networks['hosts'] = yaml.safe_load(file.read_text())['nixops_networks']['hosts']
    assert {name: host['nixops_network_files'] for name, host in networks['hosts'].items()} == FILES
    again = world.play(*options, playbook='adopt')
    assert (again.code, again.changes) == (0, {}), again.output
    for name, answer in answers.items():  # what nobody else knows
        kept = ('nixops_prebuild_only_network_files', 'nixops_secrets_map', 'nixops_user_setup_script')
        networks['hosts'][name].update({variable: answer[variable] for variable in kept if variable in answer})
    checked = world.play('--check')
    assert checked.code == 0, checked.output
    played = world.play()
    assert played.code == 0, played.output
    done = world.sandbox.deployed(PROJECT)
    machines = {item['resource'] for item in done if item['action'] == 'kept'}
    assert {'app1', 'app2', 'web1', 'web2', 'db1'} <= machines
    assert not [item for item in done if item['action'] == 'created' and item['resource'] in machines | {None}]
    assert (world.play().changes, world.play(*options, playbook='adopt').changes) == ({}, {})


def is_there(resource: dict[str, Any]) -> bool:
    """Whether a state has more of it than that it was wanted once: one machine of the fixtures was never made."""
    return resource.get('obsolete') != '1' and (resource['type'] != 'ec2' or 'vmId' in resource)


def network(resources: dict[str, dict[str, Any]], head: str) -> str:
    """A network with just what is there by a state. head: what else it says."""
    kinds = {kind: attribute for attribute, kind in resource_types.RESOURCES.items()}
    lines = []
    for name, resource in resources.items():
        quoted, kind = json.dumps(name), resource['type']
        if is_there(resource):
            lines.append('%s = { %s };' % (quoted, 'deployment.targetEnv = "%s"; fileSystems."/".device = "/dev/vda1";'
                                           ' boot.loader.grub.enable = false; %s' % (kind, REGION if kind == 'ec2' else ''))
                         if kind in resource_types.MACHINES else 'resources.%s.%s = { };' % (kinds[kind], quoted))
    return '{ ... }: {\n  %s\n  %s\n}\n' % (head, '\n  '.join(lines))


REGION = 'deployment.ec2.region = "eu-west-1";'


def importable(database: Path) -> None:
    """Without the addresses that make NixOps' own import crash, as there is no host key with them."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("delete from ResourceAttrs where name in ('publicIpv4', 'privateIpv4') and machine not in "
                           "(select machine from ResourceAttrs where name like '%.publicHostKey')")
        connection.commit()


@pytest.mark.slow
def test_all_deployments_of_the_fixtures(world: World, tmp_path: Path) -> None:
    """Twenty, of both NixOps and nine kinds of machines: adopted, answered, checked, deployed; no machine is created."""
    world.longest_play = 600
    bare, checkouts = world.folder / 'other.git', {PROJECT: world.checkout, OTHER: world.folder / 'other-repo'}
    make_repository(bare, checkouts[OTHER], ('production',))
    world.sandbox.add_project(OTHER, bare)
    file = tmp_path / 'adopted.yml'
    networks = world.inventory['nixops_networks']
    del networks['children']
    for number, agent in enumerate(world.inventory['hercules_agents']['hosts'].values()):
        agent['ansible_host'] = '192.0.2.%d' % (200 + number)  # no machine of the fixtures
    for variable in ('nixops_project', 'nixops_checkout', 'nixops_database'):
        networks['vars'].pop(variable, None)
    runs, documents = [], {}
    for version, project in VERSIONS.items():
        names = ('deployments.nixops', 'more.nixops')
        databases = [Path(shutil.copy(FIXTURES / version / name, tmp_path / (version + name))) for name in names]
        for database in databases:
            importable(database)
        for name in ('export-all.json', 'more-export-all.json'):
            documents.update(json.loads((FIXTURES / version / name).read_text()))
        runs.append(('-e', json.dumps({
            'nixops_adopt_inventory': str(file), 'nixops_adopt_databases': [str(database) for database in databases],
            'nixops_adopt_project': project, 'nixops_adopt_checkout': str(checkouts[project]), 'nixops_adopt_branches': ['production'],
        })))
    for options in runs:
        adopted = world.play(*options, playbook='adopt')
        assert adopted.code == 0, adopted.output
    networks['hosts'] = hosts = yaml.safe_load(file.read_text())['nixops_networks']['hosts']
    assert len(hosts) == len(documents) == 20
    for name, host in hosts.items():  # the answers to what the comments ask
        host['nixops_secrets_map'] = {'aws': 'neat-aws', 'ssh': 'neat-ssh'}
        (deployment,) = [each for uuid, each in documents.items() if host['nixops_deployment'] == uuid or (
            each.get('name') == host['nixops_deployment'] and ('nixExprs' in each) == (host['nixops_function'] == 'runNixOps'))]
        checkout, resources = checkouts[host['nixops_project']], deployment['resources']
        if host['nixops_function'] == 'runNixOps2':
            host['nixops_src'] = name
            (checkout / name).mkdir()
            stored = 'network.storage.hercules-ci.stateName = "nixops-%s.json";' % host['nixops_deployment']
            (checkout / name / 'nixops.nix').write_text(network(resources, stored))
        else:
            host['nixops_network_files'] = ['%s.nix' % name]
            (checkout / ('%s.nix' % name)).write_text(network(resources, ''))
            if 'args' in deployment:
                host['nixops_network_args'] = dict.fromkeys(json.loads(deployment['args']), 'x')
    for checkout in checkouts.values():
        git(checkout, 'add', '.')
        git(checkout, 'commit', '--quiet', '-m', 'Networks')
        git(checkout, 'push', '--quiet', 'origin', 'main', 'main:production')
    checked = world.play('--check')
    assert checked.code == 0, checked.output
    played = world.play()
    assert played.code == 0, played.output
    for project in VERSIONS.values():
        done = world.sandbox.deployed(project)
        assert not [item for item in done if item['action'] in ('created', 'destroyed')], done
    kept = {item['resource'] for project in VERSIONS.values() for item in world.sandbox.deployed(project) if item['action'] == 'kept'}
    assert kept == {name for each in documents.values() for name, item in each['resources'].items() if is_there(item)}
    assert world.play().changes == {}
    assert [world.play(*options, playbook='adopt').changes for options in runs] == [{}, {}]


@pytest.mark.slow
def test_preflight_and_plan_of_the_result(world: World, tmp_path: Path) -> None:
    """With open questions preflight says what is missing; when they are answered, the plan is shown. Nothing is deployed."""
    as_the_checkout_has_them(world.database, world.checkout)
    networks = world.inventory['nixops_networks']
    del networks['children']
    del world.inventory['hercules_agents']['vars']['nixops_agent_secrets']  # which no network would use
    file = tmp_path / 'adopted.yml'
    options = ['-i', str(file), '-e', json.dumps({
        'nixops_adopt_inventory': str(file), 'nixops_adopt_databases': [str(world.database)],
        'nixops_adopt_checkout': str(world.checkout)})]
    asked = world.play(*options, '--check', playbook='adopt')
    assert (asked.code, file.exists()) == (0, False), asked.output
    asked = world.play(*options, playbook='adopt')
    assert asked.code == 0, asked.output
    assert 'nixops_branches' in asked.output and 'Answer what the comments in the inventory ask' in asked.output
    assert 'Plan for branch' not in asked.output
    text = file.read_text()
    for question, answer in (('# nixops_branches: [production]', 'nixops_branches: [production]'),
                             ('# nixops_network_args: {region: …}', 'nixops_prebuild_only_network_files: [network-stub.nix]')):
        assert question in text, text
        text = text.replace(question, answer)
    file.write_text(text)
    answered = world.play(*options, playbook='adopt')
    assert answered.code == 0, answered.output
    assert 'Plan for branch production of' in answered.output and answered.recap['localhost']['changed'] == 0
    assert world.sandbox.deployed(PROJECT) == []


CI_NIX = '''\
# Written by somebody years ago.
{ src ? { ref = null; } }:
let
  nixpkgs = fetchTarball %(nixpkgs)s;
  pkgs = import nixpkgs { system = "x86_64-linux"; overlays = [ (import "${fetchTarball %(effects)s}/overlay.nix") ]; };
  inherit (pkgs.effects) runIf runNixOps runNixOps2 runNixOS gitWriteBranch;
  on = branch: runIf (src.ref == "refs/heads/${branch}");
  source = pkgs.lib.cleanSource ./.;
  machine = name: runNixOS {
    ssh.destination = "root@${name}.example.net";
    configuration = { imports = [ ./machine.nix ]; networking.hostName = name; };
    secretsMap.ssh = "neat-ssh";
    userSetupScript = "writeSSHKey ssh; echo '${name}.example.net ssh-ed25519 AAAA' >>~/.ssh/known_hosts";
  };
in
{
  deploy = on "production" (runNixOps {
    name = "aws-prod"; src = source; networkFiles = [ "network.nix" "network-aws.nix" ];
    prebuildOnlyNetworkFiles = [ "network-stub.nix" ];
    secretsMap.aws = "neat-aws"; userSetupScript = "writeAWSSecret aws default";
  });
  staging = on "staging" (runNixOps { name = "webfarm"; src = source; networkFiles = [ "staging.nix" ]; });
  fleet = on "production" (runNixOps2 {
    name = "fleet"; src = pkgs.lib.cleanSource ./fleet; networkFiles = [ "nixops.nix" ];
    nixops = pkgs.nixops_unstable_minimal.withPlugins (ps: [ ps.nixops-hercules-ci ]);
  });
  web = on "production" (runNixOS {
    ssh.destination = "root@web.example.net"; configuration = ./machine.nix; secretsMap.ssh = "neat-ssh";
    userSetupScript = "writeSSHKey ssh; echo 'web.example.net ssh-ed25519 AAAA' >>~/.ssh/known_hosts";
  });
  mail = on "staging" (runNixOS {
    ssh.destination = "root@mail.example.net"; configuration = ./machine.nix; secretsMap.ssh = "neat-ssh";
    userSetupScript = "writeSSHKey ssh; echo 'mail.example.net ssh-ed25519 AAAA' >>~/.ssh/known_hosts";
  });
  pages = on "production" (gitWriteBranch {
    git.checkout.remote.url = "https://git.example.net/neat.git"; git.checkout.forgeType = "gitlab";
    git.update.branch = "pages"; contents = ./site;
  });
}
'''
MACHINE = '{ networking.hostName = "m"; fileSystems."/".device = "/dev/vda1"; boot.loader.grub.enable = false; }\n'
FLEET = '{ network.storage.hercules-ci.stateName = "fleet.nixops"; lonely.deployment.targetEnv = "none"; }\n'


def written_by_hand(world: World) -> None:
    """A ci.nix of six effects by four functions on the branches, and what they have deployed so far on Hercules CI."""
    pins = {name: '{ url = "%(url)s"; sha256 = "%(sha256)s"; }' % world.sandbox.pins()[name] for name in ('nixpkgs', 'effects')}
    files = {'ci.nix': CI_NIX % pins, 'machine.nix': MACHINE, 'fleet/nixops.nix': FLEET, 'site/index.html': '<p>Neat</p>\n'}
    for name, text in files.items():
        (world.checkout / name).parent.mkdir(exist_ok=True)
        (world.checkout / name).write_text(text)
    git(world.checkout, 'add', '.')
    git(world.checkout, 'commit', '--quiet', '-m', 'By hand')
    git(world.checkout, 'push', '--quiet', 'origin', 'main', 'main:production', 'main:staging')
    document = json.loads((FIXTURES / 'nixops-1.7' / 'export-webfarm.json').read_text())
    for machine in next(iter(document.values()))['resources'].values():
        machine.pop('publicIpv4', None)  # with which NixOps' own import crashes
    world.sandbox.put_state(PROJECT, 'nixops-webfarm.json', json.dumps(document).encode())
    world.sandbox.put_state(PROJECT, 'nixops-aws-prod.json', (FIXTURES / 'nixops-1.7' / 'export-aws-prod.json').read_bytes())
    lonely = json.loads((FIXTURES / 'nixops-2.x' / 'more-export-all.json').read_text())['88888888-0000-11ee-8000-000000000018']
    fleet = {'88888888-0000-11ee-8000-000000000018': {**lonely, 'name': 'fleet'}}
    world.sandbox.put_state(PROJECT, 'fleet.nixops', json.dumps(fleet).encode())
    networks = world.inventory['nixops_networks']
    del networks['children']
    for variable in ('nixops_project', 'nixops_checkout', 'nixops_database', 'nixops_pins'):
        networks['vars'].pop(variable, None)
    world.variables['HERCULES_CI_API_BASE_URL'] = world.sandbox.url


def into(file: Path, world: World) -> tuple[str, ...]:
    """The options of the playbook adopt that write what the project's ci.nix declares into an inventory file."""
    return '-i', str(file), '-e', json.dumps({
        'nixops_adopt_inventory': str(file), 'nixops_adopt_projects': [PROJECT], 'nixops_adopt_project': PROJECT,
        'nixops_adopt_checkout': str(world.checkout), 'nixops_adopt_ci_nix': True})


def test_a_file_that_somebody_wrote(world: World, tmp_path: Path) -> None:
    """Adopted, checked, and replaced where it is shown to mean the same; no machine is created, and nothing is left to do."""
    written_by_hand(world)
    file = tmp_path / 'adopted.yml'
    options = into(file, world)
    before = (world.checkout / 'ci.nix').read_bytes()
    adopted = world.play(*options, playbook='adopt')
    assert adopted.code == 0, adopted.output
    hosts = yaml.safe_load(file.read_text())['nixops_networks']['children']['neat_repo']['hosts']
    assert sorted(hosts) == ['deploy', 'fleet', 'mail', 'pages', 'staging', 'web'], adopted.output
    assert {host.get('nixops_state') for host in hosts.values()} == {'present', None}
    assert 'Plan for branch production of' in adopted.output and 'Plan for branch staging of' in adopted.output, adopted.output
    assert (world.checkout / 'ci.nix').read_bytes() == before, adopted.output
    again = world.play(*options, playbook='adopt')
    assert again.recap['localhost']['changed'] == 0, again.output
    checked = world.play('-i', str(file), '--check')
    assert checked.code == 0, checked.output
    assert not re.search(r'Plan: [1-9]\d* to create', checked.output), checked.output
    assert (world.checkout / 'ci.nix').read_bytes() == before
    played = world.play('-i', str(file))
    assert played.code == 0, played.output
    assert not [item for item in world.sandbox.deployed(PROJECT) if item['action'] in ('created', 'destroyed')]
    (backup,) = world.checkout.glob('ci.nix.*~')
    assert backup.read_bytes() == before
    assert git(world.bare, 'show', 'production:ci.nix') + '\n' == (world.checkout / 'ci.nix').read_text()
    ended = world.play('-i', str(file))
    assert (ended.code, ended.changes) == (0, {}), ended.output
    last = world.play(*options, playbook='adopt')
    assert (last.code, last.changes) == (0, {}), last.output


@pytest.mark.slow
def test_a_file_that_means_something_else_stays(world: World, tmp_path: Path) -> None:
    """One variable is changed after the adoption: the run tells for which effect, on which refs and what differs, and replaces nothing."""
    written_by_hand(world)
    file = tmp_path / 'adopted.yml'
    options = into(file, world)
    assert world.play(*options, playbook='adopt').code == 0
    text = file.read_text()
    file.write_text(text.replace('writeAWSSecret aws default', 'writeAWSSecret aws other'))
    head = git(world.bare, 'rev-parse', 'production')
    before = (world.checkout / 'ci.nix').read_bytes()
    played = world.play('-i', str(file))
    assert played.code == 2, played.output
    assert 'The effect would do something else.' in played.output and 'deploy.run on refs/heads/production' in played.output
    assert (world.checkout / 'ci.nix').read_bytes() == before and git(world.bare, 'rev-parse', 'production') == head
