# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rotations with boto3 against moto, and agents with real files: the whole way, what AWS refuses, and what else may happen meanwhile."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws import rotation, trial
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.iam import AwsClient
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.rotation import no_jobs
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.step import Jobs, Kind, RotationPolicy

from tests.aws.fleet import AGENTS, NETWORKS, USER, Agents
from tests.aws.server import CANARY, Aws

DAY = timedelta(days=1)
WISH = RotationPolicy(max_age=90 * DAY, soak=DAY)
SITE = replace(WISH, rotates=False)


@pytest.fixture
def agents(aws: Aws, tmp_path: Path) -> Agents:
    """Five agents without a key."""
    return Agents(tmp_path / 'agents', aws)


def held(agents: Agents) -> set[str]:
    return {agents.key(agent) for agent in AGENTS}


def rotate_to_the_end(agents: Agents) -> list[dict[str, Any]]:
    """Runs and deployments until there is nothing to do."""
    rows = []
    for _number in range(4):
        rows.append(agents.run(WISH))
        agents.deploy_all()
        agents.aws.passed += 2 * DAY
    return rows


def test_the_whole_way(agents: Agents, aws: Aws) -> None:
    first = agents.run(SITE)
    (old,) = aws.keys(USER)
    assert held(agents) == {old.access_key_id}
    assert all(agents.secret(agent) == old.secret_access_key and old.secret_access_key.startswith(CANARY) for agent in AGENTS)
    assert [line.split(' ')[:3] for line in first['done']] == [['The', 'key', '…' + old.access_key_id[-4:]], ['All', 'agents', 'have']]
    aws.passed += 91 * DAY
    assert 'nixcd.hercules_ci.rotate replaces it' in agents.run(SITE)['next']
    assert len(aws.keys(USER)) == 1

    rows = rotate_to_the_end(agents)
    (new,) = aws.keys(USER)
    assert held(agents) == {new.access_key_id} != {old.access_key_id}
    assert ['stays active until these networks' in rows[0]['next'], 'and is kept until' in rows[1]['next']] == [True, True]
    assert [row['step'] for row in rows] == ['wait', 'wait', 'nothing to do', 'nothing to do']
    assert 'was deleted' in ' '.join(rows[2]['done']) and rows[3]['done'] == []
    shown = str(first) + str(rows)
    assert CANARY not in shown and old.access_key_id not in shown and new.access_key_id not in shown


def test_at_rest_two_requests(agents: Agents, aws: Aws) -> None:
    agents.run(SITE)
    for wish in (SITE, WISH):
        aws.requests.clear()
        assert agents.run(wish)['step'] == 'nothing to do'
        assert aws.requests == ['GetUser', 'ListAccessKeys']


def test_a_key_that_the_agents_have_already_is_adopted(agents: Agents, aws: Aws) -> None:
    key = aws.make_key(USER, age=100 * DAY)
    for agent in AGENTS:
        agents.file(agent).write_text(
            '{"neat-aws": {"kind": "Secret", "condition": true, "data": {"aws_access_key_id": "%s", "aws_secret_access_key": "%s"}}}'
            % (key.access_key_id, key.secret_access_key))
    assert agents.run(SITE)['step'] == 'nothing to do'
    rotate_to_the_end(agents)
    (new,) = aws.keys(USER)
    assert held(agents) == {new.access_key_id} != {key.access_key_id}


def test_an_agent_that_was_rebuilt_gets_the_key_of_the_others(agents: Agents, aws: Aws) -> None:
    agents.run(SITE)
    agents.forget('agent-2')
    row = agents.run(SITE)
    assert row['step'] == 'nothing to do' and len(aws.keys(USER)) == 1
    assert agents.secret('agent-2') == aws.keys(USER)[0].secret_access_key


def test_a_key_that_all_agents_have_lost_is_replaced(agents: Agents, aws: Aws) -> None:
    agents.run(SITE)
    (lost,) = aws.keys(USER)
    aws.passed += DAY
    aws.use(lost)
    for agent in AGENTS:
        agents.forget(agent)
    agents.run(SITE)
    rotate_to_the_end(agents)
    (new,) = aws.keys(USER)
    assert held(agents) == {new.access_key_id} != {lost.access_key_id}


def test_no_agent_uses_a_key_before_aws_knows_it_everywhere(agents: Agents, aws: Aws) -> None:
    """One success proves nothing: the next request may be refused again."""
    aws.unsteady = {'eu-west-1': [False, False], 'us-east-1': [False, True, False, True, True, False, False]}
    agents.written = lambda: waiting.append(sum(map(len, aws.unsteady.values())))
    waiting: list[int] = []
    agents.run(SITE)
    (key,) = aws.keys(USER)
    refused = Counter(refusal for _key, refusal in aws.used)
    assert refused['InvalidClientTokenId'] >= 2 and refused['AuthFailure'] >= 1
    assert held(agents) == {key.access_key_id} and waiting == [0] * 5


