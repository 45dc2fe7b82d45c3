# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways to make machines anew, or to lose a state: NixOps never makes a machine that a state has, or nothing is pushed."""

from __future__ import annotations

import copy
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.marks import SLOW
from tests.support.repository import FILES, commit, git, head
from tests.support.world import DATABASE, PROJECT, Played, World, running_world

UUID = 'cccccccc-1700-11e7-8000-000000000003'
STATE = 'nixops-aws-prod.json'
EXPORT = (DATABASE.parent / 'export-aws-prod.json').read_bytes()
MACHINES = {'app1', 'app2', 'web1', 'web2', 'db1'}
ONLY_PRODUCTION = ('--limit', 'hercules_agents,neat-network')
MADE_ANEW = 'NixOps would make all of its machines anew'


def production(world: World) -> dict[str, Any]:
    variables: dict[str, Any] = world.inventory['nixops_networks']['children']['production']['hosts']['neat-network']
    return variables


def staging(world: World) -> dict[str, Any]:
    variables: dict[str, Any] = world.inventory['nixops_networks']['children']['staging']['hosts']['neat-staging']
    return variables


@pytest.fixture(scope='module')
def untouched_world(tmp_path_factory: pytest.TempPathFactory, collections: Path) -> Iterator[World]:
    """A world for all runs that change nothing. States that a test puts there have names of their own."""
    with running_world(tmp_path_factory.mktemp('untouched') / 'world', collections) as made:
        yield made


@pytest.fixture
def untouched(untouched_world: World) -> Iterator[World]:
    """The same with an inventory for one test."""
    inventory = copy.deepcopy(untouched_world.inventory)
    yield untouched_world
    untouched_world.inventory = inventory


def in_place_of(world: World, network: str, variants: dict[str, dict[str, Any]]) -> None:
    """Variants of a network, each with a state file of its name."""
    for group in world.inventory['nixops_networks']['children'].values():
        if network in group['hosts']:
            given = group['hosts'].pop(network)
            group['hosts'].update({name: {**given, 'nixops_state_name': name + '.json', **more} for name, more in variants.items()})


def done(world: World, action: str) -> set[str]:
    """The machines to which NixOps did this."""
    return {item['resource'] for item in world.sandbox.deployed(PROJECT, action)} & MACHINES


def heads(world: World) -> list[str]:
    return [head(world.bare, branch) for branch in ('production', 'staging')]


def refused(world: World, *arguments: str, playbook: str = 'networks') -> Played:
    """Play, and make sure that no branch was pushed and no machine was made."""
    before = heads(world)
    played = world.play(*arguments, playbook=playbook)
    world.sandbox.wait_until_idle()
    assert heads(world) == before, played.output
    assert not done(world, 'created')
    assert played.code != 0, played.output
    return played


@pytest.mark.parametrize('variables', [
    SLOW({'nixops_deployment': 'cccccccc'}),
    SLOW({'nixops_deployment': UUID}),
    SLOW({'nixops_effect_deployment': UUID}),
    SLOW({'nixops_deployment': 'cccccccc', 'nixops_effect_deployment': 'aws-prod', 'nixops_state_name': 'production.json'}),
], ids=lambda variables: ', '.join('%s=%s' % (name[7:], value[:8]) for name, value in variables.items()))
def test_whatever_it_is_called_its_machines_are_found(world: World, variables: dict[str, str]) -> None:
    production(world).update(variables)
    played = world.play(*ONLY_PRODUCTION)
    assert played.code == 0, played.output
    assert not done(world, 'created')
    assert done(world, 'kept') == {'app1', 'app2'}


@pytest.mark.parametrize(('variables', 'all_words'), [
    ({'nixops_effect_deployment': 'other'}, ["a deployment named 'other'"]),
    ({'nixops_arguments': {'NIXOPS_DEPLOYMENT': 'other', 'stateName': 'other.json'}},
     ['Use the variable nixops_effect_deployment', 'Use the variable nixops_state_name']),
])
def test_an_effect_that_would_find_another_state_or_none(untouched: World, variables: dict[str, Any], all_words: list[str]) -> None:
    production(untouched).update(variables)
    played = refused(untouched, *ONLY_PRODUCTION)
    for words in all_words:
        assert words in played.output


