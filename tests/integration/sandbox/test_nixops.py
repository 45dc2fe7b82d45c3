# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in of NixOps does to machines what NixOps does, and the sandbox tells what that was."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sandbox.conftest import NETWORK, PROJECT, Client, Repository, ci_nix, effect_log, imports, last_job
from tests.sandbox.server import Sandbox

UUID = '11111111-1700-11e7-8000-000000000001'
STATE = 'nixops-foo.json'
WEB = {'type': 'ec2', 'vmId': 'i-web', 'state': '3', 'index': '0'}


def export(name: str | None = 'foo', uuid: str = UUID, **resources: dict[str, str]) -> bytes:
    deployment: dict[str, Any] = {'resources': resources, **({'name': name} if name else {})}
    return json.dumps({uuid: deployment}).encode()


def push(sandbox: Sandbox, repository: Repository, ci: str, network: str = NETWORK, file: str = 'network_nix') -> str:
    """The status of the job that the push made."""
    repository.commit(ci_nix=ci, **{file: network})
    repository.push('main')
    return str(last_job(sandbox)['jobStatus'])


def done(sandbox: Sandbox) -> list[tuple[str, str | None, str | None]]:
    return [(item['action'], item['resource'], item['type']) for item in sandbox.deployed(PROJECT)]


def test_machines_and_resources_are_made_kept_configured_and_made_obsolete(
        sandbox: Sandbox, repository: Repository, client: Client) -> None:
    ci = ci_nix(sandbox)
    network = '{ resources.ec2KeyPairs.key = { }; web.deployment.targetEnv = "ec2"; db.deployment.targetEnv = "hetznercloud"; }'
    assert push(sandbox, repository, ci, network) == 'Success', effect_log(sandbox)
    first = sandbox.deployed(PROJECT)
    assert done(sandbox) == [('created', None, None), ('created', 'key', 'ec2-keypair'), ('created', 'db', 'hetznercloud'),
                             ('created', 'web', 'ec2'), ('configured', 'db', 'hetznercloud'), ('configured', 'web', 'ec2')]
    assert {item['deploymentName'] for item in first} == {'foo'}
    assert len({item['deployment'] for item in first}) == 1
    assert len({item['vmId'] for item in sandbox.deployed(PROJECT, 'created') if item['type'] in ('ec2', 'hetznercloud')}) == 2
    assert (first[0]['job'], first[0]['attribute']) == (2, 'net.run')

    network = '{ web = { deployment.targetEnv = "ec2"; services.x.enable = true; }; }'
    assert push(sandbox, repository, ci, network) == 'Success', effect_log(sandbox)
    assert done(sandbox)[len(first):] == [
        ('imported', None, None), ('obsolete', 'db', 'hetznercloud'), ('obsolete', 'key', 'ec2-keypair'), ('configured', 'web', 'ec2'),
        ('kept', 'web', 'ec2')]

    second = sandbox.deployed(PROJECT)
    network = '{ web = { deployment.targetEnv = "ec2"; services.x.enable = true; }; db.deployment.targetEnv = "hetznercloud"; }'
    assert push(sandbox, repository, ci, network) == 'Success', effect_log(sandbox)
    assert ('no longer obsolete', 'db', 'hetznercloud') in done(sandbox)[len(second):]
    assert 'created' not in [item['action'] for item in sandbox.deployed(PROJECT)[len(second):]]
    assert client('GET', '/sandbox/deployed?project=%s' % PROJECT).json == sandbox.deployed(PROJECT)
    assert client('GET', '/sandbox/deployed').status == 400
    assert sandbox.summary()['projects'][0]['jobs'][1]['effects'][0]['deployed'][0]['action'] == 'created'


def test_another_type_is_refused_before_anything_is_made(sandbox: Sandbox, repository: Repository) -> None:
    sandbox.put_state(PROJECT, STATE, export(web=WEB))
    network = '{ web.deployment.targetEnv = "gce"; new.deployment.targetEnv = "ec2"; }'
    assert push(sandbox, repository, ci_nix(sandbox), network) == 'Failure'
    what = 'the type of resource \u2018web\u2019 changed from \u2018ec2\u2019 to \u2018gce\u2019, which is currently unsupported'
    assert what in effect_log(sandbox)
    assert sandbox.deployed(PROJECT, 'created') == []


def test_a_machine_that_a_failed_deploy_planned_is_made_later(sandbox: Sandbox, repository: Repository) -> None:
    sandbox.fail_effects({'net.*': 'the cloud is full'})
    assert push(sandbox, repository, ci_nix(sandbox)) == 'Failure'
    assert [item['resource'] for item in sandbox.deployed(PROJECT, 'created')] == [None]
    sandbox.fail_effects({})
    assert push(sandbox, repository, ci_nix(sandbox), NETWORK + '\n') == 'Success'
    assert [item['resource'] for item in sandbox.deployed(PROJECT, 'created')] == [None, 'db', 'web']


