# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values with characters of templates in them: the place is named, and nothing of the value."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import read_agent
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._templates import leaves_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._variables import HostVariables

from tests.support.as_written import as_written

UNSAFE = 'If this is a value and no template, put the tag !unsafe before it where it is written, in a vaulted file too.'


class HostVars:
    """As Ansible has them of an inventory."""

    def __init__(self, **variables: Any) -> None:
        self.variables: dict[str, Any] = as_written(variables)

    def raw_get(self, _host: str) -> dict[str, Any]:
        return self.variables


def read(data: dict[str, Any], **variables: Any) -> Any:
    """What is wrong with a secret of this data."""
    secrets = {'neat': {'data': data, 'condition': True}}
    return read_agent('agent-1', HostVariables('agent-1', HostVars(nixops_agent_secrets=secrets, **variables), DataLoader()))


@pytest.mark.parametrize(('value', 'mark'), [('canary{%x', '{%'), ('canary{{x', '{{'), ('canary{#x', '{#'), ('canary{{canary}}', '{{')])
def test_the_place_is_named_and_the_value_is_not(value: str, mark: str) -> None:
    for data, variables, where in (
        ({'good': 'x', 'bad': value}, {}, "nixops_agent_secrets['neat']['data']['bad'] of agent-1"),
        ({'good': 'x', 'bad': '{{ vault_x }}'}, {'vault_x': value}, "nixops_agent_secrets['neat']['data']['bad'] of agent-1, in vault_x"),
        ({'bad': '{{ a }}'}, {'a': '{{ vault_x }}', 'vault_x': value}, "nixops_agent_secrets['neat']['data']['bad'] of agent-1, in "),
    ):
        host, (problem,) = read(data, **variables)
        assert problem.what == 'Ansible cannot evaluate the variable.' and problem.where.startswith(where)
        assert (problem.found, problem.remedy) == ('text with %s in it, which Ansible takes for a template' % mark, UNSAFE)
        assert 'canary' not in str(problem) and not host.sound('nixops_agent_secrets')


def test_each_place_is_named_and_what_is_not_defined() -> None:
    _host, problems = read({'a': 'x{%', 'b': '{{ nothing }}', 'c': 'y{%'})
    assert [problem.where.split("'")[5] for problem in problems] == ['a', 'b', 'c']
    assert "'nothing' is undefined" in problems[1].found and 'Define what it uses' in problems[1].remedy


@pytest.mark.parametrize('expression', ["{{ 'canary' | no_such_filter }}", "{{ 'canary' / 2 }}"])
def test_a_template_that_fails_is_told_by_the_name_of_the_error(expression: str) -> None:
    """Ansible's message may quote what it was about."""
    _host, (problem,) = read({'x': expression})
    assert problem.found.isidentifier() and problem.remedy == 'Define what it uses, or correct the expression.'
    assert 'canary' not in str(problem)


def test_a_vaulted_value_that_no_password_opens_is_not_taken_for_a_template() -> None:
    """There is nothing in the variable that could be put right."""
    hostvars = HostVars(nixops_agent_secrets={'neat': {'data': {'x': '{{ vault_x }}'}, 'condition': True}})
    text = '$ANSIBLE_VAULT;1.1;AES256\n  %s\n' % '6361'
    hostvars.variables['vault_x'] = DataLoader().load('x: !vault |\n  %s' % text)['x']
    _host, (problem,) = read_agent('agent-1', HostVariables('agent-1', hostvars, DataLoader()))
    assert problem.where == "nixops_agent_secrets['neat']['data']['x'] of agent-1"
    assert problem.found == 'text that none of the passwords Ansible has can decrypt'


def test_what_a_lookup_would_be_asked_for_is_left_out_and_its_neighbours_are_not() -> None:
    asking = as_written("{{ lookup('ansible.builtin.pipe', 'canary') }}")
    variables = as_written({
        'own': {'plain': 'a', 'asks': asking, 'named': '{{ other }}', 'list': '{{ items }}', 'text': '{{ asked }}'},
        'other': {'deep': [asking, 'b'], 'fine': 'c'}, 'items': ['d', asking], 'asked': asking,
    })
    assert list(leaves_of(variables['own'], variables)) == [
        (('plain',), 'a'), (('named', 'deep', 1), 'b'), (('named', 'fine'), 'c'), (('list', 0), 'd'),
    ]


@pytest.mark.parametrize(('data', 'variables', 'where'), [
    ({'x': 'can{#ary#}y'}, {}, "nixops_agent_secrets['neat']['data']['x'] of agent-1"),
    ({'x': '{{ vault_x }}'}, {'vault_x': 'can{#ary#}y'}, "nixops_agent_secrets['neat']['data']['x'] of agent-1, in vault_x"),
])
def test_a_comment_that_is_left_out_is_warned_of(data: dict[str, Any], variables: dict[str, Any], where: str) -> None:
    host, (problem,) = read(data, **variables)
    assert (problem.severity, problem.where, problem.remedy) == ('warning', where, UNSAFE)
    assert 'can' not in str(problem).replace('cannot', '') and host.sound()
    assert host['nixops_agent_secrets']['neat']['data']['x'] == 'cany'


def test_what_is_tagged_as_unsafe_is_kept() -> None:
    loaded = DataLoader().load("{a: {condition: true, data: {x: !unsafe 'a{#b#}c', y: !unsafe '{%'}}}")
    hostvars = HostVars()
    hostvars.variables['nixops_agent_secrets'] = loaded
    host, problems = read_agent('agent-1', HostVariables('agent-1', hostvars, DataLoader()))
    assert not problems
    assert host['nixops_agent_secrets']['a']['data'] == {'x': 'a{#b#}c', 'y': '{%'}
