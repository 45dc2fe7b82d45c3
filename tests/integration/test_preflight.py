# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused before anything is changed, all of it at once."""

from __future__ import annotations

import copy
import re
import shutil
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from tests.support.repository import head
from tests.support.world import DATABASE, PROJECT, Played, World


def network(world: World, name: str) -> dict[str, Any]:
    group = {'neat-network': 'production', 'neat-staging': 'staging'}[name]
    variables: dict[str, Any] = world.inventory['nixops_networks']['children'][group]['hosts'][name]
    return variables


def refused(world: World, *arguments: str) -> Played:
    """Play, and make sure that preflight ended it and nothing was changed anywhere."""
    branch = head(world.bare, 'production')
    played = world.play(*arguments)
    assert played.code == 2, played.output
    assert re.findall(r'TASK \[(.*?)\]', played.output) == ['Check everything that can be known beforehand']
    assert played.changes == {}
    assert world.sandbox.summary()['projects'][0]['states'] == {}
    assert head(world.bare, 'production') == branch
    assert not world.agent_secrets('agent-1').exists()
    return played


def test_an_agent_that_would_deploy_itself(world: World) -> None:
    agents = world.inventory['hercules_agents']['hosts']
    agents['agent-1']['ansible_host'] = '198.51.100.10'
    played = refused(world)
    assert 'The network would deploy an agent' in played.output
    assert 'Where: neat-network, machine app1' in played.output
    assert 'the agent agent-1, by 198.51.100.10' in played.output
    assert 'nixops_allow_self_deploy: true' in played.output
    network(world, 'neat-network')['nixops_allow_self_deploy'] = True
    allowed = world.play('--check', '--tags', 'preflight')
    assert allowed.code == 0, allowed.output


def test_variables_are_wrong_in_many_places(world: World) -> None:
    network(world, 'neat-network')['nixops_action'] = 'swich'
    network(world, 'neat-network')['nixops_network_filse'] = ['network.nix']
    del network(world, 'neat-staging')['nixops_deployment']
    played = refused(world)
    for words in ('1. ', '2. ', '3. ', 'nixops_action (%s:' % (world.folder / 'inventory.yml'), 'one of switch, dry-run',
                  'nixops_deployment is missing', 'Write nixops_network_files, or drop it'):
        assert words in played.output


def test_the_networks_alone_are_told_the_same(world: World) -> None:
    """By preflight, not by Ansible, which would print all options of the role for each host."""
    del network(world, 'neat-network')['nixops_deployment']
    world.inventory['nixops_networks']['children']['staging']['vars'] = {'nixops_brnches': ['staging']}
    played = world.play(playbook='networks')
    assert played.code == 2, played.output
    assert re.findall(r'TASK \[(.*?)\]', played.output) == [
        'nixcd.hercules_ci.nixops : Check what has not been checked, and end where no network has anything to do',
        'nixcd.hercules_ci.nixops : Check everything that can be known beforehand',
    ]
    for words in ('nixops_deployment is missing. Where: host neat-network', 'nixops_branches is missing. Where: host neat-staging',
                  'Write nixops_branches, or drop it'):
        assert words in played.output
    assert 'nixops_job_start_timeout' not in played.output


def test_everything_else_is_wrong_at_once(world: World) -> None:
    """A slip in a variable, secrets, files, networks that do not agree, states, and a token that is not let in."""
    world.inventory['nixops_networks']['children']['production']['hosts']['twin'] = {
        **network(world, 'neat-network'), 'nixops_branches': ['staging'], 'nixops_push': 'none'}
    network(world, 'neat-network')['nixops_action'] = 'swich'
    world.inventory['nixops_networks']['vars']['nixops_api_token'] = 'not-the-token'
    secrets = copy.deepcopy(world.inventory['hercules_agents']['vars']['nixops_agent_secrets'])
    del secrets['neat-aws']['data']['aws_access_key_id']
    secrets['neat-ssh']['condition'] = {'isBranch': 'elsewhere'}
    world.inventory['hercules_agents']['vars']['nixops_agent_secrets'] = secrets
    network(world, 'neat-network')['nixops_network_files'] = ['network.nix', 'network-gcp.nix']
    network(world, 'neat-staging')['nixops_user_setup_script'] = 'writeSSHKey other'
    shutil.copyfile(DATABASE, world.database)
    played = refused(world)
    for words in (
        'writeAWSSecret needs the field aws_access_key_id of the secret neat-aws',
        'The condition of the secret neat-ssh refuses',
        'writeSSHKey reads a secret that the effect does not get: other',
        'network-gcp.nix',
        'nixops import --include-keys', 'one of switch, dry-run', 'Hercules CI answered 401',
        'have to agree about nixops_push', 'Two networks of a project have the same state',
    ):
        assert words in played.output
    assert 'not-the-token' not in played.output


