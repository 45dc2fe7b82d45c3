# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pty
import shutil
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._git import repository
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._git.credentials import advice
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._git.repository import GitError, Repository, open_checkout
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure


@pytest.mark.parametrize(('address', 'warned'), [
    ('https://user@forge.example/x.git', False), ('git@forge.example:x.git', False), ('ssh://git@forge.example/x.git', False),
    ('/srv/x.git', False), ('https://user:word@forge.example/x', True), ('https://ghp_0123456789abcdef0123@forge.example/x', True),
])
def test_credentials_in_an_address_are_warned_of(address: str, warned: bool) -> None:
    assert bool(advice('origin', [address], '/srv/x')) is warned


ASKS = """#!/bin/sh
( exec < /dev/tty ) 2> /dev/null || { echo "Host key verification failed." >&2; exit 255; }
echo asked > %s
exit 255
"""


def test_ssh_finds_no_terminal_to_ask_on(tmp_path: Path) -> None:
    """Not even where there is one, of somebody who would not see the question."""
    ssh = tmp_path / 'ssh'
    ssh.write_text(ASKS % (tmp_path / 'asked'))
    ssh.chmod(0o755)
    child, terminal = pty.fork()
    if not child:  # here there is a terminal
        done = Repository(str(tmp_path), {'GIT_SSH_COMMAND': str(ssh)}).try_run('ls-remote', 'ssh://git@example.org/x.git')
        (tmp_path / 'said').write_bytes(done.stderr)
        os._exit(0)
    os.waitpid(child, 0)
    os.close(terminal)
    assert not (tmp_path / 'asked').exists()
    assert 'Host key verification failed.' in (tmp_path / 'said').read_text()


def test_a_machine_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(Failure, match=r'Git is not on this machine.* To do: Install git.'):
        open_checkout(str(tmp_path))
    with pytest.raises(Failure, match=r'There is no such folder.* To do: Clone the repository there, or correct the path.'):
        open_checkout(str(tmp_path / 'nowhere'))


def test_git_that_waits_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'git').write_text('#!/bin/sh\nexec %s 60\n' % shutil.which('sleep'))
    (tmp_path / 'git').chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setattr(repository, 'TIMEOUT', 0.1)
    with pytest.raises(Failure, match=r'git rev-parse did not end within .* seconds.* To do: Run it by hand'):
        open_checkout(str(tmp_path))


def test_a_folder_that_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r'Git cannot read the checkout.* Expected: a working tree .* Found: fatal: not a git repository'):
        open_checkout(str(tmp_path))


def test_a_question_that_git_cannot_answer_is_neither_a_yes_nor_a_no(tmp_path: Path) -> None:
    git = Repository(str(tmp_path))
    with pytest.raises(GitError, match=r'^fatal: not a git repository'):
        git.ask('check-ignore', '--', 'x')
    git.run('init', '--quiet')
    assert git.ask('check-ignore', '--', 'x') is None
    (tmp_path / '.gitignore').write_text('x\n')
    assert git.ask('check-ignore', '--', 'x') == b'x\n'
