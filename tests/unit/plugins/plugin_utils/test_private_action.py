# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugins whose options hold secrets: what they refuse, and that no value is in any result. That hosts never see them, and
what is printed, is for the plays in tests/integration/test_secrets.py to show.
"""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._payload import HIDDEN, PACKED
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils import _private_action, _unseen_action

from tests.support.as_written import as_written

SECRET = {'name': 'neat-aws', 'data': {'key': 'canary'}, 'condition': True}
CACHES = {'c': {'kind': 'CachixCache', 'publicKeys': ['p'], 'authToken': 'canary'}}
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the module answers, for a test to change."""
    given: dict[str, Any] = {'changed': True}
    monkeypatch.setattr(_private_action.PrivateAction, '_execute_module', lambda self, **_how: dict(given))
    return given


@pytest.fixture
def run(make_action: Callable[..., Any], answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Run:
    """run(action, options, variables={}, **of_the_task): its result, of which no part that Ansible would show has a value."""
    def it(name: str, options: dict[str, Any], variables: dict[str, Any] | None = None, **of_task: Any) -> dict[str, Any]:
        action = make_action(name, options, **of_task)
        action._connection.has_pipelining = False
        monkeypatch.setattr(action, '_is_become_unprivileged', lambda: False)
        result: dict[str, Any] = action.run(task_vars=variables or {})
        assert result.get('_ansible_no_log') or 'canary' not in json.dumps(result)
        return result
    return it


@pytest.mark.parametrize(('name', 'options', 'message'), [
    ('hci_agent', {'cluster_join_token': 'two canaries'},
     'This is not a cluster join token. Where: cluster_join_token. Expected: one word.'),
    ('hci_agent', {'cluster_join_token': ' '}, 'This is not a cluster join token.'),
    ('hci_agent', {'binary_caches': {'c': {'kind': 'canaries'}}}, "Where: binary_caches['c']['kind']"),
    ('hci_secret', {**SECRET, 'dta': {'key': 'canary'}}, 'There is no option dta. Where: nixcd.hercules_ci.hci_secret. To do: Correct the'),
    ('hci_secret', {**SECRET, 'data': ['canary']}, 'This has to be a dictionary, and is not. Where: data'),
    ('hci_secret', {**SECRET, 'data': 'canary'}, 'This is neither a dictionary nor the name of a variable that is set. Where: data.'),
    ('hci_secret', {**SECRET, 'data': 'two canaries'}, 'This has to be a dictionary, and is not. Where: data.'),
    ('hci_secret', {**SECRET, 'exclusive': 'perhaps'}, "argument 'exclusive' cannot be converted to bool: The value 'perhaps' is"),
    ('hci_secret', {'data': {'key': 'canary'}}, 'one of the following is required: name, secrets. Where: nixcd.hercules_ci.hci_secret'),
    ('hci_secret', {**SECRET, 'condition': {'isBrunch': 'a'}}, 'Where: condition'),
])
def test_it_is_refused(run: Run, name: str, options: dict[str, Any], message: str) -> None:
    result = run(name, options)
    assert result['failed'] is True
    assert message in result['msg']


class Vaulted:
    """What ansible-core before 2.19 leaves of a value with the tag `!vault` in a task."""

    __ENCRYPTED__ = True

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


@pytest.mark.parametrize(('name', 'options', 'values'), [
    ('hci_agent', {'cluster_join_token': Vaulted('canary')}, {'binary_caches': None, 'cluster_join_token': 'canary'}),
    ('hci_agent', {'binary_caches': 'caches'}, {'binary_caches': CACHES, 'cluster_join_token': None}),
    ('hci_agent', {'binary_caches': 'nowhere', 'cluster_join_token': 'canary'}, {'binary_caches': None, 'cluster_join_token': 'canary'}),
    ('hci_secret', {**SECRET, 'data': Vaulted('{"key": "canary"}')}, {'neat-aws': {'data': {'key': 'canary'}, 'condition': True}}),
])
def test_a_whole_option_may_be_vaulted_or_a_variable(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any], values: dict[str, Any]
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(_private_action.PrivateAction, '_answer', lambda self, payload, _variables: sent.append(payload) or {})
    variables = as_written({'caches': {'c': {'kind': 'CachixCache', 'publicKeys': ['p'], 'authToken': '{{ token }}'}}, 'token': 'canary'})
    assert not run(name, options, variables).get('failed') and sent == [values]


@pytest.mark.parametrize('variables', [{}, {'caches': None}, {'caches': ''}, {'caches': '{{ none }}', 'none': ''}])
def test_an_agent_whose_caches_are_not_set_is_skipped(run: Run, answer: dict[str, Any], variables: dict[str, Any]) -> None:
    result = run('hci_agent', {'binary_caches': 'caches'}, as_written(variables))
    assert (result['skipped'], result['skip_reason']) == (True, 'Nothing of it is set.') and 'changed' not in result


def test_where_values_would_lie_in_a_file_on_the_host(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run('hci_secret', SECRET, async_val=60)['msg'] == (
        'hci_secret cannot run in the background. Where: async. To do: Drop async: its values would lie in a file on the host meanwhile.')
    monkeypatch.setattr(_unseen_action.config, 'get_config_value', lambda _name: True)
    assert run('hci_agent', {'cluster_join_token': 'canary'})['msg'] == (
        'hci_agent cannot run while Ansible keeps the files of modules: its values would stay in one. '
        'Where: ANSIBLE_KEEP_REMOTE_FILES. To do: Unset it for this run.')


def test_what_an_interpreter_repeats_is_cut_off_before_the_values_and_not_printed(
    make_action: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'odd: %scanary' % PACKED

    def echo(self: Any, command: str) -> dict[str, Any]:
        self._display.debug('canary')
        self._display.vvv((0, text, ''), host='agent-1')  # as the connection plugin ssh does
        if command == 'fail':
            raise AnsibleConnectionFailure('Failed to connect: ' + text)
        return {'rc': 0, 'stdout': text, 'stdout_lines': ['first', text, 'canary'], 'stderr': 'none', 'stderr_lines': ['none']}

    monkeypatch.setattr('ansible.plugins.action.ActionBase._low_level_execute_command', echo)
    printed: list[Any] = []
    monkeypatch.setattr('ansible.utils.display.Display.debug', lambda self, text, **_options: printed.append(text))
    monkeypatch.setattr('ansible.utils.display.Display.vvv', lambda self, text, host: printed.append((host, text)))
    action = make_action('hci_secret', SECRET)
    assert action._low_level_execute_command('cat') == {
        'rc': 0, 'stdout': 'odd: ', 'stdout_lines': ['first', 'odd: '], 'stderr': 'none', 'stderr_lines': ['none'],
    }
    action._display.debug('afterwards')
    assert printed == [('agent-1', "(0, 'odd: "), 'afterwards']
    with pytest.raises(AnsibleConnectionFailure, match='Failed to connect: odd:') as raised:
        action._low_level_execute_command('fail')
    assert 'canary' not in str(raised.value)
    text = 'No route to host.'
    with pytest.raises(AnsibleConnectionFailure, match=r'^Failed to connect: No route to host\.$'):
        action._low_level_execute_command('fail')


@pytest.mark.parametrize(('name', 'options', 'values'), [
    ('hci_agent', {'cluster_join_token': 'canary'}, {'binary_caches': None, 'cluster_join_token': 'canary'}),
    ('hci_secret', {'name': 'x', 'state': 'absent'}, {'x': {}}),
    ('hci_secret', SECRET, {'neat-aws': {'data': {'key': 'canary'}, 'condition': True}}),
])
def test_a_retried_task_works_on_its_values_again(
    make_action: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any], values: dict[str, Any]
) -> None:
    """For each try Ansible makes a new action plugin, for the same task."""
    sent: list[Any] = []
    monkeypatch.setattr(_private_action.PrivateAction, '_answer', lambda self, payload, _variables: sent.append(payload) or {})
    action = make_action(name, options)
    for _try in range(3):
        action.run(task_vars={})
        action = type(action)(action._task, action._connection, None, action._loader, action._templar, None)
    assert sent == [values] * 3 and HIDDEN in action._task.args.values()
    for kept in (copy.deepcopy(action._task._nixcd_given), pickle.loads(pickle.dumps(action._task._nixcd_given))):
        assert kept.options == {}, 'no other process gets them'


@pytest.mark.parametrize(('name', 'options'), [
    ('hci_agent', {'cluster_join_token': HIDDEN}), ('hci_secret', {'name': HIDDEN, 'state': 'absent'}),
    ('hci_secret', {**SECRET, 'data': {'x': [HIDDEN]}}), ('hci_secret', {'secrets': {HIDDEN: {}}, 'state': 'absent'}),
])
def test_what_hides_values_is_no_value(run: Run, name: str, options: dict[str, Any]) -> None:
    result = run(name, options)
    assert result['failed'] and 'VALUE_HIDDEN stands where a value of the task belongs.' in result['msg']


@pytest.mark.parametrize('become', [{'pipelining': False}, {}], ids=['as since ansible-core 2.19', 'as before'])
def test_it_does_not_become_somebody_else_by_way_of_a_file(
    make_action: Callable[..., Any], answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch, become: dict[str, Any]
) -> None:
    action = make_action('hci_secret', SECRET, become=SimpleNamespace(name='su', **become))
    action._connection.has_pipelining = True
    monkeypatch.setattr(action, '_is_become_unprivileged', lambda: True)
    monkeypatch.setattr(action, 'get_become_option', lambda _name: 'agent')
    assert action.run(task_vars={})['msg'] == (
        'hci_secret cannot become this user this way: its values would lie in a file that others on the host may read. '
        'Where: become_method: su, become_user: agent. To do: Use become_method: sudo, or become root, or log in as this user.')
    monkeypatch.setattr(action, '_is_become_unprivileged', lambda: False)
    assert action.run(task_vars={})['changed']
    assert not hasattr(action._connection, 'always_pipeline_modules')


@pytest.mark.parametrize('become', [{'pipelining': True}, {}], ids=['as since ansible-core 2.19', 'as before'])
def test_it_becomes_somebody_else_by_way_of_standard_input(make_action: Callable[..., Any], answer: dict[str, Any], become: Any) -> None:
    action = make_action('hci_secret', SECRET, become=SimpleNamespace(name='sudo', **become))
    options: dict[str, Any] = {}
    action._connection.has_pipelining, action._connection.set_option = True, options.__setitem__
    assert action.run(task_vars={})['changed']
    assert action._connection.always_pipeline_modules and options == {'pipelining': True}


@pytest.mark.parametrize(('options', 'places'), [
    ({'data': {'pin': 42798, 'on': True, 'rate': 1.5, 'key': 'canary', 'deep': [{'x': ['0123', 12000]}]}, 'condition': True, 'name': 'a'},
     "data['pin'], data['on'], data['rate'], data['deep'][0]['x'][1]"),
    ({'secrets': {name: {'data': {'on': False}, 'condition': True} for name in 'abcdefg'}},
     ', '.join("secrets['%s']['data']['on']" % name for name in 'abcde') + ', and 2 more'),
    (SECRET, None), ({'name': 'a', 'data': {'on': True}, 'state': 'absent'}, None),
])
def test_numbers_and_booleans_are_warned_of(
    run: Run, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], places: str | None
) -> None:
    warned: list[str] = []
    monkeypatch.setattr('ansible.utils.display.Display.warning', lambda self, text, *_more, **_options: warned.append(text))
    assert run('hci_secret', options)['changed']
    assert len(warned) == (places is not None)
    for text in warned:
        assert text.startswith('There are numbers or booleans in the data of secrets: %s. YAML' % places)
        assert not any(value in text for value in ('42798', '1.5', 'True', '12000'))


ANSWER = "{{ lookup('ansible.builtin.pipe', 'cat ' ~ answers) | from_json }}"
NEAT = {'nixops_project': 'github/neat-org/neat-repo', 'nixops_branches': ['production'], 'nixops_secrets_map': {'aws': 'neat-aws'},
        'nixops_user_setup_script': 'writeAWSSecret aws', 'inventory_hostname': 'neat'}
DATA = {'aws_access_key_id': 'canary', 'aws_secret_access_key': 'canary'}


@pytest.mark.parametrize(('secrets', 'answer_of_lookup', 'message'), [
    (ANSWER, {'neat-aws': {'data': DATA}}, ''), (ANSWER, {'neat-aws': {'data': DATA, 'condition': True}, 'other': {'condition': True}}, ''),
    (ANSWER, {}, 'The agent does not get the secret neat-aws,'),
    (ANSWER, {'neat-awz': {'data': DATA, 'condition': True}}, 'does not get the secret'),
    (ANSWER, {'neat-aws': {'data': {**DATA, 'aws_access_key_id': ''}}}, 'which is empty'),
    (ANSWER, {'neat-aws': {'data': DATA, 'condition': 'isTag'}}, 'The condition of the secret neat-aws refuses branch production.'),
    ({'neat-aws': {'data': DATA, 'condition': ANSWER}}, {'isBranch': 'dev'}, 'The condition of the secret neat-aws refuses'),
    ({'neat-aws': {'data': DATA, 'condition': ANSWER}}, 'isDefaultBranch', ''), ({'neat-aws': ANSWER}, {'data': DATA}, ''),
    ({'neat-aws': ANSWER}, {'data': DATA, 'condition': False}, 'The condition of the secret neat-aws refuses'),
])
def test_what_only_a_lookup_knows_is_judged_when_it_is_asked(
    run: Run, tmp_path: Path, secrets: Any, answer_of_lookup: Any, message: str,
) -> None:
    (tmp_path / 'answers').write_text(json.dumps(answer_of_lookup))
    variables = {'answers': str(tmp_path / 'answers'), 'hostvars': {'neat': NEAT}, 'inventory_hostname': 'agent-1'}
    variables['mine'] = as_written(secrets)
    result = run('hci_secret', {'secrets': 'mine', 'networks': ['neat']}, variables)
    assert bool(result.get('failed')) is bool(message) and message in result.get('msg', '')


def test_secrets_to_remove_need_names_only(run: Run) -> None:
    assert run('hci_secret', {'secrets': {'neat-aws': {'data': {'key': 'canary'}}, 'other': None}, 'state': 'absent'})['changed']


def test_an_item_that_may_hold_a_value_is_hidden_where_the_host_cannot_be_reached(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(self: Any, **_how: Any) -> None:
        raise AnsibleConnectionFailure('No route to host.')
    monkeypatch.setattr(_private_action.PrivateAction, '_execute_module', unreachable)
    warned: list[str] = []
    monkeypatch.setattr('ansible.utils.display.Display.warning', lambda self, text, *_more, **_options: warned.append(text))
    result = run('hci_secret', SECRET, {'ansible_loop_var': 'item', 'item': 'canary'}, loop=['canary'])
    assert result['unreachable'] and result['_ansible_no_log'] and 'No route to host.' in warned[0]
    with pytest.raises(AnsibleConnectionFailure):
        run('hci_secret', SECRET, {'ansible_loop_var': 'item', 'item': 'neat-aws'}, loop=['neat-aws'])


@pytest.mark.parametrize('others', [{'allitems': ['neat-aws', 'canary']}, {'nextitem': 'canary'}, {'previtem': {'x': 'canary'}}])
def test_items_beside_this_one_hide_the_result_where_it_would_show_them(run: Run, others: dict[str, Any]) -> None:
    variables = {'ansible_loop_var': 'item', 'item': 'neat-aws', 'ansible_loop': {'index': 1, **others}}
    assert run('hci_secret', SECRET, variables, loop=['neat-aws', 'canary'])['_ansible_no_log']
    del variables['ansible_loop']
    assert '_ansible_no_log' not in run('hci_secret', SECRET, variables, loop=['neat-aws', 'canary'])


@pytest.mark.parametrize(('item', 'options', 'hidden'), [
    ('canary', {}, True), ({'key': ['canary']}, {}, True), ('neat-aws', {}, False),
    ({'name': 'neat', 'branch': 'production', 'field': 'key', 'rotate': True, 'note': ''}, {}, False),
    ({'name': 'neat-aws', 'password': 'canary'}, {'data': {'key': 'postgres://user:canary@host'}}, True),
    ('Y2FuYXJ5', {}, True),
    ({'key': 'neat-aws', 'value': {'data': {'key': 'canary'}}}, {'data': None, 'state': 'absent'}, True),
    ('canary', {'dta': 'canary'}, True),
    ('old-aws', {'data': None, 'name': 'old-aws', 'state': 'absent'}, False),
])
def test_an_item_of_a_loop_that_may_hold_a_value_hides_the_result(
    run: Run, monkeypatch: pytest.MonkeyPatch, item: Any, options: dict[str, Any], hidden: bool
) -> None:
    warned: list[str] = []
    monkeypatch.setattr('ansible.utils.display.Display.warning', lambda self, text, *_more, **_options: warned.append(text))
    options = {**SECRET, 'condition': {'isBranch': 'production'}, **options}
    variables = {'ansible_loop_var': 'item', 'item': item}
    assert '_ansible_no_log' not in run('hci_secret', options, variables), 'of the loop of an include tasks do not show the item'
    result = run('hci_secret', options, variables, loop=[item])
    assert bool(result.get('_ansible_no_log')) is hidden
    assert [text.partition(',')[0] for text in warned] == ['This is a loop whose items may hold values of secrets'] * hidden


@pytest.mark.parametrize(('options', 'where'), [
    ({'secrets': 'mine'}, "mine['neat-aws']['data']['key']"), ({'name': 'neat-aws', 'data': 'fields', 'condition': True}, "fields['key']"),
])
@pytest.mark.parametrize(('value', 'found'), [
    ('canary{%x', 'text with {% in it, which Ansible takes for a template'), ('{{ deeper }}', 'text with {{ in it'),
])
def test_a_named_variable_that_cannot_be_evaluated_is_not_quoted(
    run: Run, options: dict[str, Any], where: str, value: str, found: str,
) -> None:
    """As Ansible would quote it before ansible-core 2.19, where it evaluates the options of a task."""
    fields = {'key': value, 'other': 'canary'}
    variables = as_written({'fields': fields, 'mine': {'neat-aws': {'data': fields, 'condition': True}}, 'deeper': 'canary{{x'})
    result = run('hci_secret', options, variables)
    assert result['failed'] and 'Where: %s' % where in result['msg'] and found in result['msg'] and '!unsafe' in result['msg']


def test_a_variable_may_hold_the_data(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(_private_action.PrivateAction, '_answer', lambda self, payload, _variables: sent.append(payload) or {})
    assert not run('hci_secret', {**SECRET, 'data': 'fields'}, as_written({'fields': {'key': '{{ x }}'}, 'x': 'canary'})).get('failed')
    assert sent == [{'neat-aws': {'data': {'key': 'canary'}, 'condition': True}}]
    assert run('hci_secret', {**SECRET, 'data': 'fields'})['failed']


@pytest.mark.parametrize(('name', 'written', 'where'), [
    ('hci_secret', {'name': 'a', 'data': {'key': 'can{#ary#}y'}}, "data['key'] of agent-1"),
    ('hci_secret', {'secrets': {'a': {'data': {'key': '{{ vault_key }}'}}}}, "secrets['a']['data']['key'] of agent-1, in vault_key"),
    ('hci_secret', {'secrets': 'mine'}, "mine['a']['data']['key'] of agent-1, in vault_key"),
    ('hci_secret', {'name': 'a', 'data': {'key': '{{ fine }}'}}, ''), ('hci_secret', 'name=a state=absent', ''),
    ('hci_agent', {'cluster_join_token': '{{ vault_key }}'}, 'cluster_join_token of agent-1, in vault_key'),
])
def test_what_ansible_leaves_out_of_a_value_is_warned_of(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, written: Any, where: str
) -> None:
    warned: list[str] = []
    monkeypatch.setattr('ansible.utils.display.Display.warning', lambda self, text, *_more, **_options: warned.append(text))
    mine = {'a': {'data': {'key': '{{ vault_key }}'}, 'condition': True}}
    variables = as_written({'vault_key': 'can{#ary#}y', 'fine': 'canary', 'mine': mine, 'inventory_hostname': 'agent-1'})
    given = {'secrets': 'mine'} if written == {'secrets': 'mine'} else SECRET if name == 'hci_secret' else {'cluster_join_token': 'canary'}
    run(name, given, variables, _ds={'name': 'Provide', 'vars': {'name': 'x'}, 'nixcd.hercules_ci.' + name: as_written(written)})
    assert len(warned) == bool(where) and not any('canary' in text or '#ary#' in text for text in warned)
    assert not where or 'Where: %s. ' % where in warned[0]
