# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nixops_state makes true, and what it leaves alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.in_process import Sandbox
from tests.support.surroundings import FIXTURES

Run = Callable[..., dict[str, Any]]
PROJECT = 'github/neat-org/neat-repo'
NAME = 'nixops-aws-prod.json'
UUID = 'cccccccc-1700-11e7-8000-000000000003'


def writes(sandbox: Sandbox) -> list[str]:
    return [call.method for call in sandbox.service.calls if call.method != 'GET']


def downloads(sandbox: Sandbox) -> list[str]:
    return [call.url for call in sandbox.service.calls if call.method == 'GET' and '/state/' in call.url]


def test_the_first_upload_is_what_nixops_exports(state: Run, sandbox: Sandbox, aws_prod: bytes) -> None:
    result = state(diff=True)
    assert (result['changed'], result['action'], result['version'], result['previous_version']) == (True, 'created', 1, None)
    assert (result['name'], result['size'], result['deployment']) == (NAME, len(aws_prod), {'uuid': UUID, 'name': 'aws-prod'})
    assert 'app1' in result['diff'][0]['after']
    assert sandbox.states(PROJECT, NAME) == [aws_prod]
    assert sandbox.leases(PROJECT, NAME) == []


NIXOPS = FIXTURES / 'nixops'
DEPLOYMENTS = sorted(
    (version, uuid)
    for version in ('1.7', '2.x')
    for uuid in json.loads((NIXOPS / ('nixops-%s' % version) / 'export-all.json').read_text())
)


@pytest.mark.parametrize(('version', 'uuid'), DEPLOYMENTS)
def test_every_deployment_arrives_byte_for_byte(version: str, uuid: str, state: Run, sandbox: Sandbox) -> None:
    folder = NIXOPS / ('nixops-%s' % version)
    printed = [each.read_bytes() for each in folder.glob('export-*.json') if list(json.loads(each.read_text())) == [uuid]]
    result = state(deployment=uuid, database=str(folder / 'deployments.nixops'), function='runNixOps2')
    assert result['action'] == 'created'
    assert sandbox.states(PROJECT, result['name']) == printed


def test_the_second_run_downloads_nothing(state: Run, sandbox: Sandbox) -> None:
    state()
    sandbox.service.calls.clear()
    result = state()
    assert (result['changed'], result['action'], result['version']) == (False, 'unchanged', 1)
    assert not downloads(sandbox)
    assert not writes(sandbox)


@pytest.mark.parametrize('form', ['hex', 'base64', 'sri', 'nix32'])
def test_the_hash_is_understood_in_any_form(form: str, state: Run, sandbox: Sandbox, aws_prod: bytes) -> None:
    sandbox.put_state(PROJECT, NAME, aws_prod)
    sandbox.settings(sha256=form)
    assert state()['action'] == 'unchanged'
    assert not downloads(sandbox)


def test_without_a_hash_contents_are_compared(state: Run, sandbox: Sandbox, aws_prod: bytes) -> None:
    sandbox.put_state(PROJECT, NAME, aws_prod)
    sandbox.settings(sha256='none', size=False)
    assert state()['action'] == 'unchanged'
    assert len(downloads(sandbox)) == 1


def test_layout_and_order_of_keys_are_no_difference(state: Run, sandbox: Sandbox, aws_prod: bytes) -> None:
    (uuid, deployment), = json.loads(aws_prod).items()
    shuffled = {uuid: {'resources': dict(reversed(deployment.pop('resources').items())), **deployment}}
    sandbox.put_state(PROJECT, NAME, json.dumps(shuffled, indent=5, ensure_ascii=False).encode())
    result = state(existing='replace')
    assert (result['changed'], result['action']) == (False, 'unchanged')
    assert not writes(sandbox)


def test_a_database_on_the_server_is_compared_by_meaning(
    state: Run, sandbox: Sandbox, one_deployment: bytes, other: Callable[..., bytes]
) -> None:
    sandbox.put_state(PROJECT, NAME, one_deployment)
    assert state(function='runNixOps2')['action'] == 'unchanged'
    sandbox.put_state(PROJECT, NAME, other(app1={'publicIpv4': '192.0.2.99'}))
    assert state()['differences'] == [{'deployment': UUID, 'resource': 'app1', 'change': 'changed', 'attributes': ['publicIpv4']}]


