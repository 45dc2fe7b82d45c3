# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What preflight learns of states: agents among the machines, and states that are missing, newer or cannot be imported."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks import states
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.preflight import Inventory, check

from tests.support.world import DATABASE, World

from .conftest import phases_of, refusals

Change = Callable[[dict[str, Any], dict[str, Any], World], None]


def agent_address(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    agents['agent-1']['ansible_host'] = '198.51.100.10'


def agent_name(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    agents['app2'] = agents.pop('agent-2')


def agent_host_key(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    # The fixture's host key of app1.
    agents['agent-1']['ansible_facts'] = {'ssh_host_key_ed25519_public': host_key_of_app1(world)}


def host_key_of_app1(world: World) -> str:
    export = json.loads((DATABASE.parent / 'export-aws-prod.json').read_text())
    (deployment,) = export.values()
    return str(deployment['resources']['app1']['ec2.publicHostKey'].split()[1])


@pytest.mark.parametrize('change, words', [
    (agent_address, 'by 198.51.100.10'), (agent_name, 'by app2'), (agent_host_key, 'by its host key'),
])
def test_an_agent_among_the_machines(
    networks: dict[str, Any], agents: dict[str, Any], world: World, change: Change, words: str,
) -> None:
    change(networks, agents, world)
    said = refusals(networks, agents)
    assert 'The network would deploy an agent' in said
    assert words in said
    networks['neat-network']['nixops_allow_self_deploy'] = True
    check(Inventory(networks, agents, list(networks)))


def test_the_servers_state_is_looked_at_where_none_goes_there(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    world.sandbox.add_project('github/neat-org/other', world.bare)
    export = (DATABASE.parent / 'export-aws-prod.json').read_bytes()
    world.sandbox.put_state('github/neat-org/other', 'nixops-aws-prod.json', export)
    del networks['neat-staging']
    networks['neat-network'].update(nixops_project='github/neat-org/other', nixops_state='present', nixops_database='/nonexistent')
    agents['agent-1']['ansible_host'] = '198.51.100.10'
    assert 'by 198.51.100.10' in refusals(networks, agents)


@pytest.mark.parametrize('kind, recorded', [
    ('droplet', '{"address": "2001:db8:99::7", "prefixLength": 64}'), ('hetznercloud', '2001:db8:99::/64'),
])
@pytest.mark.parametrize('known_by', [
    {'ansible_host': '2001:DB8:99:0::7'}, {'ansible_facts': {'all_ipv6_addresses': ['fe80::1', '2001:db8:99::7']}},
])
def test_an_agent_is_found_by_its_ipv6_address(
    networks: dict[str, Any], agents: dict[str, Any], tmp_path: Path, kind: str, recorded: str, known_by: dict[str, Any],
) -> None:
    state = {'cccccccc-1700-11e7-8000-000000000003': {'name': 'aws-prod', 'resources': {'app1': {'type': kind, 'publicIpv6': recorded}}}}
    (tmp_path / 'export.json').write_text(json.dumps(state))
    networks['neat-network'].update(nixops_export_file=str(tmp_path / 'export.json'))
    check(Inventory(networks, agents, list(networks)))
    agents['agent-1'].update(known_by)
    assert 'Where: neat-network, machine app1' in refusals(networks, agents)


def test_a_database_on_the_server_that_runnixops_could_not_import(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    world.sandbox.add_project('github/neat-org/nixops-2', world.bare)
    world.sandbox.put_state('github/neat-org/nixops-2', 'nixops-aws-prod.json', DATABASE.read_bytes())
    del networks['neat-staging']
    networks['neat-network'].update(nixops_project='github/neat-org/nixops-2', nixops_state='present')
    assert 'Where: neat-network, nixops-aws-prod.json, version 1' in refusals(networks, agents)


def test_a_state_that_is_newer_than_the_local_one_is_looked_at_too(
    networks: dict[str, Any], agents: dict[str, Any], world: World, tmp_path: Path,
) -> None:
    """Hercules CI has deployed machines since that the database here does not know."""
    project = 'github/neat-org/deployed-since'
    world.sandbox.add_project(project, world.bare)
    text = (DATABASE.parent / 'export-aws-prod.json').read_text()
    (older,) = json.loads(text).values()
    del older['resources']['app1']
    (tmp_path / 'older.json').write_text(json.dumps({'cccccccc-1700-11e7-8000-000000000003': older}))
    del networks['neat-staging']
    networks['neat-network'].update(nixops_project=project, nixops_export_file=str(tmp_path / 'older.json'))
    agents['agent-1']['ansible_host'] = '198.51.100.10'
    check(Inventory(networks, agents, list(networks)))
    world.sandbox.put_state(project, 'nixops-aws-prod.json', text.encode())
    assert 'Where: neat-network, machine app1' in refusals(networks, agents)
    world.sandbox.put_state(project, 'nixops-aws-prod.json', b'no state')  # which nixops_state can replace
    check(Inventory(networks, agents, list(networks)))


@pytest.mark.parametrize(('variables', 'refused'), [
    ({'nixops_deployment': 'fresh'}, False), ({'nixops_deployment': 'aws-prod'}, True), ({'nixops_deployment': 'cccccccc'}, True),
    ({'nixops_deployment': 'fresh', 'nixops_effect_deployment': 'aws-prod'}, True),
    ({'nixops_deployment': 'aws-prod', 'nixops_effect_deployment': 'fresh'}, True),
    ({'nixops_deployment': 'fresh', 'nixops_effect_deployment': 'cccccccc-1700-11e7-8000-000000000003'}, True),
])
def test_a_new_network_that_nixops_on_this_machine_knows(
    networks: dict[str, Any], agents: dict[str, Any], variables: dict[str, Any], refused: bool,
) -> None:
    """By what the effect calls it, too. Of several with that name, any may have machines."""
    networks['neat-network'].update(nixops_state='new', **variables)
    if refused:
        assert 'would make them a second time' in refusals(networks, agents)
    else:
        check(Inventory(networks, agents, list(networks)))


def test_a_new_network_of_whose_name_nixops_on_this_machine_knows_several(
    networks: dict[str, Any], agents: dict[str, Any], world: World, tmp_path: Path,
) -> None:
    shutil.copyfile(world.database, tmp_path / 'two.nixops')
    with contextlib.closing(sqlite3.connect(tmp_path / 'two.nixops')) as connection:
        connection.execute("update DeploymentAttrs set value = 'aws-prod' where name = 'name' and value = 'webfarm'")
        connection.commit()
    networks['neat-network'].update(nixops_state='new', nixops_database=str(tmp_path / 'two.nixops'))
    said = refusals(networks, agents)
    assert 'would make them a second time' in said
    assert said.count('(aws-prod)') == 2


def test_states_that_are_missing(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    said = refusals(networks, agents, uploads=False)
    assert said.count('NixOps would make all of its machines anew') == 2
    networks['neat-staging']['nixops_branches'] = ['production']
    assert 'Select it, too (--limit)' in refusals(networks, agents, ['neat-network'])
    networks['neat-staging'].update(nixops_state='new', nixops_deployment='unheard-of')
    check(Inventory(networks, agents, ['neat-network']))


@pytest.mark.parametrize('action', ['plan', 'build', 'create', 'copy', 'dry-activate', 'test', 'boot'])
def test_states_that_are_missing_whatever_nixops_would_do(networks: dict[str, Any], agents: dict[str, Any], action: str) -> None:
    """Some of these make machines, and the others leave a state without any in the place of the real one."""
    for network in networks.values():
        network['nixops_action'] = action
    assert refusals(networks, agents, uploads=False).count('NixOps would make all of its machines anew') == 2
    for network in networks.values():
        network['nixops_action'] = 'dry-run'
    check(Inventory(networks, agents, list(networks), phases_of(False)))


def test_a_state_that_nixops_could_not_import(networks: dict[str, Any], agents: dict[str, Any], tmp_path: Path) -> None:
    shutil.copyfile(DATABASE, tmp_path / 'deployments.nixops')
    networks['neat-staging']['nixops_database'] = str(tmp_path / 'deployments.nixops')
    assert 'nixops import --include-keys' in refusals(networks, agents)


def test_a_state_that_is_to_be_there_and_is_not_is_looked_for_nowhere_else(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    networks['neat-network'].update(nixops_state='present', nixops_database='/nonexistent')
    with pytest.raises(Failure) as refused:
        check(Inventory(networks, agents, ['neat-network']))
    assert [problem.what for problem in refused.value.problems] == [
        'Hercules CI has no state for a network that would be deployed; NixOps would make all of its machines anew.']


def test_a_deployment_with_a_name_that_no_file_on_hercules_ci_has(networks: dict[str, Any], agents: dict[str, Any], tmp_path: Path) -> None:
    text = (DATABASE.parent / 'export-aws-prod.json').read_text().replace('"aws-prod"', '"aws prod"')
    (tmp_path / 'export.json').write_text(text)
    networks['neat-network'].update(nixops_deployment='aws prod', nixops_export_file=str(tmp_path / 'export.json'))
    said = refusals(networks, agents)
    assert "The name of the state file cannot stand in a URL. Where: nixops_deployment of neat-network." in said
    assert "Found: 'nixops-aws prod.json'." in said
    networks['neat-network'].update(nixops_state_name='aws-prod.json', nixops_known_hosts_name='aws-prod.known_hosts')
    check(Inventory(networks, agents, list(networks)))


def test_known_hosts_that_are_not_there_are_uploaded_with_the_state(
    networks: dict[str, Any], agents: dict[str, Any], world: World, tmp_path: Path,
) -> None:
    project = 'github/neat-org/known-hosts'
    world.sandbox.add_project(project, world.bare)
    export = (DATABASE.parent / 'export-aws-prod.json').read_bytes()
    world.sandbox.put_state(project, 'nixops-aws-prod.json', export)
    (tmp_path / 'export.json').write_bytes(export)
    (tmp_path / 'known_hosts').write_text('app1 ssh-ed25519 AAAA\n')
    del networks['neat-staging']
    networks['neat-network'].update(nixops_project=project, nixops_export_file=str(tmp_path / 'export.json'))

    def uploads() -> list[str]:
        return list(check(Inventory(networks, agents, list(networks)))[0]['projects'][project]['uploads'])

    assert uploads() == []
    networks['neat-network']['nixops_known_hosts'] = str(tmp_path / 'known_hosts')
    assert uploads() == ['neat-network']
    world.sandbox.put_state(project, 'nixops-aws-prod.known_hosts', b'app1 ssh-ed25519 AAAA\n')
    assert uploads() == []
    world.sandbox.put_state(project, 'nixops-aws-prod.known_hosts', b'app1 ssh-ed25519 BBBB\n')
    assert uploads() == [], 'what came after it is left alone'
    networks['neat-network']['nixops_state_existing'] = 'replace'
    assert uploads() == ['neat-network']


def test_known_hosts_are_asked_for_the_agents_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / 'ssh-keygen'
    program.write_text('#!/bin/sh\necho "# Host $2 found: line 1"\necho "$2 ssh-ed25519 AAAAkey"\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', '%s:/bin' % tmp_path)
    assert states.agent_of('agent-1', {'ansible_host': '203.0.113.11'}).host_keys == {'AAAAkey'}
    program.unlink()
    monkeypatch.setenv('PATH', str(tmp_path))
    assert states.agent_of('agent-1', {}).host_keys == frozenset()
