# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Uploads that nobody takes, and what is said after a lock was lost. Uploads as such are tested with nixops_state."""

from __future__ import annotations

import hashlib
import io

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.locks import Lease
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.state import StateFiles
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.state_upload import Stored, Upload, add_version, require_newest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._project import ProjectPath

from tests.sandbox.in_process import Sandbox

from .conftest import PROJECT, made

NAME = 'nixops-foo.json'
OURS, THEIRS = b'{"ours": {}}', b'{"theirs": {}}'
LEASE = Lease('8f0c1f9e-0000-4000-8000-000000000001', NAME, '')


@pytest.fixture
def files(sandbox: Sandbox, pauses: list[float]) -> StateFiles:
    return StateFiles(made(sandbox.url, pauses), ProjectPath.parse(PROJECT))


def upload() -> Upload:
    return Upload(NAME, io.BytesIO(OURS), len(OURS), hashlib.sha256(OURS).hexdigest())


@pytest.mark.parametrize(('base', 'still'), [(None, 'there is no such file on the server'), (1, 'version 1 is still the newest')])
def test_an_upload_that_nobody_takes_has_made_no_version(base: int | None, still: str, sandbox: Sandbox, files: StateFiles) -> None:
    """There is nobody to ask about it either."""
    stored = Stored()
    sandbox.hang_up()
    with pytest.raises(Failure, match=r'^The state was not uploaded: %s' % still) as raised:
        add_version(files, upload(), base, LEASE, stored)
    assert 'Connection refused' in raised.value.problems[0].found
    assert not stored.sent and not stored.versions
    assert sandbox.service.calls == []


def test_an_upload_waits_for_who_is_away_for_a_moment(sandbox: Sandbox, files: StateFiles) -> None:
    stored = Stored()
    sandbox.hang_up()
    files.client.sleep = lambda _seconds: sandbox.listen()
    add_version(files, upload(), None, LEASE, stored)
    assert sandbox.states(PROJECT, NAME) == [OURS]
    assert stored.sent
    assert [version.number for version in stored.versions] == [1]


def test_after_a_lost_lock_only_files_that_were_stored_are_looked_at(sandbox: Sandbox, files: StateFiles) -> None:
    require_newest(files, {NAME: upload()}, {NAME: Stored()})
    assert sandbox.service.calls == []


def test_after_a_lost_lock_what_others_have_stored_since_is_told(sandbox: Sandbox, files: StateFiles) -> None:
    stored = Stored()
    add_version(files, upload(), None, LEASE, stored)
    require_newest(files, {NAME: upload()}, {NAME: stored})
    sandbox.put_state(PROJECT, NAME, OURS)
    require_newest(files, {NAME: upload()}, {NAME: stored})  # the same content from somebody else hides nothing
    sandbox.put_state(PROJECT, NAME, THEIRS)
    with pytest.raises(Failure, match=r'^Somebody else stored a state at the same time. The other one is the newest'):
        require_newest(files, {NAME: upload()}, {NAME: stored})
    assert [version.number for version in stored.versions] == [1, 2, 3]


def test_after_a_lost_lock_a_list_that_cannot_be_had_is_told(sandbox: Sandbox, files: StateFiles) -> None:
    stored = Stored()
    add_version(files, upload(), None, LEASE, stored)
    sandbox.fault('status', 'GET', status=403, times=-1)
    with pytest.raises(Failure, match=r'^The state was uploaded, but it could not be verified what Hercules CI has of it') as raised:
        require_newest(files, {NAME: upload()}, {NAME: stored})
    (problem,) = raised.value.problems
    assert '403 Forbidden' in problem.found
    assert problem.remedy.endswith('Push nothing before that')
