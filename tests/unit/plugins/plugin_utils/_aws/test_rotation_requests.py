# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWS refuses: each request of each step with each error is a sentence and a safe state, and the next runs go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws import trial
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.step import RotationPolicy

from tests.aws.fleet import AGENTS, USER, Agents
from tests.aws.server import CANARY, LOST, Aws
from tests.support.marks import SLOW

DAY = timedelta(days=1)
WISH = RotationPolicy(max_age=90 * DAY, soak=DAY)
SITE = replace(WISH, rotates=False)
CODES = {
    'AccessDenied': 'The controller may not ask AWS for %s.',
    'ExpiredToken': "The controller's credentials for AWS have expired.",
    'LimitExceeded': 'AWS gives the user no more of this.',
    'Throttling': 'AWS has put %s off for 20 seconds, as too much is asked of it.',
    'SignatureDoesNotMatch': 'AWS does not take the signature of the request.',
    'InvalidClientTokenId': "AWS does not know the controller's own access key.",
    'NoSuchEntity': 'AWS knows no such user, or no such key.',
    'InternalFailure': 'AWS refuses %s.',
}
"""What each says of an action."""


@pytest.fixture
def agents(aws: Aws, tmp_path: Path) -> Agents:
    """Five agents without a key, whose controller has no time to lose."""
    made = Agents(tmp_path / 'agents', aws)
    made.client.sleep = bool
    return made


def nothing_yet(agents: Agents) -> RotationPolicy:
    """The first key is to be made."""
    assert not agents.aws.keys(USER)
    return SITE


def an_old_key(agents: Agents) -> RotationPolicy:
    """A key is to be made beside it."""
    agents.run(SITE)
    agents.aws.passed += 91 * DAY
    return WISH


def deployed(agents: Agents) -> RotationPolicy:
    """The old key is to be switched off."""
    agents.run(an_old_key(agents))
    agents.deploy_all()
    return WISH


def soaked(agents: Agents) -> RotationPolicy:
    """The old key is to be deleted."""
    agents.run(deployed(agents))
    agents.aws.passed += 2 * DAY
    return WISH


def used_after_all(agents: Agents) -> RotationPolicy:
    """The old key is to be switched on again."""
    agents.run(deployed(agents))
    agents.aws.use(agents.aws.keys(USER)[0], 's3', 'us-west-2')
    agents.aws.passed += 2 * DAY
    return WISH


def lost(agents: Agents) -> RotationPolicy:
    """A key of which only the tag knows that one was to be made is to be deleted; a run that has ended there leaves no more."""
    agents.aws.passed += timedelta(minutes=30)
    agents.aws.failing = (8, LOST)
    row = agents.run(SITE)
    assert 'AWS has failed in CreateAccessKey.' in row['next'] and len(agents.aws.keys(USER)) == 1
    agents.aws.failing = (0, '')
    return SITE


def forgotten(agents: Agents) -> RotationPolicy:
    """A key whose ID is in the tag, and that no agent has, is to be deleted."""
    agents.run(SITE)
    for agent in AGENTS:
        agents.forget(agent)
    return SITE


SITUATIONS: dict[Callable[[Agents], RotationPolicy], int] = {
    nothing_yet: 14, an_old_key: 14, deployed: 11, soaked: 10, used_after_all: 10, lost: 19, forgotten: 15,
}
"""And how many requests of the controller a run asks then that nothing hinders."""
LOOK = ('GetUser', 'ListAccessKeys')
ACTIONS = {
    nothing_yet: (*LOOK, 'TagUser', 'CreateAccessKey'), an_old_key: (*LOOK, 'TagUser', 'CreateAccessKey'),
    deployed: (*LOOK, 'GetAccessKeyLastUsed', 'TagUser', 'UpdateAccessKey'), soaked: (*LOOK, 'GetAccessKeyLastUsed', 'DeleteAccessKey'),
    used_after_all: (*LOOK, 'GetAccessKeyLastUsed', 'UpdateAccessKey'),
    lost: (*LOOK, 'GetAccessKeyLastUsed', 'LookupEvents', 'DeleteAccessKey'),
    forgotten: (*LOOK, 'GetAccessKeyLastUsed', 'TagUser', 'CreateAccessKey'),
}
"""What each asks for, up to the first change."""


def situation(agents: Agents, make: Callable[[Agents], RotationPolicy]) -> RotationPolicy:
    wish = make(agents)
    agents.aws.requests.clear()
    agents.aws.number = 0
    return wish


def converge(agents: Agents) -> None:
    """The next runs, with deployments between them, lead to one key that all agents have."""
    agents.aws.failing, agents.aws.errors = (0, ''), {}
    for _number in range(6):
        agents.run(WISH)
        agents.deploy_all()
        agents.aws.passed += 2 * DAY
    (key,) = agents.aws.keys(USER)
    assert key.status == 'Active' and {agents.key(agent) for agent in AGENTS} == {key.access_key_id}


def safe(agents: Agents) -> bool:
    """No agent has a key that does not work, and AWS keeps no more than two."""
    held = {agents.key(agent) for agent in AGENTS} - {''}
    return all(map(agents.aws.works, held)) and len(agents.aws.keys(USER)) <= 2


