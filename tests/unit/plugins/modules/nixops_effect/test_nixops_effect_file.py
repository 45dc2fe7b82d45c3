# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""When the file is written, and when it is left alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import effect_file

from .conftest import EFFECT, Run, git


def test_a_second_run_changes_nothing(run: Run, checkout: Path) -> None:
    first = run(validate='none', inventory_hosts=['neat-network'])
    assert (first['changed'], first['form'], first['effects']) == (True, 'legacy', ['neat-network'])
    assert first['files'] == ['network-aws.nix', 'network-stub.nix', 'network.nix']
    before = (checkout / 'ci.nix').stat()
    assert stat.S_IMODE(before.st_mode) == 0o644
    second = run(validate='none', inventory_hosts=['neat-network'])
    after = (checkout / 'ci.nix').stat()
    assert second['changed'] is False
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_check_mode_predicts_and_writes_nothing(run: Run, checkout: Path) -> None:
    predicted = run(check=True, diff=True)
    assert git(checkout, 'status', '--porcelain') == ''
    real = run(diff=True)
    for key in ('changed', 'path', 'form', 'effects', 'content', 'runs', 'diff'):
        assert predicted[key] == real[key]
    assert predicted['diff']['after'] == (checkout / 'ci.nix').read_text()
    assert predicted['diff']['before'] == ''
    assert run(check=True)['changed'] is False


def test_the_mode_of_an_old_file_stays(run: Run, checkout: Path) -> None:
    run(validate='none')
    os.chmod(checkout / 'ci.nix', 0o640)
    assert run(validate='none', effects=[{**EFFECT, 'action': 'boot'}])['changed']
    assert stat.S_IMODE((checkout / 'ci.nix').stat().st_mode) == 0o640


def test_a_file_of_somebody_else_needs_force(run: Run, checkout: Path) -> None:
    (checkout / 'ci.nix').write_text('{ }\n')
    assert 'force: true' in run(form='legacy', validate='none')['msg']
    assert 'force: true' in run(form='legacy', state='absent')['msg']
    assert (checkout / 'ci.nix').read_text() == '{ }\n'
    assert run(form='legacy', validate='none', force=True)['changed']
    assert 'neat-network' in (checkout / 'ci.nix').read_text()


def test_what_editors_do_to_a_file_makes_it_nobody_elses(run: Run, checkout: Path) -> None:
    written = run(validate='none', form='herculesCI')['content'].encode()
    for edited in (b'\xef\xbb\xbf' + written, written.replace(b'\n', b'\r\n')):
        (checkout / 'ci.nix').write_bytes(edited)
        result = run(validate='none')
        assert (result['changed'], result['file'], result['form']) == (True, 'ci.nix', 'herculesCI')
        assert (checkout / 'ci.nix').read_bytes() == written


def test_beside_a_file_of_somebody_else_is_a_file_to_import(run: Run, checkout: Path) -> None:
    (checkout / 'ci.nix').write_text('{ }\n')
    result = run(validate='none')
    assert (result['form'], result['file']) == ('effects', 'effects.nix')


def test_a_file_that_is_no_text_is_left_alone(run: Run, checkout: Path) -> None:
    (checkout / 'ci.nix').write_bytes(b'\xff')
    said = run(form='legacy', validate='none')['msg']
    assert said == 'The file is not text in UTF-8. Where: %s. To do: Remove it if it is not needed.' % (checkout / 'ci.nix')
    assert (checkout / 'ci.nix').read_bytes() == b'\xff'


def test_absent(run: Run, checkout: Path) -> None:
    assert run(state='absent')['changed'] is False
    run(validate='none')
    assert run(state='absent', check=True)['changed']
    assert (checkout / 'ci.nix').exists()
    result = run(state='absent', diff=True, effects=[])
    assert result['changed']
    assert result['diff']['after'] == ''
    assert not (checkout / 'ci.nix').exists()


def test_no_effects_are_no_file(run: Run) -> None:
    said = 'There are no effects to declare. Where: effects. To do: Name some, or remove the file with state: absent.'
    assert run(effects=[], validate='none')['msg'] == said


def test_a_link_out_of_the_checkout_is_not_followed(run: Run, checkout: Path, tmp_path: Path) -> None:
    (tmp_path / 'elsewhere').write_text('precious')
    (checkout / 'ci.nix').symlink_to(tmp_path / 'elsewhere')
    assert run(form='legacy', validate='none', force=True).get('failed')
    assert (tmp_path / 'elsewhere').read_text() == 'precious'


