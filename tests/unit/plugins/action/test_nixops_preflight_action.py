# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin nixops_preflight: which hosts it looks at, and what it makes of the answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.nixcd.hercules_ci.plugins.action import nixops_preflight
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Problem, fail
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.preflight import Inventory

Action = Callable[..., Any]
HOSTS = ('a', 'b', 'agent-1')
VARIABLES: dict[str, Any] = {
    'groups': {'nixops_networks': ['a', 'b'], 'hercules_agents': ['agent-1'], 'all': [*HOSTS]},
    'hostvars': {host: {'inventory_hostname': host} for host in HOSTS}, 'ansible_play_batch': ['b', 'agent-1'],
    'ansible_play_hosts_all': ['b', 'agent-1'],
}


@pytest.fixture
def action(make_action: Action) -> Action:
    return partial(make_action, 'nixops_preflight')


def test_all_hosts_are_looked_at_and_those_of_the_play_are_selected(action: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Inventory] = []
    plan = {'projects': {'p': {'selected': ['b']}, 'q': {'selected': []}}, 'agents': {}}
    monkeypatch.setattr(nixops_preflight, 'check', lambda inventory: asked.append(inventory) or (plan, [Problem('Mind it.')]))
    result = action({}).run(task_vars=VARIABLES)
    assert (list(asked[0].networks), list(asked[0].agents), asked[0].selected) == (['a', 'b'], ['agent-1'], ['b'])
    assert result['msg'] == '1 network of 1 project can be deployed.'
    assert (result['changed'], result['projects'], result['warnings']) == (False, plan['projects'], ['Mind it.'])
    assert 'failed' not in result


def test_what_the_command_line_says_of_hosts_beside_the_limit() -> None:
    """With serial, the networks of later batches are not left out."""
    inventory = nixops_preflight.inventory_of({**VARIABLES, 'ansible_play_batch': ['agent-1']}, {'nixops_action': 'dry-run'})
    assert (inventory.extra_vars, inventory.left_out) == ({'nixops_action'}, {'a'})


def test_an_inventory_without_the_groups(action: Action) -> None:
    result = action({}).run(task_vars={**VARIABLES, 'groups': {}})
    assert (result['projects'], result['agents']) == ({}, {})


def test_problems_are_a_failed_result(action: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(_inventory: Inventory) -> Any:
        raise fail('It is wrong.', where='here')

    monkeypatch.setattr(nixops_preflight, 'check', check)
    result = action({}).run(task_vars=VARIABLES)
    assert (result['failed'], result['changed']) == (True, False)
    assert result['problems'] == [{'severity': 'error', 'what': 'It is wrong.', 'where': 'here'}]


@pytest.mark.parametrize('strategy, refused', [
    ('linear', False), ('ansible.builtin.linear', False), ('debug', False), ('free', True), ('ansible.builtin.host_pinned', True),
])
def test_networks_do_not_get_ahead_of_each_other(action: Action, strategy: str, refused: bool) -> None:
    """One of them would push a branch while the states of others that it deploys are yet to be uploaded."""
    task = action({}, get_play=lambda: SimpleNamespace(strategy=strategy))
    result = task.run(task_vars={**VARIABLES, 'groups': {}})
    assert result.get('failed', False) is refused
    assert not refused or 'Found: %s. To do: Set strategy: linear for the play.' % strategy in result['msg']


def test_there_are_no_options(action: Action) -> None:
    with pytest.raises(AnsibleActionFail, match='Unsupported parameters'):
        action({'networks': []}).run(task_vars=VARIABLES)


@pytest.mark.parametrize('tags, skipped, uploads', [
    (['all'], [], True), (['state'], [], True), (['networks'], [], True), (['push'], [], False), (['all'], ['state'], False),
    (['preflight'], [], True), (['watch'], [], True),
])
def test_whether_states_are_uploaded_before_a_push(tags: list[str], skipped: list[str], uploads: bool) -> None:
    variables = {**VARIABLES, 'ansible_run_tags': tags, 'ansible_skip_tags': skipped}
    assert nixops_preflight.inventory_of(variables, []).uploads is uploads


@pytest.mark.parametrize('tags, skipped, pushes', [
    (['all'], [], True), (['push'], [], True), (['prebuild'], [], False), (['all'], ['push'], False),
])
def test_whether_the_remote_has_to_answer(tags: list[str], skipped: list[str], pushes: bool) -> None:
    variables = {**VARIABLES, 'ansible_run_tags': tags, 'ansible_skip_tags': skipped}
    assert nixops_preflight.inventory_of(variables, []).pushes is pushes
