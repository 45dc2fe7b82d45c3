# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pushes that fail: not each of them was refused, and nothing secret is said about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._git.credentials import without_credentials

from .conftest import Meanwhile, Run, git

SIDE_BRANCH = 'Push to a side branch for somebody to merge'


def mirror(checkout: Path) -> None:
    git(checkout, 'config', 'remote.origin.mirror', 'true')


def push_options(checkout: Path) -> None:
    git(checkout.parent / 'bare.git', 'config', 'receive.advertisePushOptions', 'false')
    git(checkout, 'config', 'push.pushOption', 'ci.skip')


def dead_push_address(checkout: Path) -> None:
    git(checkout, 'remote', 'set-url', '--push', 'origin', str(checkout.parent / 'moved.git'))


def dead_push_host(checkout: Path) -> None:
    git(checkout, 'remote', 'set-url', '--push', 'origin', 'http://127.0.0.1:9/x.git?private_token=canary')


def another_push_address(checkout: Path) -> None:
    git(checkout.parent, 'clone', '-q', '--bare', 'bare.git', 'fork.git')
    git(checkout.parent / 'fork.git', '-c', 'user.name=x', '-c', 'user.email=x@example.org', 'branch', '-D', 'production')
    git(checkout, 'remote', 'set-url', '--push', 'origin', str(checkout.parent / 'fork.git'))


def hook(checkout: Path) -> None:
    refuses = checkout.parent / 'bare.git' / 'hooks' / 'update'
    refuses.write_text('#!/bin/sh\necho "branch is protected"\nexit 1\n')
    refuses.chmod(0o755)


def no_program(checkout: Path) -> None:
    git(checkout, 'config', 'remote.origin.receivepack', 'no-such-program')


@pytest.mark.parametrize(('arrange', 'words', 'refused'), [
    (mirror, ('it is configured as a mirror', 'git config --unset remote.origin.mirror'), False),
    (push_options, ('does not take the options that Git is configured to push with', 'Unset push.pushOption'), False),
    (dead_push_address, ('Git cannot reach the address to which the remote origin is pushed', 'git remote set-url --push origin'), False),
    (dead_push_host, ('Git cannot reach the address to which the remote origin is pushed',), False),
    (another_push_address, ('is pushed to another address than it is fetched from', 'fork.git'), False),
    (hook, ('The remote origin refused the push to branch production.', 'branch is protected'), True),
    (no_program, ('Git cannot push to the remote origin, although it can read it.', 'no-such-program'), False),
])
def test_the_cause_is_told(checkout: Path, push: Run, arrange: Any, words: tuple[str, ...], refused: bool) -> None:
    arrange(checkout)
    result = push()
    assert result['failed'] and not result['changed']
    for expected in words:
        assert expected in result['msg']
    assert (SIDE_BRANCH in result['msg']) == refused
    assert 'canary' not in str(result)


def test_a_push_of_which_the_answer_is_lost_has_been_made(checkout: Path, push: Run) -> None:
    ends = checkout.parent / 'bare.git' / 'hooks' / 'post-receive'
    ends.write_text('#!/bin/sh\nkill -9 $PPID\n')
    ends.chmod(0o755)
    result = push()
    assert result['changed'] and not result.get('failed')
    assert result['heads'] == {'production': git(checkout.parent / 'bare.git', 'rev-parse', 'production')}


def test_a_push_after_which_nobody_answers_has_not_been_made(checkout: Path, push: Run, meanwhile: Meanwhile) -> None:
    """As far as anybody can tell: it can be run again, and finds what is there."""
    bare = checkout.parent / 'bare.git'
    meanwhile(lambda: bare.rename(checkout.parent / 'away.git'))
    result = push()
    assert result['failed'] and not result['changed']
    assert 'bare.git' in result['msg'] and 'does not appear to be a git repository' in result['msg']
    (branch,) = result['branches']
    assert (branch['revision'], branch['files']) == (None, ['ci.nix'])
    (checkout.parent / 'away.git').rename(bare)
    assert push()['changed']


def test_a_push_that_reaches_one_of_two_addresses_is_told_as_such(checkout: Path, push: Run) -> None:
    for name in ('bare.git', 'moved.git'):
        git(checkout, 'remote', 'set-url', '--add', '--push', 'origin', str(checkout.parent / name))
    result = push()
    assert result['failed'] and result['changed']
    assert 'Of its several addresses for pushes, one has the commit.' in result['msg']
    assert result['branches'][0]['revision'] == git(checkout.parent / 'bare.git', 'rev-parse', 'production')
    assert result['heads'] == {}