def test_a_different_state_is_kept_and_what_differs_is_named(
    state: Run, sandbox: Sandbox, other: Callable[..., bytes], warned: list[str]
) -> None:
    there = other(app1={'publicIpv4': '192.0.2.99', 'new': 'x', 'state': None}, extra={'x': 'y'})
    sandbox.put_state(PROJECT, NAME, there)
    result = state()
    assert (result['changed'], result['action'], result['version'], result['previous_version']) == (False, 'kept', 1, 1)
    assert {each['resource']: (each['change'], each['attributes']) for each in result['differences']} == {
        'app1': ('changed', ['new', 'publicIpv4', 'state']),
        'extra': ('only on the server', []),
    }
    assert sandbox.states(PROJECT, NAME) == [there]
    assert not writes(sandbox)
    assert len(warned) == 1
    assert 'The state on the server is used' in warned[0] and 'extra: only on the server' in warned[0]
    assert '192.0.2.99' not in warned[0]


def test_existing_fail_says_what_differs(state: Run, sandbox: Sandbox, other: Callable[..., bytes]) -> None:
    sandbox.put_state(PROJECT, NAME, other(app1={'publicIpv4': '192.0.2.99'}))
    result = state(existing='fail')
    assert result['failed']
    assert 'app1: publicIpv4' in result['msg']
    assert '192.0.2.99' not in result['msg']
    assert result['differences'][0]['attributes'] == ['publicIpv4']


@pytest.mark.parametrize('content', [b'', b'{}', b'no state at all', b'SQLite format 3\0 cut off'])
@pytest.mark.parametrize('function', ['runNixOps', 'runNixOps2'])
def test_what_is_no_state_on_the_server_is_not_kept_and_can_be_replaced(
    function: str, content: bytes, state: Run, sandbox: Sandbox, aws_prod: bytes, warned: list[str]
) -> None:
    sandbox.put_state(PROJECT, NAME, content)
    for check in (True, False):
        result = state(function=function, check=check)
        assert result['failed']
        assert 'existing=replace with replaced_version=1' in result['msg']
        assert '%s, version 1' % NAME in result['problems'][0]['where']
    assert sandbox.states(PROJECT, NAME) == [content]
    assert state(function=function, existing='replace', replaced_version=1)['action'] == 'replaced'
    assert not warned
    assert sandbox.states(PROJECT, NAME) == [content, aws_prod]


def test_replacing_saves_the_old_version_and_verifies_the_new(
    state: Run, sandbox: Sandbox, other: Callable[..., bytes], aws_prod: bytes
) -> None:
    there = other(app1={'publicIpv4': '192.0.2.99'})
    sandbox.put_state(PROJECT, NAME, there)
    result = state(existing='replace', diff=True)
    assert (result['changed'], result['action'], result['version'], result['previous_version']) == (True, 'replaced', 2, 1)
    assert sandbox.states(PROJECT, NAME) == [there, aws_prod]
    backup = Path(result['backup_file'])
    assert backup.read_bytes() == there
    assert backup.stat().st_mode & 0o777 == 0o600
    assert backup.parent.stat().st_mode & 0o777 == 0o700
    assert result['diff'][0]['before'] == 'app1: publicIpv4 (%s, version 1)\n' % NAME
    assert sandbox.leases(PROJECT, NAME) == []
    assert state(existing='replace')['action'] == 'unchanged'


def test_without_a_place_for_the_backup_nothing_is_replaced(
    state: Run, sandbox: Sandbox, other: Callable[..., bytes], tmp_path: Path
) -> None:
    there = other(app1={'publicIpv4': '192.0.2.99'})
    sandbox.put_state(PROJECT, NAME, there)
    (tmp_path / 'backups').write_text('no folder')
    result = state(existing='replace')
    assert 'The folder for backups cannot be made. Where: %s' % (tmp_path / 'backups') in result['msg']
    assert sandbox.states(PROJECT, NAME) == [there]


