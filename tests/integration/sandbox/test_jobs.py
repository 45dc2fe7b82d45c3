# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A push makes jobs: their kinds, their order, how they end."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.sandbox.conftest import (
    NETWORK,
    PROJECT,
    SITE_PATH,
    Client,
    Repository,
    ci_nix,
    effect_log,
    imports,
    last_effect,
    last_job,
)
from tests.sandbox.server import Sandbox


def test_a_push_is_evaluated_and_deployed(sandbox: Sandbox, client: Client, repository: Repository) -> None:
    rev = repository.commit(ci_nix=ci_nix(sandbox), network_nix=NETWORK)
    repository.push('main')
    job = last_job(sandbox)
    assert [(item['jobType'], item['jobPhase'], item['jobStatus']) for item in sandbox.jobs(PROJECT)] == [
        ('Config', 'Done', 'Success'), ('Legacy', 'Done', 'Success')]
    assert (job['source']['revision'], job['source']['message'], job['source']['gitCommitterName']) == (rev, 'Bump web host', 'Alice A')
    assert 'nixops creates a new deployment' in effect_log(sandbox)
    state, = json.loads(sandbox.states(PROJECT, 'nixops-foo.json')[0]).values()
    assert (state['name'], sorted(state['resources']), state['resources']['web']['state']) == ('foo', ['db', 'web'], '3')
    assert len(sandbox.states(PROJECT, 'nixops-foo.known_hosts')[0].splitlines()) == 4
    version = client('GET', SITE_PATH + '/states').json['stateFiles']['nixops-foo.json']['versions'][0]
    assert (version['job']['id'], version['uploader']) == (job['id'], None)
    events = [next(iter(event)) for event in last_effect(client)['events'][0]]
    assert events == ['Queued', 'Started', 'Succeeded']
    times = [next(iter(event.values()))['time'] for event in last_effect(client)['events'][0]]
    assert [job['startTime'], *times, job['endTime']] == sorted([job['startTime'], *times, job['endTime']])


def test_other_branches_and_deleted_ones(sandbox: Sandbox, repository: Repository) -> None:
    repository.commit(ci_nix=ci_nix(sandbox), network_nix=NETWORK)
    repository.push('main:other')
    assert last_job(sandbox)['jobStatus'] == 'Success'
    assert sandbox.summary()['projects'][0]['states'] == {}
    repository.push(':other')
    assert len(sandbox.jobs(PROJECT)) == 2


def test_a_network_that_does_not_evaluate_fails_the_job(sandbox: Sandbox, client: Client, repository: Repository) -> None:
    repository.commit(ci_nix=ci_nix(sandbox), network_nix='{ ... }: { web = { x, ... }: { services.x = x.y; }; }')
    repository.push('main')
    job = last_job(sandbox)
    assert (job['evaluationStatus'], job['jobStatus'], job['jobPhase']) == ('Failure', 'Failure', 'Done')
    attributes = client('GET', '/jobs/%s/evaluation' % job['id']).json['attributes']
    assert {tuple(item['path']): list(item['value']) for item in attributes} == {('net', 'prebuilt'): ['Error'], ('net', 'run'): ['Error']}
    assert "attribute 'x' missing" in attributes[0]['value']['Error']['errorMessage']


def test_builds_that_fail_keep_effects_from_running(sandbox: Sandbox, client: Client, repository: Repository) -> None:
    repository.commit(ci_nix=ci_nix(sandbox).replace('in {', '''in {
      check = pkgs.runCommand "check" { } "echo this is wrong; false";
      allowed = pkgs.runCommand "allowed" { } "false" // { ignoreFailure = true; };'''), network_nix=NETWORK)
    repository.push('main')
    assert (last_job(sandbox)['derivationStatus'], last_effect(client)['status']) == ('Failure', 'DependencyFailed')
    assert any('this is wrong' in line for line in sandbox.summary()['projects'][0]['jobs'][-1]['evaluationLog'])


HANDLERS = '''{ herculesCI = { ref, ... }: {
  onPush.default.outputs = { effects.deploy = effect "deploy"; };
  onPush.other.outputs = { effects.more = effect "more"; };
  onSchedule.nightly = { when = { hour = [ 3 ]; minute = 5; dayOfWeek = [ "sun" ]; }; outputs = { effects.clean = effect "clean"; }; };
}; }'''


