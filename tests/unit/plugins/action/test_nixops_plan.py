# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin nixops_plan: what it reads of Hercules CI and what it prints, and which agents may not have their secrets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.action.nixops_plan import failed_agents
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import BuiltMachine, BuiltNetwork, EvaluatedEffect

from tests.sandbox import jobs
from tests.sandbox.in_process import Sandbox
from tests.sandbox.repository import Commit
from tests.support.surroundings import ROOT
from tests.support.world import PROJECT, TOKEN

AGENTS = {'agent-1': {'neat-aws': {'fields': []}}, 'agent-2': {'neat-aws': {'fields': []}, 'neat-ssh': {'fields': []}}}
BOTH = {'neat-aws', 'neat-ssh'}


@pytest.mark.parametrize('registered, lost, failed', [
    ({}, [], {}),  # nothing was provided in this run
    ({'_nixops_secrets_provided': {'changed': True, 'failed': False}}, [], {}),
    ({'_nixops_secrets_provided': {'failed': True, 'msg': 'No space is left.'}}, [], {'agent-2': BOTH}),
    ({'_nixops_secrets_provided': {'unreachable': True, 'msg': 'Nobody is at home.'}}, [], {'agent-2': BOTH}),
    ({'_nixops_secrets_provided': {'failed': False}, '_nixops_agent_files_provided': {'failed': True}}, [], {'agent-2': BOTH}),
    ({'_nixops_secrets_provided': {'failed': False}, '_nixops_agent_files_provided': {'skipped': True}}, [], {}),
    ({}, ['agent-2'], {'agent-2': BOTH}),
    ({}, ['agent-3'], {}),  # of which nothing is declared
])
def test_agents_that_may_lack_their_secrets(registered: dict[str, Any], lost: list[str], failed: dict[str, set[str]]) -> None:
    hostvars = {'agent-1': {'_nixops_secrets_provided': {'failed': False}}, 'agent-2': registered}
    assert failed_agents(AGENTS, SimpleNamespace(raw_get=hostvars.__getitem__), lost) == failed


STATE = 'nixops-aws-prod.json'
EXPORT = json.loads((ROOT / 'tests' / 'fixtures' / 'nixops' / 'nixops-1.7' / 'export-aws-prod.json').read_text())
(UUID,) = EXPORT
MACHINES = BuiltNetwork({'app1': BuiltMachine('ec2'), 'app2': BuiltMachine('ec2')})
EFFECT = EvaluatedEffect('refs/heads/production', 'default', 'neat', 'neat.run', True, 'runNixOps', STATE, None, 'aws-prod', 'switch',
                         network=MACHINES)
NETWORK = {'branches': ['production'], 'state': 'upload', 'state_name': STATE, 'effect_deployment': 'aws-prod', 'function': 'runNixOps',
           'forget_state': False, 'project': PROJECT}


class HostVars(dict[str, Any]):
    """As Ansible's own, which gives the variables of a host as they were written, too."""

    def raw_get(self, host: str) -> Any:
        return self[host]


def export(*machines: str) -> bytes:
    """A state that has these of the machines app1 and app2."""
    resources = {name: each for name, each in EXPORT[UUID]['resources'].items() if each['type'] != 'ec2' or name in machines}
    return json.dumps({UUID: {**EXPORT[UUID], 'resources': resources}}).encode()


WHOLE, PART = export('app1', 'app2'), export('app1')