@pytest.mark.parametrize(('text', 'shown'), [
    ("unable to access 'https://me:canary@h.example/x.git?token=canary/': no", "unable to access 'https://h.example/x.git?…': no"),
    ('https://canary@h.example/x https://h.example/y?private_token=canary&a=b', 'https://h.example/x https://h.example/y?…'),
    ('https://me:can@ary@h.example/x#canary', 'https://h.example/x#…'),
    ('ssh://git@h.example/x.git, git@h.example:x.git', 'ssh://h.example/x.git, git@h.example:x.git'),
    ('what is this? a question, and #7', 'what is this? a question, and #7'),
])
def test_no_part_of_a_url_that_may_be_secret_is_shown(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_a_token_in_a_query_of_the_remote_is_not_shown(checkout: Path, push: Run) -> None:
    git(checkout, 'remote', 'set-url', 'origin', 'http://127.0.0.1:9/x.git?private_token=canary')
    assert 'canary' not in str(push())
    assert 'canary' not in str(push(branches=['nowhere']))
    git(checkout, 'remote', 'set-url', 'origin', '../bare.git')
    assert 'canary' not in push(remote='https://h.example/x?private_token=canary')['msg']


def test_a_full_ref_is_no_branch(checkout: Path, push: Run) -> None:
    result = push(branches=['refs/heads/production', 'main'])
    assert 'A branch is named without refs/heads/. Where: branches. Expected: production.' in result['msg']
    assert 'refs/heads/refs' not in result['msg']
    assert [branch['changed'] for branch in result['branches']] == [False, True]


@pytest.mark.parametrize('file', ['../outside.nix', '/etc/hostname', '.'])
def test_a_file_outside_the_checkout(push: Run, file: str) -> None:
    assert 'A file to push lies outside the checkout.' in push(files=[file], contents={file: 'x'})['msg']


@pytest.mark.parametrize('contents', [{'ci.nix': 'x', 'ci.nix/x': 'y'}, {'ci.nix/x': 'x', 'ci.nix': 'y'}])
def test_a_file_cannot_be_the_folder_of_another_one(push: Run, contents: dict[str, str]) -> None:
    result = push(files=list(contents), contents=contents)
    assert result['failed'] and not result['changed']
    assert 'Git failed. Where: branch production. Found: ci.nix' in result['msg']


@pytest.mark.parametrize(('options', 'what'), [
    ({'files': ['a\0b']}, 'A file to push cannot be read.'),
    ({'files': ['a\0b'], 'contents': {'a\0b': 'x'}}, 'Git failed. Where: branch production.'),
    ({'required_files': ['a\0b']}, 'Git failed. Where: branch production.'),
    ({'branches': ['a\0b']}, 'Git cannot reach the remote origin.'),
    ({'remote': 'a\0b'}, 'The checkout has no remote called a\0b.'),
    ({'checkout': '/a\0b'}, 'Git cannot read the checkout.'),
])
def test_what_is_no_path_or_name_is_told(push: Run, options: dict[str, Any], what: str) -> None:
    result = push(**options)
    assert result['failed'] and not result.get('changed')
    assert what in result['msg'] and 'embedded null byte' in result['msg']


def test_an_author_that_git_cannot_write_down_is_told(checkout: Path, push: Run) -> None:
    result = push(author_name='.')
    assert result['failed'] and not result['changed']
    assert 'Git failed. Where: branch production. Found: ' in result['msg']
    assert git(checkout.parent / 'bare.git', 'ls-tree', '--name-only', 'production') == 'network.nix'


@pytest.mark.parametrize('check', [True, False])
def test_a_branch_that_has_moved_since_somebody_looked_is_left_alone(checkout: Path, push: Run, check: bool) -> None:
    head = git(checkout, 'rev-parse', 'HEAD')
    result = push(check=check, branches=['production', 'main'], heads={'production': '0' * 40, 'main': head})
    assert 'The branch has moved since it was looked at. Where: production of origin.' in result['msg']
    assert 'Expected: %s. Found: %s.' % ('0' * 40, head) in result['msg']
    assert [branch['changed'] for branch in result['branches']] == [False, True]
    assert git(checkout.parent / 'bare.git', 'ls-tree', '--name-only', 'production') == 'network.nix'


def test_a_hook_of_another_repository_does_not_turn_the_push_there(
    checkout: Path, push: Run, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile,
) -> None:
    git(checkout.parent, 'init', '-q', 'another')
    for name, value in {'GIT_DIR': '.git', 'GIT_WORK_TREE': '.', 'GIT_INDEX_FILE': '.git/index', 'GIT_NAMESPACE': 'x',
                        'GIT_QUARANTINE_PATH': '/nonexistent', 'GIT_PUSH_OPTION_COUNT': '0'}.items():
        monkeypatch.setenv(name, str(checkout.parent / 'another' / value) if '.' in value else value)
    assert push()['changed']
    assert git_without_environment(checkout.parent / 'bare.git', 'show', 'production:ci.nix') == '{ a = 1; }'


def git_without_environment(folder: Path, *arguments: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name in ('GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_NAMESPACE'):
            patch.delenv(name)
        return git(folder, *arguments)