def test_a_network_without_state_that_a_push_would_deploy(world: World) -> None:
    """Not selected, so its state would not be uploaded; but it runs on the branch that is pushed."""
    network(world, 'neat-staging')['nixops_branches'] = ['staging', 'production']
    played = refused(world, '--limit', 'agent-1,agent-2,neat-network')
    assert 'NixOps would make all of its machines anew' in played.output
    assert 'neat-staging, branch production of %s' % PROJECT in played.output


def test_a_variable_of_the_command_line_that_would_change_a_network_beside_the_limit(world: World) -> None:
    network(world, 'neat-staging').update(nixops_branches=['staging', 'production'], nixops_state='new', nixops_deployment='unheard-of')
    limit = ('--limit', 'agent-1,agent-2,neat-network')
    played = refused(world, *limit, '-e', 'nixops_action=dry-run')
    assert 'Variables of the command line would change a network that is not selected' in played.output
    assert 'neat-staging, branch production of %s' % PROJECT in played.output
    assert world.play(*limit, '--check', '--tags', 'preflight').code == 0


@pytest.mark.parametrize('tags', [('--tags', 'push'), ('--skip-tags', 'state')])
def test_a_run_that_pushes_but_uploads_no_state(world: World, tags: tuple[str, str]) -> None:
    assert 'let a run with the tag state upload it' in refused(world, *tags).output


@pytest.mark.parametrize('tags', [('--skip-tags', 'preflight'), ('--skip-tags', 'always', '--tags', 'push')])
def test_nobody_goes_on_without_it(world: World, tags: tuple[str, ...]) -> None:
    played = world.play(*tags, playbook='networks')
    assert played.code == 2, played.output
    assert 'Run the play without --skip-tags preflight' in played.output
    assert 'is undefined' not in played.output
    assert played.changes == {}
    assert world.sandbox.summary()['projects'][0]['states'] == {}


def test_nobody_begins_behind_it(world: World) -> None:
    played = world.play('--start-at-task', 'nixcd.hercules_ci.nixops : Deploy the networks that have something to do', playbook='networks')
    assert played.code == 2, played.output
    assert 'Run the play from its start, without --start-at-task.' in played.output
    assert 'has no attribute' not in played.output
    assert played.changes == {}
    assert world.sandbox.summary()['projects'][0]['states'] == {}


@pytest.mark.parametrize('group', ['hercules_agents', 'nixops_networks'])
def test_a_group_by_another_name(world: World, group: str) -> None:
    world.inventory[group[:-1]] = world.inventory.pop(group)
    played = refused(world)
    assert 'Where: group %s.' % group in played.output
    assert 'Found: the group %s.' % group[:-1] in played.output


def test_both_groups_by_other_names(world: World) -> None:
    world.inventory.update({group[:-1]: world.inventory.pop(group) for group in ('hercules_agents', 'nixops_networks')})
    assert 'Found: the group nixops_network.' in refused(world).output


def test_a_host_whose_file_cannot_be_decrypted(world: World) -> None:
    """It hides nothing, also where a limit leaves the host out."""
    world.inventory['hercules_agents']['hosts']['agent-3'] = {}
    folder = world.folder / 'host_vars'
    folder.mkdir()
    secret = VaultSecret(b'a password that Ansible does not have')
    (folder / 'agent-3.yml').write_bytes(VaultLib([('default', secret)]).encrypt('ansible_host: 203.0.113.13'))
    network(world, 'neat-network')['nixops_action'] = 'swich'
    for limit in ((), ('--limit', 'agent-1,nixops_networks')):
        played = refused(world, *limit)
        assert 'Ansible cannot read the variables of the host. Where: host agent-3. Found: text that none of the passwords' in played.output
        assert 'Found: swich.' in played.output


def test_networks_are_here_where_nobody_says_otherwise(world: World) -> None:
    del world.inventory['nixops_networks']['vars']['ansible_connection']
    played = world.play('--check', '--tags', 'state', playbook='networks')
    assert played.code == 0, played.output
    assert played.recap['neat-staging']['changed'] == 1
