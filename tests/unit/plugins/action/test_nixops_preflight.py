# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin nixops_preflight: which hosts it looks at, and what it makes of the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.vars.hostvars import HostVars as HostVarsOfAnsible
from ansible.vars.manager import VariableManager
from ansible_collections.nixcd.hercules_ci.plugins.action import nixops_preflight
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Problem, fail
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.known import Run
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.preflight import Inventory
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.projects import projects_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.secrets import outlines, secret_problems
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import read_agent, read_network

Action = Callable[..., Any]
HOSTS = ('a', 'b', 'agent-1')


class HostVars(dict[str, Any]):
    """As Ansible's own, which gives the variables of a host as they were written, too."""

    def raw_get(self, host: str) -> Any:
        return self[host]


VARIABLES: dict[str, Any] = {
    'groups': {'nixops_networks': ['a', 'b'], 'hercules_agents': ['agent-1'], 'all': [*HOSTS]},
    'hostvars': HostVars({host: {'inventory_hostname': host} for host in HOSTS}), 'ansible_play_batch': ['b', 'agent-1'],
    'ansible_play_hosts_all': ['b', 'agent-1'], 'ansible_play_hosts': ['b', 'agent-1'],
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
    inventory = nixops_preflight.inventory_of({**VARIABLES, 'ansible_play_batch': ['agent-1']}, DataLoader(), {'nixops_action': 'dry-run'})
    assert (inventory.extra_vars, inventory.left_out) == ({'nixops_action'}, {'a'})


def test_agents_that_have_failed_before() -> None:
    inventory = nixops_preflight.inventory_of({**VARIABLES, 'ansible_play_hosts': ['b']}, DataLoader(), ())
    assert inventory.lost == {'agent-1'}
    # A play without agents says nothing of them.
    inventory = nixops_preflight.inventory_of({**VARIABLES, 'ansible_play_hosts_all': ['b'], 'ansible_play_hosts': ['b']}, DataLoader(), ())
    assert inventory.lost == set()


@pytest.mark.parametrize('groups, found', [
    ({}, 'no host'), ({'nixops_network': ['a']}, 'the group nixops_network'), ({'Nixops-Networks': ['a']}, 'the group Nixops-Networks'),
    ({'nixops_networks': [], 'nixops_network': []}, 'no host'),
])
def test_an_inventory_without_networks(action: Action, groups: dict[str, list[str]], found: str) -> None:
    result = action({}).run(task_vars={**VARIABLES, 'groups': groups})
    assert result['failed'] is True
    assert [(problem['what'], problem['where'], problem['found']) for problem in result['problems']] == [
        ('There is no network in the inventory.', 'group nixops_networks', found),
    ]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """An inventory in which the files of some hosts cannot be read, and what some variables use is not there."""
    (tmp_path / 'hosts.yml').write_text(INVENTORY)
    folder = tmp_path / 'host_vars'
    folder.mkdir()
    for name in ('locked', 'lost'):
        (folder / ('%s.yml' % name)).write_text(encrypted('nixops_deployment: canary'))
    (folder / 'broken.yml').write_text('a: 1\nb: canary: x\n')
    text = encrypted('canary').replace('\n', '\n  ')
    (folder / 'value.yml').write_text('nixops_deployment: !vault |\n  %s\nnixops_deploymnt: !vault |\n  %s\n' % (text, text))
    (folder / 'undefined.yml').write_text("nixops_network_args: {a: '{{ nothing }}'}\nnixops_deployment: \"{{ hostvars.value.other }}\"\n")
    return tmp_path


INVENTORY = '''
nixops_networks:
  hosts:
    locked:
    broken:
    value: {other: of another host}
    undefined:
    sound:
      nixops_deployment: foo
      nixops_state: "{{ omit }}"
      nixops_database: "{{ none }}"
      nixops_network_args: {a: "{{ omit }}", b: "{{ lookup('ansible.builtin.pipe', 'echo x >>' ~ inventory_dir ~ '/asked; echo y') }}"}
hercules_agents:
  hosts:
    agent-1: {ansible_host: "{{ nothing }}"}
    lost:
'''


def encrypted(text: str) -> str:
    return VaultLib([('default', VaultSecret(b'a password that Ansible does not have'))]).encrypt(text).decode()


def test_hosts_whose_variables_cannot_be_read_hide_nothing(action: Action, files: Path) -> None:
    loader = DataLoader()
    inventory = InventoryManager(loader, str(files / 'hosts.yml'))
    hostvars = HostVarsOfAnsible(inventory, VariableManager(loader, inventory), loader)
    result = action({}).run(task_vars={**VARIABLES, 'groups': inventory.get_groups_dict(), 'hostvars': hostvars})
    assert 'canary' not in repr(result)
    unreadable = [problem for problem in result['problems'] if 'Ansible cannot' in problem['what']]
    found = {re.sub(r' \(\S+:\d+\)', '', problem['where']): problem['found'] for problem in unreadable}
    assert found == {
        'host broken': 'a file that Ansible cannot parse',
        'host locked': 'text that none of the passwords Ansible has can decrypt',
        'host lost': 'text that none of the passwords Ansible has can decrypt',
        'nixops_deployment of value': 'text that none of the passwords Ansible has can decrypt',
        "nixops_network_args['a'] of undefined": "'nothing' is undefined",
        'ansible_host of agent-1': "'nothing' is undefined",
    }
    missing = [problem['where'] for problem in result['problems'] if problem['what'] == 'nixops_project is missing.']
    assert missing == ['host value', 'host undefined', 'host sound']
    assert (files / 'asked').read_text() == 'x\n', 'evaluated more than once'
    slips = [problem['remedy'] for problem in result['problems'] if 'nixops_deploymnt' in problem['where']]
    assert slips == ['Write nixops_deployment, or drop it.']


ASKED = "{{ lookup('ansible.builtin.pipe', 'echo %s >>' ~ inventory_dir ~ '/asked; echo %s') }}"
OF_AGENTS = '''
nixops_networks: {hosts: {sound: }}
hercules_agents:
  hosts: {agent-1: , agent-2: }
  vars:
    nixops_agent_cluster_join_token: "%(asked)s"
    secrets_of_all:
      neat-aws:
        condition: "{{ isTag }}"
        data: "{{ fields }}"
    fields: {key: "%(asked)s", kept: text, blank: '', deep: {a: "%(asked)s"}}
    isTag: isTag
    nixops_agent_secrets: "{{ secrets_of_all }}"
''' % {'asked': ASKED % ("' ~ inventory_hostname ~ '", 'x')}
JSON = (ASKED % ('x', '%s')).replace(') }}', ') | from_json }}')
ALL, ENTRY = ({'neat-aws': {'data': {'key': 'x'}, 'condition': True}}, {'data': {'key': 'x'}, 'condition': True})
NETWORK = {'nixops_project': 'github/neat-org/neat-repo', 'nixops_branches': ['production'], 'nixops_deployment': 'foo',
           'nixops_secrets_map': {'aws': 'neat-aws'}, 'nixops_user_setup_script': 'writeAWSSecret aws'}


@pytest.mark.parametrize('tags, playing, asked', [
    (['all'], ['agent-1', 'sound'], []), (['all'], ['sound'], []), (['networks'], ['agent-1', 'agent-2', 'sound'], []),
    (['preflight'], ['agent-2'], []),
])
def test_no_secret_is_fetched(
    tmp_path: Path, tags: list[str], playing: list[str], asked: list[str],
) -> None:
    """By the task that provides them. What a secret consists of is known all the same."""
    (tmp_path / 'hosts.yml').write_text(OF_AGENTS)
    (tmp_path / 'asked').write_text('')
    loader = DataLoader()
    inventory = InventoryManager(loader, str(tmp_path / 'hosts.yml'))
    hostvars = HostVarsOfAnsible(inventory, VariableManager(loader, inventory), loader)
    variables = {**VARIABLES, 'groups': inventory.get_groups_dict(), 'hostvars': hostvars, 'ansible_play_batch': playing,
                 'ansible_run_tags': tags}
    agents = nixops_preflight.inventory_of(variables, loader, []).agents
    read = {name: read_agent(name, agents[name]) for name in agents}
    assert [problem for _agent, problems in read.values() for problem in problems] == []
    assert (tmp_path / 'asked').read_text().split() == asked
    for agent, _problems in read.values():
        secret = agent['nixops_agent_secrets']['neat-aws']
        assert secret['condition'] == 'isTag'
        assert sorted(secret['data']) == ['blank', 'deep', 'kept', 'key']
        assert (secret['data']['kept'], secret['data']['blank']) == ('text', '')


@pytest.mark.parametrize('secrets', [
    {'neat-aws': {'data': {'key': 'x'}, 'condition': ASKED % ('x', 'isTag')}},
    {'neat-aws': {'data': {'key': 'x'}, 'condition': {'and': ['isTag', {'isBranch': ASKED % ('x', 'production')}]}}},
    {'neat-aws': {'data': {'key': 'x'}, 'condition': '{{ condition }}'}},
    {'neat-aws': JSON % json.dumps(ENTRY)}, JSON % json.dumps(ALL), '{{ asked }}', "{{ {} | combine(asked) }}",
], ids=['condition', 'part', 'variable', 'entry', 'all', 'all, elsewhere', 'all, combined'])
def test_what_only_a_lookup_knows_of_a_secret(tmp_path: Path, secrets: Any) -> None:
    """It is not asked, and in nobody's way: neither is a condition taken for none, nor a secret for missing."""
    agents = {'hosts': {'agent-1': {}}, 'vars': {
        'nixops_agent_secrets': secrets, 'asked': JSON % json.dumps(ALL), 'condition': ASKED % ('x', 'isTag'),
    }}
    (tmp_path / 'hosts.yml').write_text(yaml.safe_dump({'nixops_networks': {'hosts': {'neat': NETWORK}}, 'hercules_agents': agents}))
    loader = DataLoader()
    inventory = InventoryManager(loader, str(tmp_path / 'hosts.yml'))
    hostvars = HostVarsOfAnsible(inventory, VariableManager(loader, inventory), loader)
    variables = {**VARIABLES, 'groups': inventory.get_groups_dict(), 'hostvars': hostvars, 'ansible_play_batch': ['agent-1', 'neat']}
    found = nixops_preflight.inventory_of(variables, loader, [])
    networks = [read_network(name, found.networks[name])[0] for name in found.networks]
    agent, wrong = read_agent('agent-1', found.agents['agent-1'])
    assert wrong == []
    missing = ' '.join(problem.what for problem in secret_problems(networks, [agent], {}, {'agent-1'}))
    fields_known = isinstance(secrets, dict) and isinstance(secrets['neat-aws'], dict)
    assert 'No agent' not in missing and 'condition' not in missing and ('needs the field' in missing) is fields_known
    assert outlines(networks, [agent]) == {'agent-1': {'neat-aws': {'fields': ['key'] if fields_known else []}}}
    assert not (tmp_path / 'asked').exists()


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
    assert ('strategy' in result['msg']) is refused
    assert not refused or 'Found: %s. To do: Set strategy: linear for the play.' % strategy in result['msg']


def test_there_are_no_options(action: Action) -> None:
    with pytest.raises(AnsibleActionFail, match='Unsupported parameters'):
        action({'networks': []}).run(task_vars=VARIABLES)


def run_with(phases: tuple[str, ...]) -> Run:
    return Run(phases, (), frozenset(), frozenset(), '')


@pytest.mark.parametrize('tags, skipped, again, uploads', [
    (['all'], [], False, True), (['state'], [], False, True), (['networks'], [], False, True), (['push'], [], False, False),
    (['all'], ['state'], False, False), (['preflight'], [], True, True), (['watch'], [], False, True), (['watch'], [], True, False),
    (['ci_nix'], [], True, True), (['all'], [], True, True),
])
def test_whether_states_are_uploaded_before_a_push_or_a_rerun(tags: list[str], skipped: list[str], again: bool, uploads: bool) -> None:
    variables = {**VARIABLES, 'ansible_run_tags': tags, 'ansible_skip_tags': skipped}
    network, _wrong = read_network('a', {'nixops_project': 'github/neat-org/neat-repo', 'nixops_rerun_failed': again})
    (project,) = projects_of([network], ['a'])
    assert run_with(nixops_preflight.inventory_of(variables, DataLoader(), []).phases).uploads(project) is uploads


@pytest.mark.parametrize('tags, skipped, pushes', [
    (['all'], [], True), (['push'], [], True), (['prebuild'], [], False), (['all'], ['push'], False),
])
def test_whether_the_remote_has_to_answer(tags: list[str], skipped: list[str], pushes: bool) -> None:
    variables = {**VARIABLES, 'ansible_run_tags': tags, 'ansible_skip_tags': skipped}
    assert run_with(nixops_preflight.inventory_of(variables, DataLoader(), []).phases).pushes is pushes
