# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nixops_report reads of the networks of a play, and what it tells of them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.state import Version
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import fail
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks import registered

from tests.support.as_written import as_written

Outcome = Callable[..., dict[str, Any]]
PROJECT = 'github/neat-org/neat-repo'
PAGE = 'https://ci.example.org/jobs/4'
PLAN = {PROJECT: {
    'declared': ['a', 'b'], 'selected': ['a', 'b'], 'at_rest': {}, 'versions': {'a.json': 1}, 'file': 'ci.nix',
    'networks': {
        'a': {'branches': ['main'], 'action': 'switch', 'state_name': 'a.json', 'secrets_map': {'aws': 'neat-aws'}},
        'b': {'branches': ['main'], 'action': 'dry-run', 'state_name': 'b.json', 'secrets_map': {'aws': 'neat-aws'}},
    },
}, 'github/neat-org/other': {'selected': []}}
JOB = {'index': 4, 'url': PAGE, 'status': 'Success', 'phase': 'Done', 'cancelled': False}
EFFECTS = [{'attribute': '%s.run' % host, 'status': 'Successful'} for host in 'ab']
WATCHED = {'results': [{'item': 'main', 'job': JOB, 'jobs': [{**JOB, 'effects': EFFECTS}], 'revision': 'r'}]}
VERSIONS = [Version(number, 't', None, None, job, '') for number, job in ((1, ''), (2, PAGE))]


COMMON = {'nixops_project': PROJECT, 'nixops_secrets_map': {'aws': 'neat-aws'}}


class HostVars(dict[str, Any]):
    """As Ansible's own: [] evaluates what it gives, and 2.21 warns of a deprecated part that it adds to results. raw_get does not."""

    def __getitem__(self, host: str) -> dict[str, Any]:
        return COMMON

    def raw_get(self, host: str) -> dict[str, Any]:
        return {**COMMON, **self.get(host, {})}


@pytest.fixture
def outcome(make_action: Outcome) -> Outcome:
    """outcome(hostvars, hosts) is what the action says, with some variables of hosts and the hosts that are still in the play."""

    def run(hostvars: dict[str, Any], hosts: list[str], **options: Any) -> dict[str, Any]:
        result: dict[str, Any] = make_action('nixops_report', {'projects': PLAN, **options}).run(task_vars={
            'hostvars': HostVars(hostvars), 'ansible_play_hosts': hosts,
        })
        return result

    return run


@pytest.fixture(autouse=True)
def _service(monkeypatch: pytest.MonkeyPatch) -> None:
    files = SimpleNamespace(files=lambda: {'a.json': VERSIONS, 'b.json': VERSIONS[:1]})
    monkeypatch.setattr(registered, 'connect', lambda _options: None)
    monkeypatch.setattr(registered, 'StateFiles', lambda _client, _project: files)


def test_one_network_acts_for_all_of_its_project(outcome: Outcome) -> None:
    result = outcome({'a': {'_nixops_watched': WATCHED}}, ['a', 'b'])
    assert [(row['network'], row['result'], row['job']) for row in result['networks']] == [('a', 'deployed', 4), ('b', 'tried', 4)]
    assert [(row['state_version_before'], row['state_version_after']) for row in result['networks']] == [(1, 2), (None, 1)]
    assert result['networks'][0]['secrets_map'] == {'aws': 'neat-aws'}
    assert (result['changed'], result['failures']) == (False, {})


def pushed(branch: str, changed: bool) -> dict[str, Any]:
    entry = {'branch': branch, 'changed': changed, 'pushed_to': branch, 'revision': 'r'}
    return {'_nixops_pushed': {'changed': changed, 'branches': [entry]}}


@pytest.mark.parametrize(('registered', 'changed'), [
    (pushed('main', True), True), (pushed('other', True), False), (pushed('main', False), False), ({'_nixops_watched': WATCHED}, False),
    ({'_nixops_watched': {'results': [{**WATCHED['results'][0], 'changed': True}]}}, True),
])
def test_what_one_network_changes_for_another(outcome: Outcome, registered: dict[str, Any], changed: bool) -> None:
    """Its own recap has it already."""
    changes = {'b': 'Changed by a task of a, which acts for the project: main.'} if changed else {}
    assert outcome({'a': registered}, ['a', 'b'])['changes'] == changes


def test_only_networks_that_are_still_in_the_play_are_failed(outcome: Outcome) -> None:
    uploaded = {'_nixops_uploaded': {'failed': True, 'msg': 'The state is another one.'}}
    result = outcome({'a': uploaded, 'b': uploaded}, ['b'])
    assert result['failures'] == {'b': 'main: The state is another one.'}
    assert [row['result'] for row in result['networks']] == ['failed', 'failed']


def test_nothing_is_told_where_tags_selected_no_task(outcome: Outcome) -> None:
    assert outcome({}, ['a', 'b'])['networks'] == []


