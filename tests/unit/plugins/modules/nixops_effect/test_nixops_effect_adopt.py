# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file that somebody wrote is replaced where Nix shows that the new one means the same, and only there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.modules.nixops_effect.conftest import git

Run = Callable[..., dict[str, Any]]
# What EFFECT of conftest.py declares, as somebody would write it.
ARGUMENTS = '''{
      name = "foo";
      src = pkgs.lib.cleanSource ./.;
      networkFiles = [ "network.nix" "network-aws.nix" ];
      prebuildOnlyNetworkFiles = [ "network-stub.nix" ];
      secretsMap.aws = "neat-aws";
      userSetupScript = "writeAWSSecret aws default\\n";
    }'''


@pytest.fixture
def written(checkout: Path, tarballs: dict[str, dict[str, str]]) -> Callable[[str], Path]:
    """Write a ci.nix of one's own, in which pkgs has the library."""
    def write(text: str, name: str = 'ci.nix') -> Path:
        nixpkgs, effects = ('fetchTarball { url = "%(url)s"; sha256 = "%(sha256)s"; }' % tarballs[name] for name in ('nixpkgs', 'effects'))
        pkgs = 'import (%s) { system = "x86_64-linux"; overlays = [ (import ((%s) + "/overlay.nix")) ]; }' % (nixpkgs, effects)
        path = checkout / name
        path.write_text(text.replace('PKGS', pkgs))
        git(checkout, 'add', '.')
        git(checkout, 'commit', '-q', '-m', 'by hand')
        return path
    return write


LEGACY = '''{ src ? { ref = null; }, pkgs ? PKGS }: {
  neat-network = pkgs.effects.runIf (src.ref == "refs/heads/production") (pkgs.effects.runNixOps ARGUMENTS);
}
'''.replace('ARGUMENTS', ARGUMENTS)


def test_what_means_the_same_is_replaced(run: Run, written: Callable[[str], Path]) -> None:
    path = written(LEGACY)
    before = path.read_text()
    refused = run(form='legacy')
    assert 'Set adopt: true' in refused['msg']
    foreseen = run(adopt=True, check=True, diff=True)
    assert (foreseen['changed'], foreseen['adopted'], foreseen['renamed'], path.read_text()) == (True, 'ci.nix', {}, before), foreseen
    assert 'backup_file' not in foreseen and list(path.parent.glob('*~')) == []
    done = run(adopt=True)
    assert done['content'] == path.read_text() == foreseen['diff']['after'] != before
    assert Path(done['backup_file']).read_text() == before
    again = run(adopt=True)
    assert (again['changed'], again['adopted']) == (False, None)


@pytest.mark.parametrize(('text', 'what', 'found'), [
    (LEGACY.replace('"foo"', '"bar"'), 'The effect would do something else.', 'NIXOPS_DEPLOYMENT = foo'),
    (LEGACY.replace('heads/production', 'heads/main'), 'An effect of the file would not run any more.', 'none'),
    (LEGACY.replace('src.ref ==', 'src.tag != null || src.ref =='), 'An effect of the file would not run any more.', 'none'),
    (LEGACY.replace('\n}\n', '\n  hello = pkgs.hello;\n}\n'), 'The file also has a build', ''),
    (LEGACY.replace('runIf (src.ref == "refs/heads/production")', 'runIf (src.ref == "refs/heads/production" && src.rev == "")'),
     'An effect would run that the file does not have there.', ''),
    (LEGACY.replace('"writeAWSSecret', '"# ${src.rev}\\nwriteAWSSecret'), 'The effect would do something else.', 'userSetupScript'),
    (LEGACY.replace('\n}\n', '\n  off = pkgs.effects.runIf false (pkgs.effects.mkEffect { });\n}\n'),
     'An effect of the file did not run on any ref', ''),
    (LEGACY.replace('}: {', '}: rec {').replace('\n}\n', '\n  other = neat-network;\n}\n'), '', ''),
])
def test_what_differs_stays_and_is_told(run: Run, written: Callable[[str], Path], text: str, what: str, found: str) -> None:
    path = written(text)
    before = path.read_bytes()
    result = run(adopt=True)
    if not what:  # the same derivation twice is run twice, but means the same
        assert result['renamed'] == {'other': 'neat-network'}, result
        return
    assert what in result['msg'] and ' on ' in result['msg'] and found in result['msg'], result['msg']
    assert path.read_bytes() == before and list(path.parent.glob('*~')) == []


def test_nothing_is_replaced_unseen(run: Run, written: Callable[[str], Path]) -> None:
    path = written(LEGACY)
    assert 'Only an evaluation shows' in run(adopt=True, validate='parse')['msg']
    assert 'NixOps' in path.read_text()


def test_the_files_of_branches(run: Run, written: Callable[[str], Path], checkout: Path, tmp_path: Path) -> None:
    """Agents see the file of the branch, which may be another one than that of the checkout."""
    path = written(LEGACY)
    git(tmp_path, 'init', '-q', '--bare', 'bare')
    git(checkout, 'remote', 'add', 'origin', str(tmp_path / 'bare'))
    git(checkout, 'push', '-q', 'origin', 'main:production', 'main~1:refs/heads/without')
    options = {'adopt': True, 'remote': 'origin', 'branches': ['production', 'without']}
    assert run(**options, check=True)['replaces'] == {'production': hashlib.sha256(path.read_bytes()).hexdigest()}
    run(adopt=True)
    assert run(**options)['replaces'], 'the branch has the old file still'
    git(checkout, 'checkout', '-q', 'ci.nix')
    path.write_text(path.read_text().replace('"foo"', '"bar"'))
    git(checkout, 'commit', '-q', '-am', 'another')
    git(checkout, 'push', '-q', 'origin', 'main:production')
    git(checkout, 'reset', '-q', '--hard', 'HEAD^')
    refused = run(**options)['msg']
    assert 'ci.nix of branch production' in refused and 'NIXOPS_DEPLOYMENT = bar' in refused, refused
