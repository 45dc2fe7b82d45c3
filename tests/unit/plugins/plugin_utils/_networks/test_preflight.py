# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight on the guide's world: a real repository, a real database of NixOps, and the sandbox in this process."""

from __future__ import annotations

import contextlib
import copy
import datetime
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleUndefinedVariable
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, Problem
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks import states
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.preflight import PHASES, Inventory, check, together

from tests.support.repository import git
from tests.support.world import DATABASE, PROJECT, TOKEN, World, running_world

Change = Callable[[dict[str, Any], dict[str, Any], World], None]


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp('world'), Path('no plays here')) as made:
        yield made


@pytest.fixture
def networks(world: World) -> dict[str, Any]:
    """Variables of the networks by host."""
    group = copy.deepcopy(world.inventory['nixops_networks'])
    common = {**group['vars'], 'nixops_api_token': TOKEN}
    children = group['children'].values()
    return {host: {**common, **child['vars'], **variables} for child in children for host, variables in child['hosts'].items()}


@pytest.fixture
def agents(world: World) -> dict[str, Any]:
    """Variables of the agents by host."""
    group = copy.deepcopy(world.inventory['hercules_agents'])
    return {host: {**group['vars'], **variables} for host, variables in group['hosts'].items()}


def phases_of(uploads: bool) -> tuple[str, ...]:
    return tuple(phase for phase in PHASES if uploads or phase != 'state')


def refusals(networks: dict[str, Any], agents: dict[str, Any], selected: list[str] | None = None, uploads: bool = True) -> str:
    with pytest.raises(Failure) as refused:
        check(Inventory(networks, agents, list(networks) if selected is None else selected, phases_of(uploads)))
    assert 'canary' not in str(refused.value).lower()
    return str(refused.value)


