# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""hci_job in a play, against the sandbox: real Git, real Nix, real effects."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.server import Sandbox
from tests.support.collection import collection_parent
from tests.support.marks import SLOW
from tests.support.repository import git

PROJECT = 'github/neat-org/neat-repo'
EFFECT = """\
  effect = name: script: derivation {
    inherit name;
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-c" script ];
    secretsMap = "{}";
  } // { isEffect = true; };
"""
LEGACY = '{ src ? { ref = null; } }: let\n%s in { neat-network = { recurseForDerivations = true; run = effect "neat" "%%s"; }; }\n' % EFFECT
HANDLERS = """\
{ herculesCI = { ... }: let
%s in {
  onPush.a.outputs = { ... }: { effects.deploy = effect "a" "%%s"; };
  onPush.b.outputs = { ... }: { effects.deploy = effect "b" "%%s"; };
  onSchedule.nightly.outputs = { ... }: { effects.clean = effect "nightly" "echo tidy"; };
}; }
""" % EFFECT
Job = Callable[..., dict[str, Any]]
Jobs = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / 'sandbox') as running:
        git(tmp_path, 'init', '--quiet', '--bare', '--initial-branch=main', 'bare.git')
        git(tmp_path, 'clone', '--quiet', 'bare.git', 'checkout')
        running.add_project(PROJECT, tmp_path / 'bare.git')
        yield running


@pytest.fixture
def push(tmp_path: Path, sandbox: Sandbox) -> Callable[[str], str]:
    """push(ci_nix) commits and pushes to main, and returns the commit."""

    def run(ci_nix: str) -> str:
        checkout = tmp_path / 'checkout'
        (checkout / 'ci.nix').write_text(ci_nix)
        git(checkout, 'add', '.')
        git(checkout, '-c', 'user.name=A', '-c', 'user.email=a@example.org', 'commit', '--quiet', '--allow-empty', '-m', 'Change')
        git(checkout, 'push', '--quiet', 'origin', 'HEAD:main')
        return git(checkout, 'rev-parse', 'HEAD')

    return run


@pytest.fixture
def jobs(tmp_path: Path, sandbox: Sandbox) -> Jobs:
    """jobs(options, more_options) plays tasks with hci_job: the result of each, with all that it printed as `output`."""
    collections = collection_parent()

    def run(*tasks: dict[str, Any], arguments: Sequence[str] = ()) -> list[dict[str, Any]]:
        played: list[dict[str, Any]] = []
        for options in tasks:
            task = {'project': PROJECT, 'branch': 'main', 'api_base_url': sandbox.url, **options}
            played.append({'nixcd.hercules_ci.hci_job': task, 'register': 'result', 'ignore_errors': True})
            # Not by way of a file: that is written by two modules, in processes of their own.
            played.append({'name': 'Tell', 'ansible.builtin.debug': {'msg': 'result: {{ result | to_json }}'}})
        play = {'hosts': 'localhost', 'connection': 'local', 'gather_facts': False, 'tasks': played}
        (tmp_path / 'play.yml').write_text(json.dumps([play]))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(('ANSIBLE_', 'HERCULES_CI_'))}
        environment = {**kept, 'HERCULES_CI_API_TOKEN': sandbox.token, 'ANSIBLE_COLLECTIONS_PATH': str(collections), 'HOME': str(tmp_path)}
        command = [str(Path(sys.executable).with_name('ansible-playbook')), '-i', 'localhost,', 'play.yml', *arguments,
                   '-e', 'ansible_python_interpreter=%s' % sys.executable]
        done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True, timeout=120)
        assert sandbox.token not in done.stdout + done.stderr
        assert '[DEPRECATION WARNING]' not in done.stderr
        assert done.returncode == 0, done.stdout + done.stderr
        printed = re.findall(r'^TASK \[nixcd\.hercules_ci\.hci_job\](.*?)^TASK \[Tell\].*?({.*?^})', done.stdout, re.DOTALL | re.MULTILINE)
        assert len(printed) == len(tasks), done.stdout
        return [{**json.loads(json.loads(told)['msg'].removeprefix('result: ')), 'output': output} for output, told in printed]

    return run


@pytest.fixture
def job(jobs: Jobs) -> Job:
    """job(**options) plays one task."""
    def run(*arguments: str, **options: Any) -> dict[str, Any]:
        return jobs(options, arguments=arguments)[0]

    return run


def when_asked_for(sandbox: Sandbox, part: str, action: Callable[[], None]) -> None:
    """Act once, as soon as somebody has asked for an address with this part."""
    sandbox.service.actions.append((re.compile(re.escape(part)), action))


@pytest.mark.parametrize(('legacy_job', 'order'), [('converted', 'newest first'), SLOW('separate', 'oldest first')])
def test_a_deployment_is_followed_and_is_evidence_afterwards(
    sandbox: Sandbox, push: Callable[[str], str], job: Job, legacy_job: str, order: str
) -> None:
    sandbox.settings(legacy_job=legacy_job, order=order, page_limit=1)
    sandbox.hold_effects()
    revision = push(LEGACY % 'echo deployed')
    when_asked_for(sandbox, '/effects/', lambda: sandbox.hold_effects(False))
    first = job(revision=revision)
    assert (first['changed'], first['job']['status'], first['job']['type']) == (False, 'Success', 'Legacy')
    assert [(effect['attribute'], effect['status']) for effect in first['job']['effects']] == [('neat-network.run', 'Successful')]
    lines = [line for line in first['output'].splitlines() if line.startswith('%s main %s: [' % (PROJECT, revision[:8]))]
    assert lines[-1].endswith(' ended: Success')
    assert any('Effects: neat-network.run' in line for line in lines)
    before = len(sandbox.service.calls)
    assert job(revision=revision)['job'] == first['job']
    assert len(sandbox.service.calls) - before <= 4  # pages of one job: without those, two