@pytest.mark.parametrize('seconds', [1.5])
def test_a_key_that_a_region_knows_only_after_a_while(agents: Agents, aws: Aws, seconds: float) -> None:
    aws.delay = {'us-east-1': seconds}
    agents.run(SITE)
    (key,) = aws.keys(USER)
    assert held(agents) == {key.access_key_id} and all(refusal == '' for _key, refusal in aws.used[-2:])


def test_a_key_that_aws_never_takes(agents: Agents, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, 'PATIENCE', 0)
    monkeypatch.setattr(trial, 'TIMES', 1)
    aws.delay = {'us-east-1': 1000.0}
    row = agents.run(SITE)
    assert row['step'] == 'failed' and 'AWS does not take the new key. Where: ec2 in us-east-1, sts in us-east-1.' in row['next']
    assert held(agents) == {''}
    assert set(row['agents']) == set(AGENTS), 'who has no key fails'
    aws.delay = {}
    (refused,) = aws.keys(USER)
    assert 'was deleted' in agents.run(SITE)['done'][0]
    (key,) = aws.keys(USER)
    assert held(agents) == {key.access_key_id} != {refused.access_key_id}


def test_a_service_that_cannot_be_reached_with_a_new_key(agents: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, 'PATIENCE', 0)
    monkeypatch.setattr(trial, 'TIMES', 1)
    monkeypatch.setenv('AWS_ENDPOINT_URL_EC2', 'http://127.0.0.1:1')
    row = agents.run(SITE)
    assert row['step'] == 'failed' and 'Where: ec2 in eu-west-1, ec2 in us-east-1.' in row['next']
    assert 'Found: EndpointConnectionError.' in row['next'] and held(agents) == {''}


def test_requests_that_are_put_off(agents: Agents, aws: Aws) -> None:
    slept: list[float] = []
    agents.client.sleep = slept.append
    actions = ('GetUser', 'ListAccessKeys', 'TagUser', 'CreateAccessKey')
    aws.put_off.update(dict.fromkeys(actions, 2))
    assert agents.run(SITE)['step'] == 'nothing to do' and len(slept) > 6
    aws.put_off.update(dict.fromkeys(actions, 100))
    row = agents.run(SITE)
    assert 'AWS has put GetUser off for 20 seconds, as too much is asked of it.' in row['next']


@pytest.mark.parametrize('minutes', [-5, 5])
def test_a_clock_of_the_controller_that_is_wrong(agents: Agents, aws: Aws, minutes: int) -> None:
    aws.skew = timedelta(minutes=minutes)
    agents.run(SITE)
    aws.passed += 91 * DAY
    rotate_to_the_end(agents)
    (key,) = aws.keys(USER)
    assert held(agents) == {key.access_key_id}


def test_a_signature_that_is_refused_tells_of_the_clock(agents: Agents, aws: Aws) -> None:
    aws.errors = {'GetUser': 'SignatureDoesNotMatch'}
    assert 'Compare the clock of the controller with the real time' in agents.run(WISH)['next']


def test_an_effect_from_before_keeps_the_old_key(agents: Agents, aws: Aws) -> None:
    agents.run(SITE)
    aws.passed += 91 * DAY
    started = aws.now
    agents.run(WISH)
    agents.deploy_all()
    agents.jobs = replace(agents.jobs, oldest=started)
    assert 'while a job runs that began before' in agents.run(WISH)['next']
    assert all(key.status == 'Active' for key in aws.keys(USER))


def test_a_key_that_is_used_elsewhere_stays(agents: Agents, aws: Aws) -> None:
    agents.run(SITE)
    (old,) = aws.keys(USER)
    aws.passed += 91 * DAY
    agents.run(WISH)
    agents.deploy_all()
    aws.use(old, 's3', 'us-west-2')
    row = agents.run(WISH)
    assert 'for s3 in us-west-2, after all networks had been deployed' in row['next'] and old.status == 'Active'


def test_a_foreign_key_is_never_touched(agents: Agents, aws: Aws) -> None:
    agents.run(SITE)
    aws.passed += 91 * DAY
    foreign = aws.make_key(USER)
    for wish in (WISH, SITE):
        row = agents.run(wish)
        assert row['step'] == 'refuse' and 'which no agent has and no run has made' in row['next']
        assert foreign.access_key_id[-4:] in row['next'] and foreign.access_key_id not in str(row)
        assert bool(row['key_problems']) == wish.rotates and row['agents'] == {}
    assert foreign.status == 'Active' and foreign in aws.keys(USER)