PLAYS = {
    'ignore_errors': '''
- hosts: nixops_networks
  gather_facts: false
  ignore_errors: true
  tasks:
    - ansible.builtin.import_role: {name: nixcd.hercules_ci.nixops}
''',
    'rescue': '''
- hosts: nixops_networks
  gather_facts: false
  tasks:
    - block:
        - ansible.builtin.include_role: {name: nixcd.hercules_ci.nixops}
      rescue:
        - ansible.builtin.debug: {msg: never mind}
''',
    'when': '''
- hosts: nixops_networks
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: nixcd.hercules_ci.nixops}
      when: inventory_hostname != 'neat-staging'
''',
}


@pytest.mark.parametrize('way', ['ignore_errors', SLOW('rescue'), SLOW('when')])
def test_a_network_of_the_branch_whose_state_was_not_uploaded(world: World, way: str) -> None:
    """However its upload was lost: what counts is what is on the server."""
    staging(world)['nixops_branches'] = ['production']
    if way != 'when':
        world.sandbox.fault('status', 'PUT', '.*nixops-webfarm.*', times=-1, status=403)
    playbook = world.folder / 'play.yml'
    playbook.write_text(PLAYS[way])
    assert world.play(playbook='agents').code == 0
    before = heads(world)
    played = world.play(playbook=str(playbook))
    world.sandbox.wait_until_idle()
    assert heads(world) == before, played.output
    assert not world.sandbox.deployed(PROJECT)
    assert 'neat-staging' in played.output.split('Show what became of all networks]')[1]


def test_a_branch_with_a_file_of_a_run_whose_upload_failed_may_be_merged(world: World) -> None:
    """The other network's branch is pushed, with a file that declares both."""
    world.sandbox.fault('status', 'PUT', '.*nixops-aws-prod.*', times=-1, status=403)
    before = heads(world)
    assert world.play().code != 0
    assert [now != then for now, then in zip(heads(world), before)] == [False, True]
    git(world.bare, 'push', '--quiet', '.', 'staging:production')
    world.sandbox.wait_until_idle()
    assert 'neat-network = ' in git(world.bare, 'show', 'production:ci.nix')
    assert not done(world, 'created')


def test_networks_that_run_on_the_branch_without_being_named_there(untouched: World) -> None:
    variants: dict[str, dict[str, Any]] = {
        'another-branch': {'nixops_run_on': {'branches': ['production']}}, 'pattern': {'nixops_branches': ['staging', 'prod*']},
        'another-pattern': {'nixops_run_on': {'branches': ['prod*']}}, 'any-ref': {'nixops_run_on': {'any_ref': True}},
    }
    in_place_of(untouched, 'neat-staging', variants)
    played = refused(untouched, *ONLY_PRODUCTION)
    for name in variants:
        assert '%s. Where: %s, branch production of ' % (MADE_ANEW, name) in played.output


@pytest.mark.parametrize('state', ['upload', 'present'])
def test_states_on_the_server_that_are_none(untouched: World, state: str) -> None:
    contents = {'empty': b'', 'garbage': b'garbage', 'nothing': b'{}',
                'another': EXPORT.replace(b'cccccccc', b'dddddddd').replace(b'aws-prod', b'other')}
    each_refused(untouched, {'%s-%s' % (state, name): (content, {'nixops_state': state}) for name, content in contents.items()})


def test_other_deployments_of_the_same_name_on_the_server(untouched: World) -> None:
    others = {'keep': 'eeeeeeee', 'replace': 'ffffffff'}
    played = each_refused(untouched, {'swapped-' + existing: (
        EXPORT.replace(b'cccccccc', other.encode()), {'nixops_state_existing': existing}) for existing, other in others.items()})
    for other in others.values():
        assert other in played.output


