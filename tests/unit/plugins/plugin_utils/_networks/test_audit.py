# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Problem
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.audit import (
    Agents,
    KnownSecret,
    access_problems,
    audit,
    field_problems,
    secrets_of,
)
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.conditions import least_privilege
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import Network
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.unasked import LookedUp

AWS = frozenset({'aws_access_key_id', 'aws_secret_access_key'})
PRODUCTION = {'and': [{'isOwner': 'neat-org'}, {'isRepo': 'neat-repo'}, {'isBranch': 'production'}]}
DEFAULT_MAIN = {'neat-org/neat-repo': 'main'}


def network(**variables: Any) -> Network:
    given = {'project': 'github/neat-org/neat-repo', 'branches': ['production'], 'secrets_map': {'aws': 'neat-aws'}, **variables}
    inventory = {'nixops_' + name: value for name, value in given.items()}
    return Network('neat-network', inventory, inventory)


def agent(condition: Any = ..., fields: frozenset[str] = AWS, name: str = 'neat-aws') -> dict[str, KnownSecret]:
    return {name: KnownSecret(fields, PRODUCTION if condition is ... else condition)}


def found(networks: list[Network], agents: Agents, default_branches: dict[str, str] | None = None) -> list[Problem]:
    return audit(networks, agents, DEFAULT_MAIN if default_branches is None else default_branches)


def test_what_fits_is_not_mentioned() -> None:
    script = 'writeAWSSecret aws default\nreadSecretString aws .aws_access_key_id'
    assert found([network(user_setup_script=script)], {'a': agent(), 'b': agent()}) == []


def test_everything_is_reported_at_once() -> None:
    problems = found(
        [network(secrets_map={'aws': 'neat-aws', 'ssh': 'deploy'}, user_setup_script='writeAWSSecret\nwriteSSHKey ssh\nwriteGPGKey')],
        {'a': {**agent(fields=frozenset({'aws_access_key_id'})), **agent(name='spare')}, 'b': agent(condition=None)},
    )
    assert [(problem.severity, problem.what) for problem in problems] == [
        ('error', 'The condition of the secret neat-aws refuses branch production.'),
        ('error', 'No agent has the secret deploy.'),
        ('error', 'writeAWSSecret needs the field aws_secret_access_key of the secret neat-aws, which has none.'),
        ('error', 'writeGPGKey reads a secret that the effect does not get: gpg.'),
        ('warning', 'No network uses the secret spare.'),
    ]
    refusal = problems[0]
    assert refusal.where == "nixops_secrets_map['aws'] of neat-network"
    assert refusal.found == 'nobody, as it has no condition, on b'
    assert refusal.expected == 'a condition that lets in branch production of neat-org/neat-repo'
    assert 'go on with null' in problems[2].remedy


@pytest.mark.parametrize('nothing', ['', ' \n', None])
def test_fields_without_a_value(nothing: Any) -> None:
    """As a lookup of an environment variable that is not set. An error where a script reads them, else a warning."""
    keys = {'aws_access_key_id': nothing, 'aws_secret_access_key': 'x'}
    data = {**keys, 'zero': 0, 'no': False, 'more': {'list': ['x', nothing]}, 'other': nothing}
    agents = {host: secrets_of({'neat-aws': {'data': data}}, {'neat-aws': PRODUCTION}) for host in ('a', 'b')}
    problems = found([network(user_setup_script='writeAWSSecret')], agents)
    assert [(problem.severity, problem.what, problem.where, problem.found) for problem in problems] == [
        ('error', 'writeAWSSecret needs the field aws_access_key_id of the secret neat-aws, which is empty.',
         'nixops_user_setup_script of neat-network', 'blank text or null on a, b'),
        ('warning', 'A field of the secret neat-aws is empty.',
         "nixops_agent_secrets['neat-aws']['data']['more']['list'][1] of a", 'blank text or null on a, b'),
        ('warning', 'A field of the secret neat-aws is empty.', "nixops_agent_secrets['neat-aws']['data']['other'] of a",
         'blank text or null on a, b'),
    ]
    problems = found([network()], agents)
    assert [problem.severity for problem in problems] == ['warning'] * 3


def test_secret_on_some_agents_only() -> None:
    problem, = found([network()], {'a': agent(), 'b': {}, 'c': {}})
    assert problem.severity == 'error' and problem.found == 'missing on b, c'


def test_without_agents_in_the_inventory_only_the_network_itself_is_checked() -> None:
    problem, = found([network(user_setup_script='writeDockerKey')], {})
    assert problem.what == 'writeDockerKey reads a secret that the effect does not get: docker.'


