# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import json
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._files import locked
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._payload import packed
from ansible_collections.nixcd.hercules_ci.plugins.modules import hci_agent, hci_secret, hci_secret_info

CONDITION = {'and': [{'isOwner': 'neat-org'}, {'isRepo': 'neat-repo'}, {'isBranch': 'production'}]}
AWS = {'data': {'id': 'canary', 'key': 'canary'}, 'condition': CONDITION}
# Numbers that a careless program would change, a field that the agent ignores, and an order that is not ours.
FOREIGN = (
    '{"foreign": {"kind": "Secret", "data": {"n": 1.50, "big": 12345678901234567890123, "e": 1E400}, "comment": {"z": [0.10]},'
    ' "condition": true}}'
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='only root may give files away, and become another user')


class Agent:
    """A folder of secrets, and the modules that see to it."""

    def __init__(self, folder: Path, run: Callable[..., dict[str, Any]]) -> None:
        self.folder = folder
        self.file = folder / 'secrets.json'
        self.run = run

    def secret(self, secrets: dict[str, Any], *, check: bool = False, **options: Any) -> dict[str, Any]:
        """What hci_secret answers to these secrets, which the action plugin would have packed."""
        given = {'path': str(self.file), '_payload': packed(secrets), **options}
        result: dict[str, Any] = self.run(hci_secret.main, given, check=check, diff=True)
        assert 'canary' not in json.dumps(result)
        return result

    def written(self) -> Any:
        return json.loads(self.file.read_bytes())

    def names(self) -> list[str]:
        return sorted(os.listdir(self.folder))


def warnings_of(result: dict[str, Any]) -> str:
    """All of them, in the form that the ansible-core has for them, with those of modules that ran in this process before."""
    return json.dumps(result['warnings'])


@pytest.fixture
def agent(tmp_path: Path, run_module: Callable[..., dict[str, Any]]) -> Agent:
    return Agent(tmp_path, run_module)


def test_first_second_and_check_run_agree(agent: Agent) -> None:
    predicted = agent.secret({'aws': AWS}, check=True)
    assert agent.names() == []
    first = agent.secret({'aws': AWS})
    written = agent.file.read_bytes()
    assert written == (
        b'{\n  "aws": {\n    "condition": {\n      "and": [\n        {\n          "isOwner": "neat-org"\n        },\n        {\n'
        b'          "isRepo": "neat-repo"\n        },\n        {\n          "isBranch": "production"\n        }\n      ]\n    },\n'
        b'    "data": {\n      "id": "canary",\n      "key": "canary"\n    },\n    "kind": "Secret"\n  }\n}\n'
    )
    assert stat.S_IMODE(agent.file.stat().st_mode) == 0o400
    assert first['added'] == ['aws'] and first['diff'][0]['after']['aws']['data'] == {'id': 'a value', 'key': 'a value'}
    assert [predicted[key] for key in ('changed', 'added', 'secrets', 'diff')] == [True, ['aws'], first['secrets'], first['diff']]
    stamp = agent.file.stat()
    second = agent.secret({'aws': AWS})
    assert not second['changed'] and second['diff'] == [] and agent.file.stat() == stamp and agent.names() == ['secrets.json']
    assert first['secrets']['aws']['usable_by'] == 'owner neat-org and repository neat-repo and branch production'


def test_foreign_entries_stay_to_the_last_digit(agent: Agent) -> None:
    agent.file.write_text(FOREIGN)
    result = agent.secret({'aws': AWS})
    assert result['added'] == ['aws'] and result['updated'] == []
    text = agent.file.read_text()
    assert all(number in text for number in ('1.50', '12345678901234567890123', '1E400', '0.10'))
    assert agent.written()['foreign']['condition'] is True


def test_same_meaning_is_no_change(agent: Agent) -> None:
    agent.file.write_text('{"a":{"condition":true,"data":{"n":1.50,"b":1},"kind":"Secret","apiVersion":null}}')
    agent.file.chmod(0o400)
    before = agent.file.read_bytes()
    assert not agent.secret({'a': {'data': {'b': 1.0, 'n': 1.5}, 'condition': True}})['changed']
    assert agent.file.read_bytes() == before
    assert agent.secret({'a': {'data': {'b': True, 'n': 1.5}}})['updated'] == ['a']


