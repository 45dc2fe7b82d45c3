# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight of networks without NixOps: what they need is looked for, and nothing else is asked for."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import EvaluatedEffect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks import guard
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.destinations import pushes_that_deploy
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.last import Last
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import Network
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.preflight import Inventory, check
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import (
    read_network,
    variables_of,
    without_others,
)

from tests.sandbox.in_process import Sandbox
from tests.support.functions import FILES, MORE, SERVICES, WEB, add
from tests.support.world import PROJECT, TOKEN, World, running_world

SITE = {'nixops_function': 'netlifyDeploy', 'nixops_content': 'site', 'nixops_site_id': 'x', 'nixops_secret_name': 'neat-ssh'}


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp('world'), Path('no plays here'), Sandbox) as made:
        add(made.checkout, FILES, 'production')
        yield made


def inventory(world: World, more: dict[str, dict[str, Any]]) -> Inventory:
    common = {**world.inventory['nixops_networks']['vars'], 'nixops_api_token': TOKEN, 'nixops_branches': ['production']}
    agents = copy.deepcopy(world.inventory['hercules_agents'])
    del agents['vars']['nixops_agent_secrets']['neat-aws']
    return Inventory({host: {**common, **variables} for host, variables in more.items()},
                     {host: {**agents['vars'], **variables} for host, variables in agents['hosts'].items()}, list(more))


def in_a_file(world: World, folder: Path, more: dict[str, dict[str, Any]]) -> Inventory:
    """The same as Ansible reads it from a file, so that it knows what is written where."""
    of = inventory(world, more)
    groups = {'nixops_networks': of.networks, 'hercules_agents': of.agents}
    path = folder / 'hosts.yml'
    path.write_text(yaml.safe_dump({group: {'hosts': dict(hosts)} for group, hosts in groups.items()}))
    loader = DataLoader()
    manager = InventoryManager(loader, str(path))
    hostvars = HostVars(manager, VariableManager(loader, manager), loader)
    networks, agents = ({host: variables_of(host, hostvars, loader) for host in hosts} for hosts in groups.values())
    return Inventory(networks, agents, list(more))


def test_a_network_without_nixops_is_asked_for_no_state(world: World) -> None:
    plan, warnings = check(inventory(world, MORE))
    assert warnings == []
    project = plan['projects'][PROJECT]
    assert project['uploads'] == {} == project['effects_without_state']
    assert [effect['run_on'] for effect in project['effects']] == [{'branches': ['production']}] * 3
    web = project['networks']['web']
    assert (web['state'], web['state_name'], web['known_hosts_name'], web['destination']) == ('', '', '', 'root@web.example.net')
    assert project['networks']['pages']['secrets_map'] == {'token': {'type': 'GitToken'}}


