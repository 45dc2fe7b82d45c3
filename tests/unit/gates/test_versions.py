# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Testing every ansible-core: what was left out is told at the end, and the versions are those that users are told of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gates import versions
from tests.gates.sessions import Counts
from tests.support.surroundings import ROOT, copy_as_collection


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_version_whose_python_is_missing_is_named_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(versions, 'CACHE', tmp_path)
    monkeypatch.setattr(sys, 'argv', ['versions', '2.21/3.13', '2.17/3.10'])
    assert versions.main() == 0
    assert lines(capsys)[-3:] == [
        'left out: ansible-core 2.17 on Python 3.10: that Python is not on this machine',
        'left out: ansible-core 2.21 on Python 3.13: that Python is not on this machine',
        '0 passed, 0 failed, 2 skipped',
    ]


def test_a_gate_that_cannot_run_is_named_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / 'python').mkdir()
    (tmp_path / 'python' / 'python3.12').touch()
    monkeypatch.setattr(versions, 'CACHE', tmp_path)
    monkeypatch.setattr(versions, 'make_environment', lambda core, python: tmp_path)
    monkeypatch.setattr(versions, 'install', lambda tools, tree, top: tmp_path)

    def run(names: list[str], _collection: Path, variables: dict[str, str], **_options: Any) -> tuple[Counts, dict[str, str]]:
        assert variables['NIXCD_TOOLS'] == str(tmp_path.parent)
        absent = {name: 'not installed: no-such-program' for name in names if name == 'ansible-test-sanity'}
        return Counts(passed=len(names) - len(absent), skipped=len(absent)), absent

    monkeypatch.setattr(versions, 'run', run)
    monkeypatch.setattr(sys, 'argv', ['versions', '2.20/3.12', '--gate', 'ansible-test-sanity', '--gate', 'units'])
    assert versions.main() == 0
    assert lines(capsys)[-2:] == [
        'left out: ansible-core 2.20 on Python 3.12: ansible-test-sanity: not installed: no-such-program', '1 passed, 0 failed, 1 skipped',
    ]
    monkeypatch.setattr(sys, 'argv', ['versions', '2.20/3.12', '--gate', 'units'])
    assert versions.main() == 0
    assert lines(capsys)[-1] == '1 passed, 0 failed, 0 skipped'


def test_a_version_that_is_not_supported_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, 'argv', ['versions', '2.16/3.11'])
    with pytest.raises(SystemExit, match='2'):
        versions.main()
    assert '2.16/3.11: not supported. Supported are: 2.17/3.10, 2.17/3.11' in capsys.readouterr().err


def test_what_targets_leave_is_not_taken_for_a_part_of_the_collection(tmp_path: Path) -> None:
    tree = copy_as_collection(tmp_path / 'tree')
    collection = versions.install(Path(sys.executable).parent, tree, tmp_path)
    (collection / 'tests' / 'output').mkdir()
    (collection / 'tests' / 'output' / 'left').touch()
    new = subprocess.run(['git', 'ls-files', '--others', '--exclude-standard'], cwd=collection, check=True, capture_output=True, text=True)
    assert new.stdout == ''


def test_what_is_tested_is_what_users_are_told() -> None:
    cores = sorted({version.core for version in versions.SUPPORTED})
    assert yaml.safe_load((ROOT / 'roles' / 'nixops' / 'meta' / 'main.yml').read_text())['galaxy_info']['min_ansible_version'] == cores[0]
    assert yaml.safe_load((ROOT / 'meta' / 'runtime.yml').read_text())['requires_ansible'] == '>=%s.0' % cores[0]
    readme = (ROOT / 'README.md').read_text()
    assert '| ansible-core | %s to %s |' % (cores[0], cores[-1]) in readme
    oldest = min((version.python for version in versions.SUPPORTED), key=lambda python: int(python.split('.')[1]))
    assert '| Python on the controller | %s or newer' % oldest in readme