def test_handlers_become_jobs_and_schedules_can_be_run(sandbox: Sandbox, client: Client, repository: Repository) -> None:
    effect = 'effect = name: mkEffect { inherit name; effectScript = "echo running ${name}"; };'
    repository.commit(ci_nix='let %s %s in %s' % (imports(sandbox.pins()), effect, HANDLERS))
    repository.push('main')
    sandbox.wait_until_idle()
    config, *others = sandbox.jobs(PROJECT)
    assert [(item['jobType'], item['jobName'], item['jobStatus']) for item in others] == [
        ('OnPush', 'default', 'Success'), ('OnPush', 'other', 'Success')]
    handlers = client('GET', '/jobs/%s/handlers' % config['id']).json
    assert sorted(handlers['onPush']) == ['default', 'other']
    assert handlers['onSchedule']['nightly']['when'] == {'minute': 5, 'hour': [3], 'dayOfWeek': ['Sun'], 'dayOfMonth': None}
    assert client('POST', '/jobs/%s/on-schedule/nightly/run' % config['id']).json['jobType'] == 'OnSchedule'
    assert last_job(sandbox)['jobStatus'] == 'Success'
    assert effect_log(sandbox) == 'running clean'
    assert client('POST', '/jobs/%s/on-schedule/weekly/run' % config['id']).status == 404


def test_extra_inputs_are_other_projects(sandbox: Sandbox, repository: Repository, tmp_path: Path) -> None:
    other = Repository(tmp_path / 'other', tmp_path / 'other.git')
    repository.git('init', '--quiet', '--initial-branch=main', str(other.tree))
    repository.git('init', '--quiet', '--bare', str(other.bare))
    sandbox.add_project('github/neat-org/other', other.bare)
    rev = other.commit(greeting_txt='hello')
    other.git('push', '--quiet', str(other.bare), 'main')
    repository.commit(ci_nix='''let %s in { herculesCI = { ... }: { onPush.default = {
      extraInputs.other.project = "other";
      outputs = { other, ... }: { effects.e = mkEffect { effectScript = "cat ${other}/greeting.txt; echo ; echo ${other.rev}"; }; };
    }; }; }''' % imports(sandbox.pins()))
    repository.push('main')
    assert last_job(sandbox)['jobStatus'] == 'Success'
    summary = next(item for item in sandbox.summary()['projects'] if item['path'] == PROJECT)
    assert summary['jobs'][-1]['effects'][0]['logs'] == [['hello', rev]]


def test_flakes_have_the_same_attribute(sandbox: Sandbox, repository: Repository) -> None:
    repository.commit(flake_nix='''{ outputs = { self }: { herculesCI = { primaryRepo, ... }: let %s in {
      onPush.default.outputs.effects.deploy = mkEffect { effectScript = "echo ${primaryRepo.ref} ${self.rev}"; };
    }; }; }''' % imports(sandbox.pins()))
    repository.push('main')
    assert last_job(sandbox)['jobStatus'] == 'Success'
    assert effect_log(sandbox) == 'refs/heads/main %s' % repository.git('rev-parse', 'HEAD')


def test_effects_of_a_repository_do_not_overlap(sandbox: Sandbox, client: Client, repository: Repository) -> None:
    sandbox.hold_effects()
    repository.commit(ci_nix='let %s in { e = mkEffect { effectScript = "echo hello"; }; }' % imports(sandbox.pins()))
    repository.push('main', 'main:other')
    sandbox.service.runner.wait_for(
        lambda: [item['jobPhase'] for item in sandbox.jobs(PROJECT) if item['jobType'] == 'Legacy'] == ['Effects', 'Effects'], 300)
    first, second = (item for item in sandbox.jobs(PROJECT) if item['jobType'] == 'Legacy')
    assert [item['id'] for item in last_effect(client, 'e')['waitingForJobs']] == [first['id']]
    assert client('GET', '/jobs/%s/effects/e' % first['id']).json['waitingForJobs'] == []
    sandbox.hold_effects(False)
    sandbox.wait_until_idle()
    ended = next(item['endTime'] for item in sandbox.jobs(PROJECT) if item['id'] == first['id'])
    assert next(event['Started']['time'] for event in last_effect(client, 'e')['events'][0] if 'Started' in event) > ended
    assert second['id'] != first['id']