@pytest.mark.parametrize(('options', 'expected'), [
    ({'effects': [{**EFFECT, 'network_files': ['absent.nix', 'a b.nix']}]}, 'split or expand'),
    ({'effects': [{**EFFECT, 'network_files': ['absent.nix']}]}, 'does not exist'),
    ({'pins': {'nixpkgs': {'url': 'https://example.com/x.tar.gz'}}}, 'nix-prefetch-url --unpack https://example.com/x.tar.gz'),
    ({'effects': [{**EFFECT, 'network_args': {'a': 2**70}}]}, '64 bit'),
    ({'pins': {'nixpkgs': {'npins': 'nixpkgs', 'overlays': ['final: prev: { }']}}}, 'npins'),
    ({'schedules': {'night': {'hour': 2}}}, 'form herculesCI'),
    ({'checkout': '/nonexistent'}, 'no such folder'),
    ({'refs': ['main']}, 'A ref is named in full. Where: refs. Expected: refs/heads/main. Found: main.'),
    ({'file': '../ci.nix'}, 'outside the checkout'),
])
def test_bad_input_is_told_before_nix_is_asked(
    run: Run, checkout: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], expected: str,
) -> None:
    monkeypatch.setattr(effect_file, 'prove', lambda *_arguments: pytest.fail('Nix was asked'))
    result = run(**options)
    assert result['failed']
    assert expected in result['msg']
    assert all({'what', 'severity'} <= set(problem) for problem in result['problems'])
    assert git(checkout, 'status', '--porcelain') == ''


def test_a_killed_write_leaves_nothing_behind_after_the_next_run(run: Run, checkout: Path) -> None:
    leftover = checkout / '.ci.nix.0123456789abcdef.new'
    leftover.write_text('half')
    run(validate='none')
    assert not leftover.exists()


def test_a_file_that_cannot_be_removed_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run(validate='none')

    def refuse(*_arguments: Any) -> None:
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(os, 'unlink', refuse)
    assert 'cannot be removed' in run(state='absent')['msg']


def test_effects_are_named_in_the_order_of_the_file(run: Run) -> None:
    effects = [{**EFFECT, 'name': 'a', 'job': 'second'}, {**EFFECT, 'name': 'b', 'job': 'first'}]
    assert run(form='herculesCI', effects=effects, validate='none')['effects'] == ['b', 'a']
    assert run(state='absent', form='herculesCI', effects=effects)['effects'] == []


@pytest.mark.parametrize('options', [{'file': 'a\0b'}, {'pins': {'nixpkgs': {'npins': 'x', 'file': 'a\0b'}}}, {'checkout': '/a\0b'}])
def test_what_is_no_path_is_told(run: Run, options: dict[str, Any]) -> None:
    assert run(validate='none', **options)['failed']


def test_git_brings_the_file_of_a_branch_without_a_word(run: Run, checkout: Path, tmp_path: Path) -> None:
    """Somebody pulls, switches or merges where the role has pushed the file: what lies in the checkout untracked is not in the way."""
    git(tmp_path, 'clone', '-q', '--bare', str(checkout), 'remote.git')
    git(checkout, 'remote', 'add', 'origin', str(tmp_path / 'remote.git'))
    exclude = checkout / '.git' / 'info' / 'exclude'
    exclude.write_text('/notes')
    run(validate='none')
    assert exclude.read_text() == '/notes\n/ci.nix\n'
    git(tmp_path, 'clone', '-q', str(tmp_path / 'remote.git'), 'other')
    (tmp_path / 'other' / 'ci.nix').write_text(run(validate='none', effects=[{**EFFECT, 'action': 'boot'}])['content'])
    git(tmp_path / 'other', 'add', '.')
    git(tmp_path / 'other', 'commit', '-q', '-m', 'Deploy')
    git(tmp_path / 'other', 'push', '-q', 'origin', 'HEAD:main', 'HEAD:production')
    run(validate='none')
    git(checkout, 'fetch', '-q', 'origin')
    git(checkout, 'switch', '-q', 'production')
    assert 'boot' in (checkout / 'ci.nix').read_text()
    git(checkout, 'switch', '-q', 'main')
    run(validate='none')
    git(checkout, 'pull', '-q', '--ff-only', 'origin', 'main')
    assert 'boot' in (checkout / 'ci.nix').read_text()
    assert git(checkout, 'status', '--porcelain') == ''
    assert run(validate='none')['changed'] is True  # tracked now, and changed like any other file
    assert git(checkout, 'status', '--porcelain') == ' M ci.nix\n'
    assert exclude.read_text() == '/notes\n/ci.nix\n'


def test_effects_nix_is_not_hidden_from_git(run: Run, checkout: Path) -> None:
    """A flake sees only what Git tracks, so that somebody may want to add it."""
    run(validate='none', form='effects')
    assert git(checkout, 'status', '--porcelain') == '?? effects.nix\n'


def test_a_pattern_of_the_repository_is_told(run: Run, checkout: Path) -> None:
    (checkout / '.gitignore').write_text('/ci.nix\n')
    assert 'Git ignores the file' in run(validate='none')['msg']
