# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hash of an archive, from a stand-in for nix-prefetch-url."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._pins import newest

URL = 'https://example.com/nixpkgs.tar.gz'
BASE32 = '0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73'
SRI = 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
"""The same, of nothing."""


def prefetch(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Make a script be nix-prefetch-url."""
    program = folder / 'nix-prefetch-url'
    program.write_text('#!/bin/sh\n%s\n' % script)
    program.chmod(0o755)
    monkeypatch.setenv('PATH', str(folder))


@pytest.mark.parametrize(('like', 'expected'), [('', BASE32), ('1' * 52, BASE32), ('sha256-x', SRI)])
def test_the_hash_has_the_form_of_the_other_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, like: str, expected: str) -> None:
    prefetch(tmp_path, monkeypatch, 'test "$*" = "--unpack --type sha256 %s" && echo path is x && echo %s' % (URL, BASE32))
    assert newest.hash_of(URL, like) == expected


@pytest.mark.parametrize(('script', 'found'), [
    ('echo one >&2; echo error: HTTP 404 >&2; exit 1', 'error: HTTP 404'), ('exit 1', 'nothing'), ('echo no-hash', 'nothing'),
    ('echo %s; exit 1' % BASE32, 'nothing'),
])
def test_what_nix_cannot_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, found: str) -> None:
    prefetch(tmp_path, monkeypatch, script)
    with pytest.raises(Failure) as failure:
        newest.hash_of(URL, '')
    assert str(failure.value) == 'Nix cannot fetch the archive. Where: %s. Found: %s. To do: Look at its address.' % (URL, found)


@pytest.mark.parametrize('url', ['--help', '/tmp', 'nixpkgs.tar.gz', ''])
def test_what_is_no_address_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    prefetch(tmp_path, monkeypatch, 'echo %s' % BASE32)
    with pytest.raises(Failure, match='This is not an address'):
        newest.hash_of(url, '')


def test_a_machine_without_nix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(Failure, match=r'Nix is not on this machine.*Install Nix'):
        newest.hash_of(URL, '')


def test_an_archive_that_does_not_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(command: Any, *, timeout: float) -> Any:
        raise subprocess.TimeoutExpired(command, timeout)

    prefetch(tmp_path, monkeypatch, '')
    monkeypatch.setattr(newest, 'run_program', late)
    with pytest.raises(Failure, match=r'did not come in time.*nothing in 1800 seconds.*Try again'):
        newest.hash_of(URL, '')