@pytest.mark.parametrize('fails', ['down', 'broken'])
def test_one_agent_of_five_is_down(agents: Agents, aws: Aws, fails: str) -> None:
    """At each step: that agent alone is left, and the old key stays active."""
    agents.run(SITE)
    (old,) = aws.keys(USER)
    aws.passed += 91 * DAY
    agents.broken = {'agent-3'}
    row = agents.run(WISH)
    assert set(row['agents']) == {'agent-3'} and old.status == 'Active'
    assert 'stays active until these agents can be reached: agent-3' in row['agents']['agent-3'] or 'agent-3' in row['next']
    setattr(agents, fails, {'agent-3'})
    agents.deploy_all()
    for _number in range(2):
        assert set(agents.run(WISH)['agents']) == {'agent-3'}
        assert old.status == 'Active' and agents.key('agent-3') == old.access_key_id
    agents.down = agents.broken = set()
    rotate_to_the_end(agents)
    (key,) = aws.keys(USER)
    assert held(agents) == {key.access_key_id}


def test_a_key_that_was_switched_off_by_hand_soaks_from_then_on(agents: Agents, aws: Aws) -> None:
    agents.run(SITE)
    aws.passed += 91 * DAY
    agents.run(WISH)
    old, new = aws.keys(USER)
    old.status = 'Inactive'
    row = agents.run(WISH)
    assert (row['step'], row['done']) == ('wait', []) and 'is switched off, and is kept until' in row['next']
    assert 'off=%s@' % old.access_key_id in aws.tag(USER)
    aws.passed += 2 * DAY
    assert 'was deleted' in agents.run(WISH)['done'][0] and aws.keys(USER) == [new]


def test_the_tag_speaks_for_agents_that_are_not_asked(agents: Agents, aws: Aws) -> None:
    for step, why in ((Kind.WAIT, 'No run has noted yet that all agents have a key.'), (Kind.REST, 'is to be replaced after')):
        (turn,) = agents.turns(SITE)
        turn.rotation.looks, turn.rotation.as_noted = {}, True
        assert turn.rotation.foreseen().kind is step and why in turn.row()['next']
        agents.run(SITE)
    aws.passed += 91 * DAY
    (turn,) = agents.turns(SITE)
    turn.rotation.looks, turn.rotation.as_noted = {}, True
    turn.rotation.foreseen()
    assert (turn.row()['key'], turn.row()['age_days']) == ('…' + aws.keys(USER)[0].access_key_id[-4:], 91)


def test_a_run_with_more_steps_than_it_should_have_says_so(agents: Agents, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    agents.run(SITE)
    aws.passed += 91 * DAY
    agents.run(WISH)
    agents.deploy_all()
    monkeypatch.setattr(rotation, 'MOST_STEPS', 1)
    (turn,) = agents.turns(WISH)
    assert turn.rotation.advance().kind is Kind.WAIT
    row = turn.row()
    assert 'was switched off' in row['done'][0]
    assert (row['step'], row['next']) == ('wait', 'There is more to do than a run should: run this again.')


def test_a_lost_key_that_no_network_uses_waits_for_no_job(agents: Agents, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    agents.broken = set(AGENTS)
    agents.run(SITE)
    (lost,) = aws.keys(USER)
    agents.broken, agents.jobs = set(), Jobs(aws.now)
    assert 'A job is running that may use the key' in agents.run(SITE)['next'] and aws.keys(USER) == [lost]
    monkeypatch.setattr(agents, 'answer', no_jobs)
    assert 'its secret is lost' in agents.run(SITE)['done'][0]
    assert held(agents) == {aws.keys(USER)[0].access_key_id} != {lost.access_key_id}


def test_an_emergency(agents: Agents, aws: Aws) -> None:
    agents.run(SITE)
    (leaked,) = aws.keys(USER)
    agents.jobs = Jobs(aws.now, dict.fromkeys(NETWORKS))
    row = agents.run(replace(WISH, urgent=True))
    old, new = aws.keys(USER)
    assert (old is leaked, old.status, new.status) == (True, 'Inactive', 'Active')
    assert held(agents) == {new.access_key_id}
    skipped = 'Skipped: deployments with the new key; jobs that began before it; other uses of the old key.'
    assert any(skipped in line for line in row['done'])


def test_a_tag_that_somebody_changed(agents: Agents, aws: Aws) -> None:
    agents.run(SITE)
    aws.iam.tag_user(USER, [{'Key': 'nixcd.hercules_ci', 'Value': 'mine'}])
    row = agents.run(WISH)
    assert row['step'] == 'failed' and 'does not have the form' in row['next'] and len(aws.keys(USER)) == 1


def test_no_such_user(agents: Agents, aws: Aws) -> None:
    aws.iam.delete_user(USER)
    assert 'AWS knows no such user, or no such key.' in agents.run(WISH)['next']


def test_no_credentials(agents: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    agents.client = AwsClient()
    monkeypatch.delenv('AWS_ACCESS_KEY_ID')
    monkeypatch.delenv('AWS_SECRET_ACCESS_KEY')
    assert 'There are no credentials for AWS on the controller that could be used.' in agents.run(WISH)['next']
    agents.client = AwsClient(profile='nobody')
    assert 'Found: ProfileNotFound' in agents.run(WISH)['next']