def test_a_service_that_does_not_answer_costs_the_versions_only(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(_options: Any) -> Any:
        raise fail('Hercules CI did not answer.')

    monkeypatch.setattr(registered, 'connect', connect)
    result = outcome({'a': {'_nixops_watched': WATCHED}}, ['a', 'b'])
    assert [(row['result'], row['state_version_after']) for row in result['networks']] == [('deployed', None), ('tried', None)]


@pytest.mark.parametrize(('uploader', 'by'), [('', ''), ('somebody', ' by somebody')])
@pytest.mark.parametrize('replaced', [False, True])
def test_a_network_that_had_nothing_to_do_was_deployed_by_its_newest_job(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch, replaced: bool, uploader: str, by: str,
) -> None:
    """Unless somebody has uploaded another state since: then that is not what is there any longer."""
    project: Any = PLAN[PROJECT]
    plan = {**project, 'at_rest': {'a': {'main': {'revision': 'r', 'job': 4, 'job_url': PAGE}}}}
    versions = {'a.json': [*VERSIONS, *[Version(3, 't', None, None, '', uploader)] * replaced]}
    monkeypatch.setattr(registered, 'StateFiles', lambda _client, _project: SimpleNamespace(files=lambda: versions))
    (row,) = outcome({}, ['a', 'b'], projects={PROJECT: plan})['networks']
    message = 'Version 3 of the state was uploaded%s after the deployment; nixops_rerun_failed deploys with it.' % by
    assert (row['network'], row['job'], row['job_url'], row['commit']) == ('a', 4, PAGE, 'r')
    assert (row['result'], row['message']) == (('rolled back', message) if replaced else ('deployed', ''))


def test_where_the_page_cannot_be_written_each_network_is_told_all_the_same(outcome: Outcome, tmp_path: Path, printed: list[str]) -> None:
    uploaded = {'_nixops_uploaded': {'failed': True, 'msg': 'The state is another one.'}}
    result = outcome({'a': uploaded, 'b': uploaded}, ['a', 'b'], path=str(tmp_path / 'missing' / 'page.html'))
    assert result['failed'] is True and str(tmp_path) in result['msg']
    assert result['failures'] == dict.fromkeys('ab', 'main: The state is another one.')
    assert [row['result'] for row in result['networks']] == ['failed', 'failed'] and printed


def failed_with(log: list[str], found: str) -> dict[str, Any]:
    job = {**JOB, 'status': 'Failure', 'effects': [{'attribute': 'a.run', 'status': 'Failed', 'log': log}]}
    problems = [{'what': 'The effect a.run of job 4 failed.', 'where': PAGE, 'found': found, 'severity': 'error'}]
    return {'_nixops_watched': {'results': [{'item': 'main', 'job': job, 'jobs': [job], 'revision': 'r', 'problems': problems}]}}


def test_what_is_quoted_holds_no_secret_of_the_inventory(outcome: Outcome, tmp_path: Path, printed: list[str]) -> None:
    """Neither on the screen nor in results nor on the page; values of lookups are not asked for again."""
    asked = tmp_path / 'asked'
    secrets = as_written({'neat-aws': {'data': {
        'key': 'hunter2-hunter2', 'lines': '{{ "first-line" }}\nother-line', 'late': '{{ lookup("pipe", "touch %s") }}' % asked,
    }, 'condition': {'isBranch': 'main'}}})
    log = ['key is hunter2-hunter2', 'first-line', base64.b64encode(b'hunter2-hunter2').decode()]
    hostvars = {'a': failed_with(log, 'main said other-line'), 'agent-1': {'nixops_agent_secrets': secrets},
                'agent-2': {'nixops_agent_secrets': {'neat-aws': 'not in its form'}}}
    page = tmp_path / 'page.html'
    result = outcome(hostvars, ['a', 'b'], agents={'agent-1': {}, 'agent-2': {}}, path=str(page))
    assert result['networks'][0]['problems'][0]['found'] == 'main said ********'
    assert result['networks'][0]['log'] == [
        'The effect a.run of job 4 wrote at the end:', '  key is ********', '  ********', '  ********',
    ]
    written = page.read_text('utf-8')
    assert 'key is ********' in written
    assert not [text for text in ('hunter2', 'other-line', 'first-line', log[2]) if text in written + str(result) + '\n'.join(printed)]
    assert not asked.exists()


def test_plans_and_keys_of_this_run_are_on_the_page(outcome: Outcome, tmp_path: Path) -> None:
    planned = {'networks': [{'network': 'a', 'branch': 'main', 'short': '+1 ~0 -0', 'problems': [], 'lines': ['  + app1 (ec2)']}]}
    row = {'user': 'neat-deployer', 'secret': 'neat-aws', 'key': '…7XQ2', 'keys': [], 'step': 'wait', 'next': 'Tomorrow.'}
    hostvars = {
        'a': {'_nixops_watched': WATCHED, '_nixops_plan': planned},
        'agent-2': {'_nixops_aws_planned': {'keys': [{**row, 'next': 'Today.'}]},
                    '_nixops_aws_done': {'results': [{'item': 1}, {'keys': [row]}]}},
    }
    page = tmp_path / 'page.html'
    result = outcome(hostvars, ['a', 'b'], agents={'agent-1': {}, 'agent-2': {}}, path=str(page))
    assert [(each['plan'], each['planned']) for each in result['networks']] == [('+1 ~0 -0', ['  + app1 (ec2)']), ('', [])]
    written = page.read_text('utf-8')
    assert '+ app1 (ec2)' in written and 'neat-deployer' in written and 'Tomorrow.' in written and 'Today.' not in written
