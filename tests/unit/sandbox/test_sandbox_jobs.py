# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A push makes jobs, jobs run effects, effects keep state."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.server import Sandbox
from tests.unit.sandbox.conftest import PROJECT, SITE_PATH, Client, Repository, imports, needs_nix

pytestmark = needs_nix

NETWORK = '''{ ... }: {
  web = { deployment.targetEnv = "ec2"; services.x.enable = true; };
  db = { lib, ... }: { deployment.targetEnv = "ec2"; };
}'''
EXPORT = Path(__file__).parents[2] / 'fixtures' / 'nixops' / 'nixops-1.7' / 'export-aws-prod.json'
SECRET = {'kind': 'Secret', 'data': {'aws_access_key_id': 'AKIA', 'aws_secret_access_key': 'not shown'}, 'condition': {'isBranch': 'main'}}


def ci_nix(sandbox: Sandbox, parameters: str = '', name: str = 'foo') -> str:
    """The guide's legacy form, which deploys on main."""
    return '''{ src ? { ref = null; } }: let %s in {
      net = runIf (src.ref == "refs/heads/main") (runNixOps { name = "%s"; src = lib.cleanSource ./.; %s });
    }''' % (imports(sandbox.pins()), name, parameters)


def effect_log(sandbox: Sandbox) -> str:
    """What the last effect of all wrote in its last run."""
    effect = next(effect for job in reversed(sandbox.summary()['projects'][0]['jobs']) for effect in job['effects'])
    return '\n'.join(effect['logs'][-1])


def last_job(sandbox: Sandbox) -> dict[str, Any]:
    sandbox.wait_until_idle()
    return sandbox.jobs(PROJECT)[-1]


def last_effect(client: Client, attribute: str = 'net.run') -> dict[str, Any]:
    found: dict[str, Any] = client('GET', '/jobs/%s/effects/%s' % (client.sandbox.jobs(PROJECT)[-1]['id'], attribute)).json
    return found


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


def test_state_that_was_uploaded_is_continued(sandbox: Sandbox, repository: Repository) -> None:
    before = EXPORT.read_bytes()
    sandbox.put_state(PROJECT, 'nixops-aws-prod.json', before)
    repository.commit(ci_nix=ci_nix(sandbox, name='aws-prod'), network_nix='{ ... }: { app1.deployment.targetEnv = "ec2"; }')
    repository.push('main')
    assert last_job(sandbox)['jobStatus'] == 'Success'
    key, = json.loads(before)
    after = json.loads(sandbox.states(PROJECT, 'nixops-aws-prod.json')[1])[key]['resources']
    assert after['app1']['ec2.privateHostKey'] == json.loads(before)[key]['resources']['app1']['ec2.privateHostKey']
    assert after['app1']['toplevel'].endswith('-nixos-system-app1-23.05')
    assert after['app2']['obsolete'] == '1'


@pytest.mark.parametrize(('state', 'name', 'message'), [
    ('export-webfarm.json', 'webfarm', 'TypeError: coercing to Unicode'),
    ('export-aws-prod.json', 'other', 'could not find specified deployment'),
])
def test_state_that_nixops_cannot_import_fails_the_effect(
        sandbox: Sandbox, repository: Repository, state: str, name: str, message: str) -> None:
    sandbox.put_state(PROJECT, 'nixops-%s.json' % name, EXPORT.with_name(state).read_bytes())
    repository.commit(ci_nix=ci_nix(sandbox, name=name), network_nix=NETWORK)
    repository.push('main')
    assert (last_job(sandbox)['jobStatus'], len(sandbox.states(PROJECT, 'nixops-%s.json' % name))) == ('Failure', 1)
    assert message in effect_log(sandbox)


@pytest.mark.parametrize(('secret', 'status', 'message'), [
    (SECRET, 'Success', 'deployment finished successfully'),
    ({**SECRET, 'condition': {'isBranch': 'production'}}, 'Failure', 'Secret neat-aws does not exist or access was denied'),
    ({**SECRET, 'data': {'aws_access_key_id': 'AKIA'}}, 'Failure', 'AWS was not able to validate the provided access credentials'),
    ({**SECRET, 'kind': 'secret'}, 'Failure', 'Could not parse secrets file as configured on agent.'),
])
def test_secrets_of_agents_decide(client: Client, repository: Repository, secret: dict[str, Any], status: str, message: str) -> None:
    sandbox, path = client.sandbox, repository.tree.parent / 'secrets.json'
    path.write_text(json.dumps({'neat-aws': secret}), encoding='utf-8')
    sandbox.add_agent('agent-1', path)
    parameters = 'secretsMap.aws = "neat-aws"; userSetupScript = "writeAWSSecret aws default";'
    repository.commit(ci_nix=ci_nix(sandbox, parameters), network_nix=NETWORK)
    repository.push('main')
    assert last_job(sandbox)['jobStatus'] == status
    assert message in effect_log(sandbox)
    assert 'not shown' not in json.dumps(sandbox.summary())
    assert last_effect(client)['events'][0][1]['Started']['agentHostname'] == 'agent-1'


def test_state_is_uploaded_after_a_failure_but_not_after_a_dry_run(sandbox: Sandbox, repository: Repository) -> None:
    sandbox.fail_effects({'net.*': 'the cloud is full'})
    repository.commit(ci_nix=ci_nix(sandbox), network_nix=NETWORK)
    repository.push('main')
    assert last_job(sandbox)['effectsStatus'] == 'Failure'
    assert 'error: the cloud is full' in effect_log(sandbox)
    assert 'uploading state files after the failure' in effect_log(sandbox)
    assert len(sandbox.states(PROJECT, 'nixops-foo.json')) == 1
    sandbox.fail_effects({})
    repository.commit(ci_nix=ci_nix(sandbox, 'action = "dry-run";'))
    repository.push('main')
    assert last_job(sandbox)['jobStatus'] == 'Success'
    assert len(sandbox.states(PROJECT, 'nixops-foo.json')) == 1


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


