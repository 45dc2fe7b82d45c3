# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""nixops_backup and nixops_restore against the sandbox, a folder, and a bucket of a real S3 server."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from ansible_collections.nixcd.hercules_ci.plugins.action import nixops_backup
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import Client
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.bucket import Bucket
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.saving import now
from botocore.client import BaseClient

from tests.sandbox.in_process import Sandbox
from tests.support.marks import SLOW

from .conftest import FIXTURES, HOSTS, PROJECT, STATE, network_of, state_of

Play = Callable[..., dict[str, Any]]
NAME = 'nixops-aws-prod.json'
KNOWN_HOSTS = 'nixops-aws-prod.known_hosts'
OTHER = STATE.replace(b'198.51.100', b'203.0.113')


@pytest.fixture(params=['folder', 'bucket'])
def place(request: pytest.FixtureRequest, folder: Path, bucket: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Where the backup lies."""
    number = hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    return {'folder': str(folder)} if request.param == 'folder' else bucket('backup-%s' % number)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Sandbox]:
    """Another Hercules CI, which has nothing yet."""
    with Sandbox(tmp_path / 'empty', token='a-token') as running:
        running.add_project(PROJECT)
        yield running


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those to Hercules CI."""
    sent: list[str] = []
    original = Client._exchange

    def counted(self: Any, method: str, path: str, *arguments: Any, **options: Any) -> Any:
        sent.append('%s %s' % (method, path))
        return original(self, method, path, *arguments, **options)

    monkeypatch.setattr(Client, '_exchange', counted)
    return sent


def actions(result: dict[str, Any]) -> list[str]:
    assert not result.get('failed'), result['msg']
    return [each['action'] for each in result['files']]


def test_foreseen_done_and_done_again(play: Play, sandbox: Sandbox, place: dict[str, Any]) -> None:
    sandbox.put_state(PROJECT, NAME, STATE)
    sandbox.put_state(PROJECT, KNOWN_HOSTS, HOSTS)
    foreseen = play('nixops_backup', check=True, **place)
    done = play('nixops_backup', **place)
    again = play('nixops_backup', **place)
    assert (foreseen['changed'], done['changed'], again['changed']) == (True, True, False)
    assert actions(foreseen) == actions(done) == ['stored', 'stored']
    assert actions(again) == ['unchanged', 'unchanged']
    assert done['files'][0]['sha256'] == hashlib.sha256(STATE).hexdigest()
    assert done['diff']['after'].splitlines()[0].startswith('%s %s version 1 (' % (PROJECT, NAME))
    sandbox.put_state(PROJECT, NAME, OTHER)
    assert actions(play('nixops_backup', **place)) == ['stored', 'unchanged']


def test_a_content_that_is_there_is_not_fetched(play: Play, sandbox: Sandbox, place: dict[str, Any]) -> None:
    sandbox.put_state(PROJECT, NAME, STATE)
    play('nixops_backup', **place)
    sandbox.put_state(PROJECT, NAME, STATE)
    sandbox.fault('status', 'GET', '.*/data.*', times=-1, status=403)
    result = play('nixops_backup', **place)
    assert actions(result) == ['stored', 'missing']
    assert (result['files'][0]['version'], result['files'][0]['size']) == (2, len(STATE))


def nixops_2(tmp_path: Path) -> bytes:
    """A state as NixOps 2 stores it: a database."""
    copy = Path(shutil.copy(FIXTURES / 'nixops-2.x' / 'deployments.nixops', tmp_path / 'one.nixops'))
    connection = sqlite3.connect(copy)
    connection.executescript('pragma foreign_keys = on; pragma journal_mode = delete;')
    connection.execute("delete from Deployments where uuid not in (select deployment from DeploymentAttrs where value = 'aws-prod')")
    connection.commit()
    connection.close()
    return copy.read_bytes()


@pytest.mark.parametrize('function', ['runNixOps', 'runNixOps2'])
def test_restored_into_an_empty_project_byte_for_byte(
    play: Play, sandbox: Sandbox, empty: Sandbox, place: dict[str, Any], networks: dict[str, Any], tmp_path: Path, function: str,
) -> None:
    content = STATE if function == 'runNixOps' else nixops_2(tmp_path)
    networks['neat-network']['nixops_function'] = function
    sandbox.put_state(PROJECT, NAME, content)
    sandbox.put_state(PROJECT, KNOWN_HOSTS, HOSTS)
    assert play('nixops_backup', **place)['changed']
    networks['neat-network']['nixops_api_base_url'] = empty.url
    drill = play('nixops_restore', check=True, **place)
    assert (drill['backup']['version'], drill['backup']['sha256']) == (1, hashlib.sha256(content).hexdigest())
    assert (drill['action'], drill['known_hosts']['action'], drill['changed']) == ('created', 'created', True)
    assert empty.states(PROJECT, NAME) == []
    done = play('nixops_restore', **place)
    assert not done.get('failed'), done['msg']
    assert (empty.states(PROJECT, NAME), empty.states(PROJECT, KNOWN_HOSTS)) == ([content], [HOSTS])
    again = play('nixops_restore', **place)
    assert (done['changed'], again['changed'], again['action']) == (True, False, 'unchanged')


BAD = {
    'truncated': (STATE[:-100], 'The export breaks off.'), 'empty': (b'', 'The state is empty'),
    'garbage': (b'\x00\xff' * 50, 'not an export'),
    'a database': (b'SQLite format 3\x00', 'runNixOps imports exports only'), 'of another name': (state_of('other'), 'holds another one'),
    'of another deployment': (STATE.replace(b'cccccccc', b'dddddddd'), 'another deployment than before'),
    'of two': (json.dumps({**json.loads(STATE), **json.loads(state_of('other'))}).encode(), 'several deployments'),
}


@pytest.mark.parametrize('name', BAD)
def test_a_state_that_cannot_be_used_is_kept_and_marked(play: Play, sandbox: Sandbox, folder: Path, name: str) -> None:
    content, why = BAD[name]
    sandbox.put_state(PROJECT, NAME, STATE)
    play('nixops_backup', folder=str(folder))
    sandbox.put_state(PROJECT, NAME, content)
    result = play('nixops_backup', folder=str(folder), keep_versions=1)
    assert actions(result) == ['stored', 'missing']
    assert why in result['files'][0]['problem'] and why in result['warnings'][0]
    assert (folder / 'contents' / hashlib.sha256(content).hexdigest()).read_bytes() == content
    again = play('nixops_backup', folder=str(folder), keep_versions=1)
    assert not again['changed'] and again['warnings']
    drill = play('nixops_restore', check=True, folder=str(folder))
    assert not drill.get('failed'), drill['msg']
    assert drill['backup']['version'] == 1
    refused = play('nixops_restore', folder=str(folder), version=2)
    assert refused['failed'] and 'This version cannot be used.' in refused['msg']


def test_what_is_not_what_is_listed(play: Play, sandbox: Sandbox, folder: Path) -> None:
    sandbox.put_state(PROJECT, NAME, STATE)
    sandbox.settings(sha256='wrong')
    result = play('nixops_backup', folder=str(folder))
    assert 'not what it lists' in result['files'][0]['problem']
    assert not play('nixops_backup', folder=str(folder))['changed']


def test_a_listing_without_hashes(play: Play, sandbox: Sandbox, folder: Path) -> None:
    sandbox.settings(sha256='none', size=False)
    sandbox.put_state(PROJECT, NAME, STATE)
    assert [play('nixops_backup', folder=str(folder))['changed'] for _time in range(2)] == [True, False]


@pytest.mark.parametrize('options, kept', [
    ({}, [1, 2, 3, 4, 5, 6]), ({'keep_versions': 2}, [4, 5, 6]), ({'keep_versions': 1}, [4, 6]), ({'keep_days': 3}, [1, 2, 3, 4, 5, 6]),
    ({'keep_days': 1}, [4, 6]), ({'keep_days': 1, 'keep_versions': 4}, [3, 4, 5, 6]),
])
def test_what_is_kept(
    play: Play, sandbox: Sandbox, folder: Path, options: dict[str, Any], kept: list[int], monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two days later. The last two versions cannot be used. Contents that no copy needs go, too."""
    for number in range(6):
        sandbox.put_state(PROJECT, NAME, STATE.replace(b'198.51.100', b'203.0.%d' % number) if number < 4 else b'no state %d' % number)
        play('nixops_backup', folder=str(folder))
    later(monkeypatch)
    result = play('nixops_backup', folder=str(folder), **options)
    index = json.loads((folder / 'index.json').read_text())
    assert [copy['version'] for copy in index['copies']] == kept
    assert result['changed'] == (len(kept) < 6)
    assert {copy['sha256'] for copy in index['copies']} == {file.name for file in (folder / 'contents').iterdir()}
    assert not play('nixops_backup', folder=str(folder), **options)['changed']


def test_in_a_bucket_contents_go_a_day_later(
    play: Play, sandbox: Sandbox, bucket: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = bucket('a-day-later')
    for content in (STATE, OTHER):
        sandbox.put_state(PROJECT, NAME, content)
        play('nixops_backup', keep_versions=1, **place)
    assert len(contents(place)) == 2
    later(monkeypatch)
    assert not play('nixops_backup', keep_versions=1, **place)['changed']
    assert contents(place) == [hashlib.sha256(OTHER).hexdigest()]


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two days."""
    monkeypatch.setattr(nixops_backup, 'now', lambda: now() + timedelta(days=2))


def contents(place: dict[str, Any]) -> list[str]:
    client = boto3.session.Session().client('s3', endpoint_url=place['endpoint_url'], region_name='us-east-1')
    listed = client.list_objects_v2(Bucket=place['bucket'])
    return [item['Key'].rpartition('/')[2] for item in listed['Contents'] if '/contents/' in item['Key']]


def test_two_runs_write_to_a_bucket(
    play: Play, sandbox: Sandbox, bucket: Callable[..., dict[str, Any]], networks: dict[str, Any], monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other one writes its index while this one is fetching."""
    place = bucket('two-runs')
    sandbox.put_state(PROJECT, NAME, STATE)
    sandbox.put_state(PROJECT, 'nixops-other.json', state_of('other'))
    mine, put = dict(networks), Bucket.put

    def after_the_other(*arguments: Any) -> None:
        monkeypatch.setattr(Bucket, 'put', put)
        networks.clear()
        networks['other'] = network_of(sandbox, 'other')
        play('nixops_backup', **place)
        networks.clear()
        networks.update(mine)
        put(*arguments)

    monkeypatch.setattr(Bucket, 'put', after_the_other)
    play('nixops_backup', **place)
    networks['other'] = network_of(sandbox, 'other')
    assert actions(play('nixops_backup', **place)) == ['unchanged', 'missing'] * 2


def test_encrypted_and_locked(play: Play, sandbox: Sandbox, bucket: Callable[..., dict[str, Any]]) -> None:
    place = bucket('locked', ObjectLockEnabledForBucket=True)
    sandbox.put_state(PROJECT, NAME, STATE)
    assert play('nixops_backup', encryption='aws:kms', kms_key='a-key', lock_days=30, **place)['changed']
    client = boto3.session.Session().client('s3', endpoint_url=place['endpoint_url'], region_name='us-east-1')
    head = client.head_object(Bucket='locked', Key='nix/ops/contents/%s' % hashlib.sha256(STATE).hexdigest())
    assert (head['ServerSideEncryption'], head['SSEKMSKeyId'], head['ObjectLockMode']) == ('aws:kms', 'a-key', 'GOVERNANCE')
    assert client.head_object(Bucket='locked', Key='nix/ops/index.json').get('ObjectLockMode') is None
    assert play('nixops_restore', check=True, **place)['backup']['version'] == 1


def test_lock_days_where_the_bucket_has_no_lock(play: Play, sandbox: Sandbox, bucket: Callable[..., dict[str, Any]]) -> None:
    sandbox.put_state(PROJECT, NAME, STATE)
    result = play('nixops_backup', lock_days=30, **bucket('not-locked'))
    assert result['failed'] and 'object lock' in result['msg']


@pytest.mark.parametrize('number_of_networks, number_of_projects', [(40, 5), SLOW(200, 20)])
def test_at_rest_a_project_costs_one_request(
    play: Play, sandbox: Sandbox, place: dict[str, Any], networks: dict[str, Any], requests: list[str], number_of_networks: int,
    number_of_projects: int, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And one for the index, where that is in a bucket."""
    networks.clear()
    for number in range(number_of_networks):
        project, name = 'github/neat-org/repo-%d' % (number % number_of_projects), 'net-%d' % number
        if number < number_of_projects:
            sandbox.add_project(project)
        networks[name] = network_of(sandbox, name, nixops_project=project)
        sandbox.put_state(project, 'nixops-%s.json' % name, state_of(name))
    assert set(actions(play('nixops_backup', **place))) == {'stored', 'missing'}
    requests.clear()
    asked, call = [], BaseClient._make_api_call
    monkeypatch.setattr(BaseClient, '_make_api_call', lambda self, name, options: asked.append(name) or call(self, name, options))
    result = play('nixops_backup', **place)
    assert not result['changed'] and actions(result).count('unchanged') == number_of_networks
    assert len(requests) == number_of_projects
    assert asked == (['GetObject'] if 'bucket' in place else [])


def test_it_is_for_its_owner_only(play: Play, sandbox: Sandbox, folder: Path) -> None:
    sandbox.put_state(PROJECT, NAME, STATE)
    play('nixops_backup', folder=str(folder))
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / 'contents')} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob('*') if path.is_file()} == {0o600}


