# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key of AWS from its creation by the site playbook through a rotation, with deployments by the sandbox and AWS played by moto.

All at -vvvvv: the secret of no key is anywhere but on the agents.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.aws.plays import DAY, USER, aws_of, deploy, keys_of, kill_all, leaks, watched_processes
from tests.aws.server import CANARY, Aws
from tests.support.world import World


@pytest.fixture
def aws(world: World) -> Iterator[Aws]:
    """AWS, and a secret that says aws_user."""
    with aws_of(world) as server:
        yield server


def test_a_key_from_its_creation_to_its_end(world: World, aws: Aws) -> None:
    shown: list[str] = []
    world.variables['ANSIBLE_LOG_PATH'] = str(world.folder / 'log')
    aws.delay = {'': 1.0}
    with watched_processes(world.folder, shown):
        created = world.play('-vvvvv')
        assert created.code == 0, created.output
        (old,) = aws.keys(USER)
        assert keys_of(world) == {old.access_key_id} and old.secret_access_key.startswith(CANARY)

        aws.passed += 91 * DAY
        warned = world.play('--tags', 'agents', playbook='agents')
        assert warned.code == 0 and '91 days old; nixcd.hercules_ci.rotate replaces it' in warned.output
        assert warned.recap['agent-1']['changed'] == 0

        given = world.play('-vvvvv', playbook='rotate')
        assert given.code == 0 and 'until these networks have been deployed with the new one' in given.output, given.output
        assert 'neat-network' in given.output
    (_old, new) = aws.keys(USER)
    assert keys_of(world) == {new.access_key_id}
    aws.passed += timedelta(minutes=1)  # more than the clocks may differ
    deploy(world)
    switched_off = world.play(playbook='rotate')
    assert switched_off.code == 0 and 'and is kept until' in switched_off.output, switched_off.output
    assert [key.status for key in aws.keys(USER)] == ['Inactive', 'Active']
    aws.passed += 2 * DAY
    deleted = world.play(playbook='rotate')
    assert deleted.code == 0 and 'was deleted' in deleted.output, deleted.output
    assert [key.access_key_id for key in aws.keys(USER)] == [new.access_key_id] == [*keys_of(world)]
    aws.requests.clear()
    at_rest = world.play(playbook='rotate')
    assert at_rest.code == 0 and {counts['changed'] for counts in at_rest.recap.values()} == {0}
    assert aws.requests == ['GetUser', 'ListAccessKeys']
    plays = [created, warned, given, switched_off, deleted, at_rest]
    assert leaks(world, plays) == [] and shown == []
    assert not [each for each in plays if old.access_key_id in each.output or new.access_key_id in each.output], 'four characters are shown'


@pytest.mark.slow
@pytest.mark.parametrize('action', ['CreateAccessKey', 'TagUser', 'GetCallerIdentity'])
def test_plays_that_are_killed(world: World, aws: Aws, action: str) -> None:
    """As the tests of the steps do it everywhere: after a request that has taken effect, before Ansible knows."""
    def kill(what: str) -> None:
        if what == action:
            aws.done = bool
            kill_all(world)

    assert world.play(playbook='agents').code == 0
    (old,) = aws.keys(USER)
    aws.passed += 91 * DAY
    world.sandbox.settings(lease_seconds=5)  # the next run waits for the lock of the one that is dead
    aws.done = kill
    assert world.play(playbook='rotate').code != 0
    again = world.play(playbook='rotate')
    assert again.code == 0, again.output
    assert old.status == 'Active' and len(aws.keys(USER)) == 2
    assert keys_of(world) == {aws.keys(USER)[1].access_key_id}


@pytest.mark.slow
def test_an_agent_that_cannot_be_reached(world: World, aws: Aws) -> None:
    assert world.play(playbook='agents').code == 0
    (old,) = aws.keys(USER)
    world.inventory['hercules_agents']['hosts']['agent-2'].update(ansible_connection='ssh', ansible_host='127.0.0.1', ansible_port=9)
    aws.passed += 91 * DAY
    played = world.play(playbook='rotate')
    assert played.recap['agent-2']['unreachable'] == 1 and played.recap['agent-1']['failed'] == 0
    assert 'A new one is made when these agents can be reached: agent-2' in played.output
    assert [key.access_key_id for key in aws.keys(USER)] == [old.access_key_id]


@pytest.mark.slow
def test_no_boto3(world: World, aws: Aws) -> None:
    """It is needed by those alone who have keys looked after."""
    hidden = world.folder / 'hidden'
    hidden.mkdir()
    (hidden / 'boto3.py').write_text('raise ImportError("hidden")')
    world.variables['PYTHONPATH'] = str(hidden)
    refused = world.play(playbook='agents')
    assert refused.code != 0 and 'pip install boto3' in refused.output
    world.inventory['hercules_agents']['vars']['nixops_agent_secrets'].pop('neat-aws')
    assert world.play(playbook='agents').code == 0
