# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is evaluated is what an agent would have: files that Git tracks, and for deploying only those in src."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from .conftest import EFFECT, Run, git

IMPORTING = '{ ... }: { machine = { ... }: { imports = [ %s ]; networking.domain = "x"; }; }\n'


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where copies are made; nothing stays there."""
    folder = tmp_path / 'temporary'
    folder.mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(folder))
    return folder


@pytest.mark.parametrize('ignored', [False, True])
@pytest.mark.parametrize('form', ['legacy', 'effects'])
def test_what_git_does_not_track_is_missing(run: Run, checkout: Path, temporary: Path, ignored: bool, form: str) -> None:
    (checkout / 'network-aws.nix').write_text(IMPORTING % './hardware.nix')
    (checkout / 'hardware.nix').write_text('{ }')
    (checkout / '.gitignore').write_text('hardware.nix\n' if ignored else '')
    result = run(validate='prebuild', form=form)
    assert result['problems'][0]['what'] == 'Git does not track %s/hardware.nix, so an agent would not have it.' % checkout
    assert result['problems'][0]['where'].startswith('effect neat-network: ')
    assert str(temporary) not in str(result['problems'])
    assert result['problems'][0]['remedy'].startswith('git add hardware.nix')
    assert os.listdir(temporary) == []
    git(checkout, 'add', '--force', 'hardware.nix')
    assert not run(validate='prebuild', form=form).get('failed')


def test_data_that_git_does_not_track_is_missing_too(run: Run, checkout: Path) -> None:
    (checkout / 'network-aws.nix').write_text(
        '{ ... }: { machine = { ... }: { networking.hostName = builtins.readFile ./keys/name; }; }\n')
    (checkout / 'keys').mkdir()
    (checkout / 'keys' / 'name').write_text('x')
    problem = run(validate='prebuild')['problems'][0]
    assert problem['what'] == 'Git does not track %s/keys/name, so an agent would not have it.' % checkout
    assert problem['where'].endswith('%s/network-aws.nix:1' % checkout)


def test_contents_are_those_of_the_working_tree(run: Run, checkout: Path) -> None:
    (checkout / 'result').symlink_to('/nix/store')
    assert not run(validate='prebuild').get('failed')
    (checkout / 'network-aws.nix').write_text('{ ... }: { machine = { ... }: { nosuch = 1; }; }')
    assert run(validate='prebuild')['problems'][0]['where'].endswith('%s/network-aws.nix' % checkout)


@pytest.mark.parametrize('across', [False, True])
def test_links_folders_and_modes_arrive(run: Run, checkout: Path, monkeypatch: pytest.MonkeyPatch, across: bool) -> None:
    """across: the copy is on another file system."""
    def refused(*_arguments: Any, **_options: Any) -> None:
        raise OSError

    if across:
        monkeypatch.setattr(os, 'link', refused)
    (checkout / 'machines').mkdir()
    (checkout / 'machines' / 'a b.nix').write_text('{ imports = [ ../linked.nix ]; }')
    (checkout / 'linked.nix').symlink_to('machines/real.nix')
    (checkout / 'machines' / 'real.nix').write_text('{ networking.hostName = "x"; }')
    (checkout / 'network-aws.nix').write_text(IMPORTING % '(./machines + "/a b.nix")')
    (checkout / 'gone').touch()
    (checkout / 'now-a-folder').touch()
    git(checkout, 'add', '.')
    for name in ('gone', 'now-a-folder'):
        (checkout / name).unlink()
    (checkout / 'now-a-folder').mkdir()
    (checkout / 'now-a-folder' / 'untracked').touch()
    result = run(validate='prebuild')
    assert not result.get('failed'), result


def test_without_anything_else_the_checkout_itself_is_read(run: Run, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, 'TemporaryDirectory', lambda *_arguments, **_options: pytest.fail('a copy was made'))
    assert not run(validate='prebuild').get('failed')
    (checkout / 'untracked').touch()
    with pytest.raises(pytest.fail.Exception):
        run(validate='prebuild')


def test_submodules_are_empty_for_an_agent(run: Run, checkout: Path, tmp_path: Path) -> None:
    other = tmp_path / 'other'
    other.mkdir()
    (other / 'common.nix').write_text('{ }')
    git(other, 'init', '-q')
    git(other, 'add', '.')
    git(other, 'commit', '-q', '-m', 'x')
    git(checkout, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', str(other), 'common')
    (checkout / 'network-aws.nix').write_text(IMPORTING % './common/common.nix')
    problem = run(validate='prebuild')['problems'][0]
    assert 'common/common.nix' in problem['what']
    assert 'submodule' in problem['remedy']


NETS = {**EFFECT, 'src': 'nets', 'network_files': ['network.nix'], 'prebuild_only_network_files': ['stub.nix']}
TWO = {**NETS, 'function': 'runNixOps2', 'deployment': None, 'network_files': ['nixops.nix']}
STORAGE = 'network.storage.hercules-ci.stateName = "x"; network.lock.hercules-ci.stateName = "x"; '


@pytest.fixture
def nets(checkout: Path) -> Path:
    """A folder of network files beside files that they share with others."""
    folder = checkout / 'nets'
    folder.mkdir()
    (folder / 'web').mkdir()
    (folder / 'web' / 'web.nix').write_text('{ networking.hostName = "x"; }')
    (folder / 'network.nix').write_text(IMPORTING % './web/web.nix')
    (folder / 'nixops.nix').write_text('{ %s machine = { ... }: { }; }' % STORAGE)
    (folder / 'stub.nix').write_text('import ../common-stub.nix')
    (checkout / 'common-stub.nix').write_text('{ }')
    (checkout / 'common.nix').write_text('{ }')
    (checkout / 'shared').mkdir()
    (checkout / 'shared' / 'name').write_text('x')
    git(checkout, 'add', '.')
    return folder


@pytest.mark.parametrize('form', ['legacy', 'herculesCI', 'effects'])
@pytest.mark.parametrize('effect', [NETS, TWO])
@pytest.mark.parametrize('untracked', [False, True])
def test_what_only_prebuilding_reads_may_lie_anywhere(
    run: Run, checkout: Path, nets: Path, form: str, effect: dict[str, Any], untracked: bool,
) -> None:
    if untracked:
        (checkout / 'untracked').touch()
    result = run(validate='prebuild', form=form, effects=[effect])
    assert not result.get('failed'), result


@pytest.mark.parametrize('form', ['legacy', 'herculesCI', 'effects'])
@pytest.mark.parametrize('effect', [NETS, TWO])
def test_what_is_deployed_lies_in_src(run: Run, nets: Path, checkout: Path, form: str, effect: dict[str, Any]) -> None:
    for file in ('network.nix', 'nixops.nix'):
        (nets / file).write_text('{ ... }: { %s machine = { ... }: { imports = [ ../common.nix ]; }; }' % STORAGE)
    problem = run(validate='prebuild', form=form, effects=[effect])['problems'][0]
    assert problem['what'].startswith('The network reads common.nix, which lies outside of its src, nets: ')
    assert problem['where'].startswith('effect neat-network: ')
    assert '%s/nets/' % checkout in problem['where']


@pytest.mark.parametrize(('code', 'file'), [
    ('builtins.readFile ../shared/name', 'shared/name'), ('import ../common.nix', 'common.nix'),
    ('(import ./web/deep.nix).name', 'common.nix'),
])
def test_data_and_files_of_files_lie_in_src_too(run: Run, nets: Path, checkout: Path, code: str, file: str) -> None:
    (nets / 'network.nix').write_text('{ ... }: { machine = { ... }: { networking.hostName = %s; }; }' % code)
    (nets / 'web' / 'deep.nix').write_text('import ../../common.nix')
    git(checkout, 'add', '.')
    assert 'The network reads %s, which lies outside' % file in run(validate='prebuild', effects=[NETS])['msg']


def test_files_in_the_copy_of_src_are_called_as_in_the_checkout(run: Run, nets: Path, checkout: Path) -> None:
    (nets / 'web' / 'web.nix').write_text('{\n  networking.hostName = nosuch;\n}')
    assert run(validate='prebuild', effects=[NETS])['problems'][0]['where'].endswith('%s/nets/web/web.nix:2' % checkout)


def test_so_are_those_that_only_prebuilding_reads(run: Run, nets: Path, checkout: Path) -> None:
    (nets / 'stub.nix').write_text('{\n  machine.nosuch.option = 1;\n}')
    where = run(validate='prebuild', effects=[NETS])['problems'][0]['where']
    assert where == 'effect neat-network: machine machine: %s/nets/stub.nix' % checkout


def test_a_flake_of_the_checkout_is_read_beside_the_copy(run: Run, checkout: Path) -> None:
    effect = {'name': 'two', 'function': 'runNixOps2', 'flake': {'_nix': 'self'}, 'run_on': {'branches': ['main']}}
    (checkout / 'flake.nix').write_text('{ outputs = { self }: { nixopsConfigurations.default = import ./nixops.nix; }; }')
    git(checkout, 'add', '.')
    (checkout / 'untracked').touch()
    result = run(validate='prebuild', form='effects', effects=[effect])
    assert not result.get('failed'), result