def test_absent_extend_exclusive(agent: Agent) -> None:
    assert not agent.secret({'x': {}}, state='absent')['changed'] and agent.names() == []
    agent.secret({'a': AWS, 'b': AWS, 'c': AWS})
    assert agent.secret({'a': {'data': {'key': 'canary2'}}}, data_update='extend')['updated'] == ['a']
    assert agent.written()['a']['data'] == {'id': 'canary', 'key': 'canary2'}
    assert agent.secret({'c': {}, 'x': {}}, state='absent')['removed'] == ['c']
    assert agent.secret({'b': AWS}, exclusive=True)['removed'] == ['a'] and list(agent.written()) == ['b']


def test_the_last_secrets_go_only_if_that_is_said(agent: Agent) -> None:
    """A variable that was not found looks like no secrets."""
    agent.secret({'a': AWS, 'b': AWS})
    for check in (True, False):
        refused = agent.secret({}, exclusive=True, check=check)
        assert 'This would remove all secrets of the file.' in refused['msg'] and sorted(agent.written()) == ['a', 'b']
    emptied = agent.secret({}, exclusive=True, allow_empty=True)
    assert emptied['removed'] == ['a', 'b'] and agent.written() == {}
    assert not agent.secret({}, exclusive=True)['changed']


def test_what_exclusive_removes_is_kept(agent: Agent) -> None:
    """Nobody named it. What is named is not: it may be a secret that was revoked."""
    assert 'backup_file' not in agent.secret({'a': AWS, 'b': AWS, 'c': AWS}, exclusive=True)
    assert 'backup_file' not in agent.secret({'c': {}}, state='absent')
    assert 'backup_file' not in agent.secret({'b': AWS}, exclusive=True, check=True)
    backup = Path(agent.secret({'b': AWS}, exclusive=True)['backup_file'])
    assert sorted(json.loads(backup.read_bytes())) == ['a', 'b'] and stat.S_IMODE(backup.stat().st_mode) == 0o400
    assert 'backup_file' not in agent.secret({'b': {'data': {'id': 'canary2'}}}, exclusive=True)


def test_an_agent_without_a_secret_has_a_file(agent: Agent) -> None:
    assert not agent.secret({}, state='absent')['changed'] and agent.names() == []
    predicted = agent.secret({}, check=True)
    assert predicted['changed'] and agent.names() == []
    done = agent.secret({})
    assert (done['diff'], done['added']) == (predicted['diff'], []) and agent.file.read_text() == '{}\n'
    assert not agent.secret({})['changed']


@needs_root
def test_check_mode_where_an_earlier_task_would_create_the_user(agent: Agent, run_module: Callable[..., dict[str, Any]]) -> None:
    agent.secret({'a': AWS})
    for options in ({'owner': 'hci-to-be'}, {'group': 'hci-to-be'}):
        predicted = agent.secret({'a': AWS}, check=True, **options)
        (kind,) = options
        assert predicted['changed'] and predicted['diff'][0]['after'][kind] == 'hci-to-be'
        assert 'There is no %s hci-to-be yet. Another task has to create it' % {'owner': 'user'}.get(kind, kind) in warnings_of(predicted)
        assert agent.secret({'a': AWS}, **options)['failed']
    assert agent.secret({'a': AWS}, check=True, path=str(agent.folder / 'new' / 'secrets.json'), owner='hci-to-be')['changed']
    for wrong in ('²', '99999999999999', 'a b'):
        assert agent.secret({'a': AWS}, check=True, owner=wrong)['failed']
    options = {'path': str(agent.folder), 'owner': 'hci-to-be', '_payload': packed({'binary_caches': {}, 'cluster_join_token': 'canary'})}
    assert run_module(hci_agent.main, options, check=True)['changed']


def acl(*entries: tuple[int, int, int]) -> bytes:
    """An access control list: tag, permissions, identity."""
    return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in entries)


NOBODY = 0xFFFFFFFF
LIST = [(0x01, 6, NOBODY), (0x02, 4, 1234), (0x04, 0, NOBODY), (0x10, 4, NOBODY), (0x20, 0, NOBODY)]