class Planned:
    """Hercules CI with versions of a state, and what a plan with it says."""

    def __init__(self, sandbox: Sandbox, make_action: Callable[..., Any]) -> None:
        self.sandbox, self._make_action = sandbox, make_action
        self.project = sandbox.service.add_project(PROJECT)

    def store(self, content: bytes, by_job: bool) -> None:
        """A new version of the state, as a deployment stores it, or as somebody uploads it."""
        service = self.sandbox.service
        token: Any = None
        if by_job:
            job = jobs.create(service.store, service.clock, self.project, typ='OnPush', name='default', ref=EFFECT.ref,
                              commit=Commit('1' * 40, 'Deploy', 'somebody'))
            token = {'job': job['id'], 'account': None}
        service.put_state(self.project['id'], STATE, content, token)

    def plan(self, *, check: bool = False, network: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        given = {
            'project': PROJECT, 'api_base_url': self.sandbox.url, 'api_token': TOKEN, 'branches': ['production'],
            'networks': {'neat': {**NETWORK, **(network or {})}}, 'deployments': [EFFECT.as_dict()], **options,
        }
        action = self._make_action('nixops_plan', given, check_mode=check)
        return dict(action.run(task_vars={'hostvars': HostVars({'neat': {'_nixops_uploaded': {'changed': True}}})}))


@pytest.fixture
def planned(make_action: Callable[..., Any], tmp_path: Path, printed: list[str]) -> Iterator[Planned]:
    with Sandbox(tmp_path / 'sandbox', token=TOKEN) as sandbox:
        yield Planned(sandbox, make_action)


def whats(result: dict[str, Any]) -> list[str]:
    return [problem['what'] for problem in result.get('problems', ())]


def test_the_plan_is_printed_and_its_warnings_fail_nothing(planned: Planned, printed: list[str]) -> None:
    planned.store(WHOLE, by_job=True)
    result = planned.plan()
    assert (result['ready'], result['changed'], printed) == (['production'], False, [result['msg']])
    assert result['msg'].startswith('Plan for branch production of %s:\n  neat, %s\n' % (PROJECT, STATE))
    created = 'Machines will be created beside those that are there. Where: neat, branch production. Found: app2.'
    assert created not in ' '.join(result['warnings'])
    planned.store(PART, by_job=True)
    result = planned.plan()
    assert created in ' '.join(result['warnings'])
    assert result['ready'] == ['production'] and 'failed' not in result


def test_without_a_state_only_a_new_network_is_ready(planned: Planned, printed: list[str]) -> None:
    result = planned.plan()
    assert (result['failed'], result['ready']) == (True, [])
    assert whats(result) == ['Hercules CI has no state for a network that would be deployed; NixOps would make all of its machines anew.']
    assert len(printed) == 1, 'the plan is to be seen, too'
    result = planned.plan(network={'state': 'new'})
    assert result['ready'] == ['production'] and result['networks'][0]['short'].startswith('+2')


def test_no_branch_is_ready_where_hercules_ci_does_not_answer(planned: Planned, printed: list[str]) -> None:
    planned.store(WHOLE, by_job=True)
    planned.sandbox.fault('status', status=403, times=-1)
    result = planned.plan()
    assert (result['failed'], result['ready'], printed) == (True, [], [])


@pytest.mark.parametrize(('versions', 'refused'), [
    ([(WHOLE, True), (PART, False)], True), ([(WHOLE, True), (PART, False), (PART, False)], True), ([(WHOLE, False), (PART, False)], True),
    ([(WHOLE, True), (PART, True)], False),
    ([(WHOLE, True), (PART, True), (PART, False)], False),  # which the deployment has destroyed
])
def test_versions_that_somebody_has_uploaded_over_what_was_deployed(
    planned: Planned, versions: list[tuple[bytes, bool]], refused: bool,
) -> None:
    for content, by_job in versions:
        planned.store(content, by_job)
    result = planned.plan()
    assert result['ready'] == ([] if refused else ['production'])
    found = [(problem['where'], problem['found']) for problem in result.get('problems', ()) if 'an earlier version' in problem['what']]
    assert found == [('neat, branch production, %s, version 1' % STATE, 'app2')] * refused


@pytest.mark.parametrize(('existing', 'content', 'ready'), [('replace', PART, False), ('replace', WHOLE, True), ('keep', PART, True)])
def test_in_check_mode_the_state_is_read_where_it_would_come_from(
    planned: Planned, tmp_path: Path, existing: str, content: bytes, ready: bool,
) -> None:
    """And what is there would be an earlier version of it."""
    planned.store(WHOLE, by_job=True)
    (tmp_path / 'export.json').write_bytes(content)
    upload = {'name': STATE, 'deployment': 'aws-prod', 'existing': existing, 'export_file': str(tmp_path / 'export.json')}
    result = planned.plan(check=True, uploads={'neat': upload})
    assert (result['ready'] == ['production']) is ready
    assert ('an earlier version' in ' '.join(whats(result))) is not ready
