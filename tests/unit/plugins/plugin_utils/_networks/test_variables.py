# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.nixcd.hercules_ci.plugins.filter.nixops_effects import nixops_effects
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import Network
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.specs import SPECS, options_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import read_agent, read_network, schema_of

NETWORK: dict[str, Any] = {
    'nixops_project': 'github/neat-org/neat-repo', 'nixops_checkout': '/srv/neat-repo',
    'nixops_branches': ['production'], 'nixops_deployment': 'foo',
}


@pytest.mark.parametrize('entry_point', ['main', 'agent'])
def test_the_schema_is_a_schema_and_takes_all_defaults(entry_point: str) -> None:
    schema = schema_of(options_of(entry_point))
    jsonschema.Draft202012Validator.check_schema(schema)
    defaults = {name: option['default'] for name, option in options_of(entry_point).items() if 'default' in option}
    assert not [error.message for error in jsonschema.Draft202012Validator({**schema, 'required': []}).iter_errors(defaults)]


def test_a_network_has_the_roles_defaults() -> None:
    host, problems = read_network('neat-network', {**NETWORK, 'ansible_host': 'x', 'other': 1})
    assert problems == []
    assert host['nixops_remote'] == 'origin'
    assert 'other' not in host.values


@pytest.mark.parametrize('variables, words', [
    ({'nixops_branches': 'production'}, ['nixops_branches of neat-network', 'a list that is not empty', 'a string']),
    ({'nixops_branches': []}, ['nixops_branches of neat-network', 'a list that is not empty. Found: an empty list.']),
    ({'nixops_state': 'uplaod'}, ['nixops_state of neat-network', 'one of upload, present, new. Found: uplaod.']),
    ({'nixops_push': True}, ['nixops_push of neat-network', 'one of direct, branch, none. Found: true.']),
    ({'nixops_state': ['upload']}, ['Found: a list.']),
    ({'nixops_validate_certs': 'perhaps'}, ['true or false. Found: perhaps.']),
    ({'nixops_job_timeout': True}, ['a whole number. Found: true.']),
    ({'nixops_job_timeout': 'x' * 99}, ['Found: %s….' % ('x' * 40)]),
    ({'nixops_api_token': ['canary']}, ['a string. Found: a list.']),
    ({'nixops_branches': [1.5]}, ['nixops_branches[0] of neat-network', 'a list of str', 'a number']),
    ({'nixops_action': 'swich'}, ['nixops_action', 'one of switch, dry-run']),
    ({'nixops_job_timeout': 'soon'}, ['nixops_job_timeout', 'a whole number']),
    ({'nixops_network_file': ['x']}, ['No such variable is known. Where: nixops_network_file of', 'Write nixops_network_files']),
])
def test_what_is_wrong_is_said_without_the_value(variables: dict[str, Any], words: list[str]) -> None:
    _host, problems = read_network('neat-network', {**NETWORK, **variables})
    assert len(problems) == 1
    assert 'canary' not in str(problems[0])
    for word in words:
        assert word in str(problems[0])


def test_what_the_role_itself_has_registered_is_no_slip() -> None:
    """In a second play of a run, or a second batch of a play, it is there already."""
    tasks = ''.join(path.read_text() for path in (SPECS.parents[1] / 'tasks').glob('*.yml'))
    registered = re.findall(r'register: (_nixops_\w+)', tasks)
    assert len(registered) > 4
    _host, problems = read_network('neat-network', {**NETWORK, **{name: {'changed': False} for name in registered}})
    assert problems == []


@pytest.mark.parametrize('text, value', [
    ('1', True), ('y', True), ('Y', True), ('t', True), ('Yes', True), ('TRUE', True), ('On', True), (1, True), (1.0, True),
    (' yes ', True), ('0', False), ('n', False), ('F', False), ('No', False), ('off', False), (0, False), (False, False),
])
def test_true_and_false_as_modules_take_them(text: Any, value: bool) -> None:
    """Also within a dictionary, where the option of an effect says what it takes."""
    given = {'nixops_allow_self_deploy': text, 'nixops_prebuild': text, 'nixops_run_on': {'any_ref': text, 'condition': 'x'}}
    host, problems = read_network('n', {**NETWORK, **given})
    assert problems == []
    assert [host[variable] for variable in given] == [value, value, {'any_ref': value, 'condition': 'x'}]
    agent, problems = read_agent('a', {'nixops_agent_secrets_exclusive': text})
    assert (agent['nixops_agent_secrets_exclusive'], problems) == (value, [])


@pytest.mark.parametrize('text', ['12', 12, ' 12 ', 12.0])
def test_whole_numbers_as_modules_take_them(text: Any) -> None:
    host, problems = read_network('n', {**NETWORK, 'nixops_job_timeout': text})
    assert (host['nixops_job_timeout'], problems) == (12, [])


@pytest.mark.parametrize('unset', [None, '', '__omit_place_holder__0ade84a85ad396dfc867dbe919efff5aa6ade9dd'])
def test_what_a_group_sets_can_be_unset(unset: Any) -> None:
    """Each variable of the role; those that have to be there are missing then."""
    for variable, option in options_of('main').items():
        host, problems = read_network('n', {**NETWORK, variable: unset})
        assert (variable in host.given, host[variable]) == (False, option.get('default'))
        needed = option.get('required') or variable == 'nixops_deployment'  # which only functions of NixOps need
        assert [problem.what for problem in problems] == (['%s is missing.' % variable] if needed else [])
        without = {name: value for name, value in NETWORK.items() if name != variable}
        assert host.effect == read_network('n', without)[0].effect
        (effect,) = nixops_effects([{**NETWORK, variable: unset, 'inventory_hostname': 'n'}])
        assert effect == nixops_effects([{**without, 'inventory_hostname': 'n'}])[0]
    for variable in options_of('agent'):
        assert variable not in read_agent('a', {variable: unset})[0].given


