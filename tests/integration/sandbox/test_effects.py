# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Effects really run: they get secrets, keep state and write a log."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

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
from tests.support.surroundings import FIXTURES

EXPORT = FIXTURES / 'nixops' / 'nixops-1.7' / 'export-aws-prod.json'
SECRET = {'kind': 'Secret', 'data': {'aws_access_key_id': 'AKIA', 'aws_secret_access_key': 'not shown'}, 'condition': {'isBranch': 'main'}}


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
    assert 'uploading state files after failure' in effect_log(sandbox)
    assert len(sandbox.states(PROJECT, 'nixops-foo.json')) == 1
    sandbox.fail_effects({})
    repository.commit(ci_nix=ci_nix(sandbox, 'action = "dry-run";'))
    repository.push('main')
    assert last_job(sandbox)['jobStatus'] == 'Success'
    assert len(sandbox.states(PROJECT, 'nixops-foo.json')) == 1


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
    sandbox.service.runner.wait_for(lambda: sandbox.service.store.all("SELECT 1 FROM line WHERE t = 'waiting for lock...'"), 300)
    assert len(sandbox.states(PROJECT, 'default.nixops')) == 1
    client('DELETE', '/lock-leases/%s' % lock)
    assert last_job(sandbox)['jobStatus'] == 'Success', effect_log(sandbox)
    (tmp_path / 'state').write_bytes(sandbox.states(PROJECT, 'default.nixops')[-1])
    connection = sqlite3.connect(tmp_path / 'state')
    assert connection.execute("SELECT value FROM DeploymentAttrs WHERE name = 'name'").fetchall() == [('aws-prod',)]
    connection.close()
    assert sandbox.leases(PROJECT, 'default.nixops') == []
