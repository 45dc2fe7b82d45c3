# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight on the guide's world."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleUndefinedVariable
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, Problem
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.preflight import Inventory, check, together

from tests.support.repository import git
from tests.support.world import PROJECT, World

from .conftest import refusals


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
