# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pins are the same on every machine, and Nix agrees with their hashes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.sandbox import pins


def test_tarballs_do_not_depend_on_time_or_place(tmp_path: Path) -> None:
    first, second = pins.make(tmp_path / 'a'), pins.make(tmp_path / 'b')
    assert {name: pin['sha256'] for name, pin in first.items()} == {name: pin['sha256'] for name, pin in second.items()}
    for name in first:
        a, b = (tmp_path / folder / 'pins' / ('%s.tar.gz' % name) for folder in ('a', 'b'))
        assert a.read_bytes() == b.read_bytes()


def test_nix_computes_the_same_hash(tmp_path: Path) -> None:
    files = pins.contents()['nixpkgs']
    for path, (content, executable) in files.items():
        target = tmp_path / 'source' / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(0o755 if executable else 0o644)
    command = ['nix-hash', '--type', 'sha256', '--base32', str(tmp_path / 'source')]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == pins.nix_hash(files)
