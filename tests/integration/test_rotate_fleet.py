# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWS keys of a fleet: two plays at once, what one agent gets from another, check mode and diff mode, and what it costs at rest."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.plays import DAY, USER, aws_of, deploy, key_of, keys_of, leaks, watched_processes
from tests.aws.server import CANARY, Aws
from tests.support.world import Played, World


@pytest.fixture
def aws(world: World) -> Iterator[Aws]:
    """AWS, and a secret that says aws_user."""
    with aws_of(world) as server:
        yield server


@pytest.mark.parametrize('playbook', [pytest.param('agents', marks=pytest.mark.slow), 'rotate'])
def test_two_plays_at_once(world: World, aws: Aws, playbook: str) -> None:
    """While one has made a key that no agent has yet, another begins: it waits for the lock, and finds nothing to do."""
    if playbook == 'rotate':
        assert world.play(playbook='agents').code == 0
        aws.passed += 91 * DAY
    before = [key.access_key_id for key in aws.keys(USER)]
    second: list[Played] = []
    begun = threading.Event()
    most: list[int] = []

    def look_on(action: str) -> None:
        most.append(len(aws.keys(USER)))
        if action == 'CreateAccessKey' and not other.is_alive():
            looked = aws.requests.count('ListAccessKeys')
            other.start()
            while aws.requests.count('ListAccessKeys') == looked:
                assert not begun.wait(0.1)  # for the other to have seen the new key as well

    other = threading.Thread(target=lambda: second.append(world.play(playbook=playbook)))
    aws.done = look_on
    first = world.play(playbook=playbook)
    other.join()
    assert (first.code, second[0].code) == (0, 0), first.output + second[0].output
    keys = [key.access_key_id for key in aws.keys(USER)]
    assert keys[:-1] == before and max(most) == len(keys) == len(before) + 1 and aws.requests.count('CreateAccessKey') == len(keys)
    assert keys_of(world) == {keys[-1]} and all(key.status == 'Active' for key in aws.keys(USER))
    assert 'was made' in first.output and 'was made' not in second[0].output


def test_what_an_agent_gets_from_another_is_unseen(world: World, aws: Aws, tmp_path: Path) -> None:
    """An agent that was rebuilt and one that is new, and the report, with everything that Ansible can be made to print."""
    page = tmp_path / 'report.html'
    world.inventory['nixops_networks']['vars']['nixops_report'] = str(page)
    assert world.play(playbook='agents').code == 0
    (key,) = aws.keys(USER)
    world.agent_secrets('agent-2').unlink()
    new = world.agent_secrets('agent-3')
    new.parent.mkdir()
    world.inventory['hercules_agents']['hosts']['agent-3'] = {'nixops_agent_secrets_path': str(new)}
    world.variables.update(ANSIBLE_LOG_PATH=str(world.folder / 'log'), ANSIBLE_DEBUG='1')
    shown: list[str] = []
    with watched_processes(world.folder, shown):
        given = world.play('-vvvvv', '--diff')
    assert given.code == 0, given.output[-10000:]
    assert keys_of(world) | {key_of(world, 'agent-3')} == {key.access_key_id} and aws.keys(USER) == [key]
    for agent in ('agent-2', 'agent-3'):
        assert json.loads(world.agent_secrets(agent).read_text())['neat-aws']['data']['aws_secret_access_key'] == key.secret_access_key
    assert key.secret_access_key.startswith(CANARY) and 'give agent-3' in given.output
    assert leaks(world, [given]) == [] and shown == []
    report = page.read_text()
    assert CANARY not in report and key.access_key_id not in report
    assert USER in report and '…' + key.access_key_id[-4:] in report and 'is to be replaced after' in report


def all_of(world: World, aws: Aws) -> tuple[Any, ...]:
    """Whatever a run could change."""
    files = [(agent, world.agent_secrets(agent).read_bytes()) for agent in ('agent-1', 'agent-2') if world.agent_secrets(agent).exists()]
    return [(key.access_key_id, key.status) for key in aws.keys(USER)], aws.tag(USER), files


def foreseen(world: World, aws: Aws, *texts: str, changed: bool = True) -> None:
    """A run in check mode says this, and does nothing."""
    before = all_of(world, aws)
    played = world.play('--check', '--diff', playbook='rotate')
    assert played.code == 0 and all_of(world, aws) == before, played.output
    assert all(text in played.output for text in texts), played.output
    assert bool(played.changes) == changed, played.output
    assert not re.search(r'AKIA\w{16}|%s' % CANARY, played.output)