def test_what_is_wrong_with_one_project_does_not_keep_the_others_from_it(
    play: Play, sandbox: Sandbox, folder: Path, networks: dict[str, Any],
) -> None:
    sandbox.put_state(PROJECT, NAME, STATE)
    networks['first'] = network_of(sandbox, 'x', nixops_project='github/neat-org/nowhere')
    networks['lost'] = network_of(sandbox, 'lost')
    networks['new'] = network_of(sandbox, 'new', nixops_state='new')
    result = play('nixops_backup', folder=str(folder))
    assert result['failed'] and result['changed']
    assert len(result['problems']) == 2
    assert 'lost, nixops-lost.json' in result['msg'] and 'new, ' not in result['msg']
    assert play('nixops_restore', check=True, folder=str(folder))['backup']['version'] == 1


DAMAGED = {
    'changed': (lambda folder: content_file(folder).write_bytes(b'x' * len(STATE)), 'is not what was put in'),
    'cut': (lambda folder: content_file(folder).write_bytes(STATE[:-1]), 'is not what was put in'),
    'removed': (lambda folder: content_file(folder).unlink(), 'cannot be read'),
    'no index': (lambda folder: (folder / 'index.json').unlink(), 'no state that could be restored'),
    'bad index': (lambda folder: (folder / 'index.json').write_text('{"format": 1}'), 'not the index of a backup'),
    'newer index': (lambda folder: (folder / 'index.json').write_text('{"format": 2}'), 'newer version of this collection'),
}