def test_a_file_keeps_its_access_control_list_and_attributes(agent: Agent) -> None:
    agent.secret({'a': AWS}, mode='0440')
    os.setxattr(agent.file, 'system.posix_acl_access', acl(*LIST))
    os.setxattr(agent.file, 'user.purpose', b'agent')
    assert agent.secret({'b': AWS}, mode='0440')['changed']
    assert os.getxattr(agent.file, 'user.purpose') == b'agent'
    kept = os.getxattr(agent.file, 'system.posix_acl_access')
    assert kept == acl((0x01, 4, NOBODY), *LIST[1:]) and stat.S_IMODE(agent.file.stat().st_mode) == 0o440
    # The mode is what anybody may have at most, as with chmod.
    closed = agent.secret({'c': AWS})
    assert closed['diff'][-1]['before']['mode'] == '0440' and closed['diff'][-1]['after']['mode'] == '0400'
    assert os.getxattr(agent.file, 'system.posix_acl_access') == acl((0x01, 4, NOBODY), *LIST[1:3], (0x10, 0, NOBODY), LIST[4])
    assert not agent.secret({'c': AWS})['changed']


def test_a_list_that_the_folder_gives_new_files_opens_no_old_one(agent: Agent) -> None:
    agent.secret({'a': AWS}, mode='0440')
    os.setxattr(agent.folder, 'system.posix_acl_default', acl((0x01, 7, NOBODY), *LIST[1:]))
    agent.secret({'b': AWS}, mode='0440')
    assert 'system.posix_acl_access' not in os.listxattr(agent.file)