@pytest.mark.parametrize(('base', 'change', 'expected'), [
    (WEB, {'nixops_ssh_destination': 'root@203.0.113.11'}, 'would deploy an agent|nixops_ssh_destination of it|the agent agent-1'),
    (WEB, {'nixops_ssh_destination': 'Agent-2.'}, 'would deploy an agent|nixops_ssh_destination of it|the agent agent-2'),
    (WEB, {'nixops_ssh_destination': 'root@localhost'}, 'nixops_ssh_destination of it|whichever agent runs the effect'),
    (WEB, {'nixops_ssh_destination': None, 'nixops_arguments': {'ssh': {'destination': 'agent-1'}}},
     'would deploy an agent|nixops_arguments'),
    (WEB, {'nixops_ssh_destination': None}, 'nixops_ssh_destination of it'),
    (WEB, {'nixops_ssh_destination': 'root@web -p 22'}, 'nixops_ssh_destination of it|USER@HOST'),
    (WEB, {'nixops_configuration': None}, 'nixops_configuration of it|configuration or config'),
    (WEB, {'nixops_configuration': 'nosuch.nix'}, 'The file does not exist.|nixops_configuration of it|nosuch.nix'),
    (WEB, {'nixops_configuration': '../web.nix'}, 'nixops_configuration of it|../web.nix'),
    (WEB, {'nixops_secrets_map': {'ssh': 'nosuch'}}, "No agent has the secret nosuch.|nixops_secrets_map['ssh'] of it"),
    (WEB, {'nixops_secrets_map': {}}, 'nixops_user_setup_script of it|a key of nixops_secrets_map'),
    (WEB, {'nixops_user_setup_script': 'writeSSHKey ssh'}, 'nixops_user_setup_script of it|no known hosts'),
    (WEB, {'nixops_user_setup_script': 'touch ~/.known_hosts'}, 'nixops_user_setup_script of it|a call of writeSSHKey'),
    (WEB, {'nixops_network_files': ['network.nix']}, 'no parameter for this option|nixops_network_files of it'),
    (WEB, {'nixops_function': 'runNixos'}, 'nixops_function. Expected|runNixos'),
    (WEB, {'nixops_function': 'runNixOps', 'nixops_configuration': None}, 'nixops_deployment is missing.|nixops_deployment of it'),
    (SERVICES, {'nixops_modules': None}, 'directory or modules|Set the variable nixops_directory.'),
    (SERVICES, {'nixops_modules': 'arion-compose.nix'}, 'nixops_modules. Expected|a list'),
    (SITE, {}, 'netlifyDeploy needs the field token of the secret neat-ssh, which has none.|nixops_function of it'),
    (SITE, {'nixops_secret_name': None}, 'nixops_secret_name of it'),
    (MORE['pages'], {'nixops_base_merge_method': 'squash'}, 'nixops_base_merge_method. Expected|squash'),
    (MORE['pages'], {'nixops_contents': 'no-site'}, 'The file does not exist.|nixops_contents of it'),
    ({'nixops_function': 'runCachixDeploy', 'nixops_deploy': {}}, {}, 'No agent has the secret default-cachix-activate.'),
])
def test_what_would_go_wrong_is_found_before_anything_is_changed(
    world: World, tmp_path: Path, base: dict[str, Any], change: dict[str, Any], expected: str,
) -> None:
    with pytest.raises(Failure) as refused:
        check(in_a_file(world, tmp_path, {'it': {**base, **change}}))
    said = str(refused.value)
    assert [words for words in expected.split('|') if words not in re.sub(r' \(\S+:\d+\)', '', said)] == [], said
    # Each with the variable, and the file and line to look at.
    assert re.search(r'Where: nixops_\S+ \(%s/hosts\.yml:\d+\)(?: of it)?\.' % re.escape(str(tmp_path)), said), said


@pytest.mark.parametrize(('other', 'refused'), [
    ({}, True), ({'nixops_ssh_destination': 'deploy@WEB.example.net'}, True), ({'nixops_branches': ['staging']}, False),
    ({'nixops_profile': '/nix/var/nix/profiles/other'}, False), ({'nixops_ssh_destination': 'root@db'}, False),
])
def test_one_machine_of_two_networks(world: World, other: dict[str, Any], refused: bool) -> None:
    both = inventory(world, {'one': WEB, 'two': {**WEB, **other}})
    try:
        check(both)
        found = ''
    except Failure as failure:
        found = str(failure)
    assert ('Two networks deploy the same machine from the same branch. Where: nixops_ssh_destination of two.' in found) == refused, found


PUSHER = {'nixops_function': 'gitWriteBranch', 'nixops_git_remote': {'_nix': 'src.remoteHttpUrl'}, 'nixops_forge_type': 'github',
          'nixops_update_branch': 'production', 'nixops_contents': 'site'}
UPDATE = {'nixops_function': 'flakeUpdate', 'nixops_git_remote': 'https://github.com/neat-org/neat-repo.git'}
LOOP = 'The effect pushes to a branch whose jobs run it again: they might never end. Where: nixops_update_branch of it.'
AT_ONCE = 'The effect pushes to a branch that deploys: what it writes there is deployed at once. Where: nixops_update_branch of it.'