def content_file(folder: Path) -> Path:
    return folder / 'contents' / hashlib.sha256(STATE).hexdigest()


@pytest.mark.parametrize('name', DAMAGED)
def test_a_drill_finds_damage(play: Play, sandbox: Sandbox, folder: Path, name: str) -> None:
    damage, words = DAMAGED[name]
    sandbox.put_state(PROJECT, NAME, STATE)
    play('nixops_backup', folder=str(folder))
    damage(folder)
    drill = play('nixops_restore', check=True, folder=str(folder))
    assert drill['failed'] and words in drill['msg']
    if name in ('removed', 'no index'):
        play('nixops_backup', folder=str(folder))
        assert not play('nixops_restore', check=True, folder=str(folder)).get('failed')
    elif 'index' in name:
        assert play('nixops_backup', folder=str(folder))['failed']


def test_what_the_server_has_is_guarded(play: Play, sandbox: Sandbox, folder: Path) -> None:
    sandbox.put_state(PROJECT, NAME, STATE)
    play('nixops_backup', folder=str(folder))
    sandbox.put_state(PROJECT, NAME, OTHER)
    drill = play('nixops_restore', check=True, folder=str(folder))
    assert drill['in_the_way'] and drill['warnings'] and not drill.get('failed')
    assert play('nixops_restore', folder=str(folder))['failed']
    done = play('nixops_restore', folder=str(folder), existing='replace', replaced_version=2)
    assert not done.get('failed'), done['msg']
    assert sandbox.states(PROJECT, NAME)[-1] == STATE
    assert Path(done['backup_file']).read_bytes() == OTHER


