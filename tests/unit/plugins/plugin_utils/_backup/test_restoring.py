# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Known hosts out of a backup: they are what was put in, and for their owner only."""

from __future__ import annotations

import hashlib
import io
import stat
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.index import Copy
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.restoring import known_hosts_file
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.store import Folder

HOSTS = b'203.0.113.7 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ\n'
SHA256 = hashlib.sha256(HOSTS).hexdigest()
COPY = Copy('github/neat-org/neat-repo', 'nixops-a.known_hosts', 2, '2026-01-21T10:00:00Z', '', len(HOSTS), SHA256, '2026-01-22T10:00:00Z')


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    made = Folder(str(tmp_path / 'backup'), make=True)
    made.put(SHA256, len(HOSTS), io.BytesIO(HOSTS))
    return made


def test_known_hosts_are_what_was_put_in(store: Folder, tmp_path: Path) -> None:
    path = Path(known_hosts_file(store, COPY, str(tmp_path)))
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (HOSTS, 0o600)


@pytest.mark.parametrize('content', [b'', HOSTS[:-1], HOSTS.replace(b'7', b'8')])
def test_known_hosts_that_are_something_else_are_not_taken(store: Folder, tmp_path: Path, content: bytes) -> None:
    (tmp_path / 'backup' / 'contents' / SHA256).write_bytes(content)
    with pytest.raises(Failure) as failure:
        known_hosts_file(store, COPY, str(tmp_path))
    (problem,) = failure.value.problems
    assert problem.what == 'The content of the backup is not what was put in.'
    assert 'nixops-a.known_hosts version 2' in problem.where and 'known_hosts: false' in problem.remedy