@pytest.mark.parametrize('make', SITUATIONS)
def test_how_many_requests_there_are(agents: Agents, aws: Aws, make: Callable[[Agents], RotationPolicy]) -> None:
    row = agents.run(situation(agents, make))
    assert (row['step'] != 'failed', aws.number) == (True, SITUATIONS[make])


@pytest.mark.parametrize('make', SITUATIONS)
def test_each_action_refused_with_each_error(agents: Agents, aws: Aws, make: Callable[[Agents], RotationPolicy]) -> None:
    """Of those up to the first change. Nothing is changed then."""
    wish = situation(agents, make)
    before = [(key.access_key_id, key.status) for key in aws.keys(USER)]
    for action in ACTIONS[make]:
        for code, sentence in CODES.items():
            if (action, code) == ('DeleteAccessKey', 'NoSuchEntity'):
                continue  # then it is done
            aws.errors = {action: code}
            row = agents.run(wish)
            assert row['step'] == 'failed', (action, code)
            assert (sentence % action if '%' in sentence else sentence) in row['next'] and ('%s of ' % action) in row['next']
            assert bool(row['key_problems']) == wish.rotates
            assert 'AKIAQUOTED' not in str(row) and CANARY not in str(row)
            assert [(key.access_key_id, key.status) for key in aws.keys(USER)] == before, (action, code)
    aws.requests.clear()
    aws.errors = {}
    agents.run(wish)
    controllers = [action for action in aws.requests if action not in ('GetCallerIdentity', 'DescribeInstances')]
    noted = {'TagUser'}  # not once more within a second
    assert {*controllers[:controllers.index(ACTIONS[make][-1]) + 1]} | noted == {*ACTIONS[make]} | noted
    converge(agents)


@pytest.mark.parametrize('fails', ['down', 'broken'])
@pytest.mark.parametrize('make', SITUATIONS)
def test_one_agent_of_five_in_each_situation(agents: Agents, aws: Aws, make: Callable[[Agents], RotationPolicy], fails: str) -> None:
    """It does not answer, or what it was to get cannot be written: that agent alone is left, and nobody loses a key that works."""
    wish = situation(agents, make)
    before = {key.access_key_id: key.status for key in aws.keys(USER)}
    held = {agent: agents.key(agent) for agent in AGENTS}
    setattr(agents, fails, {'agent-3'})
    for _number in range(3):
        row = agents.run(wish)
        assert safe(agents) and row['step'] != 'failed'
        assert agents.key('agent-3') == held['agent-3']
    now = {key.access_key_id: key.status for key in aws.keys(USER)}
    if fails == 'down':
        assert set(row['agents']) == {'agent-3'} and 'reached' in row['agents']['agent-3'], row
        assert {key: now.get(key) for key in before} == before, 'what the agent may have is left as it is'
    agents.down, agents.broken = set(), set()
    converge(agents)


CASES = [(make, number) for make, requests in SITUATIONS.items() for number in range(1, requests + 1)]


@pytest.mark.parametrize('code', [
    'AccessDenied', pytest.param('ExpiredToken', marks=pytest.mark.slow), pytest.param(LOST, marks=pytest.mark.slow),
])
@pytest.mark.parametrize(('make', 'number'), [case if case[1] % 6 == 5 else SLOW(*case) for case in CASES])
def test_each_request_refused(agents: Agents, aws: Aws, make: Callable[[Agents], RotationPolicy], number: int, code: str) -> None:
    """Also in the middle of a step, when the same action was allowed before: credentials end at any time. With LOST, it took effect."""
    wish = situation(agents, make)
    aws.failing = (number, code)
    row = agents.run(wish)
    assert row['step'] == 'failed' and safe(agents)
    assert ('AWS has failed in' if code == LOST else CODES[code].partition('%')[0]) in row['next']
    converge(agents)


@pytest.mark.parametrize('code', ['Throttling', 'RequestLimitExceeded', 'InternalFailure', 'ServiceUnavailable', 'SignatureDoesNotMatch'])
def test_what_is_refused_to_a_new_key_proves_nothing(agents: Agents, aws: Aws, code: str) -> None:
    """Nor does a request that is put off: it may not have been looked at."""
    aws.refused_first = {'GetCallerIdentity': [code] * 7, 'DescribeInstances': [code] * 3}
    agents.run(SITE)
    refused = [refusal for _key, refusal in aws.used]
    assert refused.count(code) == 10 and len(refused) - 10 >= 4 * trial.TIMES
    assert all(map(agents.key, AGENTS))


@pytest.mark.parametrize('code', ['UnauthorizedOperation', 'DryRunOperation', 'OptInRequired'])
def test_a_new_key_need_not_be_allowed_anything(agents: Agents, aws: Aws, code: str) -> None:
    aws.refused_first = {'DescribeInstances': [code] * 4}
    agents.run(SITE)
    assert aws.refused_first == {'DescribeInstances': []} and all(map(agents.key, AGENTS))
    assert len(aws.used) == 4 * trial.TIMES