def test_options(play: Play, tmp_path: Path, bucket: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    assert 'keep_versions' in play('nixops_backup', folder=str(tmp_path / 'x'), keep_versions=0)['msg']
    place = bucket('exists')
    assert 'NoSuchBucket' in play('nixops_backup', **{**place, 'bucket': 'nowhere'})['msg']
    assert 'cannot be reached' in play('nixops_backup', **{**place, 'endpoint_url': 'http://127.0.0.1:1'})['msg']
    monkeypatch.delenv('AWS_ACCESS_KEY_ID')
    monkeypatch.setenv('AWS_EC2_METADATA_DISABLED', 'true')
    assert 'credentials' in play('nixops_backup', **place)['msg']
    monkeypatch.setitem(sys.modules, 'boto3', None)
    assert 'pip install boto3' in play('nixops_backup', **place)['msg']


def test_what_nixops_does_not_deploy_has_no_state(play: Play, sandbox: Sandbox, folder: Path, networks: dict[str, Any]) -> None:
    web = {**networks['neat-network'], 'nixops_function': 'runNixOS'}
    del web['nixops_deployment']
    sandbox.put_state(PROJECT, NAME, STATE)
    networks['web'] = web
    result = play('nixops_backup', folder=str(folder))
    assert {each['network'] for each in result['files']} == {'neat-network'}
    networks['neat-network'] = web
    assert play('nixops_restore', folder=str(folder)) == {
        'changed': False, 'msg': 'neat-network has no state, as it is not deployed by NixOps.'}