@pytest.mark.parametrize(('content', 'parameters', 'message'), [
    (b'', '', 'No JSON object could be decoded'),
    (b'{}', '', 'could not find specified deployment'),
    (b'[]', '', "'list' object has no attribute 'iteritems'"),
    (b'garbage', '', 'ValueError'),
    (b'{"%s": {}}' % UUID.encode(), '', "KeyError: 'resources'"),
    (export(name=None, web=WEB), '', 'could not find specified deployment'),
    (export(name='bar', web=WEB), '', 'could not find specified deployment'),
    (export(web=WEB), 'NIXOPS_DEPLOYMENT = "bar";', 'could not find specified deployment'),
    (None, 'NIXOPS_DEPLOYMENT = "%s";' % UUID, 'invalid deployment name'),
    (None, 'networkFiles = [ ]; prebuild = false;', 'you must specify the path to a Nix expression'),
])
def test_what_nixops_cannot_work_with_makes_no_machine(
        sandbox: Sandbox, repository: Repository, content: bytes | None, parameters: str, message: str) -> None:
    if content is not None:
        sandbox.put_state(PROJECT, STATE, content)
    assert push(sandbox, repository, ci_nix(sandbox, parameters)) == 'Failure'
    assert message in effect_log(sandbox)
    assert [item for item in sandbox.deployed(PROJECT, 'created') if item['resource']] == []
    assert sandbox.states(PROJECT, STATE) == ([] if content is None else [content])


@pytest.mark.parametrize('deployment', ['"%s"' % UUID, '"%s"' % UUID[:8], 'null'])
def test_a_uuid_its_begin_or_nothing_find_the_deployment(sandbox: Sandbox, repository: Repository, deployment: str) -> None:
    sandbox.put_state(PROJECT, STATE, export(name=None, web=WEB))
    assert push(sandbox, repository, ci_nix(sandbox, 'NIXOPS_DEPLOYMENT = %s;' % deployment)) == 'Success', effect_log(sandbox)
    assert [item['resource'] for item in sandbox.deployed(PROJECT, 'created')] == ['db']


def test_an_empty_state_name_makes_machines_whose_state_is_lost(sandbox: Sandbox, repository: Repository) -> None:
    sandbox.put_state(PROJECT, STATE, export(web=WEB))
    assert push(sandbox, repository, ci_nix(sandbox, 'stateName = "";')) == 'Failure'
    assert [item['resource'] for item in sandbox.deployed(PROJECT, 'created')] == [None, 'db', 'web']
    assert len(sandbox.states(PROJECT, STATE)) == 1


NIXOPS_NIX = '{ network.storage.hercules-ci.stateName = "s"; web.deployment.targetEnv = "ec2"; }'


def ci_nix2(sandbox: Sandbox, name: str = '"foo"') -> str:
    return '''let %s in { net = runNixOps2 { name = %s; src = ./.; networkFiles = [ "nixops.nix" ];
      nixops = pkgs.nixops_unstable_minimal.withPlugins (p: [ p.nixops-hercules-ci ]); }; }''' % (imports(sandbox.pins()), name)


def deployments(database: bytes, folder: Path) -> list[str]:
    (folder / 'database').write_bytes(database)
    connection = sqlite3.connect(folder / 'database')
    try:
        return [uuid for uuid, in connection.execute('SELECT uuid FROM Deployments')]
    finally:
        connection.close()


@pytest.mark.parametrize('content', [None, b'', b'{}'])
@pytest.mark.parametrize('without_state', ['creates', 'fails'])
def test_nixops2_without_state(sandbox: Sandbox, repository: Repository, tmp_path: Path, content: bytes | None, without_state: str) -> None:
    sandbox.settings(nixops2_without_state=without_state)
    if content is not None:
        sandbox.put_state(PROJECT, 's', content)
    creates = without_state == 'creates'
    status = push(sandbox, repository, ci_nix2(sandbox), NIXOPS_NIX, 'nixops_nix')
    assert status == ('Success' if creates else 'Failure'), effect_log(sandbox)
    assert [item['resource'] for item in sandbox.deployed(PROJECT, 'created')] == ([None, 'web'] if creates else [])
    states = sandbox.states(PROJECT, 's')
    if states:
        assert len(deployments(states[-1], tmp_path)) == creates
    else:
        assert (content, creates) == (None, False)
        assert 'returned non-zero exit status 1' in effect_log(sandbox)


@pytest.mark.parametrize('name', ['"foo"', 'null'])
def test_nixops2_makes_a_database_of_an_export(sandbox: Sandbox, repository: Repository, tmp_path: Path, name: str) -> None:
    sandbox.put_state(PROJECT, 's', export(web=WEB))
    assert push(sandbox, repository, ci_nix2(sandbox, name), NIXOPS_NIX, 'nixops_nix') == 'Success', effect_log(sandbox)
    assert sandbox.deployed(PROJECT, 'created') == []
    assert deployments(sandbox.states(PROJECT, 's')[1], tmp_path) == [UUID]


def test_nixops2_refuses_what_is_no_state(sandbox: Sandbox, repository: Repository) -> None:
    sandbox.put_state(PROJECT, 's', b'garbage')
    assert push(sandbox, repository, ci_nix2(sandbox), NIXOPS_NIX, 'nixops_nix') == 'Failure'
    assert 'sqlite3.DatabaseError: file is not a database' in effect_log(sandbox)
    assert (sandbox.deployed(PROJECT), sandbox.states(PROJECT, 's')) == ([], [b'garbage'])
