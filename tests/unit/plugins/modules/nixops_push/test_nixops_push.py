# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""nixops_push against real Git repositories."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from .conftest import Meanwhile, Run, git, push_theirs

HOOK = """#!/bin/sh
while read old new ref; do [ "$ref" = refs/heads/production ] && { echo "protected branch" >&2; exit 1; }; done
exit 0
"""


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and bytes of every file."""
    files = (path for path in sorted(folder.rglob('*')) if path.is_file())
    return {str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes()) for path in files}


def test_a_commit_with_the_file_and_nothing_else_lands_on_the_branch(checkout: Path, push: Run) -> None:
    (checkout / 'network.nix').write_text('{ dirty = true; }\n')
    (checkout / 'staged').write_text('staged')
    git(checkout, 'add', 'staged')
    before = snapshot(checkout)
    result = push(commit_message='Why\n\nBecause.')
    assert result['changed']
    branch = result['branches'][0]
    assert branch['revision'] == git(checkout.parent / 'bare.git', 'rev-parse', 'production')
    assert git(checkout.parent / 'bare.git', 'diff', '--name-status', 'main', 'production') == 'A\tci.nix'
    assert git(checkout.parent / 'bare.git', 'show', 'production:ci.nix') == '{ a = 1; }'
    author_and_message = git(checkout.parent / 'bare.git', 'log', '-1', '--format=%an <%ae> %B', 'production')
    assert author_and_message == 'Somebody <somebody@example.org> Why\n\nBecause.'
    assert snapshot(checkout) == before
    assert list((checkout.parent / 'tmp').iterdir()) == []


def test_nothing_differs_nothing_is_pushed(checkout: Path, push: Run) -> None:
    first = push()
    second = push()
    assert not second['changed']
    assert second['branches'][0] == {'branch': 'production', 'previous': first['branches'][0]['revision'], 'files': [], 'changed': False,
                                     'revision': first['branches'][0]['revision'], 'pushed_to': 'production'}


def test_check_mode_tells_and_writes_nothing(checkout: Path, push: Run) -> None:
    before = snapshot(checkout.parent)
    result = push(check=True, diff=True, contents={'ci.nix': '{ b = 2; }\n'})
    assert result['changed']
    assert result['branches'][0]['revision'] is None
    header = 'production:ci.nix'
    assert result['diff'] == [{'before_header': header, 'before': '', 'after_header': header, 'after': '{ b = 2; }\n'}]
    assert snapshot(checkout.parent) == before


def test_several_branches_and_the_mode_of_a_file_is_kept(checkout: Path, push: Run) -> None:
    git(checkout, 'checkout', '-q', '-b', 'staging')
    (checkout / 'ci.nix').chmod(0o755)
    git(checkout, 'add', 'ci.nix')
    git(checkout, 'commit', '-q', '-m', 'executable')
    git(checkout, 'push', '-q', 'origin', 'staging')
    (checkout / 'ci.nix').write_text('{ a = 3; }\n')
    result = push(branches=['staging', 'production', 'main'])
    assert [branch['changed'] for branch in result['branches']] == [True, True, True]
    assert git(checkout.parent / 'bare.git', 'ls-tree', 'staging', 'ci.nix').startswith('100755')
    assert git(checkout.parent / 'bare.git', 'ls-tree', 'main', 'ci.nix').startswith('100644')


def test_a_remote_that_moves_meanwhile_is_rebased_on(checkout: Path, other: Path, push: Run, meanwhile: Meanwhile) -> None:
    (other / 'theirs').write_text('theirs')
    meanwhile(lambda: push_theirs(other))
    result = push()
    assert result['changed']
    assert git(checkout.parent / 'bare.git', 'ls-tree', '--name-only', 'production').splitlines() == ['ci.nix', 'network.nix', 'theirs']
    assert git(checkout.parent / 'bare.git', 'log', '--format=%s', 'production').splitlines()[1] == 'theirs'


def test_a_remote_that_always_moves_is_reported(checkout: Path, other: Path, push: Run, meanwhile: Meanwhile) -> None:
    meanwhile(lambda: push_theirs(other), always=True)
    result = push()
    assert result['failed']
    assert 'moved 3 times' in result['msg']
    assert git(checkout.parent / 'bare.git', 'ls-tree', '--name-only', 'production') == 'network.nix'


def test_somebody_pushes_the_same_meanwhile(other: Path, push: Run, meanwhile: Meanwhile) -> None:
    (other / 'ci.nix').write_text('{ a = 1; }\n')
    meanwhile(lambda: push_theirs(other))
    result = push()
    assert result['changed'] is False
    assert result['heads']['production'] == git(other, 'rev-parse', 'HEAD')


def test_a_protected_branch_is_reported_and_the_others_go_on(checkout: Path, push: Run) -> None:
    hook = checkout.parent / 'bare.git' / 'hooks' / 'pre-receive'
    hook.write_text(HOOK)
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    result = push(branches=['production', 'main'])
    assert result['failed']
    assert 'refused the push to branch production' in result['msg']
    assert 'protected branch' in result['msg']
    assert 'nixops_push: branch' in result['msg']
    assert [branch['changed'] for branch in result['branches']] == [False, True]


def test_a_protected_side_branch_has_another_way_out(checkout: Path, push: Run) -> None:
    hook = checkout.parent / 'bare.git' / 'hooks' / 'pre-receive'
    hook.write_text(HOOK.replace('production', 'nixops/production'))
    hook.chmod(0o755)
    result = push(mode='branch')
    assert 'refused the push to branch nixops/production' in result['msg']
    assert 'To do: Allow this user to push to nixops/production, or push by hand (nixops_push: none).' in result['msg']


def test_a_folder_with_the_name_of_the_file_is_reported_and_the_others_go_on(checkout: Path, push: Run) -> None:
    git(checkout, 'switch', '-q', '-c', 'odd')
    (checkout / 'ci.nix').unlink()
    (checkout / 'ci.nix').mkdir()
    (checkout / 'ci.nix' / 'default.nix').write_text('{ }\n')
    git(checkout, 'add', '.')
    git(checkout, 'commit', '-q', '-m', 'odd')
    git(checkout, 'push', '-q', 'origin', 'odd')
    result = push(branches=['odd', 'production'], contents={'ci.nix': '{ a = 1; }\n'})
    assert 'Git failed. Where: branch odd. Found: ci.nix is a tree, not a file, in commit' in result['msg']
    assert [branch['changed'] for branch in result['branches']] == [False, True]


def test_a_remote_that_has_lost_a_part_of_a_commit(checkout: Path, other: Path, push: Run) -> None:
    bare = checkout.parent / 'bare.git'
    (other / 'theirs').write_text('theirs')
    push_theirs(other)
    tree = git(other, 'rev-parse', 'HEAD^{tree}')
    (bare / 'objects' / tree[:2] / tree[2:]).unlink()
    result = push()
    assert result['failed']
    assert 'Git cannot reach the remote origin' in result['msg']
    assert tree in result['msg']


def test_a_shallow_checkout(checkout: Path, push: Run) -> None:
    for number in range(2):
        git(checkout, 'commit', '-q', '--allow-empty', '-m', 'commit %d' % number)
    git(checkout, 'push', '-q', 'origin', 'main', 'main:production')
    git(checkout.parent, 'clone', '-q', '--depth', '1', 'file://%s/bare.git' % checkout.parent, 'shallow')
    (checkout.parent / 'shallow' / 'ci.nix').write_text('{ shallow = true; }\n')
    assert push(checkout=str(checkout.parent / 'shallow'))['changed']
    assert git(checkout.parent / 'bare.git', 'log', '--format=%s', 'production').splitlines()[1:] == ['commit 1', 'commit 0', 'network']


def test_a_side_branch_is_proposed_once_and_followed_after_the_merge(checkout: Path, push: Run) -> None:
    first = push(mode='branch')
    assert first['changed']
    assert first['branches'][0]['pushed_to'] == 'nixops/production'
    assert first['heads'] == {}
    assert git(checkout.parent / 'bare.git', 'ls-tree', '--name-only', 'production') == 'network.nix'
    again = push(mode='branch')
    assert not again['changed']
    assert again['branches'][0]['pushed_to'] == 'nixops/production'
    assert again['branches'][0]['revision'] == first['branches'][0]['revision']
    git(checkout.parent / 'bare.git', 'branch', '-f', 'production', 'nixops/production')
    merged = push(mode='branch')
    assert not merged['changed']
    assert merged['branches'][0]['pushed_to'] == 'production'
    assert list(merged['heads']) == ['production']
    (checkout / 'ci.nix').write_text('{ a = 2; }\n')
    assert push(mode='branch')['branches'][0]['pushed_to'] == 'nixops/production'


def test_a_branch_without_the_files_that_the_pushed_ones_refer_to_is_left_alone(checkout: Path, push: Run) -> None:
    # They are in the checkout, and even committed there: agents would see neither.
    (checkout / 'new.nix').write_text('{ }\n')
    (checkout / 'networks').mkdir()
    (checkout / 'networks' / 'web.nix').write_text('{ }\n')
    git(checkout, 'add', 'new.nix', 'networks')
    git(checkout, 'commit', '-q', '-m', 'Not pushed')
    required = ['network.nix', 'networks/web.nix', 'new.nix']
    for check in (True, False):
        result = push(check=check, branches=['production'], required_files=required)
        assert result['failed'] and not result['changed']
        assert 'The branch does not have files that ci.nix refers to. Where: production of origin.' in result['msg']
        assert 'Found: nothing at networks/web.nix, new.nix.' in result['msg']
    assert git(checkout.parent / 'bare.git', 'ls-tree', '--name-only', 'production') == 'network.nix'
    git(checkout, 'push', '-q', 'origin', 'HEAD:production')
    for mode in ('branch', 'direct'):
        result = push(branches=['production'], mode=mode, required_files=[*required, 'networks'])
        assert not result.get('failed') and result['changed']


def test_mode_none_warns_and_has_nothing_to_wait_for(checkout: Path, push: Run) -> None:
    for check in (True, False):
        result = push(mode='none', check=check)
        assert not result['changed']
        branch = result['branches'][0]
        assert (branch['revision'], branch['pushed_to']) == (git(checkout, 'rev-parse', 'HEAD'), '')
        assert result['heads'] == {}
    assert git(checkout.parent / 'bare.git', 'ls-tree', '--name-only', 'production') == 'network.nix'
    head = push()['heads']
    assert push(mode='none')['heads'] == head


def test_a_branch_that_is_not_there_is_named_with_the_way_out(push: Run) -> None:
    result = push(branches=['nowhere'])
    assert result['failed']
    assert 'has no branch nowhere' in result['msg']
    assert 'git push origin HEAD:refs/heads/nowhere' in result['msg']


@pytest.mark.parametrize('options, words', [
    ({'checkout': '/nonexistent'}, 'There is no such folder. Where: /nonexistent. To do: Clone'),
    ({'files': ['missing.nix']}, 'A file to push cannot be read'),
    ({'remote': 'upstream'}, 'no remote called upstream'),
])
def test_what_cannot_work_is_said(push: Run, options: dict[str, Any], words: str) -> None:
    result = push(**options)
    assert result['failed']
    assert words in result['msg']


def test_no_credential_of_a_url_is_shown(checkout: Path, push: Run) -> None:
    git(checkout, 'remote', 'set-url', 'origin', 'http://user:canary@127.0.0.1:9/x.git')
    result = push()
    assert result['failed']
    assert 'cannot reach the remote' in result['msg']
    assert 'canary' not in str(result)


ANSWERS = (
    'Denied for https://user:canary-1@forge.example/x.git', 'Password canary@1 is no more',
    'see canary%401', 'see https://forge.example/x?private_token=canary-2&page=1', 'token glpat-canary-45678901234567',
    'token ghp_canary45678901234567', 'Authorization: Basic canary-3', 'PRIVATE-TOKEN: canary-4',
)


@pytest.mark.parametrize('answer', ANSWERS)
def test_no_credential_that_a_forge_repeats_is_shown(checkout: Path, push: Run, answer: str) -> None:
    hook = checkout.parent / 'bare.git' / 'hooks' / 'pre-receive'
    hook.write_text('#!/bin/sh\necho "%s" >&2\nexit 1\n' % answer)
    hook.chmod(0o755)
    address = git(checkout, 'remote', 'get-url', 'origin').strip()
    git(checkout, 'config', 'url.%s.insteadOf' % address, 'https://user:canary%401@forge.example/x.git')
    git(checkout, 'remote', 'set-url', 'origin', 'https://user:canary%401@forge.example/x.git')
    result = push()
    assert result['failed'] and answer.split(' ', maxsplit=1)[0] in result['msg'].split('remote: ')[1]
    assert not any(part in str(result) for part in ('canary-', 'canary@', 'canary%', 'canary4'))
    assert 'let a credential helper keep them' in str(result['warnings']) and 'canary' not in str(result['warnings'])


def test_somebody_without_an_identity_and_a_relative_remote(checkout: Path, push: Run) -> None:
    git(checkout, 'config', '--unset', 'user.email')
    git(checkout, 'config', '--unset', 'user.name')
    git(checkout, 'remote', 'set-url', 'origin', '../bare.git')
    assert push()['changed']
    assert git(checkout.parent / 'bare.git', 'log', '-1', '--format=%an <%ae>', 'production') == 'Ansible <ansible@localhost>'
    (checkout / 'ci.nix').write_text('{ }\n')
    assert push(author_name='N', author_email='n@example.org')['changed']
    assert git(checkout.parent / 'bare.git', 'log', '-1', '--format=%an <%ae>', 'production') == 'N <n@example.org>'


def test_hooks_keys_and_linked_worktrees(checkout: Path, push: Run) -> None:
    hook = checkout / '.git' / 'hooks' / 'pre-push'
    hook.write_text('#!/bin/sh\nexit 1\n')
    hook.chmod(0o755)
    git(checkout, 'config', 'core.hooksPath', os.fspath(hook.parent))
    git(checkout, 'config', 'commit.gpgsign', 'true')
    git(checkout, 'config', 'gpg.program', 'false')
    git(checkout, 'worktree', 'add', '-q', '../linked', 'HEAD', '--detach')
    (checkout.parent / 'linked' / 'ci.nix').write_text('{ linked = true; }\n')
    assert push(checkout=str(checkout.parent / 'linked'))['changed']
    assert git(checkout.parent / 'bare.git', 'show', 'production:ci.nix') == '{ linked = true; }'
