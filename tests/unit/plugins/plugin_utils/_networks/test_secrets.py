# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What preflight says of the secrets of agents, and of hosts that are one agent."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.host import Host
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.preflight import Inventory, check
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.secrets import same_file
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.states import agent_of

from tests.support.repository import git
from tests.support.world import World

from .conftest import refusals


def found(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Severity, hosts and file of each problem."""
    variables = {
        name: {'nixops_agent_secrets_path': None, 'nixops_agent_name': None, **given} for name, given in (('one', one), ('other', other))
    }
    hosts = [Host(name, values, values) for name, values in variables.items()]
    problems = same_file(hosts, [agent_of(name, values) for name, values in variables.items()])
    return [(problem.severity, problem.where, problem.found) for problem in problems]


@pytest.mark.parametrize('one, other', [
    ({'ansible_host': '203.0.113.1'}, {'ansible_host': '203.0.113.1'}),
    ({'ansible_host': 'ci.example.org'}, {'ansible_host': 'CI.example.org.', 'ansible_port': 22}),
    ({'ansible_connection': 'local'}, {'ansible_host': 'localhost'}),
    ({'ansible_connection': 'ansible.builtin.local'}, {'ansible_host': '127.0.0.1'}),
])
def test_hosts_that_are_reached_alike_overwrite_each_other(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert [problem[:2] for problem in found(one, other)] == [('error', 'one and other')]
    path, odd = ({'nixops_agent_secrets_path': text} for text in ('/srv/agent/secrets.json', '/srv//agent/./secrets.json'))
    ((severity, hosts, file),) = found({**one, **path}, {**other, **odd})
    assert (severity, hosts, file.split()[0]) == ('error', 'one and other', '/srv/agent/secrets.json')


@pytest.mark.parametrize('one, other', [
    ({'ansible_host': '203.0.113.1'}, {'ansible_host': '203.0.113.2'}),
    ({'ansible_host': '203.0.113.1', 'ansible_port': 2201}, {'ansible_host': '203.0.113.1', 'ansible_port': 2202}),
    ({'ansible_host': '203.0.113.1', 'nixops_agent_name': 'a'}, {'ansible_host': '203.0.113.1', 'nixops_agent_name': 'b'}),
    ({'ansible_host': '203.0.113.1', 'nixops_agent_secrets_path': '/a/secrets.json'}, {'ansible_host': '203.0.113.1'}),
])
def test_agents_of_their_own_do_not(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert found(one, other) == []


def test_machines_with_the_same_host_key_may_be_one() -> None:
    facts = {'ansible_facts': {'ssh_host_key_ed25519_public': 'AAAAC3NzaC1lZDI1NTE5'}}
    (problem,) = found({'ansible_host': 'ci.example.org', **facts}, {'ansible_host': '203.0.113.7', **facts})
    assert problem[0] == 'warning'
    assert problem[2].endswith('on machines with the same host key')


def test_of_an_agent_whose_file_is_not_known_nothing_is_said() -> None:
    values = {'nixops_agent_secrets_path': ['/srv'], 'nixops_agent_name': None}
    hosts = [Host(name, values, values, frozenset({'nixops_agent_secrets_path'})) for name in ('one', 'other')]
    assert list(same_file(hosts, [agent_of(host.name, {'ansible_host': '203.0.113.1'}) for host in hosts])) == []


def test_parts_of_secrets_that_are_null_are_not_given(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    for agent in agents.values():
        secrets = agent['nixops_agent_secrets']
        agent['nixops_agent_secrets'] = {name: {**entry, 'condition': None} for name, entry in secrets.items()}
    plan, warnings = check(Inventory(networks, agents, list(networks)))
    assert warnings == []
    assert 'isBranch' in repr(plan['agents']['agent-1']['neat-aws']['condition'])


def test_a_secret_that_nobody_could_use(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    """The task that provides it refuses it."""
    agents['agent-2']['nixops_agent_secrets'] = {**agents['agent-2']['nixops_agent_secrets'], 'spare': {'data': {'a': 'canary'}}}
    with pytest.raises(Failure) as refused:
        check(Inventory(networks, agents, list(networks), provided=frozenset(agents)))
    assert str(refused.value).startswith('The secret spare has no condition, and no network uses it')
    assert 'Found: neither, on agent-2.' in str(refused.value) and 'canary' not in str(refused.value)
    _plan, warnings = check(Inventory(networks, agents, list(networks), provided=frozenset({'agent-1'})))
    assert [warning.what.partition(' has')[0] for warning in warnings] == ['The secret spare']
    agents['agent-2']['nixops_agent_secrets']['spare']['condition'] = 'isTag'
    _plan, warnings = check(Inventory(networks, agents, list(networks), provided=frozenset(agents)))
    assert [warning.what for warning in warnings] == ['No network uses the secret spare.']
    del agents['agent-2']['nixops_agent_secrets']['spare']['condition']
    networks['neat-staging']['nixops_branches'] = 'staging'  # who uses what is not known
    assert 'spare' not in refusals(networks, agents)


def test_secrets_of_the_wrong_form(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    agents['agent-1']['nixops_agent_secrets']['neat-aws'] = {'data': 'canary'}
    assert "nixops_agent_secrets['neat-aws']['data']" in refusals(networks, agents)


def test_the_default_branch_decides(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    """The remote says which one it is."""
    for agent in agents.values():
        agent['nixops_agent_secrets']['neat-aws']['condition'] = 'isDefaultBranch'
    assert 'The condition of the secret neat-aws refuses branch production' in refusals(networks, agents)
    git(world.bare, 'symbolic-ref', 'HEAD', 'refs/heads/production')
    try:
        _plan, warnings = check(Inventory(networks, agents, list(networks)))
        assert not [warning for warning in warnings if 'not known' in warning.what]
    finally:
        git(world.bare, 'symbolic-ref', 'HEAD', 'refs/heads/main')
    for network in networks.values():
        network['nixops_remote'] = 'upstream'
    assert 'no remote called upstream' in refusals(networks, agents)


def test_agents_whose_secrets_somebody_else_looks_after(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    for agent in agents.values():
        del agent['nixops_agent_secrets']
    check(Inventory(networks, agents, list(networks)))
    agents['agent-1']['nixops_agent_secrets'] = {}
    assert 'No agent has the secret neat-aws' in refusals(networks, agents)


def test_secrets_that_no_agent_could_give_out(networks: dict[str, Any]) -> None:
    """Where the group of the agents is called otherwise, nothing else would tell."""
    for secrets_map in ({'aws': 'neat-aws'}, {'aws': {'type': 'GitToken'}}):
        networks['neat-network']['nixops_secrets_map'] = secrets_map
        with pytest.raises(Failure) as refused:
            check(Inventory(networks, {}, list(networks), groups=frozenset({'hercules_agent', 'nixops_networks'})))
        (problem,) = refused.value.problems
        assert (problem.where, problem.found) == ('group hercules_agents', 'the group hercules_agent')
        assert "nixops_secrets_map of neat-network" in problem.expected
    for network in networks.values():
        network.update(nixops_secrets_map={}, nixops_user_setup_script='')
    check(Inventory(networks, {}, list(networks)))


@pytest.mark.parametrize('secrets, found', [(None, 'not set'), ({}, 'none')])
def test_agents_that_would_lose_all_their_secrets(
    networks: dict[str, Any], agents: dict[str, Any], secrets: Any, found: str,
) -> None:
    for network in networks.values():
        network.update(nixops_secrets_map={}, nixops_user_setup_script='')
    for agent in agents.values():
        agent.update(nixops_agent_secrets=secrets, nixops_agent_secrets_exclusive=True)
    with pytest.raises(Failure) as refused:
        check(Inventory(networks, agents, list(networks)))
    problems = refused.value.problems
    assert [(problem.what, problem.found) for problem in problems] == [('All secrets of the agent would be removed.', found)]
    assert all(name in problems[0].where for name in agents)
    for agent in agents.values():
        agent['nixops_agent_secrets_allow_empty'] = True
    check(Inventory(networks, agents, list(networks)))


@pytest.mark.parametrize('of_one, of_other, said', [
    ({'ansible_host': '203.0.113.11'}, {'ansible_host': '203.0.113.11'}, 'error'),
    ({'ansible_host': 'agent.example.org'}, {'ansible_host': 'Agent.example.org.', 'ansible_port': 22}, 'error'),
    ({'ansible_connection': 'local'}, {'ansible_connection': 'ansible.builtin.local', 'ansible_host': '203.0.113.11'}, 'error'),
    ({'ansible_connection': 'local'}, {'ansible_host': 'localhost'}, 'error'),
    ({'nixops_agent_secrets_path': '/var/lib/hercules-ci-agent/secrets//secrets.json'}, {'ansible_host': 'agent-1'}, 'error'),
    ({'ansible_facts': {'ssh_host_key_rsa_public': 'AAAAkey'}}, {'ansible_facts': {'ssh_host_key_rsa_public': 'AAAAkey'}}, 'warning'),
    ({'ansible_host': '203.0.113.11'}, {'ansible_host': '203.0.113.11', 'ansible_port': 2222}, ''),
    ({'ansible_host': '203.0.113.11'}, {'ansible_host': '203.0.113.11', 'nixops_agent_name': 'other'}, ''),
    ({'ansible_host': '203.0.113.11'}, {'ansible_host': '203.0.113.11', 'nixops_agent_secrets_path': '/srv/secrets.json'}, ''),
    ({}, {}, ''),
])
def test_two_hosts_of_the_inventory_that_are_one_agent(
    networks: dict[str, Any], agents: dict[str, Any], of_one: dict[str, Any], of_other: dict[str, Any], said: str,
) -> None:
    secrets = {'nixops_agent_secrets': agents['agent-1']['nixops_agent_secrets']}
    inventory = Inventory(networks, {'agent-1': {**secrets, **of_one}, 'agent-2': {**secrets, **of_other}}, [])
    try:
        _plan, problems = check(inventory)
    except Failure as failure:
        problems = list(failure.problems)
    assert [(problem.severity, problem.where) for problem in problems] == ([(said, 'agent-1 and agent-2')] if said else [])