def test_a_disk_without_room_for_the_copy(state: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('tempfile.TemporaryFile', partial(open, '/dev/full', 'r+b', buffering=0))
    said = state()['msg']
    assert said.startswith('A temporary file cannot be written. Where: ') and 'No space left on device' in said
    assert sandbox.states(PROJECT, NAME) == []


def test_no_backup_when_it_is_not_wanted(state: Run, sandbox: Sandbox, other: Callable[..., bytes], tmp_path: Path) -> None:
    sandbox.put_state(PROJECT, NAME, other(app1={'publicIpv4': '192.0.2.99'}))
    assert 'backup_file' not in state(existing='replace', backup=False)
    assert not (tmp_path / 'backups').exists()


@pytest.mark.parametrize('folder', ['/proc/none', '/dev/null', 'null\0byte', '~nobody-of-this-name'])
def test_without_the_backup_nothing_is_replaced(folder: str, state: Run, sandbox: Sandbox, other: Callable[..., bytes]) -> None:
    there = other(app1={'publicIpv4': '192.0.2.99'})
    sandbox.put_state(PROJECT, NAME, there)
    result = state(existing='replace', backup_dir=folder)
    assert 'backup_dir' in result['problems'][0]['remedy']
    assert sandbox.states(PROJECT, NAME) == [there]
    assert sandbox.leases(PROJECT, NAME) == []


def test_who_has_no_home_has_to_name_the_folder_for_backups(
    state: Run, sandbox: Sandbox, other: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv('HOME')
    monkeypatch.delenv('XDG_STATE_HOME', raising=False)
    monkeypatch.setattr('os.getuid', lambda: 4_000_000_001)
    monkeypatch.chdir(tmp_path)
    assert state(backup_dir=None)['action'] == 'created'
    sandbox.put_state(PROJECT, NAME, other(app1={'publicIpv4': '192.0.2.99'}))
    assert 'Set backup_dir' in state(backup_dir=None, existing='replace')['msg']
    assert not (tmp_path / '~').exists()
    assert state(existing='replace')['action'] == 'replaced'


def test_going_back_to_an_old_version(state: Run, sandbox: Sandbox, other: Callable[..., bytes], aws_prod: bytes) -> None:
    newer = other(app1={'publicIpv4': '192.0.2.99'})
    sandbox.put_state(PROJECT, NAME, aws_prod)
    sandbox.put_state(PROJECT, NAME, newer)
    result = state(version=1)
    assert (result['changed'], result['action'], result['version'], result['previous_version']) == (True, 'restored', 3, 2)
    assert sandbox.states(PROJECT, NAME) == [aws_prod, newer, aws_prod]
    assert Path(result['backup_file']).read_bytes() == newer
    assert (state(version=1)['action'], state(version=3)['action']) == ('unchanged', 'unchanged')


def test_going_back_once_and_not_after_the_next_deployment(
    state: Run, sandbox: Sandbox, make_job: Callable[..., int], other: Callable[..., bytes], aws_prod: bytes
) -> None:
    """A task that somebody has left in a playbook."""
    sandbox.put_state(PROJECT, NAME, aws_prod)
    make_job('Done', stores=other(app1={'publicIpv4': '192.0.2.98'}))
    assert state(version=1, replaced_version=2)['action'] == 'restored'
    assert state(version=1, replaced_version=2)['action'] == 'unchanged'
    make_job('Done', stores=other(app1={'publicIpv4': '192.0.2.99'}))
    assert 'not the one that was to be replaced' in state(version=1, replaced_version=2)['msg']
    assert len(sandbox.states(PROJECT, NAME)) == 4


def test_going_back_to_what_never_was(state: Run, sandbox: Sandbox, aws_prod: bytes) -> None:
    sandbox.put_state(PROJECT, NAME, aws_prod)
    assert 'one of 1' in state(version=7)['msg']
    assert 'no version of it' in state(version=7, name='other.json')['msg']


@pytest.mark.parametrize('content', [b'', b'{}', b'{"a": {"name": "webfarm", "resources": {}}}', b'no state'])
def test_going_back_to_what_does_not_hold_the_deployment(content: bytes, state: Run, sandbox: Sandbox, aws_prod: bytes) -> None:
    sandbox.put_state(PROJECT, NAME, content)
    sandbox.put_state(PROJECT, NAME, aws_prod)
    result = state(version=1)
    assert 'To do: ' in result['msg']
    assert '%s, version 1' % NAME in result['msg']
    assert len(sandbox.states(PROJECT, NAME)) == 2


def test_going_back_to_a_database_is_for_nixops_2(
    state: Run, sandbox: Sandbox, one_deployment: bytes, other: Callable[..., bytes]
) -> None:
    """The effect of runNixOps imports exports only."""
    sandbox.put_state(PROJECT, NAME, one_deployment)
    sandbox.put_state(PROJECT, NAME, other(app1={'publicIpv4': '192.0.2.99'}))
    for check in (True, False):
        result = state(version=1, check=check)
        assert 'runNixOps imports exports only, and this is a database' in result['msg']
        assert 'Where: %s, version 1' % NAME in result['msg']
    assert len(sandbox.states(PROJECT, NAME)) == 2
    assert state(version=1, function='runNixOps2')['action'] == 'restored'


def test_going_back_to_what_the_effect_would_not_find(
    state: Run, sandbox: Sandbox, other: Callable[..., bytes], aws_prod: bytes, warned: list[str],
) -> None:
    sandbox.put_state(PROJECT, NAME, other(app1={'publicIpv4': '192.0.2.1', 'ec2.publicHostKey': None}))
    sandbox.put_state(PROJECT, NAME, aws_prod)
    assert 'The effect would not find the deployment' in state(version=1, effect_deployment='prod', name=NAME)['msg']
    assert state(version=1)['action'] == 'restored'
    assert 'app1' in warned.pop()  # the effect would fail at it, and lose nothing


def test_a_database_that_stays_on_the_server_is_no_state_for_runnixops(
    state: Run, sandbox: Sandbox, one_deployment: bytes, aws_prod: bytes, warned: list[str],
) -> None:
    sandbox.put_state(PROJECT, NAME, one_deployment)
    said = state()['msg']
    assert 'runNixOps imports exports only, and this is a database' in said
    assert 'nixops_function' in said and 'replaced_version=1' in said
    assert state(function='runNixOps2')['action'] == 'unchanged'
    assert state(existing='replace')['action'] == 'replaced'
    assert not warned
    assert sandbox.states(PROJECT, NAME)[-1] == aws_prod


@pytest.mark.parametrize('options', [{}, {'existing': 'replace'}, {'version': 1}])
def test_check_mode_predicts_and_writes_nothing(
    options: dict[str, Any], state: Run, sandbox: Sandbox, other: Callable[..., bytes], tmp_path: Path
) -> None:
    if options:
        sandbox.put_state(PROJECT, NAME, other(app1={'publicIpv4': '192.0.2.98'}))
        sandbox.put_state(PROJECT, NAME, other(app1={'publicIpv4': '192.0.2.99'}))
    predicted = state(check=True, diff=True, **options)
    assert not writes(sandbox)
    assert not (tmp_path / 'backups').exists()
    result = state(diff=True, **options)
    same = ('changed', 'action', 'previous_version', 'sha256', 'size', 'differences', 'diff', 'deployment', 'name')
    assert {key: predicted[key] for key in same} == {key: result[key] for key in same}
    assert result['changed']


def test_known_hosts_lie_beside_the_state(state: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    hosts = tmp_path / 'known_hosts'
    hosts.write_text('192.0.2.1 ssh-ed25519 AAAA\n192.0.2.2 ssh-ed25519 BBBB\n \t# a comment\n')
    result = state(known_hosts=str(hosts))
    assert result['known_hosts']['name'] == 'nixops-aws-prod.known_hosts'
    assert sandbox.states(PROJECT, 'nixops-aws-prod.known_hosts') == [hosts.read_bytes()]
    assert state(known_hosts=str(hosts))['changed'] is False

    hosts.write_text('192.0.2.2 ssh-ed25519 BBBB\n192.0.2.3 ssh-ed25519 CCCC\n')
    kept = state(known_hosts=str(hosts))
    assert (kept['changed'], kept['known_hosts']['action']) == (False, 'kept')
    assert [(each['resource'], each['change']) for each in kept['known_hosts']['differences']] == [
        ('192.0.2.1', 'only on the server'), ('192.0.2.3', 'only here'),
    ]
    replaced = state(known_hosts=str(hosts), existing='replace')
    assert (replaced['changed'], replaced['action'], replaced['known_hosts']['version']) == (True, 'unchanged', 2)
    assert state(known_hosts=str(hosts), known_hosts_name='elsewhere')['known_hosts']['action'] == 'created'


def test_known_hosts_never_become_the_state(state: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    hosts = tmp_path / 'known_hosts'
    hosts.write_text('192.0.2.1 ssh-ed25519 AAAA\n')
    result = state(known_hosts=str(hosts), known_hosts_name=NAME)
    assert 'cannot be in the same file' in result['msg']
    assert 'knownHostsName' in result['msg']
    assert sandbox.states(PROJECT, NAME) == []


def test_what_is_given_as_known_hosts_by_mistake(state: Run, sandbox: Sandbox, tmp_path: Path, secrets: list[str]) -> None:
    hosts = tmp_path / 'id_rsa'
    hosts.write_text('-----BEGIN RSA PRIVATE KEY-----\n%s\n-----END RSA PRIVATE KEY-----\n' % secrets[0])
    assert 'id_rsa, line 1' in state(known_hosts=str(hosts))['msg']
    hosts.write_text('192.0.2.1 ssh-rsa AAAA\n\n# nothing\n%s\n' % secrets[0])
    assert 'id_rsa, line 4' in state(known_hosts=str(hosts))['msg']
    assert sandbox.states(PROJECT, NAME) == []


def test_known_hosts_on_the_server_that_are_something_else(state: Run, sandbox: Sandbox, tmp_path: Path, secrets: list[str]) -> None:
    hosts = tmp_path / 'known_hosts'
    lines = ['@cert-authority *.example.org ssh-rsa AAAA= who', '[h]:22,|1|a=|b= ecdsa-sha2-nistp256 AAAA', 'old 1024 35 1234', '#']
    hosts.write_text('\n'.join(lines))
    sandbox.put_state(PROJECT, 'nixops-aws-prod.known_hosts', '\n'.join(secrets).encode())
    result = state(known_hosts=str(hosts), existing='replace', diff=True)
    assert [each['resource'] for each in result['known_hosts']['differences']] == [
        '*.example.org', '[h]:22,|1|a=|b=', 'a line that names no host', 'old',
    ]


@pytest.mark.parametrize('option', ['database', 'export_file', 'known_hosts', 'credentials_file'])
def test_nobody_waits_at_a_pipe(option: str, state: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    connection = {'api_token': None} if option == 'credentials_file' else {}
    for path in (str(tmp_path / 'pipe'), '/dev/zero'):
        result = state(**{**connection, option: path})
        assert 'exception' not in result
        assert 'not a regular file' in result['msg']
    assert sandbox.states(PROJECT, NAME) == []


def test_a_stale_database_does_not_hide_what_a_deployment_stored(
    state: Run, sandbox: Sandbox, make_job: Callable[..., None], other: Callable[..., bytes], aws_prod: bytes
) -> None:
    """Somebody has left existing=replace in the inventory, and Hercules CI has deployed since."""
    deployed = other(web9={'publicIpv4': '192.0.2.9'})
    make_job('Done', stores=deployed)
    result = state(existing='replace')
    assert result['failed']
    assert 'replaced_version=1' in result['msg']
    assert 'web9' in result['msg']
    assert sandbox.states(PROJECT, NAME) == [deployed]
    assert state(existing='replace', replaced_version=2)['failed']
    assert state(existing='replace', replaced_version=1)['action'] == 'replaced'
    assert sandbox.states(PROJECT, NAME) == [deployed, aws_prod]
