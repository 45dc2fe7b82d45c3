# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""nixops_push where a checkout, its configuration or its remote are not as one would expect."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._git import push as push_room
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.ci_nix import MARK

from .conftest import Meanwhile, Run, git

AUTHOR = ('-c', 'user.name=O', '-c', 'user.email=o@example.org')


def test_a_link_becomes_a_file_that_nix_reads(checkout: Path, push: Run) -> None:
    """A link with the text of ci.nix as its target would lead nowhere."""
    (checkout / 'ci.nix').unlink()
    (checkout / 'deploy').mkdir()
    (checkout / 'deploy' / 'ci.nix').write_text('{ a = 1; }\n')
    (checkout / 'ci.nix').symlink_to('deploy/ci.nix')
    git(checkout, 'add', '.')
    git(checkout, 'commit', '-q', '-m', 'link')
    git(checkout, 'push', '-q', 'origin', 'HEAD:production')
    assert push()['changed']
    assert git(checkout.parent / 'bare.git', 'ls-tree', 'production', 'ci.nix').startswith('100644 blob')
    assert git(checkout.parent / 'bare.git', 'show', 'production:ci.nix') == '{ a = 1; }'
    assert not push()['changed']


def test_a_branch_that_is_deleted_meanwhile_is_not_made_anew(checkout: Path, push: Run, meanwhile: Meanwhile) -> None:
    meanwhile(lambda: git(checkout.parent / 'bare.git', 'branch', '-D', 'production'))
    result = push()
    assert result['failed']
    assert 'The remote origin has no branch production' in result['msg']
    assert git(checkout.parent / 'bare.git', 'branch', '--list', 'production') == ''


def test_what_somebody_takes_back_meanwhile_stays_so(checkout: Path, push: Run, meanwhile: Meanwhile) -> None:
    bare = checkout.parent / 'bare.git'
    git(checkout, 'commit', '-q', '--allow-empty', '-m', 'A mistake')
    git(checkout, 'push', '-q', 'origin', 'HEAD:production')
    meanwhile(lambda: git(bare, 'branch', '-f', 'production', 'main'))
    assert push()['changed']
    assert git(bare, 'log', '--format=%s', 'production').splitlines() == ['Deploy NixOps networks with Hercules CI', 'network']


def test_a_side_branch_for_which_there_is_no_room(checkout: Path, push: Run) -> None:
    """Git cannot have nixops/production beside a branch nixops. Nobody has moved anything."""
    git(checkout, 'push', '-q', 'origin', 'HEAD:nixops')
    result = push(mode='branch')
    assert result['failed']
    assert 'The remote origin refused the push to branch nixops/production.' in result['msg']
    assert 'refs/heads/nixops' in result['problems'][0]['found']


def test_a_remote_whose_reason_sounds_like_somebody_elses_push(checkout: Path, push: Run) -> None:
    hook = checkout.parent / 'bare.git' / 'hooks' / 'pre-receive'
    hook.write_text('#!/bin/sh\necho "You must fetch first: read the rules"\nexit 1\n')
    hook.chmod(0o755)
    result = push()
    assert 'The remote origin refused the push to branch production.' in result['msg']
    assert 'read the rules' in result['msg']


@pytest.mark.parametrize('branch', ['feature/ü', "it's", 'a;b', '-x', 'x\u2028y', 'x\x85y'])
def test_branches_with_odd_names(checkout: Path, push: Run, branch: str) -> None:
    git(checkout, 'push', '-q', 'origin', 'HEAD:refs/heads/%s' % branch)
    assert push(branches=[branch])['changed']
    again = push(branches=[branch])
    assert not again['changed']
    assert again['heads'] == {branch: git(checkout.parent / 'bare.git', 'rev-parse', 'refs/heads/%s' % branch)}


