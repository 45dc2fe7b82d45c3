# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which secrets are in the file afterwards, and what is said of it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._files import locked

from .conftest import AWS, FOREIGN, Agent


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


@pytest.mark.parametrize(('timeout', 'words'), [(0, 'kept this folder locked'), (-1, 'out of bounds'), (float('nan'), 'out of bounds')])
def test_a_lock_is_never_waited_for_without_end(agent: Agent, timeout: float, words: str) -> None:
    with locked(str(agent.file)):
        result = agent.secret({'a': AWS}, lock_timeout=timeout)
    assert result['failed'] and words in result['msg'] and agent.names() == []