def test_jobs_can_be_cancelled_and_rerun(sandbox: Sandbox, client: Client, repository: Repository) -> None:
    repository.commit(ci_nix='let %s in { e = mkEffect { effectScript = "echo started; sleep 600"; }; }' % imports(sandbox.pins()))
    repository.push('main')
    sandbox.service.runner.wait_for(lambda: [item for item in sandbox.jobs(PROJECT) if item['jobPhase'] == 'Effects'], 300)
    job = sandbox.jobs(PROJECT)[-1]
    assert client('POST', '/jobs/%s/cancel' % job['id']).status == 200
    ended = client('GET', '/jobs/%s' % job['id']).json
    assert (ended['isCancelled'], ended['jobPhase'], ended['jobStatus'], ended['mayRerun']) == (True, 'Done', 'Failure', True)
    assert last_effect(client, 'e')['status'] == 'Cancelled'
    again = client('POST', '/jobs/%s/rerun?rebuildFailures=true' % job['id']).json
    assert (again['rerunOf'], again['rerunOfIndex'], again['index']) == (job['id'], job['index'], job['index'] + 1)
    client('POST', '/jobs/%s/effects/e/cancel' % again['id'])
    client('POST', '/jobs/%s/cancel' % again['id'])
    assert last_job(sandbox)['isCancelled']


def test_jobs_are_filtered_and_paged(sandbox: Sandbox, client: Client, repository: Repository) -> None:
    revs = []
    for _number in range(3):
        revs.append(repository.commit(ci_nix='{ }'))
        repository.push('main', 'HEAD:refs/tags/t%d' % len(revs))
    sandbox.wait_until_idle()

    def found(query: str) -> list[int]:
        return [item['index'] for item in client('GET', '%s/jobs?%s' % (SITE_PATH, query)).json['items']]

    everything = found('')
    assert everything == sorted(everything, reverse=True)
    assert len(everything) == 12
    assert found('rev=%s&ref=refs/heads/main&handler=Config' % revs[1]) == [
        item['index'] for item in sandbox.jobs(PROJECT)
        if (item['source']['revision'], item['source']['ref'], item['jobType']) == (revs[1], 'refs/heads/main', 'Config')]
    assert len(found('ref=HEAD')) == 6
    assert found('success=false') == []
    page = client('GET', SITE_PATH + '/jobs?limit=5').json
    assert (page['more'], [item['index'] for item in page['items']]) == (True, everything[:5])
    assert found('offsetId=%s' % page['items'][-1]['id']) == everything[5:]
    assert found('offsetIndex=%d&limit=2' % everything[4]) == everything[5:7]
    assert client('GET', SITE_PATH + '/jobs?handler=onPush').status == 400


def test_logs_are_read_piece_by_piece(sandbox: Sandbox, client: Client, repository: Repository) -> None:
    repository.commit(ci_nix='let %s in { e = mkEffect { effectScript = "for n in 1 2 3; do echo $n; done"; }; }' % imports(sandbox.pins()))
    repository.push('main')
    job = last_job(sandbox)
    log = '/jobs/%s/effects/e/log/lines?logId=%s' % (job['id'], last_effect(client, 'e')['events'][0][1]['Started']['logId'])
    whole = client('GET', log).json
    assert ([(line['i'], line['t']) for line in whole['lines']], whole['done']) == ([(0, '1'), (1, '2'), (2, '3')], True)
    assert [line['t'] for line in client('GET', log + '&iMin=2').json['lines']] == ['3']
    sandbox.settings(log_minimum='exclusive')
    assert [line['t'] for line in client('GET', log + '&iMin=1').json['lines']] == ['3']


def test_a_legacy_file_can_turn_the_config_job_into_its_own(sandbox: Sandbox, repository: Repository) -> None:
    sandbox.settings(legacy_job='converted')
    repository.commit(ci_nix='{ }')
    repository.push('main')
    sandbox.wait_until_idle()
    assert [item['jobType'] for item in sandbox.jobs(PROJECT)] == ['Legacy']


def test_what_a_restart_interrupted_is_done_afterwards(tmp_path: Path) -> None:
    with Sandbox(tmp_path / 'data') as first:
        first.hold_effects()
        tree = Repository(tmp_path / 'tree', tmp_path / 'repository.git')
        Repository(tmp_path, tmp_path).git('init', '--quiet', '--initial-branch=main', str(tree.tree))
        tree.git('init', '--quiet', '--bare', str(tree.bare))
        first.add_project(PROJECT, tree.bare)
        tree.commit(ci_nix='let %s in { e = mkEffect { effectScript = "echo done"; }; }' % imports(first.pins()))
        tree.push('main')
        first.service.runner.wait_for(lambda: [item for item in first.jobs(PROJECT) if item['jobPhase'] == 'Effects'], 300)
        token = first.token
    tree.commit()
    tree.push('main')
    with Sandbox(tmp_path / 'data') as second:
        second.wait_until_idle()
        assert second.token == token
        assert [(item['jobType'], item['jobStatus']) for item in second.jobs(PROJECT)] == [
            ('Config', 'Success'), ('Legacy', 'Success'), ('Config', 'Success'), ('Legacy', 'Success')]
        assert effect_log(second) == 'done'
