# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pty
from pathlib import Path

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._git.repository import Repository

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