def test_check_mode_and_diff_mode(world: World, aws: Aws) -> None:
    """What comes next is told, and nothing is done; with --diff the fields are told that agents get, without a value."""
    foreseen(world, aws, 'none on the agents', 'create a key: No agent has a key that works.')
    made = world.play('--diff', playbook='rotate')
    assert made.code == 0 and 'aws_secret_access_key' in made.output and not re.search(r'AKIA\w{16}|%s' % CANARY, made.output)
    foreseen(world, aws, 'is to be replaced after', changed=False)


@pytest.mark.slow
def test_check_mode_foresees_each_step(world: World, aws: Aws) -> None:
    assert world.play().code == 0
    world.agent_secrets('agent-2').unlink()
    foreseen(world, aws, 'bring the key to agents: These agents do not have it: agent-2.')
    assert world.play(playbook='rotate').code == 0
    aws.passed += 91 * DAY
    foreseen(world, aws, 'create a key: The key', 'is 91 days old.')
    assert world.play(playbook='rotate').code == 0
    foreseen(world, aws, 'stays active until these networks have been deployed with the new one', changed=False)
    aws.passed += DAY / 1440  # more than the clocks may differ
    deploy(world)
    foreseen(world, aws, 'switch the key off: All networks have been deployed with the new one.')
    assert world.play(playbook='rotate').code == 0
    foreseen(world, aws, 'is switched off, and is kept until', changed=False)
    aws.passed += 2 * DAY
    foreseen(world, aws, 'delete the key: It has been switched off since')


def test_the_plan_tells_of_keys(world: World, aws: Aws) -> None:
    """By what the last run has noted: no agent is asked."""
    none = world.play(playbook='plan')
    assert 'AWS access key of neat-deployer (secret neat-aws): none' in none.output, none.output
    assert 'No run has noted yet that all agents have a key.' in none.output
    assert world.play(playbook='agents').code == 0
    (key,) = aws.keys(USER)
    aws.passed += 91 * DAY
    before = all_of(world, aws)
    world.inventory['hercules_agents']['vars'].update(ansible_connection='ssh', ansible_host='127.0.0.1', ansible_port=9)
    told = world.play(playbook='plan')
    shown = '…' + key.access_key_id[-4:]
    assert 'AWS access key of neat-deployer (secret neat-aws): %s, 91 days old' % shown in told.output
    assert 'create a key: The key %s is 91 days old.' % shown in told.output
    assert told.code == none.code == 0 and all_of(world, aws) == before


def test_twenty_agents_and_ten_users_at_rest(world: World, aws: Aws) -> None:
    """One task an agent, and two requests a user."""
    users = {'aws-%d' % number: 'user-%d' % number for number in range(10)}
    agents = world.inventory['hercules_agents']
    agents['vars']['nixops_agent_secrets'] = {secret: {'aws_user': user} for secret, user in users.items()}
    network = world.inventory['nixops_networks']['children']['production']['hosts']['neat-network']
    network['nixops_secrets_map'] = {secret: secret for secret in users}
    held = {}
    for secret, user in users.items():
        aws.iam.create_user('us-east-1', user)
        key = aws.make_key(user)
        data = {'aws_access_key_id': key.access_key_id, 'aws_secret_access_key': key.secret_access_key}
        held[secret] = {'kind': 'Secret', 'data': data, 'condition': {'isOwner': 'neat-org'}}
    paths = [world.agent_secrets('agent-%d' % number) for number in range(20)]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(held))
    hosts = {path.parent.name: {'nixops_agent_secrets_path': str(path)} for path in paths}
    agents['hosts'] = {'agent-0': hosts['agent-0']}  # to take the keys over needs no more than one of those who have them
    adopted = world.play(playbook='rotate')
    assert adopted.code == 0, adopted.output
    agents['hosts'] = hosts
    aws.requests.clear()
    at_rest = world.play('-f', '10', playbook='rotate')
    assert at_rest.code == 0 and at_rest.changes == {}, at_rest.output
    assert aws.requests == ['GetUser', 'ListAccessKeys'] * 10
    assert [at_rest.recap['agent-%d' % number]['ok'] for number in range(20)] == [2] + [1] * 19, 'what is done once is the first one\'s'
    assert at_rest.output.count('\nTASK [') == 3, 'one is skipped'
    assert len(re.findall(r'^AWS access key of user-\d ', at_rest.output, re.MULTILINE)) == 10