@pytest.mark.parametrize('log_minimum', ['exclusive', SLOW('inclusive')])
def test_a_failing_effect_is_quoted_and_its_neighbour_told_apart(
    sandbox: Sandbox, push: Callable[[str], str], jobs: Jobs, log_minimum: str
) -> None:
    sandbox.settings(log_minimum=log_minimum)
    revision = push(HANDLERS % ('echo importing; echo no route to web-1; exit 1', 'echo fine'))
    result, again, where_failed = jobs({'revision': revision}, {'state': 'rerun'}, {'rerun_failed': True})
    assert result['failed']
    assert 'The effect effects.deploy of job 2 (a) failed.' in result['msg']
    failed, fine = result['jobs']
    effect = failed['effects'][0]
    assert (result['job']['effects'][0]['log'][:2], effect['message']) == (['importing', 'no route to web-1'], 'no route to web-1')
    assert (effect['status'], fine['effects'][0]['status']) == ('Failed', 'Successful')
    assert result['output'].count('importing') == 1
    assert [(each['index'], each['rerun_of']) for each in again['jobs']] == [(4, 2), (5, 3)]
    assert (again['changed'], again['failed']) == (True, True)
    assert [each['index'] for each in where_failed['jobs']] == [6, 5]


def test_a_failing_evaluation_names_the_attribute(push: Callable[[str], str], jobs: Jobs) -> None:
    revisions = [push('{ src ? { } }: { network = throw "no such network"; }\n'), push('{ src ? { } }: {\n')]
    result, broken = jobs(*({'revision': revision} for revision in revisions))
    assert 'no such network' in result['msg']
    assert result['job']['attribute_errors'][0]['attribute'] == 'network'
    assert 'syntax error' in broken['msg']


@pytest.mark.parametrize('cancelled_status', ['Success', SLOW('Pending')])
def test_a_cancelled_job_has_failed_whatever_its_status(
    sandbox: Sandbox, push: Callable[[str], str], jobs: Jobs, cancelled_status: str
) -> None:
    sandbox.settings(cancelled_status=cancelled_status)
    sandbox.hold_effects()
    revision = push(LEGACY % 'echo deployed')
    cancelling = {'state': 'cancelled', 'revision': revision}
    cancelled, again, waited = jobs(cancelling, cancelling, {'revision': revision})
    assert (cancelled['changed'], again['changed']) == (True, False)
    assert [each['isCancelled'] for each in sandbox.jobs(PROJECT)].count(True) >= 1
    assert 'was cancelled' in waited['msg']


def test_a_restart_of_the_service_while_waiting_is_survived(sandbox: Sandbox, push: Callable[[str], str], job: Job) -> None:
    sandbox.hold_effects()
    revision = push(LEGACY % 'echo deployed')

    def restart() -> None:
        sandbox.hang_up()
        sandbox.hold_effects(False)
        sandbox.wait_until_idle()
        sandbox.listen()

    restarting = threading.Thread(target=restart)
    when_asked_for(sandbox, '/effects/', restarting.start)
    assert job(revision=revision)['job']['status'] == 'Success'
    restarting.join()


@pytest.mark.slow
def test_a_time_out_names_the_job_that_is_in_the_way(sandbox: Sandbox, push: Callable[[str], str], job: Job) -> None:
    sandbox.hold_effects()
    push(LEGACY % 'echo first')
    sandbox.wait_for_phase(sandbox.jobs(PROJECT)[0]['id'], 'Done')
    first = next(each for each in sandbox.jobs(PROJECT) if each['jobType'] == 'Legacy')
    sandbox.wait_for_phase(first['id'], 'Effects')
    result = job(revision=push(LEGACY % 'echo second'), wait_timeout=8)
    page = '%s/%s/jobs/%d' % (sandbox.url, PROJECT, first['index'])
    assert 'did not end within 8 seconds' in result['msg']
    assert page in result['job']['effects'][0]['waiting_for']
    assert page in result['msg']


@pytest.mark.slow
def test_a_schedule_is_run_now_and_check_mode_runs_nothing(sandbox: Sandbox, push: Callable[[str], str], job: Job) -> None:
    push(HANDLERS % ('echo fine', 'echo fine'))
    sandbox.wait_until_idle()
    number = len(sandbox.jobs(PROJECT))
    for options in ({'state': 'scheduled', 'schedule': 'nightly'}, {'state': 'rerun'}):
        assert job('--check', **options)['changed'] is True
    assert len(sandbox.jobs(PROJECT)) == number
    result = job(state='scheduled', schedule='nightly')
    assert (result['job']['type'], result['job']['effects'][0]['attribute']) == ('OnSchedule', 'effects.clean')