def each_refused(world: World, states: dict[str, tuple[bytes, dict[str, Any]]]) -> Played:
    """One play of a network for each of these states on the server, with variables; all are named, and stay as they are."""
    for name, (content, _variables) in states.items():
        world.sandbox.put_state(PROJECT, name + '.json', content)
    in_place_of(world, 'neat-network', {name: variables for name, (_content, variables) in states.items()})
    played = refused(world, '--limit', 'hercules_agents,production')
    for name, (content, _variables) in states.items():
        assert re.search(r'Where: (%s, )?%s\.json, version 1\b' % (name, name), played.output), name + played.output
        assert world.sandbox.states(PROJECT, name + '.json') == [content]
    return played


def test_what_is_printed_before_the_push_is_what_is_done(world: World, tmp_path: Path) -> None:
    """A machine added, one removed, one renamed and a resource added, in two networks: by the printed plan, the table, and the page."""
    page = tmp_path / 'report.html'
    world.inventory['nixops_networks']['vars']['nixops_report'] = str(page)
    for name in ('network.nix', 'network-aws.nix', 'network-stub.nix'):
        commit(world.bare, 'production', name, FILES[name].replace('app2', 'app3').replace(
            'resources.ec2KeyPairs.kp =', 'resources.ec2SecurityGroups.sg = { }; resources.ec2KeyPairs.kp ='))
    commit(world.bare, 'staging', 'staging.nix', FILES['staging.nix'].replace('web2 = ', 'web3 = machine "w3"; web4 = '))
    planned = world.play(playbook='plan')
    assert git(world.checkout, 'status', '--porcelain', '--ignored') == '', 'the playbook has written something'
    assert planned.code == 0, planned.output
    assert not world.sandbox.deployed(PROJECT)
    played = world.play()
    assert played.code == 0, played.output
    assert printed(planned) == printed(played)
    done = world.sandbox.deployed(PROJECT)
    for network, branch in (('neat-network', 'production'), ('neat-staging', 'staging')):
        of_network = [item for item in done if item['attribute'] == network + '.run' and item['resource']]
        made, gone, kept, back = ({item['resource'] for item in of_network if item['action'] == action}
                                  for action in ('created', 'obsolete', 'kept', 'no longer obsolete'))
        lines = printed(played)[branch]
        assert marked(lines, '+') == made
        assert marked(lines, '-') == gone
        assert marked(lines, '~') == back
        machines = {item['resource'] for item in of_network if item['action'] == 'configured'} - made
        assert machines == {'neat-network': {'app1'}, 'neat-staging': {'web1', 'db1'}}[network] == kept & {'app1', 'web1', 'db1'}
        short = '+%d ~%s -%d' % (len(made), '%s?' % (len(back) or ''), len(gone))
        assert re.search(r'^  %s +%s .* %s  ' % (network, branch, re.escape(short)), played.output, re.MULTILINE)
        assert '<td data-label="Plan" role="cell">%s</td>' % short in html.unescape(page.read_text('utf-8'))
    assert marked(printed(played)['production'], '+') >= {'app3', 'sg'}
    assert marked(printed(played)['staging'], '+') == {'web3', 'web4'}
    assert {'app2'} <= marked(printed(played)['production'], '-')
    assert marked(printed(played)['staging'], '-') == {'web2'}


def printed(played: Played) -> dict[str, list[str]]:
    """The lines of each branch's plan."""
    found: dict[str, list[str]] = {}
    for branch, text in re.findall(r'^Plan for branch (\S+) of [^\n]*:\n(.*?)^  Plan: ', played.output, re.DOTALL | re.MULTILINE):
        found[branch] = text.splitlines()
    return found


def marked(lines: list[str], mark: str) -> set[str]:
    """The names behind a mark."""
    return {words[1] for words in map(str.split, lines) if words[0] == mark}
