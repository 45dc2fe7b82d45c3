# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two hosts of the inventory that are one agent."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.host import Host
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.secrets import same_file
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.states import agent_of


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
