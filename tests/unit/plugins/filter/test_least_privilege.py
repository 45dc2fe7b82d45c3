# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.nixcd.hercules_ci.plugins.filter.least_privilege import FilterModule

CONDITION = {'and': [{'isOwner': 'neat-org'}, {'isRepo': 'neat-repo'}, {'isBranch': 'production'}]}


def least_privilege(secrets: Any, *networks: Any) -> Any:
    return FilterModule().filters()['least_privilege'](secrets, iter(networks))


def network(**variables: Any) -> dict[str, Any]:
    return {
        'inventory_hostname': 'neat-network', 'nixops_project': 'github/neat-org/neat-repo', 'nixops_branches': ['production'],
        'nixops_secrets_map': {'aws': 'neat-aws', 'token': {'type': 'GitToken'}}, **variables,
    }


def test_only_what_is_missing_is_derived() -> None:
    secrets = {
        'neat-aws': {'data': {'x': 1}}, 'null': {'data': {}, 'condition': None}, 'own': {'condition': 'isTag'}, 'unused': {'data': {}},
    }
    assert least_privilege(secrets, network(), network(nixops_secrets_map={'a': 'null', 'b': 'own'})) == {
        'neat-aws': {'data': {'x': 1}, 'condition': CONDITION},
        'null': {'data': {}, 'condition': CONDITION},
        'own': {'condition': 'isTag'},
        'unused': {'data': {}},
    }


@pytest.mark.parametrize(('variables', 'ref'), [
    ({'nixops_branches': ['a', 'b']}, [{'or': [{'isBranch': 'a'}, {'isBranch': 'b'}]}]),
    ({'nixops_branches': ['a', 'a']}, [{'isBranch': 'a'}]),
    ({'nixops_branches': None}, ['isDefaultBranch']),
    ({'nixops_branches': ['release-*']}, []),
    ({'nixops_run_on': {'tags': ['v*']}}, [{'or': ['isTag', {'isBranch': 'production'}]}]),
    ({'nixops_run_on': {'any_ref': True, 'branches': []}}, []),
])
def test_refs(variables: dict[str, Any], ref: list[Any]) -> None:
    derived = least_privilege({'neat-aws': {}}, network(**variables))['neat-aws']['condition']
    assert derived == {'and': [*CONDITION['and'][:2], *ref]}


@pytest.mark.parametrize('secrets', [['neat-aws'], {'neat-aws': 'canary'}])
def test_other_input_is_refused_without_showing_it(secrets: Any) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        least_privilege(secrets)
    assert 'canary' not in str(caught.value)


def test_a_network_without_a_project_is_named() -> None:
    with pytest.raises(AnsibleFilterError, match='nixops_project of neat-network'):
        least_privilege({}, network(nixops_project='neat-repo'))


@pytest.mark.parametrize(('variables', 'expected'), [
    ({'nixops_branches': 'production'}, 'a list of strings'), ({'nixops_branches': [1.5]}, 'a list of strings'),
    ({'nixops_run_on': ['v1']}, 'a dictionary, in which branches and tags are lists of strings'),
    ({'nixops_run_on': {'tags': 'v1'}}, 'a dictionary, in which branches and tags are lists of strings'),
    ({'nixops_run_on': {'branches': 'main'}}, 'a dictionary, in which branches and tags are lists of strings'),
    ({'nixops_secrets_map': ['neat-aws']}, 'a dictionary'),
])
def test_variables_of_another_kind_let_nobody_in(variables: dict[str, Any], expected: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        least_privilege({'neat-aws': {}}, network(**variables))
    (variable,) = variables
    said = 'This is not what the variable takes. Where: %s of neat-network. Expected: %s. To do: Correct the variable'
    assert said % (variable, expected) in str(caught.value)


@pytest.mark.parametrize('networks', [['neat-network'], [None], [['a']]])
def test_networks_are_variables_of_hosts(networks: Any) -> None:
    with pytest.raises(AnsibleFilterError, match='variables of networks'):
        least_privilege({}, *networks)


def test_entries_that_are_no_dictionaries_are_named() -> None:
    with pytest.raises(AnsibleFilterError, match=r'least_privilege needs a dictionary of secrets\..* Found: not a, c') as caught:
        least_privilege({'a': 'canary', 'b': {}, 'c': ['canary']})
    assert 'canary' not in str(caught.value)


def test_only_what_says_who_may_use_a_secret_is_read() -> None:
    class Lazy(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            assert name in {
                'inventory_hostname', 'nixops_project', 'nixops_branches', 'nixops_run_on', 'nixops_secrets_map',
            }, 'Ansible evaluates what is asked for, and other variables may fail'
            return super().get(name, default)

    assert least_privilege({'neat-aws': {}}, Lazy(network()))['neat-aws']['condition'] == CONDITION