def test_an_attribute_that_cannot_be_kept_is_told(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.secret({'a': AWS})
    os.setxattr(agent.file, 'user.purpose', b'agent')

    def refuse(*_arguments: Any) -> None:
        raise OSError(errno.ENOTSUP, 'Operation not supported')

    monkeypatch.setattr(os, 'setxattr', refuse)
    result = agent.secret({'b': AWS})
    assert '%s was replaced, and the new file does not take these extended attributes of the old one: user.purpose.' % (
        agent.file) in warnings_of(result)


def test_mode_is_put_right_without_a_change_of_content(agent: Agent) -> None:
    agent.secret({'a': AWS})
    agent.file.chmod(0o644)
    predicted = agent.secret({'a': AWS}, check=True)
    assert stat.S_IMODE(agent.file.stat().st_mode) == 0o644
    result = agent.secret({'a': AWS})
    assert predicted['diff'] == result['diff'] and result['changed'] and result['updated'] == []
    assert result['diff'][0]['before']['mode'] == '0644' and result['diff'][0]['after']['mode'] == '0400'
    assert stat.S_IMODE(agent.file.stat().st_mode) == 0o400
    assert agent.secret({'a': AWS}, mode='0440')['changed'] and stat.S_IMODE(agent.file.stat().st_mode) == 0o440


@needs_root
def test_owner_follows_the_file_then_the_folder(agent: Agent) -> None:
    os.chown(agent.folder, 1234, 1235)
    agent.secret({'a': AWS})
    assert (agent.file.stat().st_uid, agent.file.stat().st_gid) == (1234, 1235)
    assert agent.secret({'a': AWS}, owner='1', group='2')['changed']
    assert agent.secret({'b': AWS})['added'] == ['b'] and (agent.file.stat().st_uid, agent.file.stat().st_gid) == (1, 2)
    new = agent.folder / 'deep' / 'er' / 'secrets.json'
    agent.secret({'a': AWS}, path=str(new), owner='1')
    assert [(path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) for path in (new.parent.parent, new.parent, new)] == [
        (1, 0o700), (1, 0o700), (1, 0o400),
    ]


@needs_root
def test_the_group_of_a_folder_that_is_yet_to_be_made_is_foreseen(agent: Agent) -> None:
    os.chown(agent.folder, 1234, 1235)
    for mode, group in ((0o700, os.getegid()), (0o2700, 1235)):
        agent.folder.chmod(mode)
        path = agent.folder / str(group) / 'deep' / 'secrets.json'
        predicted = agent.secret({'a': AWS}, path=str(path), check=True)
        assert predicted['diff'] == agent.secret({'a': AWS}, path=str(path))['diff']
        assert (path.stat().st_uid, path.stat().st_gid) == (os.geteuid(), group)


@needs_root
def test_a_new_folder_that_its_owner_replaces_by_a_link_gives_nothing_away(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder above may belong to the agent, whose user can be as fast as this."""
    treasure, mkdir = agent.folder / 'treasure', os.mkdir
    treasure.touch()

    def replaced(path: str, mode: int) -> None:
        mkdir(path, mode)
        os.rmdir(path)
        os.symlink(treasure, path)
    monkeypatch.setattr(os, 'mkdir', replaced)
    assert agent.secret({'a': AWS}, path=str(agent.folder / 'secrets' / 'secrets.json'), owner='1')['failed']
    assert treasure.stat().st_uid == 0


def test_backup_is_as_private_as_the_file(agent: Agent) -> None:
    agent.secret({'a': AWS})
    before = agent.file.read_bytes()
    assert 'backup_file' not in agent.secret({'a': AWS}, backup=True)
    kept = Path(agent.secret({'b': AWS}, backup=True)['backup_file'])
    assert kept.read_bytes() == before and stat.S_IMODE(kept.stat().st_mode) == 0o400 and kept.parent == agent.folder


@needs_root
def test_a_backup_is_open_to_nobody_whom_the_new_file_keeps_out(agent: Agent) -> None:
    agent.secret({'a': AWS}, mode='0644', owner='1')
    kept = Path(agent.secret({'b': AWS}, mode='0400', owner='0', backup=True)['backup_file'])
    assert stat.S_IMODE(kept.stat().st_mode) == 0o400 and kept.stat().st_uid == 0


def test_a_write_that_fails_leaves_no_backup(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.secret({'a': AWS})
    replace = os.replace

    def full(source: str, target: str) -> None:
        if target == str(agent.file):
            raise OSError(28, 'No space left on device')
        replace(source, target)
    monkeypatch.setattr(os, 'replace', full)
    assert 'the file is as it was' in agent.secret({'b': AWS}, backup=True)['msg'] and agent.names() == ['secrets.json']


@pytest.mark.parametrize(('content', 'message'), [
    ('{"a": {"kind": "Secret", "data": {"x": "canary"}, "condition": 3}}', 'Error in $.a.condition: Expected Object, String or true.'),
    ('{"a": {"kind": "Secret", "data": {"x": "canary"}}, "a": {"kind": "Secret", "data": {}}}', 'The key "a" occurs twice'),
    ('{"a": "canary', 'This is not JSON'),
    ('', 'This is not JSON'),
    ('{"a": {"kind": "Secret", "condition": true, "data": {"x": %s1%s}}}' % ('[' * 9999, ']' * 9999), 'This JSON is nested too deeply.'),
])
def test_a_file_that_the_agent_cannot_read_is_reported_and_left_alone(agent: Agent, content: str, message: str) -> None:
    agent.file.write_text(content)
    for options in ({}, {'state': 'absent'}, {'exclusive': True}):
        result = agent.secret({'b': AWS}, **options)
        assert result['failed'] and message in result['msg'] and str(agent.file) in result['problems'][0]['where']
        assert agent.file.read_text() == content


@pytest.mark.parametrize(('options', 'message'), [
    ({'mode': 256}, 'octal digits in quotes'), ({'mode': 'u=r'}, 'octal digits in quotes'), ({'mode': '0040'}, 'octal digits in quotes'),
    ({'mode': '400'}, 'octal digits in quotes'),
    ({'mode': '416'}, 'octal digits in quotes'),  # what ansible-core 2.17 and 2.18 make of "{{ mode | default(omit) }}" for mode: 0640
    ({'owner': 'no-such-user'}, 'There is no such user.'), ({'group': 'no-such-group'}, 'There is no such group.'),
    ({'owner': '²'}, 'There is no such user.'), ({'group': '٣'}, 'There is no such group.'),
    ({'owner': '99999999999999'}, 'There is no such user.'),
    ({'path': 'secrets.json/'}, 'This is the name of a folder.'),
    ({'path': '/tmp/a\0b'}, 'This is not a path.'), ({'path': 'a' * 300}, 'File name too long'),
    ({'_payload': None}, 'The action plugin of this module has to run first.'),
])
def test_refusals(agent: Agent, options: dict[str, Any], message: str) -> None:
    result = agent.secret({'a': AWS}, **options)
    assert result['failed'] and message in result['msg'] and agent.names() == []


def test_links_and_pipes(agent: Agent, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp('elsewhere') / 'shadow'
    elsewhere.write_text('{}')
    agent.file.symlink_to(elsewhere)
    result = agent.secret({'a': AWS})
    assert result['failed'] and 'leads out of its folder' in result['msg'] and elsewhere.read_text() == '{}'
    assert not agent.secret({})['changed'] and agent.file.is_symlink()  # a secret manager's, and nothing is wished of it
    assert agent.secret({}, exclusive=True)['failed']
    agent.file.unlink()
    agent.file.symlink_to('real.json')
    assert agent.secret({'a': AWS})['changed'] and agent.file.is_symlink() and agent.names() == ['real.json', 'secrets.json']
    agent.file.unlink()
    os.mkfifo(agent.file)
    assert 'not a regular file' in agent.secret({'a': AWS})['msg']


def test_somebody_who_may_not_write_is_told_to_become_another(agent: Agent) -> None:
    agent.secret({'a': AWS})
    for path in (agent.folder, *agent.folder.parents):  # pytest's folders are closed to others
        if path.stat().st_uid == os.geteuid() and path.name.startswith(('pytest', 'test', 'popen')):
            path.chmod(0o755)
    agent.file.chmod(0o444)
    agent.folder.chmod(0o555)
    me = os.geteuid()
    other = me or 65534  # root may write everywhere
    os.seteuid(other)
    try:
        results = [agent.secret({'b': AWS})]
        os.seteuid(me)
        agent.folder.chmod(0o111)
        os.seteuid(other)
        results += [agent.secret({'b': AWS}), agent.secret({'b': AWS}, path=str(agent.folder / 'deep' / 'secrets.json'))]
    finally:
        os.seteuid(me)
        agent.folder.chmod(0o755)
    assert [result['msg'].partition(' Where')[0] for result in results] == [
        'The file cannot be written.', 'The folder cannot be opened.', 'The folder cannot be made.',
    ]
    assert all('become' in result['problems'][0]['remedy'] for result in results)


@pytest.mark.parametrize(('timeout', 'words'), [(0, 'kept this folder locked'), (-1, 'out of bounds'), (float('nan'), 'out of bounds')])
def test_a_lock_is_never_waited_for_without_end(agent: Agent, timeout: float, words: str) -> None:
    with locked(str(agent.file)):
        result = agent.secret({'a': AWS}, lock_timeout=timeout)
    assert result['failed'] and words in result['msg'] and agent.names() == []


def test_a_condition_that_is_nested_too_deeply(agent: Agent, run_module: Callable[..., dict[str, Any]]) -> None:
    content = '{"a": {"kind": "Secret", "data": {}, "condition": %strue%s}}' % ('{"and": [' * 200, ']}' * 200)
    agent.file.write_text(content)
    results = [run_module(hci_secret_info.main, {'path': str(agent.file)}), agent.secret({'a': {'data': {'id': 'canary'}}})]
    assert [result['problems'][0]['what'] for result in results] == ['A condition is nested too deeply.'] * 2
    assert str(agent.file) in results[0]['msg'] and agent.file.read_text() == content


def test_info_names_everything_but_values(agent: Agent, run_module: Callable[..., dict[str, Any]]) -> None:
    options = {'path': str(agent.file)}
    nothing = run_module(hci_secret_info.main, options)
    assert nothing['exists'] is False
    assert 'There is no file %s. An agent without it fails every effect that has a secretsMap' % agent.file in warnings_of(nothing)
    assert 'no-such' not in warnings_of(run_module(hci_secret_info.main, {'project': 'github/no-such/one'}))
    agent.file.write_text(FOREIGN)
    result = run_module(hci_secret_info.main, options)
    assert result['exists'] and result['secrets'] == {'foreign': {'fields': ['big', 'e', 'n'], 'condition': True, 'usable_by': 'anybody'}}
    agent.file.write_text('{"a": {}}')
    result = run_module(hci_secret_info.main, options)
    assert result['failed'] and [problem['what'] for problem in result['problems']] == [
        'The agent cannot parse its secrets: Error in $.a: key "kind" not found',
        'The agent cannot parse its secrets: Error in $.a: key "data" not found',
    ]


def test_info_reads_what_the_agent_reads(
    agent: Agent, run_module: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Secret managers of NixOS make links to where they keep secrets."""
    options = {'path': str(agent.file)}
    elsewhere = tmp_path_factory.mktemp('run') / 'secrets.json'
    agent.file.symlink_to(elsewhere)
    assert run_module(hci_secret_info.main, options)['exists'] is False
    elsewhere.write_text(FOREIGN)
    assert list(run_module(hci_secret_info.main, options)['secrets']) == ['foreign']
    agent.file.unlink()
    agent.file.symlink_to(agent.file)
    assert 'The file cannot be read.' in run_module(hci_secret_info.main, options)['msg']
    agent.file.unlink()
    os.mkfifo(agent.file)
    assert 'not a regular file' in run_module(hci_secret_info.main, options)['msg']


def test_caches_of_the_wrong_types_are_replaced(agent: Agent, run_module: Callable[..., dict[str, Any]]) -> None:
    (agent.folder / 'binary-caches.json').write_text('{"c": {"kind": 3, "publicKeys": [1.5, "canary"]}, "d": {"kind": ["canary"]}}')
    options = {'path': str(agent.folder), '_payload': packed({'binary_caches': {}, 'cluster_join_token': None})}
    result = run_module(hci_agent.main, options, diff=True)
    assert result['changed'] and 'canary' not in json.dumps(result)
    assert result['diff'][0]['before'] == {'c': {'kind': 'a value', 'publicKeys': 'a value'}, 'd': {'kind': 'a value'}}


def test_files_of_an_agent(agent: Agent, run_module: Callable[..., dict[str, Any]]) -> None:
    def run(caches: Any, token: Any, **how: Any) -> dict[str, Any]:
        payload = packed({'binary_caches': caches, 'cluster_join_token': token})
        result = run_module(hci_agent.main, {'path': str(agent.folder), '_payload': payload}, diff=True, **how)
        assert 'canary' not in json.dumps(result)
        return result

    caches = {'c': {'kind': 'CachixCache', 'publicKeys': ['p'], 'authToken': 'canary'}}
    assert run(caches, 'canary', check=True)['changed'] and agent.names() == []
    assert run(caches, ' canary\n')['changed'] and agent.names() == ['binary-caches.json', 'cluster-join-token.key']
    assert not run(caches, 'canary')['changed']
    assert (agent.folder / 'cluster-join-token.key').read_text() == 'canary\n'
    assert {stat.S_IMODE(path.stat().st_mode) for path in agent.folder.iterdir()} == {0o400}
    foreseen, result = ({**run(None, 'canary2', check=check), 'invocation': None} for check in (True, False))
    assert foreseen == result
    assert [(diff['before'], diff['after']) for diff in result['diff']] == [({'token': 'a value'}, {'token': 'another value'})]
    result = run({'c': {**caches['c'], 'authToken': 'canary2'}}, None)
    assert result['diff'][0]['after'] == {'c': {'kind': 'CachixCache', 'publicKeys': ['p'], 'authToken': 'another value'}}
    assert [file['path'] for file in result['files']] == [str(agent.folder / 'binary-caches.json')]
    (agent.folder / 'binary-caches.json').unlink()
    (agent.folder / 'binary-caches.json').write_text('[')
    result = run(caches, None)
    assert result['failed'] and (agent.folder / 'binary-caches.json').read_text() == '['
    (agent.folder / 'binary-caches.json').write_text('[]')
    said = run(caches, None)['msg']
    assert said.startswith('The agent cannot start with this file: it holds no object. Where: %s' % (agent.folder / 'binary-caches.json'))
    assert said.endswith('To do: Remove the file.') and (agent.folder / 'binary-caches.json').read_text() == '[]'
