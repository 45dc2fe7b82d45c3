# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which file an agent reads, and what it would miss in a clone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import ci_nix
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.checkout import (
    Declaration,
    branches,
    current_branch,
    declaration,
    problems,
    same_to_git,
)
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure

EFFECT: dict[str, Any] = {'name': 'x', 'run_on': {'branches': ['main']}}


def git(folder: Path, *arguments: str) -> None:
    command = ['git', '-C', str(folder), '-c', 'user.name=x', '-c', 'user.email=x@example.com', *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, 'init', '-q', '-b', 'main')
    (tmp_path / 'network.nix').write_text('{ }')
    git(tmp_path, 'add', '.')
    return tmp_path


def managed(form: str) -> str:
    return ci_nix.render([EFFECT], form, 'ci.nix')


@pytest.mark.parametrize(('files', 'expected'), [
    ({}, Declaration('ci.nix', 'legacy')),
    ({'ci.nix': managed('legacy')}, Declaration('ci.nix', 'legacy')),
    ({'ci.nix': managed('herculesCI')}, Declaration('ci.nix', 'herculesCI')),
    ({'nix/ci.nix': managed('herculesCI')}, Declaration('nix/ci.nix', 'herculesCI')),
    ({'ci.nix': '{ }'}, Declaration('effects.nix', 'effects')),
    ({'nix/ci.nix': '{ }'}, Declaration('effects.nix', 'effects')),
    ({'flake.nix': '{ }'}, Declaration('effects.nix', 'effects')),
    ({'default.nix': '{ }'}, Declaration('effects.nix', 'effects')),
    ({'flake.nix': '{ }', 'ci.nix': managed('legacy')}, Declaration('ci.nix', 'legacy')),
    ({'effects.nix': managed('effects')}, Declaration('effects.nix', 'effects')),
    ({'effects.nix': '{ }'}, Declaration('ci.nix', 'legacy')),
])
def test_the_form_follows_what_the_repository_has(tmp_path: Path, files: dict[str, str], expected: Declaration) -> None:
    (tmp_path / 'nix').mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert declaration(tmp_path, None, 'auto') == expected


def test_a_chosen_form_keeps_the_file(tmp_path: Path) -> None:
    (tmp_path / 'nix').mkdir()
    (tmp_path / 'nix' / 'ci.nix').write_text(managed('legacy'))
    assert declaration(tmp_path, None, 'herculesCI') == Declaration('nix/ci.nix', 'herculesCI')
    assert declaration(tmp_path, None, 'effects') == Declaration('effects.nix', 'effects')


@pytest.mark.parametrize(('file', 'form', 'expected'), [
    ('nix/ci.nix', 'auto', Declaration('nix/ci.nix', 'legacy')),
    ('nix/deploy.nix', 'auto', Declaration('nix/deploy.nix', 'effects')),
    ('./nix//deploy.nix', 'herculesCI', Declaration('nix/deploy.nix', 'herculesCI')),
])
def test_a_chosen_file(tmp_path: Path, file: str, form: str, expected: Declaration) -> None:
    assert declaration(tmp_path, file, form) == expected


def test_a_chosen_file_of_ours_keeps_its_form(tmp_path: Path) -> None:
    (tmp_path / 'ci.nix').write_text(managed('herculesCI'))
    assert declaration(tmp_path, 'ci.nix', 'auto') == Declaration('ci.nix', 'herculesCI')


@pytest.mark.parametrize('file', ['../ci.nix', '/etc/ci.nix', 'a/../../ci.nix', '.'])
def test_a_file_outside_the_checkout_is_refused(tmp_path: Path, file: str) -> None:
    with pytest.raises(Failure, match='outside the checkout'):
        declaration(tmp_path, file, 'auto')


def test_both_ci_nix_files_are_an_error_as_for_an_agent(tmp_path: Path) -> None:
    (tmp_path / 'nix').mkdir()
    (tmp_path / 'ci.nix').write_text('')
    (tmp_path / 'nix' / 'ci.nix').write_text('')
    with pytest.raises(Failure, match=r'Agents refuse a repository with both files\. .* Found: nix/ci\.nix and ci\.nix'):
        declaration(tmp_path, None, 'auto')
    assert 'two ci.nix files' in str(problems(tmp_path, Declaration('ci.nix', 'legacy'), [], {})[0])


