# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody without the rights of root: whoever runs the tests, else an account that only its own programs see."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NUMBER, GROUP = 61234, 65534
# What reaches the registry of packages from this machine.
KEPT = ('PIP_', 'SSL_CERT_', 'REQUESTS_CA_', 'http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY')


class Account:
    """An account with a home in a folder, in which there is nothing yet.

    took: how long its commands took, in seconds.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / 'home'
        self.home.mkdir()
        self.took: dict[str, float] = {}
        self.made = os.geteuid() == 0
        (folder / 'passwd').write_text('%sreader:x:%d:%d::%s:/bin/sh\n' % (Path('/etc/passwd').read_text(), NUMBER, GROUP, self.home))
        self.own(folder)

    def own(self, folder: Path) -> None:
        """Let the account have a folder with all that is in it."""
        for path in (folder, *folder.rglob('*')) if self.made else ():
            os.chown(path, NUMBER, GROUP, follow_symlinks=False)

    def type(self, command: str, folder: Path | None = None) -> str:
        """What a command prints at the account's shell. It has to succeed."""
        words = ['sh', '-c', command]
        if self.made:  # this machine's passwd stays as it is: that of these programs is another file
            become = 'mount --bind "$0" /etc/passwd && exec setpriv --reuid=%d --regid=%d --clear-groups -- "$@"' % (NUMBER, GROUP)
            words = ['unshare', '--mount', 'sh', '-c', become, str(self.folder / 'passwd'), *words]
        begun = time.monotonic()
        ran = subprocess.run(words, cwd=folder or self.home, env=self._environment(), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.took[command] = time.monotonic() - begun
        assert ran.returncode == 0, '%s\n%s' % (command, ran.stdout)
        return ran.stdout

    def _environment(self) -> dict[str, str]:
        """As after a login."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
        needed = [shutil.which(name) for name in ('git', 'make', 'nix-instantiate')]
        folders = (*(os.path.dirname(path) for path in needed if path), '/usr/local/bin', '/usr/bin', '/bin')
        return {**kept, 'PATH': os.pathsep.join(dict.fromkeys(folders)), 'HOME': str(self.home), 'LANG': 'C.UTF-8'}


@contextmanager
def account() -> Iterator[Account]:
    """One for a while. It is not in pytest's folder, which nobody else may enter."""
    with tempfile.TemporaryDirectory(prefix='nixcd-account-') as folder:
        os.chmod(folder, 0o755)
        yield Account(Path(folder))
