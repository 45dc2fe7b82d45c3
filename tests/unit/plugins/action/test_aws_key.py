# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugins aws_key and aws_key_info: each item of the loop that looks after keys, with real files of agents, the real modules,
moto and the sandbox. What goes over a connection, and what a whole play prints, is for the plays in tests/integration/test_rotate*.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.nixcd.hercules_ci.plugins.action import aws_key
from ansible_collections.nixcd.hercules_ci.plugins.modules import aws_key_info, hci_secret
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws import rotation as rotations
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._rotation import run as rotation_run

from tests.aws.fleet import SECRET, USER, Agents
from tests.aws.server import CANARY, running
from tests.sandbox.in_process import Sandbox
from tests.support.as_written import HostVars, as_written

PROJECT = 'github/neat-org/neat-repo'
LOCK = 'aws-key-' + USER
DAY = timedelta(days=1)
MODULES = {'nixcd.hercules_ci.aws_key_info': aws_key_info, 'nixcd.hercules_ci.hci_secret': hci_secret}
BROKEN = {'failed': True, 'module_stdout': 'canary: no such interpreter', 'msg': 'canary: MODULE FAILURE'}


class Play:
    """The playbook rotate, or the site playbook, with two agents and a network."""

    def __init__(self, agents: Agents, sandbox: Sandbox, make_action: Callable[..., Any], printed: list[str]) -> None:
        self.aws, self.agents, self.make_action, self.printed = agents.aws, agents, make_action, printed
        self.answers: dict[tuple[str, str], Any] = {}
        """What takes the place of an agent's answer, by agent and item of the loop."""
        self.diffs: list[Any] = []
        self.hosts = ['agent-1', 'agent-2']
        secrets = {SECRET: {'aws_user': USER, 'data': {'region': 'eu-west-1'}}, 'neat-ssh': {'data': {'key': 'canary'}}}
        self.hostvars = HostVars({agent: {
            'inventory_hostname': agent, 'nixops_agent_secrets': secrets, 'nixops_agent_secrets_path': str(agents.file(agent)),
        } for agent in self.hosts})
        self.hostvars['neat-network'] = {
            'inventory_hostname': 'neat-network', 'nixops_project': PROJECT, 'nixops_checkout': '/nowhere', 'nixops_state': 'present',
            'nixops_branches': ['production'], 'nixops_deployment': 'neat', 'nixops_secrets_map': {'aws': SECRET},
            'nixops_api_base_url': sandbox.url, 'nixops_api_token': sandbox.token,
        }

    def task(self, do: str, agent: str = 'agent-1', rotates: bool = False, now: bool = False, **of_task: Any) -> dict[str, Any]:
        """What one item says. No value is in it."""
        options = {'do': do, 'agent': agent, 'rotate': rotates, 'now': now}
        action = self.make_action('aws_key', options, **{'diff': True, **of_task})
        action._connection.has_pipelining, action._connection.set_option = True, lambda *_option: None

        def module(module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> Any:
            answer = self.answers.get((agent, do))
            if isinstance(answer, Exception):
                raise answer
            return answer or self.agents.module(MODULES[module_name], agent, {**module_args, '_ansible_diff': True})

        action._execute_module = module
        result: dict[str, Any] = action.run(task_vars=self.variables(agent))
        assert CANARY not in json.dumps(result) and 'canary' not in json.dumps(result)
        return result

    def variables(self, host: str) -> dict[str, Any]:
        return {**self.hostvars[host], 'hostvars': self.hostvars, 'ansible_play_hosts': self.hosts,
                'groups': {'hercules_agents': ['agent-1', 'agent-2'], 'nixops_networks': ['neat-network']}}

    def look(self, agent: str) -> None:
        """The task before the loop, which registers which keys an agent has."""
        self.hostvars[agent]['_nixops_aws_keys'] = self.info(agent)

    def info(self, agent: str, **options: Any) -> dict[str, Any]:
        """What the other action plugin says of the keys of an agent."""
        action = self.make_action('aws_key_info', options)
        action._execute_module = lambda module_args, task_vars: self.agents.module(aws_key_info, agent, module_args)
        result: dict[str, Any] = action.run(task_vars=self.variables(agent))
        return result

    def run(self, rotates: bool = False, now: bool = False, **answers: Any) -> dict[str, Any]:
        """The whole loop. answers: instead of an agent's own, such as agent_2_look."""
        self.answers = {(name[:7].replace('_', '-'), name[8:]): answer for name, answer in answers.items()}
        for agent in self.hosts:
            self.look(agent)
        planned = self.task('plan', rotates=rotates, now=now)
        done = planned
        self.diffs = []
        for step in planned.get('steps', ()):
            done = self.task(rotates=rotates, now=now, **step)
            assert not done.get('failed')
            self.diffs += [done['diff']] if 'diff' in done else []
        return done

    def held(self) -> list[str]:
        return [self.agents.key(agent) for agent in ('agent-1', 'agent-2')]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is printed while the play goes on."""
    found: list[str] = []
    monkeypatch.setattr(aws_key, 'Display', lambda: type('Printer', (), {'display': staticmethod(found.append)}))
    return found


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / 'sandbox', token='a-token') as started:
        started.add_project(PROJECT)
        yield started


@pytest.fixture
def play(
    sandbox: Sandbox, make_action: Callable[..., Any], printed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Play]:
    with running() as aws:
        for name, value in aws.environment.items():
            monkeypatch.setenv(name, value)
        yield Play(Agents(tmp_path / 'agents', aws), sandbox, make_action, printed)


def test_the_first_key_comes_to_all_agents(play: Play, sandbox: Sandbox) -> None:
    """While it is made and brought, a lock keeps others out."""
    locked: list[int] = []
    play.aws.done = lambda _action: locked.append(len(sandbox.leases(PROJECT, LOCK)))
    ended = play.run()
    (key,) = play.aws.keys(USER)
    assert play.held() == [key.access_key_id] * 2 and play.agents.secret('agent-2') == key.secret_access_key
    assert ended['changed'] and ended['left'] == {} and ended['key_problems'] == [] and ended['keys'][0]['step'] == 'nothing to do'
    document = json.loads(play.agents.file('agent-1').read_text())
    assert list(document) == [SECRET] and document[SECRET]['data']['region'] == 'eu-west-1', 'and no other secret is written'
    assert json.dumps(document[SECRET]['condition']).count('production') == 1, 'that of the network that uses it'
    assert set(locked) == {0, 1} and locked[-1] == 1 and sandbox.leases(PROJECT, LOCK) == []
    assert len(play.diffs) == 2 and 'aws_access_key_id' in json.dumps(play.diffs)
    assert play.printed == ['AWS access key of %s (secret %s): …%s, 0 days old\n  %s\n  %s\n  %s' % (
        USER, SECRET, key.access_key_id[-4:], *ended['keys'][0]['done'], ended['keys'][0]['next'])]


def test_at_rest_there_are_no_items_and_nothing_is_changed(play: Play) -> None:
    play.run()
    play.aws.requests.clear()
    planned = play.run()
    assert (planned['steps'], planned['changed'], play.aws.requests) == ([], False, ['GetUser', 'ListAccessKeys'])
    assert len(play.printed) == 2 and 'is to be replaced after' in play.printed[1]


def test_an_agent_that_lacks_a_key_gets_that_of_another(play: Play) -> None:
    play.run()
    play.agents.forget('agent-2')
    ended = play.run()
    (key,) = play.aws.keys(USER)
    assert play.held() == [key.access_key_id] * 2 and play.agents.secret('agent-2') == key.secret_access_key
    assert len(play.diffs) == 1 and ended['left'] == {} and not ended['changed'], 'nothing was done with the keys of the user'


def test_a_key_that_an_agent_has_no_longer_when_it_is_to_hand_it_over(play: Play) -> None:
    """Somebody has put another one there: that does not come to other agents, which fail as they have none."""
    play.run()
    play.agents.forget('agent-2')
    play.task('begin')
    for agent in play.hosts:
        play.task('look', agent)
    play.task('decide')
    document = json.loads(play.agents.file('agent-1').read_text())
    document[SECRET]['data']['aws_access_key_id'] = 'AKIAOTHER'
    play.agents.file('agent-1').write_text(json.dumps(document))
    play.task('take')
    assert play.task('give', 'agent-2') == {'changed': False, 'skipped': True} and play.held() == ['AKIAOTHER', '']
    assert play.task('end')['left'] == {'agent-2': 'the IAM user %s: These agents do not have it: agent-2. Run this again.' % USER}


def test_a_diff_is_told_to_those_who_ask_for_it(play: Play) -> None:
    play.task('begin')
    for agent in play.hosts:
        play.task('look', agent)
    play.task('decide')
    assert play.task('take') == {'changed': False, 'skipped': True}, 'nobody has a key that another could get'
    assert play.task('give', diff=False) == {'changed': True}
    assert play.task('give', 'agent-2').keys() == {'changed', 'diff'}
    play.task('end')
    play.task('begin')
    assert play.task('give') == {'changed': False, 'skipped': True}, 'nothing is left of the run before'
    play.task('end')


@pytest.mark.parametrize(('days', 'changed', 'step'), [(0, False, 'nothing to do'), (91, True, 'create a key')])
def test_check_mode_foresees_what_a_run_would_do(play: Play, days: int, changed: bool, step: str) -> None:
    play.run()
    for agent in play.hosts:
        play.look(agent)
    play.aws.passed += days * DAY
    play.aws.requests.clear()
    foreseen = play.task('plan', rotates=True, check_mode=True)
    assert foreseen['changed'] is changed and foreseen['steps'] == [] and foreseen['keys'][0]['step'] == step
    assert len(play.printed) == 2 and {'GetUser', 'ListAccessKeys'} == set(play.aws.requests), 'nothing was changed'


def test_a_key_that_is_too_old_is_replaced_by_another_playbook(play: Play) -> None:
    """The site playbook says which; that playbook itself says what it does instead."""
    play.run()
    (old,) = play.aws.keys(USER)
    play.aws.passed += 91 * DAY
    warned = play.run()
    assert warned['steps'] == [] and warned['warnings'] == ['%s (%s)' % (warned['keys'][0]['next'], USER)]
    assert 'nixcd.hercules_ci.rotate replaces it' in warned['warnings'][0]
    ended = play.run(rotates=True)
    assert 'warnings' not in ended and 'neat-network' in ended['keys'][0]['next'] and ended['keys'][0]['step'] == 'wait'
    assert play.held() == [play.aws.keys(USER)[1].access_key_id] * 2 and old.status == 'Active'


def test_a_key_is_replaced_at_once_where_somebody_says_so(play: Play) -> None:
    play.run()
    (leaked,) = play.aws.keys(USER)
    assert play.run(now=True)['steps'] == [], 'but not by the site playbook'
    ended = play.run(rotates=True, now=True)
    assert leaked.status == 'Inactive' and play.held() == [play.aws.keys(USER)[1].access_key_id] * 2
    assert 'deployments with the new key' in ' '.join(ended['keys'][0]['done'])


def test_the_plan_takes_the_word_of_the_last_run(play: Play) -> None:
    """No agent is asked."""
    assert play.task('show', rotates=True)['keys'][0]['next'] == 'No run has noted yet that all agents have a key.'
    play.run()
    play.aws.passed += 91 * DAY
    play.answers = dict.fromkeys(((agent, 'show') for agent in play.hosts), AnsibleConnectionFailure('asked'))
    for agent in play.hosts:
        del play.hostvars[agent]['_nixops_aws_keys']
    shown = play.task('show', rotates=True)
    assert shown['keys'][0]['step'] == 'create a key' and 'is 91 days old' in play.printed[-1] and 'steps' not in shown


def test_without_a_key_that_belongs_to_the_collection_there_is_nothing_to_show(play: Play) -> None:
    for agent in play.hosts:
        play.hostvars[agent]['nixops_agent_secrets'] = {'neat-aws': {'data': {}}}
    shown = play.task('show', rotates=True)
    assert shown['skipped'] and shown['skip_reason'] == 'No secret of an agent has aws_user.' and play.aws.requests == []
    assert play.info('agent-1')['skip_reason'] == 'No secret of the agent has aws_user.'


@pytest.mark.parametrize(('answer', 'why'), [
    (AnsibleConnectionFailure('canary'), 'The agent cannot be reached.'),
    (BROKEN, 'The task on the agent failed: look for its interpreter, and room.'),
    ({'failed': True, 'problems': [{}], 'msg': 'The file is no JSON.'}, 'The file is no JSON.'),
    ({'changed': False}, 'The task on the agent failed: look for its interpreter, and room.'),
])
@pytest.mark.parametrize('do', ['look', 'take', 'give'])
def test_an_agent_that_does_not_answer(play: Play, do: str, answer: Any, why: str) -> None:
    """It alone fails, and why is said; the other gets its key, unless that is on this one. Nothing else of what it said is shown."""
    if do == 'take':
        play.run()
        play.agents.forget('agent-1')
    ended = play.run(**{'agent_2_' + do: answer})
    (key,) = play.aws.keys(USER)
    assert play.held() == (['', key.access_key_id] if do == 'take' else [key.access_key_id, ''])
    assert set(ended['left']) == {'agent-2'} and ended['left']['agent-2'].endswith(why) and ended['key_problems'] == []
    assert play.run()['left'] == {} and play.held() == [key.access_key_id] * 2, 'the next run goes on'


def test_a_key_is_not_left_in_a_file_on_an_agent(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    play.run()
    play.agents.forget('agent-2')
    monkeypatch.setattr('ansible.constants.config.get_config_value', lambda _name: True)
    ended = play.run()
    assert 'aws_key_info cannot run while Ansible keeps the files of modules' in ended['left']['agent-1'] and play.held()[1] == ''


def test_a_secret_that_cannot_be_evaluated_fails_for_its_agent_alone(play: Play) -> None:
    """The secret itself is asked only when there is something to bring."""
    play.hostvars['agent-2']['nixops_agent_secrets'] = as_written(
        {SECRET: {'aws_user': USER, 'data': {'region': "{{ lookup('nowhere', 'x') }}"}}})
    ended = play.run()
    (key,) = play.aws.keys(USER)
    assert play.held() == [key.access_key_id, ''] and set(ended['left']) == {'agent-2'}
    assert "nixops_agent_secrets['%s']['data']['region']" % SECRET in ended['left']['agent-2']


def test_another_run_that_does_not_end(play: Play, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is done then, and it is said who is in the way."""
    monkeypatch.setattr(rotation_run, 'WAITED', 0.0)
    client = rotation_run.connect({'api_base_url': sandbox.url, 'api_token': sandbox.token})
    client.post('/site/github/account/neat-org/project/neat-repo/lock/' + LOCK, {'description': 'by hand', 'exclusive': True})
    ended = play.run()
    assert 'Somebody else holds the lock on the access keys of the IAM user %s.' % USER in ended['keys'][0]['next']
    assert 'by hand' in ended['keys'][0]['next'] and ended['keys'][0]['step'] == 'failed'
    assert set(ended['left']) == {'agent-1', 'agent-2'} and play.aws.keys(USER) == [] and play.held() == ['', '']


def test_a_lock_that_is_lost_ends_the_run_before_it_makes_a_key(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = rotation_run.RotationRun.begin

    def begin(run: Any, fleet: Any) -> None:
        begun(run, fleet)
        (lease,) = leases
        lease.lost = 'The lease was taken away.'

    leases: list[Any] = []
    enter = rotation_run.ExitStack.enter_context
    monkeypatch.setattr(rotation_run.ExitStack, 'enter_context', lambda stack, held: leases.append(enter(stack, held)) or leases[-1])
    monkeypatch.setattr(rotation_run.RotationRun, 'begin', begin)
    ended = play.run()
    assert 'The lock was lost while it was needed.' in ended['keys'][0]['next'] and play.aws.keys(USER) == []


@pytest.mark.parametrize(('rotates', 'step'), [(False, 'nothing to do'), (True, 'failed')])
def test_a_secret_that_no_network_uses(play: Play, monkeypatch: pytest.MonkeyPatch, rotates: bool, step: str) -> None:
    """It gets its first key, without a lock, and no other, as nobody could tell when the old one is needed no more."""
    del play.hostvars['neat-network']['nixops_secrets_map']
    for agent in play.hosts:
        play.hostvars[agent]['nixops_agent_secrets'][SECRET]['condition'] = True
    monkeypatch.setattr(rotations, 'APART', 0.0)
    play.run()
    row = play.run(rotates=rotates)['keys'][0]
    assert row['step'] == step and len(play.aws.keys(USER)) == 1
    assert ('No network of the inventory uses the secret %s' % SECRET in row['next']) == rotates


def test_what_is_wrong_with_one_user_concerns_no_other(play: Play) -> None:
    play.aws.iam.create_user('us-east-1', 'other')
    play.hostvars['agent-2']['nixops_agent_secrets'] = {**play.hostvars['agent-2']['nixops_agent_secrets'], 'other': {'aws_user': 'other'}}
    play.hostvars['neat-network']['nixops_secrets_map'] = {'aws': SECRET, 'other': 'other'}
    play.aws.iam.tag_user('other', [{'Key': 'nixcd.hercules_ci', 'Value': 'mine'}])
    ended = play.run()
    assert [row['step'] for row in ended['keys']] == ['nothing to do', 'failed'] and set(ended['left']) == {'agent-2'}
    assert play.held() == [play.aws.keys(USER)[0].access_key_id] * 2 and play.aws.keys('other') == []
    assert [text.partition(' (')[2] for text in ended['warnings']] == ['other)']
    play.aws.iam.untag_user('other', ['nixcd.hercules_ci'])
    ended = play.run()
    (key,) = play.aws.keys('other')
    data = json.loads(play.agents.file('agent-2').read_text())['other']['data']
    assert data['aws_access_key_id'] == key.access_key_id and ended['left'] == {}
    assert list(json.loads(play.agents.file('agent-1').read_text())) == [SECRET], 'that of the other user is not its own'


@pytest.mark.parametrize('name', ['aws_key', 'aws_key_info'])
def test_what_a_secret_may_not_say_is_refused_before_aws_is_asked(play: Play, name: str) -> None:
    play.hostvars['agent-1']['nixops_agent_secrets'] = {SECRET: {'aws_user': USER, 'soak': 'canary'}}
    result = play.task('plan') if name == 'aws_key' else play.info('agent-1')
    assert result['failed'] and "nixops_agent_secrets['%s']['soak']" % SECRET in result['msg'] and play.aws.requests == []


def test_names_that_a_task_gives_are_those_that_are_looked_for(play: Play) -> None:
    play.run()
    assert list(play.info('agent-1')['aws_keys']) == [SECRET]
    assert play.info('agent-1', names=['neat-ssh'])['aws_keys'] == {}