def test_configuration_for_the_place_of_the_checkout(
    checkout: Path, push: Run, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Such as the key and the name that somebody has for the repositories of one customer."""
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path_factory.mktemp('elsewhere')))
    git(checkout, 'config', '--unset', 'user.name')
    git(checkout, 'config', '--unset', 'user.email')
    home, bare = checkout.parent, checkout.parent / 'bare.git'
    (home / '.gitconfig').write_text(
        '[user]\n\tname = Home\n\temail = home@example.org\n[includeIf "gitdir:%s/"]\n\tpath = customer.cfg\n' % home)
    (home / 'customer.cfg').write_text(
        '[user]\n\temail = work@example.org\n[url "%s"]\n\tinsteadOf = customer:\n' % bare)
    git(checkout, 'remote', 'set-url', 'origin', 'customer:')
    assert push()['changed']
    assert git(bare, 'log', '-1', '--format=%an <%ae>', 'production') == 'Home <work@example.org>'


def test_configuration_of_a_linked_worktree(checkout: Path, push: Run) -> None:
    git(checkout, 'config', 'extensions.worktreeConfig', 'true')
    git(checkout, 'worktree', 'add', '-q', '../linked', 'HEAD', '--detach')
    linked = checkout.parent / 'linked'
    git(linked, 'config', '--worktree', 'user.email', 'linked@example.org')
    (linked / 'ci.nix').write_text('{ linked = true; }\n')
    assert push(checkout=str(linked))['changed']
    assert git(checkout.parent / 'bare.git', 'log', '-1', '--format=%an <%ae>', 'production') == 'Somebody <linked@example.org>'


@pytest.fixture
def headers(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Those that Git would send with each push."""
    seen: list[list[str]] = []
    plain = push_room.commit_on

    def look(repository: Any, *arguments: Any) -> str:
        seen.append(repository.text('config', '--get-all', 'http.extraHeader').splitlines())
        return plain(repository, *arguments)
    monkeypatch.setattr(push_room, 'commit_on', look)
    return seen


def test_each_setting_is_read_once(checkout: Path, push: Run, headers: list[list[str]]) -> None:
    """A header that is sent twice, such as the one that GitHub's own action sets, is refused."""
    home = checkout.parent
    git(checkout, 'config', 'http.extraHeader', 'X: y')
    (home / '.gitconfig').write_text('[http]\n\textraHeader = Z: z\n[includeIf "gitdir:%s/"]\n\tpath = customer.cfg\n' % home)
    (home / 'customer.cfg').write_text('[include]\n\tpath = headers.cfg\n')
    (home / 'headers.cfg').write_text('[http]\n\textraHeader = A: b\n')
    assert push()['changed']
    assert headers == [['Z: z', 'A: b', 'X: y']]


def test_includes_of_a_git_folder_that_is_elsewhere(checkout: Path, push: Run, headers: list[list[str]]) -> None:
    """They are relative to where that is, not to the link to it."""
    elsewhere = checkout.parent / 'elsewhere'
    elsewhere.mkdir()
    (checkout / '.git').rename(elsewhere / 'git')
    (checkout / '.git').symlink_to(elsewhere / 'git')
    git(checkout, 'config', 'include.path', '../headers.cfg')
    (elsewhere / 'headers.cfg').write_text('[http]\n\textraHeader = X: y\n')
    (checkout / 'headers.cfg').write_text('[http]\n\textraHeader = Z: z\n')
    assert push()['changed']
    assert headers == [['X: y']]


def test_a_variable_that_git_config_takes_for_a_file(checkout: Path, push: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other Git command heeds it."""
    monkeypatch.setenv('GIT_CONFIG', str(checkout.parent / 'none'))
    assert push()['changed']


def test_submodules_that_others_wanted_pushed_along(checkout: Path, push: Run) -> None:
    git(checkout.parent, 'init', '-q', 'sub')
    git(checkout.parent / 'sub', *AUTHOR, 'commit', '-q', '--allow-empty', '-m', 'in it')
    git(checkout, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', '../sub', 'sub')
    git(checkout, 'commit', '-q', '-m', 'with a submodule')
    git(checkout, 'push', '-q', 'origin', 'HEAD:production')
    for number, setting in enumerate(('submodule.recurse=true', 'push.recurseSubmodules=check', 'push.recurseSubmodules=on-demand')):
        git(checkout, 'config', *setting.split('='))
        (checkout / 'ci.nix').write_text('{ a = %d; }\n' % number)
        assert push()['changed'], setting


@pytest.mark.parametrize('name', ['', None])
def test_half_an_identity_is_completed(checkout: Path, push: Run, name: str | None) -> None:
    """As where a container has no name for its user: Git would refuse to make a commit. What Git is told of is kept."""
    git(checkout, 'config', *(['--unset', 'user.name'] if name is None else ['user.name', name]))
    by, bare = '--format=%an <%ae>, %cn <%ce>', checkout.parent / 'bare.git'
    assert push()['changed']
    assert git(bare, 'log', '-1', by, 'production') == ', '.join(['Ansible <somebody@example.org>'] * 2)
    (checkout / 'ci.nix').write_text('{ a = 2; }\n')
    assert push(author_name='Deployment')['changed']
    assert git(bare, 'log', '-1', by, 'production') == ', '.join(['Deployment <somebody@example.org>'] * 2)


def test_an_identity_in_the_environment(checkout: Path, push: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    git(checkout, 'config', '--unset', 'user.email')
    for role in ('AUTHOR', 'COMMITTER'):
        monkeypatch.setenv('GIT_%s_NAME' % role, 'Env')
        monkeypatch.setenv('GIT_%s_EMAIL' % role, 'env@example.org')
    assert push()['changed']
    assert git(checkout.parent / 'bare.git', 'log', '-1', '--format=%an <%ae>', 'production') == 'Env <env@example.org>'


def test_a_file_that_people_wrote_on_a_branch_is_left_alone(checkout: Path, push: Run) -> None:
    """The checkout may be on another branch, which has none: then nixops_effect has nothing to spare."""
    git(checkout, 'add', 'ci.nix')
    git(checkout, 'commit', '-q', '-m', 'by hand')
    git(checkout, 'push', '-q', 'origin', 'HEAD:production')
    (checkout / 'ci.nix').write_text(MARK + ': changes made here are lost.\n{ }\n')
    for check in (True, False):
        result = push(branches=['production', 'main'], check=check)
        assert result['failed']
        assert 'The branch has a file that nixops_effect did not write. Where: ci.nix on production of origin.' in result['msg']
        assert [branch['changed'] for branch in result['branches']] == [False, True]
    assert git(checkout.parent / 'bare.git', 'show', 'production:ci.nix') == '{ a = 1; }'
    (checkout / 'ci.nix').write_text(MARK + ': changes made here are lost.\n{ b = 2; }\n')
    assert push(branches=['main'])['changed']


def test_a_file_that_means_the_same_is_replaced(checkout: Path, push: Run) -> None:
    """By its hash, as nixops_effect has seen it on that branch: no other content, and no other branch."""
    git(checkout, 'add', 'ci.nix')
    git(checkout, 'commit', '-q', '-m', 'by hand')
    git(checkout, 'push', '-q', 'origin', 'HEAD:production')
    seen = hashlib.sha256((checkout / 'ci.nix').read_bytes()).hexdigest()
    (checkout / 'ci.nix').write_text(MARK + ': changes made here are lost.\n{ }\n')
    for replaces in ({}, {'main': seen}, {'production': hashlib.sha256(b'another').hexdigest()}):
        assert 'did not write' in push(replaces=replaces)['msg']
    assert push(replaces={'production': seen}, check=True)['changed'] and push(replaces={'production': seen})['changed']
    assert git(checkout.parent / 'bare.git', 'show', 'production:ci.nix') == (checkout / 'ci.nix').read_text().strip()


def test_a_file_that_people_write_meanwhile_is_left_alone(checkout: Path, push: Run, meanwhile: Meanwhile) -> None:
    git(checkout, 'add', 'ci.nix')
    git(checkout, 'commit', '-q', '-m', 'by hand')
    (checkout / 'ci.nix').write_text(MARK + ': changes made here are lost.\n{ }\n')
    meanwhile(lambda: git(checkout, 'push', '-q', 'origin', 'HEAD:production'))
    assert 'The branch has a file that nixops_effect did not write. Where: ci.nix on production of origin.' in push()['msg']
    assert git(checkout.parent / 'bare.git', 'show', 'production:ci.nix') == '{ a = 1; }'


def test_paths_in_another_spelling(checkout: Path, push: Run) -> None:
    (checkout / 'networks').mkdir()
    (checkout / 'networks' / 'web.nix').write_text('{ }\n')
    git(checkout, 'add', 'networks')
    git(checkout, 'commit', '-q', '-m', 'networks')
    git(checkout, 'push', '-q', 'origin', 'HEAD:production')
    for check in (True, False):
        result = push(files=['./ci.nix'], required_files=['./network.nix', 'networks/'], check=check)
        assert result['branches'][0]['files'] == ['ci.nix']
    assert push(files=['nix/../ci.nix'], contents={'nix/../ci.nix': '{ b = 1; }\n'})['changed']
    assert git(checkout.parent / 'bare.git', 'show', 'production:ci.nix') == '{ b = 1; }'


def attributes_of_the_branch(checkout: Path) -> None:
    (checkout / '.gitattributes').write_text('*.nix text eol=crlf\n')
    git(checkout, 'add', '.gitattributes')
    git(checkout, 'commit', '-q', '-m', 'attributes')
    git(checkout, 'push', '-q', 'origin', 'HEAD:production')


def attributes_of_another_branch(checkout: Path) -> None:
    (checkout / '.gitattributes').write_text('*.nix text eol=crlf\n')


def attributes_that_only_the_branch_has(checkout: Path) -> None:
    attributes_of_the_branch(checkout)
    git(checkout, 'checkout', '-q', '--detach', 'HEAD^')


def attributes_of_the_clone(checkout: Path) -> None:
    (checkout / '.git' / 'info' / 'attributes').write_text('*.nix text eol=crlf\n')


def attributes_of_the_user(checkout: Path) -> None:
    (checkout.parent / 'attributes').write_text('*.nix text eol=crlf\n')
    git(checkout, 'config', 'core.attributesFile', str(checkout.parent / 'attributes'))


def as_windows_does(checkout: Path) -> None:
    git(checkout, 'config', 'core.autocrlf', 'true')
    git(checkout, 'config', 'core.safecrlf', 'true')


@pytest.mark.parametrize('arrange', [
    attributes_of_the_branch, attributes_of_another_branch, attributes_that_only_the_branch_has, attributes_of_the_clone,
    attributes_of_the_user, as_windows_does,
])
def test_line_ends_that_git_converts_are_no_difference(checkout: Path, push: Run, arrange: Any) -> None:
    """An extra commit on production would be another deployment."""
    bare = checkout.parent / 'bare.git'
    arrange(checkout)
    (checkout / 'ci.nix').write_bytes(b'{ a = 1; }\r\n')
    for mode in ({'check': True}, {}):
        assert push(**mode)['changed']
    assert git(bare, 'cat-file', '-s', 'production:ci.nix') == str(len('{ a = 1; }\n'))
    head = git(bare, 'rev-parse', 'production')
    for content in (b'{ a = 1; }\r\n', b'{ a = 1; }\n'):
        (checkout / 'ci.nix').write_bytes(content)
        assert not push()['changed']
    assert not push(contents={'ci.nix': '{ a = 1; }\n'})['changed']
    assert git(bare, 'rev-parse', 'production') == head


def test_a_filter_of_the_checkout_is_run(checkout: Path, push: Run) -> None:
    (checkout / '.gitattributes').write_text('*.nix filter=quiet\n')
    git(checkout, 'config', 'filter.quiet.clean', 'tr A-Z a-z')
    (checkout / 'ci.nix').write_text('{ A = 1; }\n')
    assert push()['changed']
    assert git(checkout.parent / 'bare.git', 'show', 'production:ci.nix') == '{ a = 1; }'
    assert not push()['changed']
    git(checkout, 'config', 'filter.quiet.clean', 'false')
    git(checkout, 'config', 'filter.quiet.required', 'true')
    assert 'Git failed. Where: branch production.' in push()['msg']


def test_a_file_that_git_lfs_would_keep(checkout: Path, push: Run) -> None:
    """Agents would get what LFS has in its place."""
    (checkout / '.gitattributes').write_text('*.nix filter=lfs\n')
    result = push()
    assert 'Git LFS would keep the file elsewhere' in result['msg']
    assert git(checkout.parent / 'bare.git', 'ls-tree', '--name-only', 'production') == 'network.nix'