SCRIPT = '''
  writeSSHKey ssh key; cat key; stat -c %a key
  writeGPGKey gpg; writeDockerKey docker; cat ~/.docker/ca.pem; useDockerHost host; echo $DOCKER_HOST
  readSecretString ssh .publicKey; readSecretJSON ssh '."more"'; readSecretJSON ssh .missing
  readSecretString ssh .missing || echo "returned $?"
  writeAWSSecret docker profile; cat ~/.aws/credentials
  getStateFile new; test ! -e new; echo first >new; putStateFile new; getStateFile new again; cat again
'''


def test_functions_of_effects_read_the_fields_that_they_document(sandbox: Sandbox, repository: Repository, tmp_path: Path) -> None:
    fields = {'ssh': {'privateKey': 'private', 'publicKey': 'public', 'more': [1, None]}, 'gpg': {'privateKey': 'g'},
              'docker': {'clientKey': 'k', 'clientCertificate': 'c', 'CACertificate': 'authority'}}
    path = tmp_path / 'secrets.json'
    document = {name: {'kind': 'Secret', 'data': data, 'condition': True} for name, data in fields.items()}
    path.write_text(json.dumps(document), encoding='utf-8')
    sandbox.add_agent('agent-1', path)
    secrets_map = ' '.join('%s = "%s";' % (name, name) for name in fields)
    repository.commit(ci_nix="let %s in { e = mkEffect { secretsMap = { %s }; effectScript = ''%s''; }; }" % (
        imports(sandbox.pins()), secrets_map, SCRIPT))
    repository.push('main')
    assert last_job(sandbox)['jobStatus'] == 'Success', effect_log(sandbox)
    log = effect_log(sandbox).split('\n')
    assert log[:11] == ['private', '400', 'authority', 'tcp://host:2376', 'public', '[1,null]', 'null', 'null',
                        'Could not find path .missing in secret ssh', 'returned 1',
                        'Could not find path .aws_access_key_id in secret docker']
    assert '[profile]' in log
    assert 'aws_secret_access_key = null' in log
    assert log[-1] == 'first'
    assert sandbox.states(PROJECT, 'new') == [b'first\n']


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
        lambda: [item['jobPhase'] for item in sandbox.jobs(PROJECT) if item['jobType'] == 'Legacy'] == ['Effects', 'Effects'], 60)
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
    sandbox.service.runner.wait_for(lambda: [item for item in sandbox.jobs(PROJECT) if item['jobPhase'] == 'Effects'], 60)
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
    for _ in range(3):
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


def test_nixops2_keeps_a_database_under_a_lock(sandbox: Sandbox, client: Client, repository: Repository, tmp_path: Path) -> None:
    sandbox.put_state(PROJECT, 'default.nixops', EXPORT.read_bytes())
    lock = client('POST', SITE_PATH + '/lock/default.nixops', {'description': 'by hand', 'exclusive': True}).json['contents']['leaseId']
    repository.commit(
        nixops_nix='{ network.storage.hercules-ci.stateName = "default.nixops"; network.lock.hercules-ci.stateName = "default.nixops"; '
                   'app1 = { deployment.targetEnv = "ec2"; }; }',
        ci_nix='let %s in { net = runNixOps2 { name = "aws-prod"; src = ./.; networkFiles = [ "nixops.nix" ]; '
               'nixops = pkgs.nixops_unstable_minimal.withPlugins (p: [ p.nixops-hercules-ci ]); priorCheckScript = ""; }; }'
               % imports(sandbox.pins()))
    repository.push('main')
    sandbox.service.runner.wait_for(lambda: sandbox.service.store.all("SELECT 1 FROM line WHERE t = 'waiting for lock...'"), 60)
    assert len(sandbox.states(PROJECT, 'default.nixops')) == 1
    client('DELETE', '/lock-leases/%s' % lock)
    assert last_job(sandbox)['jobStatus'] == 'Success', effect_log(sandbox)
    (tmp_path / 'state').write_bytes(sandbox.states(PROJECT, 'default.nixops')[-1])
    connection = sqlite3.connect(tmp_path / 'state')
    assert connection.execute("SELECT value FROM DeploymentAttrs WHERE name = 'name'").fetchall() == [('aws-prod',)]
    connection.close()
    assert sandbox.leases(PROJECT, 'default.nixops') == []


def test_what_a_restart_interrupted_is_done_afterwards(tmp_path: Path) -> None:
    with Sandbox(tmp_path / 'data') as first:
        first.hold_effects()
        tree = Repository(tmp_path / 'tree', tmp_path / 'repository.git')
        Repository(tmp_path, tmp_path).git('init', '--quiet', '--initial-branch=main', str(tree.tree))
        tree.git('init', '--quiet', '--bare', str(tree.bare))
        first.add_project(PROJECT, tree.bare)
        tree.commit(ci_nix='let %s in { e = mkEffect { effectScript = "echo done"; }; }' % imports(first.pins()))
        tree.push('main')
        first.service.runner.wait_for(lambda: [item for item in first.jobs(PROJECT) if item['jobPhase'] == 'Effects'], 60)
        token = first.token
    tree.commit()
    tree.push('main')
    with Sandbox(tmp_path / 'data') as second:
        second.wait_until_idle()
        assert second.token == token
        assert [(item['jobType'], item['jobStatus']) for item in second.jobs(PROJECT)] == [
            ('Config', 'Success'), ('Legacy', 'Success'), ('Config', 'Success'), ('Legacy', 'Success')]
        assert effect_log(second) == 'done'
