# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup that is killed at any step: what it holds can be restored, and the next run completes it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.bucket import Bucket

from tests.sandbox.in_process import Sandbox
from tests.support.marks import SLOW

from .conftest import PROJECT, STATE

NAME = 'nixops-aws-prod.json'
STEPS = ('open', 'write', 'fsync', 'fchmod', 'replace', 'unlink', 'mkdir')


def killed_at(step: int, patch: Callable[[Callable[[], None]], None], work: Callable[[], object]) -> bool:
    """Do the work in a process of its own that is killed with -9 when it comes to a step; whether it came to it."""
    pid = os.fork()
    if not pid:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        left = [step]

        def count() -> None:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        patch(count)
        try:
            work()
        finally:
            os._exit(0)
    return os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def counted(owner: Any, name: str, count: Callable[[], None]) -> None:
    original = getattr(owner, name)

    def call(*arguments: Any, **options: Any) -> Any:
        count()
        result = original(*arguments, **options)
        count()
        return result

    setattr(owner, name, call)


def system_calls(count: Callable[[], None]) -> None:
    for name in STEPS:
        counted(os, name, count)


def requests_of_bucket(count: Callable[[], None]) -> None:
    for name in ('put', 'write_index', 'remove', 'read_index'):
        counted(Bucket, name, count)


@pytest.mark.parametrize('kind, stride', [('folder', 5), ('bucket', 3), SLOW('folder', 1), SLOW('bucket', 1)])
def test_killed_at_each_step(
    play: Callable[..., dict[str, Any]], sandbox: Sandbox, folder: Path, bucket: Callable[..., dict[str, Any]], kind: str, stride: int,
) -> None:
    """Each time there is a new version, and an old one to be removed."""
    place = {'folder': str(folder)} if kind == 'folder' else bucket('killed-%d' % stride)
    sandbox.put_state(PROJECT, NAME, STATE)
    play('nixops_backup', **place)
    step, versions = 0, [STATE]
    while True:
        versions.append(STATE.replace(b'198.51.100', b'203.0.%d' % len(versions)))
        sandbox.put_state(PROJECT, NAME, versions[-1])
        killed = killed_at(step, system_calls if kind == 'folder' else requests_of_bucket,
                           lambda: play('nixops_backup', keep_versions=1, **place))
        drill = play('nixops_restore', check=True, **place)
        assert not drill.get('failed'), 'killed at step %d: %s' % (step, drill['msg'])
        assert drill['backup']['sha256'] in [hashlib.sha256(version).hexdigest() for version in versions[-2:]]
        if not killed:
            break
        assert not play('nixops_backup', keep_versions=1, **place).get('failed')
        assert play('nixops_restore', check=True, **place)['backup']['sha256'] == hashlib.sha256(versions[-1]).hexdigest()
        step += stride
    assert step > (20 if kind == 'folder' else 5)
    if kind == 'folder':
        index = json.loads((folder / 'index.json').read_text())
        assert {file.name for file in (folder / 'contents').iterdir()} == {copy['sha256'] for copy in index['copies']}
        assert len(index['copies']) == 1