@pytest.mark.parametrize(('it', 'other', 'expected'), [
    (PUSHER, {}, LOOP),
    (PUSHER, {'nixops_branches': ['staging']}, LOOP),
    ({**PUSHER, 'nixops_git_remote': 'git@github.com:Neat-Org/neat-repo'}, {}, LOOP),
    ({**PUSHER, 'nixops_git_remote': None, 'nixops_arguments': {'git': {'checkout': {'remote': {'url': 'ssh://x/neat-org/neat-repo/'}}}}},
     {}, LOOP),
    ({**PUSHER, 'nixops_git_remote': 'https://github.com/neat-org/other'}, {}, ''),
    ({**PUSHER, 'nixops_git_remote': {'_nix': 'wherever'}}, {}, ''),
    ({**PUSHER, 'nixops_allow_self_deploy': True}, {}, ''),
    ({**PUSHER, 'nixops_job': 'nightly'}, {'nixops_branches': ['staging']}, ''),
    ({**PUSHER, 'nixops_job': 'nightly'}, {}, AT_ONCE),
    ({**PUSHER, 'nixops_update_branch': 'staging'}, {'nixops_branches': ['staging']}, AT_ONCE),
    ({**PUSHER, 'nixops_update_branch': 'staging'}, {**PUSHER, 'nixops_branches': ['staging']}, LOOP),
    ({**PUSHER, 'nixops_update_branch': 'v1'}, {'nixops_branches': ['staging'], 'nixops_run_on': {'branches': ['v*']}}, AT_ONCE),
    ({**PUSHER, 'nixops_update_branch': {'_nix': 'x'}}, {}, ''),
    (UPDATE, {}, ''),
    (UPDATE, {'nixops_branches': ['flake-update']}, AT_ONCE),
    ({**UPDATE, 'nixops_branches': ['flake-update']}, {}, LOOP),
])
def test_pushes_that_deploy(world: World, it: dict[str, Any], other: dict[str, Any], expected: str) -> None:
    both = inventory(world, {name: {'nixops_schedules': {'nightly': {'hour': 1}}, **own} for name, own in (
        ('it', it), ('other', {**WEB, **other}))}).networks
    networks = [read_network(*each)[0] for each in both.items()]
    found = [str(problem) for problem in pushes_that_deploy(networks) if problem.where == 'nixops_update_branch of it']
    assert [problem.partition(' Expected')[0] for problem in found] == [expected] * bool(expected)


def test_a_loop_is_refused_before_anything_is_changed(world: World) -> None:
    with pytest.raises(Failure, match='whose jobs run it again'):
        check(inventory(world, {'it': PUSHER}))


@pytest.mark.parametrize(('script', 'found'), [
    ('useDockerHost agent-1', 'agent-1, which is the agent agent-1'),
    ('useDockerHost "203.0.113.12" 2376', '203.0.113.12, which is the agent agent-2'),
    ('export DOCKER_HOST=ssh://root@agent-2', 'agent-2, which is the agent agent-2'),
    ('DOCKER_HOST=tcp://localhost:2375 x', 'localhost, which is whichever agent runs the effect'),
    ('# useDockerHost agent-1', None), ('useDockerHost docker.example.net', None), ('useDockerHost "$HOST"', None),
])
def test_docker_on_an_agent(world: World, script: str, found: str | None) -> None:
    for allowed in (False, True):
        one = {**SERVICES, 'nixops_user_setup_script': script, 'nixops_allow_self_deploy': allowed}
        _plan, warnings = check(inventory(world, {'it': one}))
        said = [(warning.where, warning.found) for warning in warnings if 'Docker' in warning.what]
        assert said == ([] if allowed or found is None else [('nixops_user_setup_script of it', found)])


SET_FOR_NIXOPS = {
    'nixops_deployment': '{{ inventory_hostname }}', 'nixops_action': 'switch', 'nixops_network_files': ['network.nix', 'network-aws.nix'],
    'nixops_prebuild_only_network_files': ['network-stub.nix'], 'nixops_known_hosts_name': 'x', 'nixops_state_name': 'y',
    'nixops_network_args': {'size': 1}, 'nixops_nixops_plugins': ['nixops-aws'],
    'nixops_state': 'new', 'nixops_database': '/var/lib/nixops/deployments.nixops', 'nixops_forget_state': True, 'nixops_ssh_options': '-v',
}