@pytest.mark.parametrize(('given', 'default', 'severity'), [
    ('isDefaultBranch', {'neat-org/neat-repo': 'production'}, None),
    ('isDefaultBranch', {'neat-org/neat-repo': 'main'}, 'error'),
    ('isDefaultBranch', {}, 'warning'),
    ({'isRepo': 'neat-org/neat-repo'}, {}, 'error'),
    ({'and': [PRODUCTION, False]}, {}, 'error'),
    ('isTag', {}, 'error'),
])
def test_refusal(given: Any, default: dict[str, str], severity: str | None) -> None:
    problems = [problem for problem in found([network()], {'a': agent(given)}, default) if 'lets in more' not in problem.what]
    assert [problem.severity for problem in problems] == ([severity] if severity else [])


@pytest.mark.parametrize(('given', 'excess'), [
    (True, 'any branch of any repository of any owner, any tag of any repository of any owner'),
    ({'and': []}, 'any branch of any repository of any owner, any tag of any repository of any owner'),
    ({'isOwner': 'neat-org'}, 'any branch of any repository of neat-org, any tag of any repository of neat-org'),
    ({'and': [{'isOwner': 'neat-org'}, {'isBranch': 'production'}]}, 'branch production of any repository of neat-org'),
    ({'and': [{'isRepo': 'neat-repo'}, {'isBranch': 'production'}]}, 'branch production of repository neat-repo of any owner'),
    ({'and': [{'isOwner': 'neat-org'}, {'isRepo': 'neat-repo'}]},
     'any branch of repository neat-repo of neat-org, any tag of repository neat-repo of neat-org'),
    ({'or': [PRODUCTION, {'and': [{'isOwner': 'neat-org'}, {'isRepo': 'neat-repo'}, {'isBranch': 'dev'}]}]},
     'branch dev of repository neat-repo of neat-org'),
    ({'or': [PRODUCTION, {'and': [{'isOwner': 'neat-org'}, {'isRepo': 'neat-repo'}, 'isDefaultBranch']}]},
     'branch main of repository neat-repo of neat-org'),
    ({'or': [PRODUCTION, {'and': [{'isOwner': 'neat-org'}, 'isDefaultBranch']}]},
     'branch main of repository neat-repo of neat-org, the default branch of any repository of neat-org'),
    ({'or': [PRODUCTION, False, {'and': [{'isOwner': 'other'}, {'isOwner': 'neat-org'}]}]}, None),
])
def test_conditions_wider_than_their_users(given: Any, excess: str | None) -> None:
    problems = found([network()], {'a': agent(given)})
    assert [(problem.severity, problem.found) for problem in problems] == ([('warning', 'also %s, on a' % excess)] if excess else [])


@pytest.mark.parametrize('variables', [
    {}, {'branches': ['production', 'staging']}, {'branches': None}, {'run_on': {'tags': ['v1']}}, {'run_on': {'any_ref': True}},
    {'branches': ['release-*', 'main']}, {'branches': [], 'run_on': {'tags': ['v1'], 'branches': ['x']}},
])
def test_derived_conditions_always_fit(variables: dict[str, Any]) -> None:
    networks = [network(**variables), network(project='github/neat-org/website', branches=['main'])]
    derived = least_privilege(networks)
    agents = {'a': secrets_of({'neat-aws': {'data': dict.fromkeys(AWS, 'x')}}, derived)}
    assert found(networks, agents) == []
    assert found(networks, agents, {}) == []


def test_tokens_of_the_service_need_no_agent() -> None:
    script = 'readSecretString token .token; readSecretJSON hercules-ci .'
    assert found([network(secrets_map={'token': {'type': 'GitToken'}}, user_setup_script=script)], {'a': {}}) == []


@pytest.mark.parametrize(('asked', 'agents', 'what'), [
    (LookedUp(all=True), {'a': {}, 'b': agent()}, 'The agent does not get the secret neat-aws, and an effect runs on any agent.'),
    (LookedUp(all=True), {'a': agent('isTag')}, 'The condition of the secret neat-aws refuses branch production.'),
    (LookedUp(conditions=frozenset(('neat-aws',))), {'a': agent('isTag')},
     'The condition of the secret neat-aws refuses branch production.'),
    (LookedUp(conditions=frozenset({'other'})), {'a': agent('isTag')}, None), (LookedUp(), {'a': {}}, None),
    (LookedUp(all=True), {'a': agent()}, None),
])
def test_what_is_wrong_with_a_secret_that_had_to_be_asked_for(asked: LookedUp, agents: Agents, what: str | None) -> None:
    """Of what preflight knew, it has said so already."""
    assert [problem.what for problem in access_problems([network()], agents, asked)] == ([what] if what else [])


def test_fields_are_looked_for_in_secrets_that_the_network_gets() -> None:
    found = field_problems([network(user_setup_script='writeAWSSecret\nwriteSSHKey ssh')], {'a': agent(fields=frozenset({'other'}))})
    assert {problem.what.partition(' needs ')[0] for problem in found} == {'writeAWSSecret'}
