# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugins whose options hold secrets: what they refuse, and that no value is in any result. That hosts never see them, and
what is printed, is for the plays in tests/integration/secrets to show.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.module_file import unpacked
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils import _private_action

SECRET = {'name': 'neat-aws', 'data': {'key': 'canary'}, 'condition': True}
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the module answers, for a test to change."""
    given: dict[str, Any] = {'changed': True}
    monkeypatch.setattr(_private_action.PrivateAction, '_execute_module', lambda self, **_how: dict(given))
    return given


@pytest.fixture
def run(make_action: Callable[..., Any], answer: dict[str, Any]) -> Run:
    """run(action, options, variables={}, **of_the_task): its result, of which no part that Ansible would show has a value."""
    def it(name: str, options: dict[str, Any], variables: dict[str, Any] | None = None, **of_task: Any) -> dict[str, Any]:
        action = make_action(name, options, **of_task)
        action._connection.has_pipelining = False
        result: dict[str, Any] = action.run(task_vars=variables or {})
        assert result.get('_ansible_no_log') or 'canary' not in json.dumps(result)
        return result
    return it


@pytest.mark.parametrize(('name', 'options', 'message'), [
    ('hci_agent', {'cluster_join_token': 'two canaries'}, 'This is no cluster join token. Where: cluster_join_token. Expected: one word.'),
    ('hci_agent', {'cluster_join_token': ' '}, 'This is no cluster join token.'),
    ('hci_agent', {'binary_caches': {'c': {'kind': 'canaries'}}}, "Where: binary_caches['c']['kind']"),
    ('hci_secret', {**SECRET, 'dta': {'key': 'canary'}}, 'There is no option dta. Where: nixcd.hercules_ci.hci_secret. To do: Correct the'),
    ('hci_secret', {**SECRET, 'data': ['canary']}, 'This has to be a dictionary, and is not. Where: data'),
    ('hci_secret', {'data': {'key': 'canary'}}, 'one of the following is required: name, secrets. Where: nixcd.hercules_ci.hci_secret'),
    ('hci_secret', {**SECRET, 'condition': {'isBrunch': 'a'}}, 'Where: condition'),
])
def test_it_is_refused(run: Run, name: str, options: dict[str, Any], message: str) -> None:
    result = run(name, options)
    assert result['failed'] is True
    assert message in result['msg']


class Vaulted:
    """What ansible-core before 2.19 leaves of a value with the tag C(!vault) in a task."""

    __ENCRYPTED__ = True

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


@pytest.mark.parametrize(('name', 'options', 'values'), [
    ('hci_agent', {'cluster_join_token': Vaulted('canary')}, {'binary_caches': None, 'cluster_join_token': 'canary'}),
    ('hci_secret', {**SECRET, 'data': Vaulted('{"key": "canary"}')}, {'neat-aws': {'data': {'key': 'canary'}, 'condition': True}}),
])
def test_a_whole_option_may_be_vaulted(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any], values: dict[str, Any]
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(_private_action.PrivateAction, '_answer', lambda self, payload, _variables: sent.append(unpacked(payload)) or {})
    assert not run(name, options).get('failed') and sent == [values]


def test_where_values_would_lie_in_a_file_on_the_host(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run('hci_secret', SECRET, async_val=60)['msg'] == (
        'hci_secret cannot run in the background. Where: async. To do: Drop async: its values would lie in a file on the host meanwhile.')
    monkeypatch.setattr(_private_action.config, 'get_config_value', lambda _name: True)
    assert run('hci_agent', {'cluster_join_token': 'canary'})['msg'] == (
        'hci_agent cannot run while Ansible keeps the files of modules: its values would stay in one. '
        'Where: ANSIBLE_KEEP_REMOTE_FILES. To do: Unset it for this run.')


def test_an_answer_that_cannot_be_read_is_cut_off_before_the_values(run: Run, answer: dict[str, Any]) -> None:
    packed = _private_action.PACKED
    answer.update(failed=True, module_stdout='odd: %scanary' % packed, module_stderr='%scanary' % packed)
    result = run('hci_secret', SECRET)
    assert (result['module_stdout'], result['module_stderr']) == ('odd: ', '')


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