def test_a_group_says_for_its_networks_of_nixops_what_others_do_not_take(world: World) -> None:
    """A network of each function, in a group that sets what only some of them take: each gets what is its own."""
    of_two = {'nixops_function': 'runNixOps2', 'nixops_network_files': ['nixops.nix']}
    hosts = {'one': {'nixops_nixops_plugins': None}, 'two': of_two, **MORE}
    variables = inventory(world, {name: {**SET_FOR_NIXOPS, **own} for name, own in hosts.items()}).networks
    networks = {network.name: network for network in without_others([read_network(*each)[0] for each in variables.items()], variables)}

    def having(option: str) -> list[str]:
        return [name for name, network in networks.items() if option in network.effect]

    assert [name for name, network in networks.items() if network.foreign] == []
    assert (having('action'), having('network_args'), having('nixops_plugins')) == (['one', 'two'], ['one'], ['two'])
    assert (having('ssh_options'), having('modules'), having('known_hosts_name')) == (['web'], ['services'], ['one'])
    # What NixOps 2 calls its state is in the network, and here for the upload.
    assert (networks['two'].state_name, networks['two'].known_hosts_name) == ('y', 'x')
    assert networks['two']['nixops_forget_state'] and not networks['web']['nixops_forget_state']


def test_what_only_one_network_has_is_a_slip(world: World) -> None:
    """As another value of another one is no reason to have it here."""
    mixed = inventory(world, {'web': {**WEB, 'nixops_action': 'test'}, 'other': {
        'nixops_deployment': 'other', 'nixops_state': 'new', 'nixops_action': 'boot'}})
    with pytest.raises(Failure) as refused:
        check(mixed)
    said = str(refused.value)
    assert 'runNixOS has no parameter for this option. Where: nixops_action of web' in said
    assert 'Where it is meant for other networks of a group, set nixops_action: null for this one.' in said


def test_what_only_nix_can_tell_of_secrets_is_not_told() -> None:
    variables = {'nixops_function': 'flakeUpdate', 'nixops_token_secret': {'_nix': 'x'}, 'nixops_secrets_map': {'ssh': 'y'},
                 'nixops_project': PROJECT, 'nixops_branches': ['main']}
    network = Network('it', variables, variables)
    assert network.as_dict()['secrets_map'] == network.secrets == {'ssh': 'y'}
    assert network.tokens == {'token'}


def test_an_agent_may_be_deployed_where_somebody_says_so(world: World) -> None:
    check(inventory(world, {'it': {**WEB, 'nixops_ssh_destination': 'agent-1', 'nixops_allow_self_deploy': True}}))


@pytest.mark.parametrize(('system', 'short', 'end'), [
    ('/nix/store/x-nixos-system-web', '+0 ~0 -0', ': /nix/store/x-nixos-system-web. No change: job 3 has deployed the same.'),
    (None, '', '. Changed: job 3 has run another one.'),  # of which nobody knows what it will do
])
def test_the_plan_says_what_is_known(system: str | None, short: str, end: str) -> None:
    declared = guard.Declared('', '', '', 'runNixOS', destination='root@web')
    effect = EvaluatedEffect('refs/heads/production', 'default', 'web', 'web.run', runs=True, system=system, derivation='/nix/store/x.drv')

    def no_state(_name: str) -> Any:
        raise AssertionError('there is no state to look for')

    last = {'web': Last(3, '/nix/store/y.drv', '/nix/store/x.drv')}
    (plan,) = guard.plan_branch('production', [effect], {'web': declared}, no_state, last=last)
    assert not plan.refused
    assert guard.plan_text([plan], 'github/neat-org/neat-repo', ['production']) == [
        'Plan for branch production of github/neat-org/neat-repo:', '  web, without a state', '  Runs runNixOS at root@web' + end]
    assert plan.as_dict()['short'] == short
    # What is somebody's own effect is none of the inventory's networks.
    assert guard.plan_branch('production', [effect], {}, no_state) == []