def test_the_plan(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    plan, warnings = check(Inventory(networks, agents, ['neat-network']))
    assert warnings == []
    project = plan['projects'][PROJECT]
    production, staging = project.pop('effects')
    assert (production['name'], production['run_on']) == ('neat-network', {'branches': ['production']})
    # Its state is neither there nor coming, so it must not run, whichever branch the file is merged into.
    assert (staging['name'], staging['run_on']) == ('neat-staging', {'condition': 'false'})
    assert staging['comment'].startswith('Off: Hercules CI has no state nixops-webfarm.json yet')
    # And so must the other not, should its upload fail.
    (off,) = project.pop('effects_without_state').values()
    assert (off['name'], off['run_on']) == ('neat-network', {'condition': 'false'})
    assert list(project.pop('uploads')) == ['neat-network']
    assert project.pop('options')['remote'] == 'origin'
    assert project.pop('networks')['neat-staging'] == {
        'branches': ['staging'], 'function': 'runNixOps', 'action': 'switch', 'state': 'upload', 'state_name': 'nixops-webfarm.json',
        'known_hosts_name': 'nixops-webfarm.known_hosts', 'effect_deployment': 'webfarm', 'project': PROJECT, 'forget_state': False,
        'destination': '', 'secrets_map': {'ssh': 'neat-ssh'}, 'network_args': [], 'aws_profiles': {}, 'aws_key_ids': {},
    }
    assert project == {
        'declared': ['neat-network', 'neat-staging'], 'selected': ['neat-network'], 'at_rest': {}, 'replaced': [],
        'versions': {}, 'file': 'ci.nix',
    }


def test_nothing_is_asked_for_a_project_of_which_nothing_is_selected(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    for variables in networks.values():
        variables['nixops_api_base_url'] = 'http://127.0.0.1:9'
    assert check(Inventory(networks, agents, []))[0]['projects'] == {PROJECT: {'selected': []}}


def agent_address(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    agents['agent-1']['ansible_host'] = '198.51.100.10'


def agent_name(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    agents['app2'] = agents.pop('agent-2')


def agent_host_key(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    # The fixture's host key of app1.
    agents['agent-1']['ansible_facts'] = {'ssh_host_key_ed25519_public': host_key_of_app1(world)}


def host_key_of_app1(world: World) -> str:
    export = json.loads((DATABASE.parent / 'export-aws-prod.json').read_text())
    (deployment,) = export.values()
    return str(deployment['resources']['app1']['ec2.publicHostKey'].split()[1])


@pytest.mark.parametrize('change, words', [
    (agent_address, 'by 198.51.100.10'), (agent_name, 'by app2'), (agent_host_key, 'by its host key'),
])
def test_an_agent_among_the_machines(
    networks: dict[str, Any], agents: dict[str, Any], world: World, change: Change, words: str,
) -> None:
    change(networks, agents, world)
    said = refusals(networks, agents)
    assert 'The network would deploy an agent' in said
    assert words in said
    networks['neat-network']['nixops_allow_self_deploy'] = True
    check(Inventory(networks, agents, list(networks)))


def test_the_servers_state_is_looked_at_where_none_goes_there(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    world.sandbox.add_project('github/neat-org/other', world.bare)
    export = (DATABASE.parent / 'export-aws-prod.json').read_bytes()
    world.sandbox.put_state('github/neat-org/other', 'nixops-aws-prod.json', export)
    del networks['neat-staging']
    networks['neat-network'].update(nixops_project='github/neat-org/other', nixops_state='present', nixops_database='/nonexistent')
    agents['agent-1']['ansible_host'] = '198.51.100.10'
    assert 'by 198.51.100.10' in refusals(networks, agents)


@pytest.mark.parametrize('kind, recorded', [
    ('droplet', '{"address": "2001:db8:99::7", "prefixLength": 64}'), ('hetznercloud', '2001:db8:99::/64'),
])
@pytest.mark.parametrize('known_by', [
    {'ansible_host': '2001:DB8:99:0::7'}, {'ansible_facts': {'all_ipv6_addresses': ['fe80::1', '2001:db8:99::7']}},
])
def test_an_agent_is_found_by_its_ipv6_address(
    networks: dict[str, Any], agents: dict[str, Any], tmp_path: Path, kind: str, recorded: str, known_by: dict[str, Any],
) -> None:
    state = {'cccccccc-1700-11e7-8000-000000000003': {'name': 'aws-prod', 'resources': {'app1': {'type': kind, 'publicIpv6': recorded}}}}
    (tmp_path / 'export.json').write_text(json.dumps(state))
    networks['neat-network'].update(nixops_export_file=str(tmp_path / 'export.json'))
    check(Inventory(networks, agents, list(networks)))
    agents['agent-1'].update(known_by)
    assert 'Where: neat-network, machine app1' in refusals(networks, agents)


def test_a_database_on_the_server_that_runnixops_could_not_import(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    world.sandbox.add_project('github/neat-org/nixops-2', world.bare)
    world.sandbox.put_state('github/neat-org/nixops-2', 'nixops-aws-prod.json', DATABASE.read_bytes())
    del networks['neat-staging']
    networks['neat-network'].update(nixops_project='github/neat-org/nixops-2', nixops_state='present')
    assert 'Where: neat-network, nixops-aws-prod.json, version 1' in refusals(networks, agents)


def test_a_state_that_is_newer_than_the_local_one_is_looked_at_too(
    networks: dict[str, Any], agents: dict[str, Any], world: World, tmp_path: Path,
) -> None:
    """Hercules CI has deployed machines since that the database here does not know."""
    project = 'github/neat-org/deployed-since'
    world.sandbox.add_project(project, world.bare)
    text = (DATABASE.parent / 'export-aws-prod.json').read_text()
    (older,) = json.loads(text).values()
    del older['resources']['app1']
    (tmp_path / 'older.json').write_text(json.dumps({'cccccccc-1700-11e7-8000-000000000003': older}))
    del networks['neat-staging']
    networks['neat-network'].update(nixops_project=project, nixops_export_file=str(tmp_path / 'older.json'))
    agents['agent-1']['ansible_host'] = '198.51.100.10'
    check(Inventory(networks, agents, list(networks)))
    world.sandbox.put_state(project, 'nixops-aws-prod.json', text.encode())
    assert 'Where: neat-network, machine app1' in refusals(networks, agents)
    world.sandbox.put_state(project, 'nixops-aws-prod.json', b'no state')  # which nixops_state can replace
    check(Inventory(networks, agents, list(networks)))


@pytest.mark.parametrize('variables, words', [
    ({'nixops_project': 'neat-repo'}, ['nixops_project of neat-network']),
    ({'nixops_push': 'none'}, ['have to agree about nixops_push', 'neat-staging']),
    ({'nixops_deployment': 'webfarm'}, ['Two networks of a project have the same state']),
    ({'nixops_state_name': 'x', 'nixops_known_hosts_name': 'x'}, [
        'Known hosts would be written over a state. Where: nixops_known_hosts_name']),
    ({'nixops_known_hosts_name': 'nixops-webfarm.json'}, ['Known hosts would be written over a state', 'the state of neat-staging']),
    ({'nixops_state_name': '..'}, ['This cannot be the name of a state file.']),
    ({'nixops_state_name': 'a.known_hosts'}, ['This is a name for known hosts.']),
    ({'nixops_network_files': ['network.nix', 'missing.nix']}, ['missing.nix']),
    ({'nixops_deployment': 'no such'}, ['no such', 'aws-prod']),
    ({'nixops_database': '/nonexistent/db.nixops'}, ['Where: neat-network, /nonexistent/db.nixops. ']),
    ({'nixops_branches': ['refs/heads/production']}, [
        'The branch has a name that no branch in Git has. Where: nixops_branches of neat-network.', 'the short name, such as production',
    ]),
    ({'nixops_branches': ['prodution']}, ['The remote origin has no branch prodution.', 'correct nixops_branches of neat-network']),
    ({'nixops_user_setup_script': 'writeSSHKey ssh'}, ['writeSSHKey reads a secret that the effect does not get']),
    ({'nixops_arguments': {'NIXOPS_DEPLOYMENT': 'aws-prod'}}, [
        'This parameter has an option of its own.', 'NIXOPS_DEPLOYMENT', 'of neat-network', 'Use the variable nixops_effect_deployment.']),
    ({'nixops_arguments': {'stateName': 'x.json'}}, ['stateName', 'of neat-network', 'Use the variable nixops_state_name.']),
    ({'nixops_arguments': {'effectScript': 'nixops deploy'}}, ['runNixOps overwrites this argument', 'Use nixops_user_setup_script']),
    ({'nixops_environment': {'stateName': 'x.json'}}, ['To runNixOps this is a parameter', 'nixops_environment', 'of neat-network']),
    ({'nixops_extra_deploy_args': ['-k']}, ['runNixOps has no parameter for this option. Where: nixops_extra_deploy_args of neat-network']),
    ({'nixops_function': 'runNixOps2'}, ['NixOps 2 deploys nixops.nix alone']),
])
def test_one_thing_is_wrong(networks: dict[str, Any], agents: dict[str, Any], variables: dict[str, Any], words: list[str]) -> None:
    networks['neat-network'].update(variables)
    said = refusals(networks, agents)
    for word in words:
        assert word in said


@pytest.mark.parametrize('variables, words', [
    ({'nixops_api_token': 'wrong'}, 'Hercules CI answered 401'),
    ({'nixops_api_base_url': 'http://127.0.0.1:9'}, 'Hercules CI did not answer'),
    ({'nixops_checkout': '/nonexistent'}, 'no such folder. Where: nixops_checkout of neat-network, /nonexistent. To do: Clone'),
    ({'nixops_remote': 'upstream'}, 'no remote called upstream'),
])
def test_something_is_wrong_with_the_project(
    networks: dict[str, Any], agents: dict[str, Any], variables: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('time.sleep', lambda _seconds: None)
    for network in networks.values():
        network.update(variables)
    assert words in refusals(networks, agents)


@pytest.mark.parametrize(('variable', 'value'), [
    ('nixops_checkout', ['here']), ('nixops_remote', ['origin']), ('nixops_ca_path', ['file']), ('nixops_api_base_url', 5),
])
def test_what_depends_on_a_variable_that_is_wrong_is_not_looked_at(
    networks: dict[str, Any], agents: dict[str, Any], variable: str, value: Any,
) -> None:
    for network in networks.values():
        network[variable] = value
    assert set(everything_wrong_of(networks, agents)) == {'This is not what the variable takes.'}


def test_checkouts_that_are_not_what_they_should_be(networks: dict[str, Any], agents: dict[str, Any], world: World, tmp_path: Path) -> None:
    other = {**networks['neat-network'], 'nixops_project': 'github/neat-org/other'}
    assert 'Two projects have the same checkout' in refusals({**networks, 'other': other}, agents)
    inside = world.checkout / 'inside'
    inside.mkdir(exist_ok=True)
    for network in networks.values():
        network['nixops_checkout'] = str(inside)
    assert 'not the top of a working tree' in refusals(networks, agents)
    inside.rmdir()


def test_a_checkout_that_git_cannot_read(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    """Its index is broken, which Git tells only those who ask for files."""
    index = world.checkout / '.git' / 'index'
    content = index.read_bytes()
    index.write_bytes(b'no index')
    try:
        said = refusals(networks, agents)
    finally:
        index.write_bytes(content)
    assert 'Git cannot read the checkout. Where: nixops_checkout of neat-network. Found: ' in said
    assert 'index' in said.partition('Git cannot read the checkout.')[2]


def test_a_remote_that_does_not_answer(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    """It is asked only where the run pushes, and says on one line why not."""
    git(world.checkout, 'remote', 'set-url', 'origin', '/nonexistent.git')
    try:
        said = refusals(networks, agents)
        check(Inventory(networks, agents, list(networks), phases=('state',)))
    finally:
        git(world.checkout, 'remote', 'set-url', 'origin', str(world.bare))
    assert "Git cannot reach the remote origin. Where: %s. Found: fatal: '/nonexistent.git' does not appear to be" % world.checkout in said
    assert '\n' not in said


def test_uncommitted_work_is_warned_of(networks: dict[str, Any], agents: dict[str, Any], world: World) -> None:
    (world.checkout / 'network.nix').write_text('{ }\n')
    _plan, warnings = check(Inventory(networks, agents, list(networks)))
    git(world.checkout, 'checkout', '--quiet', 'network.nix')
    assert [warning.found for warning in warnings] == ['network.nix, on main']
    (world.checkout / 'before').write_text('a file that is renamed\n')
    git(world.checkout, 'add', 'before')
    git(world.checkout, '-c', 'user.name=A', '-c', 'user.email=a@example.org', 'commit', '--quiet', '--message', 'Another file')
    git(world.checkout, 'mv', 'before', 'afterwards')
    _plan, warnings = check(Inventory(networks, agents, list(networks)))
    git(world.checkout, 'reset', '--quiet', '--hard', 'HEAD^')
    assert [warning.found for warning in warnings] == ['afterwards, before, on main']


@pytest.mark.parametrize(('variables', 'refused'), [
    ({'nixops_deployment': 'fresh'}, False), ({'nixops_deployment': 'aws-prod'}, True), ({'nixops_deployment': 'cccccccc'}, True),
    ({'nixops_deployment': 'fresh', 'nixops_effect_deployment': 'aws-prod'}, True),
    ({'nixops_deployment': 'aws-prod', 'nixops_effect_deployment': 'fresh'}, True),
    ({'nixops_deployment': 'fresh', 'nixops_effect_deployment': 'cccccccc-1700-11e7-8000-000000000003'}, True),
])
def test_a_new_network_that_nixops_on_this_machine_knows(
    networks: dict[str, Any], agents: dict[str, Any], variables: dict[str, Any], refused: bool,
) -> None:
    """By what the effect calls it, too. Of several with that name, any may have machines."""
    networks['neat-network'].update(nixops_state='new', **variables)
    if refused:
        assert 'would make them a second time' in refusals(networks, agents)
    else:
        check(Inventory(networks, agents, list(networks)))


def test_a_new_network_of_whose_name_nixops_on_this_machine_knows_several(
    networks: dict[str, Any], agents: dict[str, Any], world: World, tmp_path: Path,
) -> None:
    shutil.copyfile(world.database, tmp_path / 'two.nixops')
    with contextlib.closing(sqlite3.connect(tmp_path / 'two.nixops')) as connection:
        connection.execute("update DeploymentAttrs set value = 'aws-prod' where name = 'name' and value = 'webfarm'")
        connection.commit()
    networks['neat-network'].update(nixops_state='new', nixops_database=str(tmp_path / 'two.nixops'))
    said = refusals(networks, agents)
    assert 'would make them a second time' in said
    assert said.count('(aws-prod)') == 2


def test_states_that_are_missing(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    said = refusals(networks, agents, uploads=False)
    assert said.count('NixOps would make all of its machines anew') == 2
    networks['neat-staging']['nixops_branches'] = ['production']
    assert 'Select it, too (--limit)' in refusals(networks, agents, ['neat-network'])
    networks['neat-staging'].update(nixops_state='new', nixops_deployment='unheard-of')
    check(Inventory(networks, agents, ['neat-network']))


@pytest.mark.parametrize('action', ['plan', 'build', 'create', 'copy', 'dry-activate', 'test', 'boot'])
def test_states_that_are_missing_whatever_nixops_would_do(networks: dict[str, Any], agents: dict[str, Any], action: str) -> None:
    """Some of these make machines, and the others leave a state without any in the place of the real one."""
    for network in networks.values():
        network['nixops_action'] = action
    assert refusals(networks, agents, uploads=False).count('NixOps would make all of its machines anew') == 2
    for network in networks.values():
        network['nixops_action'] = 'dry-run'
    check(Inventory(networks, agents, list(networks), phases_of(False)))


def test_variables_of_the_command_line_that_reach_further_than_the_limit(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    """They hold for every host; a network that is not selected must not become another one by the push to its branch."""
    def limited(*extra_vars: str) -> Inventory:
        return Inventory(networks, agents, ['neat-network'], extra_vars=frozenset(extra_vars), left_out=frozenset({'neat-staging'}))
    check(limited('nixops_action'))
    networks['neat-staging'].update(nixops_branches=['staging', 'production'], nixops_state='new', nixops_deployment='unheard-of')
    check(limited('nixops_rerun_failed', 'nixops_push', 'other'))
    with pytest.raises(Failure) as refused:
        check(limited('nixops_action', 'nixops_network_args'))
    (problem,) = refused.value.problems
    assert problem.what == 'Variables of the command line would change a network that is not selected.'
    assert problem.where == 'neat-staging, branch production of %s' % PROJECT
    assert problem.found == 'nixops_action, nixops_network_args'
    check(Inventory(networks, agents, list(networks), extra_vars=frozenset({'nixops_action'})))


def test_a_state_that_nixops_could_not_import(networks: dict[str, Any], agents: dict[str, Any], tmp_path: Path) -> None:
    shutil.copyfile(DATABASE, tmp_path / 'deployments.nixops')
    networks['neat-staging']['nixops_database'] = str(tmp_path / 'deployments.nixops')
    assert 'nixops import --include-keys' in refusals(networks, agents)


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
    networks['neat-staging']['nixops_branches'] = 'staging'  # who uses what is not known
    assert 'spare' not in refusals(networks, agents)


def test_secrets_of_the_wrong_form(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    agents['agent-1']['nixops_agent_secrets']['neat-aws'] = {'data': 'canary'}
    assert "nixops_agent_secrets['neat-aws']['data']" in refusals(networks, agents)


def everything_wrong_of(networks: dict[str, Any], agents: dict[str, Any]) -> list[str]:
    with pytest.raises(Failure) as refused:
        check(Inventory(networks, agents, list(networks)))
    return [problem.what for problem in refused.value.problems]


def test_nothing_hides_anything_else(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    """A slip in a variable, no project, a condition that is none, a name that no agent has, a script, a file, a state, and the token."""
    secrets = agents['agent-1']['nixops_agent_secrets']
    secrets['neat-ssh'] = {**secrets['neat-ssh'], 'condition': {'isBrunch': 'staging'}}
    networks['third'] = {**networks['neat-network'], 'nixops_project': 'neat-repo'}
    agents['agent-2']['nixops_agent_secrets'] = secrets
    networks['neat-network'].update(nixops_action='swich', nixops_network_files=['missing.nix'], nixops_deployment='no-such')
    networks['neat-staging'].update(nixops_secrets_map={'gcp': 'neat-gcp'}, nixops_user_setup_script='writeSSHKey ssh')
    for network in networks.values():
        network['nixops_api_token'] = 'wrong'
    found = set(everything_wrong_of(networks, agents))  # the condition is wrong on both agents
    for words in (
        'This is not what the variable takes.', 'The project path is not complete.', 'This is not a condition.',
        'No agent has the secret neat-gcp.', 'writeSSHKey reads a secret that the effect does not get: ssh.', 'The file does not exist.',
        'no-such', 'Hercules CI answered 401',
    ):
        assert [what for what in found if words in what], words
    assert len(found) == 8, found


@pytest.mark.parametrize('host, variables, expected', [
    ('neat-network', {'nixops_secrets_map': ['neat-aws']}, 'This is not what the variable takes.'),
    ('neat-network', {'nixops_network_files': 'missing.nix'}, 'This is not what the variable takes.'),
    ('neat-network', {'nixops_src': ['here']}, 'This is not what the variable takes.'),
    ('neat-network', {'nixops_branches': None}, 'nixops_branches is missing.'),
    ('neat-network', {'nixops_network_args': {'when': datetime.date(2026, 1, 1)}}, 'JSON has no such value.'),
    ('neat-network', {'nixops_network_args': {True: 'a'}}, 'JSON has no such key.'),
    ('neat-network', {'nixops_deployment': ['webfarm']}, 'This is not what the variable takes.'),
    ('neat-network', {'nixops_database': 5, 'nixops_pins': 'none'}, 'This is not what the variable takes.'),
    ('agent-1', {'nixops_agent_secrets': []}, 'This is not what the variable takes.'),
    ('agent-1', {'nixops_agent_secrets': {'neat-aws': 'text', 'neat-ssh': {'data': []}}}, 'This has to be a dictionary, and is not.'),
])
def test_nothing_is_concluded_from_what_is_wrong(
    networks: dict[str, Any], agents: dict[str, Any], host: str, variables: dict[str, Any], expected: str,
) -> None:
    (networks if host in networks else agents)[host].update(variables)
    found = everything_wrong_of(networks, agents)
    assert set(found) - {'The networks of a project have to agree about nixops_pins.'} == {expected}


def test_a_variable_that_is_not_defined(networks: dict[str, Any], agents: dict[str, Any]) -> None:
    class Undefined(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            if name == 'nixops_deployment':
                raise AnsibleUndefinedVariable("'vault_name' is undefined")
            return super().__getitem__(name)
    networks['neat-network'] = Undefined(networks['neat-network'])
    networks['neat-staging']['nixops_network_files'] = ['missing.nix']
    said = refusals(networks, agents)
    assert 'Ansible cannot evaluate the variable. Where: nixops_deployment of neat-network. Found: ' in said
    assert "'vault_name' is undefined" in said
    assert 'missing.nix' in said


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


def test_known_hosts_are_asked_for_the_agents_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / 'ssh-keygen'
    program.write_text('#!/bin/sh\necho "# Host $2 found: line 1"\necho "$2 ssh-ed25519 AAAAkey"\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', '%s:/bin' % tmp_path)
    assert states.agent_of('agent-1', {'ansible_host': '203.0.113.11'}).host_keys == {'AAAAkey'}
    program.unlink()
    assert states.agent_of('agent-1', {}).host_keys == frozenset()


def test_what_is_wrong_with_one_line_of_a_group_is_one_problem() -> None:
    hosts = ['one', 'two', *'abcdef']
    problems = [
        Problem('No secret.', where='map (g.yml:1) of two'), Problem('No secret.', where='map (g.yml:1) of one'),
        Problem('No secret.', where='map (g.yml:2) of one'), Problem('No file.', where='one, /srv/100%'),
        Problem('No file.', where='two, /srv/100%'), Problem('No file.', where='two, /srv/100%'),
        Problem('No host.', where='100% of three'),
        *(Problem('No port.', where='port of %s' % name) for name in 'abcdef'),
    ]
    assert [problem.where for problem in together(problems, hosts)] == [
        'map (g.yml:1) of two, one', 'map (g.yml:2) of one', 'one, two, /srv/100%', '100% of three', 'port of a, b, c, d, e and 1 more',
    ]