def test_parts_of_a_variable_that_are_omit_are_not_there() -> None:
    omit = '__omit_place_holder__0ade84a85ad396dfc867dbe919efff5aa6ade9dd'
    host, problems = read_network('n', {**NETWORK, 'nixops_network_args': {'a': omit, 'b': [1, omit, {'c': omit, 'd': 2}]}})
    assert (host['nixops_network_args'], problems) == ({'b': [1, {'d': 2}]}, [])


def test_no_message_has_the_marks_of_ansibles_documentation() -> None:
    for problem in read_network('n', {})[1]:
        assert not re.search(r'\b[A-Z]+\(', str(problem)), problem
    assert 'Expected: The project on Hercules CI, as SITE/ACCOUNT/PROJECT, for example github/neat-org/neat-repo.' in str(
        next(problem for problem in read_network('n', {})[1] if problem.what.startswith('nixops_project')))


def test_all_that_is_missing_is_named() -> None:
    _host, problems = read_network('neat-network', {})
    assert sorted(problem.what for problem in problems) == [
        'nixops_branches is missing.', 'nixops_checkout is missing.', 'nixops_deployment is missing.', 'nixops_project is missing.']


@pytest.mark.parametrize(('given', 'said'), [
    ({'nixops_run_on': {'brunches': ['a']}},
     "There is no such field. Where: nixops_run_on['brunches'] of n. Expected: one of any_ref, branches, condition, tags. To do: Correct"),
    ({'nixops_run_on': {'branches': 'a'}}, "Where: nixops_run_on['branches'] of n. Expected: a list. Found: a string."),
    ({'nixops_run_on': {'branches': [1]}}, "nixops_run_on['branches'][0] of n. Expected: a list of str. Found: a number. To do: Put the"),
    ({'nixops_deployment': 5}, 'Expected: a string. Found: a number. To do: Put the value in quotes.'),
    ({'nixops_branches': True}, 'Expected: a list that is not empty. Found: true or false. To do: Correct the variable;'),
])
def test_what_is_expected_is_not_what_was_found(given: dict[str, Any], said: str) -> None:
    _host, (problem,) = read_network('n', {**NETWORK, **given})
    assert said in str(problem)


def test_the_line_of_the_inventory_is_named(tmp_path: Path) -> None:
    inventory = tmp_path / 'hosts.yml'
    inventory.write_text('nixops_deployment: foo\nnixops_branches: production\n')
    given = DataLoader().load_from_file(str(inventory))
    _host, problems = read_network('neat-network', {**NETWORK, **given})
    assert problems[0].where == 'nixops_branches (%s:2)' % inventory


def test_values_are_what_a_task_would_get(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', '/home/somebody')
    host, problems = read_network('n', {**NETWORK, 'nixops_checkout': '~/neat-repo', 'nixops_allow_self_deploy': 'false'})
    assert problems == []
    assert (host['nixops_checkout'], host['nixops_allow_self_deploy']) == ('/home/somebody/neat-repo', False)


def test_an_effect_has_every_option_that_is_set() -> None:
    variables = {**NETWORK, 'nixops_network_files': ['a.nix'], 'nixops_inputs': ['awscli2'], 'nixops_effect_deployment': 'bar',
                 'nixops_prebuild': None}
    assert Network('neat-network', variables, variables).effect == {
        'name': 'neat-network', 'deployment': 'foo', 'run_on': {'branches': ['production']}, 'network_files': ['a.nix'],
        'inputs': ['awscli2'], 'effect_deployment': 'bar',
    }
    variables = {**NETWORK, 'nixops_run_on': {'condition': 'true'}}
    conditional = Network('n', variables, variables).effect
    assert conditional['run_on'] == {'branches': ['production'], 'condition': 'true'}


def test_names_of_states() -> None:
    network = read_network('n', NETWORK)[0]
    assert (network.state_name, network.known_hosts_name, network.effect_deployment) == ('nixops-foo.json', 'nixops-foo.known_hosts', 'foo')
    named = {**NETWORK, 'nixops_state_name': 'x.json', 'nixops_known_hosts_name': 'x.hosts', 'nixops_effect_deployment': 'bar'}
    network = read_network('n', named)[0]
    assert (network.state_name, network.known_hosts_name, network.effect_deployment) == ('x.json', 'x.hosts', 'bar')


@pytest.mark.parametrize('name', [' ', 'a b.json', 'ä.json', 'x/y.json'])
@pytest.mark.parametrize('variable', ['nixops_state_name', 'nixops_known_hosts_name'])
def test_a_name_that_no_state_file_could_have(variable: str, name: str) -> None:
    network, (problem,) = read_network('n', {**NETWORK, variable: name})
    assert problem.what == 'This cannot be the name of a state file.' and not network.sound(variable)


def test_a_variable_by_its_old_name_is_refused() -> None:
    _network, (problem,) = read_network('n', {**NETWORK, 'nixops_nixops_deployment': 'bar'})
    assert problem.severity == 'error' and 'Write nixops_effect_deployment' in problem.remedy