def test_no_folder_no_file(tmp_path: Path) -> None:
    with pytest.raises(Failure, match='no such folder'):
        declaration(tmp_path / 'absent', None, 'auto')


def found(checkout: Path, *effects: dict[str, Any], file: str = 'ci.nix', form: str = 'legacy', **pins: Any) -> str:
    return '\n'.join(map(str, problems(checkout, Declaration(file, form), [{**EFFECT, **effect} for effect in effects], pins)))


def test_a_tracked_network_is_fine(checkout: Path) -> None:
    assert found(checkout, {}) == ''


def test_a_name_that_no_file_has(checkout: Path) -> None:
    assert 'The file does not exist. Where: effect x: network_files. Found: ' in found(checkout, {'network_files': ['a\0b']})


def test_without_git_nobody_knows_what_it_tracks(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no yes."""
    (checkout / 'new.nix').write_text('{ }')
    monkeypatch.setenv('PATH', str(checkout))
    with pytest.raises(Failure, match='Git is not on this machine'):
        found(checkout, {'network_files': ['new.nix']})


@pytest.mark.parametrize('variables', [
    {'GIT_DIR': '/nonexistent'}, {'GIT_DIR': 'elsewhere'}, {'GIT_INDEX_FILE': '/nonexistent/index'}, {'GIT_WORK_TREE': '/'},
    {'GIT_LITERAL_PATHSPECS': '1', 'GIT_PREFIX': 'networks/'}, {'GIT_CEILING_DIRECTORIES': '/', 'GIT_NAMESPACE': 'x'},
])
def test_what_a_hook_says_of_its_repository_is_not_about_the_checkout(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str],
) -> None:
    elsewhere = tmp_path_factory.mktemp('elsewhere')
    git(elsewhere, 'init', '-q', '-b', 'other')
    for name, value in variables.items():
        monkeypatch.setenv(name, str(elsewhere / '.git') if value == 'elsewhere' else value)
    (checkout / 'new.nix').write_text('{ }')
    assert found(checkout, {'network_files': ['network.nix']}) == ''
    assert 'git add new.nix' in found(checkout, {'network_files': ['new.nix']})
    assert current_branch(checkout) == ['refs/heads/main']
    assert branches(checkout) == []


def test_a_checkout_of_another_owner(checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path_factory.mktemp('programs')
    (programs / 'git').write_text('#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec %s "$@"\n' % shutil.which('git'))
    (programs / 'git').chmod(0o755)
    monkeypatch.setenv('PATH', str(programs), prepend=os.pathsep)
    monkeypatch.setenv('HOME', str(programs))
    with pytest.raises(Failure, match=r'Git cannot read the checkout.*dubious ownership.*become_user.*safe.directory %s' % checkout):
        found(checkout, {})
    with pytest.raises(Failure, match='dubious ownership'):
        current_branch(checkout)
    monkeypatch.setenv('GIT_CONFIG_COUNT', '1')
    monkeypatch.setenv('GIT_CONFIG_KEY_0', 'safe.directory')
    monkeypatch.setenv('GIT_CONFIG_VALUE_0', str(checkout))
    assert found(checkout, {}) == ''


def test_a_repository_that_is_broken(checkout: Path) -> None:
    (checkout / '.git' / 'index').write_bytes(b'no index')
    with pytest.raises(Failure, match='Git cannot read the checkout'):
        found(checkout, {})
    (checkout / '.git' / 'HEAD').unlink()
    with pytest.raises(Failure, match='Git cannot read the checkout'):
        branches(checkout)


def test_a_folder_further_down_is_no_checkout(checkout: Path) -> None:
    (checkout / 'networks').mkdir()
    (checkout / 'networks' / 'network.nix').write_text('{ }')
    git(checkout, 'add', '.')
    with pytest.raises(Failure, match=r'The checkout is not the top of a working tree.*Expected: %s' % checkout):
        found(checkout / 'networks', {})
    link = checkout.parent / (checkout.name + '-link')
    link.symlink_to(checkout)
    assert found(link, {}) == ''


def test_files_of_a_submodule_are_not_to_be_added(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp('other')
    git(other, 'init', '-q')
    (other / 'network.nix').write_text('{ }')
    git(other, 'add', '.')
    git(other, 'commit', '-q', '-m', 'x')
    git(checkout, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', str(other), 'sub')
    (checkout / 'nested').mkdir()
    git(checkout / 'nested', 'init', '-q')
    (checkout / 'nested' / 'network.nix').write_text('{ }')
    for file in ('sub/network.nix', 'sub', 'nested/network.nix'):
        said = found(checkout, {'network_files': [file]})
        assert 'The file lies in a submodule, or another repository, which agents do not have.' in said
        assert 'git add' not in said


def test_files_behind_links(checkout: Path) -> None:
    """Git would refuse to add them by such a path."""
    (checkout / 'real').mkdir()
    (checkout / 'real' / 'network.nix').write_text('{ }')
    (checkout / 'link').symlink_to('real')
    (checkout / 'other.nix').symlink_to('link/network.nix')
    said = found(checkout, {'network_files': ['other.nix']})
    assert [advice in said for advice in ('git add other.nix.', 'git add link.', 'git add real/network.nix.')] == [True] * 3
    git(checkout, 'add', '.')
    for file in ('link/network.nix', 'other.nix', 'link'):
        assert found(checkout, {'network_files': [file]}) == ''
    assert found(checkout, {'network_files': ['.']}) == ''  # which has default.nix, or has not: Nix knows
    (checkout / 'gone').symlink_to('real/gone.nix')
    git(checkout, 'add', '.')
    assert 'The file does not exist. Where: effect x: network_files.' in found(checkout, {'network_files': ['gone']})
    (checkout / 'out').symlink_to('..')
    (checkout / 'away').symlink_to('/etc/passwd')
    (checkout / 'loop').symlink_to('loop')
    git(checkout, 'add', '.')
    for file in ('out/x', 'away', 'loop'):
        (checkout.parent / 'x').touch()
        assert 'The file lies outside the checkout' in found(checkout, {'network_files': [file]})


def test_files_that_git_ignores_are_added_only_without_the_pattern(checkout: Path) -> None:
    (checkout / '.gitignore').write_text('*.nix\n')
    (checkout / 'a b.nix').write_text('{ }')
    said = str(problems(checkout, Declaration('effects.nix', 'legacy'), [], {'nixpkgs': {'npins': 'x', 'file': 'a b.nix'}})[0])
    assert "Remove the pattern that matches it from .gitignore, then git add 'a b.nix'" in said


@pytest.mark.parametrize('option', ['network_files', 'prebuild_only_network_files', 'deploy_only_network_files'])
def test_missing_and_untracked_files(checkout: Path, option: str) -> None:
    assert 'does not exist' in found(checkout, {option: ['network.nix', 'absent.nix']})
    (checkout / 'new.nix').write_text('{ }')
    said = 'Git does not track the file, so an agent would not have it. Where: effect x: %s. Found: %s. To do: git add new.nix.'
    assert said % (option, checkout / 'new.nix') in found(checkout, {option: ['new.nix']})
    git(checkout, 'add', 'new.nix')
    assert found(checkout, {option: ['new.nix']}) == ''


def test_files_are_looked_for_below_src(checkout: Path) -> None:
    assert str(checkout / 'networks' / 'network.nix') in found(checkout, {'src': 'networks'})


def test_the_default_network_file_counts(checkout: Path) -> None:
    (checkout / 'network.nix').unlink()
    assert 'network.nix' in found(checkout, {})
    assert found(checkout, {'function': 'runNixOS'}) == ''


@pytest.mark.parametrize('name', ['network.nix~', 'network.o', '.network.nix.swp', 'CVS/network.nix'])
def test_files_that_the_deployed_source_lacks(checkout: Path, name: str) -> None:
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text('{ }')
    git(checkout, 'add', '-f', '.')
    assert 'cleanSource' in found(checkout, {'network_files': [name]})
    # Prebuilding reads the folder itself.
    assert found(checkout, {'prebuild_only_network_files': [name]}) == ''


def test_without_git_only_existence_counts(tmp_path: Path) -> None:
    (tmp_path / 'network.nix').write_text('{ }')
    assert found(tmp_path, {}) == ''
    assert branches(tmp_path) == current_branch(tmp_path) == []
    assert not same_to_git(tmp_path, 'ci.nix', 'x\n', 'x\r\n')


def test_texts_that_git_stores_alike_are_the_same(checkout: Path) -> None:
    assert not same_to_git(checkout, 'ci.nix', 'x\n', 'x\r\n')
    (checkout / '.gitattributes').write_text('*.nix text\n')
    assert same_to_git(checkout, 'ci.nix', 'x\n', 'x\r\n')
    assert not same_to_git(checkout, 'ci.nix', 'x\n', 'y\n')
    assert not same_to_git(checkout, 'ci.txt', 'x\n', 'x\r\n')


def test_a_file_that_git_ignores_would_never_be_seen(checkout: Path) -> None:
    (checkout / '.gitignore').write_text('ci.nix\n')
    assert 'Git ignores' in found(checkout, {})


def test_the_folder_of_the_file_must_exist(checkout: Path) -> None:
    assert 'folder' in found(checkout, {}, file='nix/ci.nix')


def test_nixops_2_refuses_a_flake_beside_its_network(checkout: Path) -> None:
    (checkout / 'nixops.nix').write_text('{ }')
    (checkout / 'flake.nix').write_text('{ }')
    git(checkout, 'add', '.')
    effect = {'function': 'runNixOps2', 'network_files': ['nixops.nix']}
    assert 'both nixops.nix and flake.nix' in found(checkout, effect)
    of_flake = {**effect, 'network_files': None, 'flake': {'_nix': 'self'}}
    assert found(checkout, of_flake) == ''
    assert 'stub.nix' in found(checkout, {**of_flake, 'prebuild_only_network_files': ['stub.nix']})
    (checkout / 'stub.nix').write_text('{ }')
    assert 'git add stub.nix' in found(checkout, {**of_flake, 'prebuild_only_network_files': ['stub.nix']})


def test_the_files_of_pins_must_reach_the_agent_too(checkout: Path) -> None:
    assert 'pins.nixpkgs' in found(checkout, {}, nixpkgs={'npins': 'nixpkgs'})
    (checkout / 'npins').mkdir()
    (checkout / 'npins' / 'default.nix').write_text('{ }')
    assert 'git add npins' in found(checkout, {}, nixpkgs={'npins': 'nixpkgs'})
    git(checkout, 'add', '.')
    assert found(checkout, {}, nixpkgs={'npins': 'nixpkgs'}) == ''
    assert found(checkout, {}, form='effects', file='effects.nix', effects={'niv': 'effects'}) == ''


def test_branches_are_those_of_the_repository_and_its_remotes(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    git(checkout, 'commit', '-q', '-m', 'x')
    git(checkout, 'branch', 'feature/a')
    clone = tmp_path_factory.mktemp('clone')
    git(clone, 'clone', '-q', str(checkout), '.')
    git(clone, 'branch', 'mine')
    assert branches(clone) == ['refs/heads/feature/a', 'refs/heads/main', 'refs/heads/mine']
    assert current_branch(clone) == ['refs/heads/main']
    git(clone, 'checkout', '-q', '--detach')
    assert current_branch(clone) == []


def test_a_file_that_was_written_before_does_not_stay_in_force(checkout: Path) -> None:
    (checkout / 'ci.nix').write_text(managed('legacy'))
    told = str(problems(checkout, Declaration('effects.nix', 'effects'), [], {})[0])
    assert 'Agents would go on to read' in told
    assert 'state: absent and file: ci.nix' in told
    (checkout / 'ci.nix').write_text('import ./effects.nix')
    assert problems(checkout, Declaration('effects.nix', 'effects'), [], {}) == []


def test_names_that_are_no_text_do_no_harm(checkout: Path) -> None:
    (checkout / 'network').mkdir()
    Path(os.fsdecode(bytes(checkout) + b'/network/\xff.nix')).touch()
    git(checkout, 'add', '.')
    assert problems(checkout, Declaration('ci.nix', 'legacy'), [{**EFFECT, 'network_files': ['network']}], {}) == []


@pytest.mark.parametrize('file', ['a\0b', 'a\ud800'])
def test_what_is_no_path_does_not_exist(checkout: Path, file: str) -> None:
    assert 'does not exist' in str(problems(checkout, Declaration('ci.nix', 'legacy'), [], {'nixpkgs': {'npins': 'x', 'file': file}})[0])
