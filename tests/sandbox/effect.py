# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run an effect as an agent does: the derivation's own builder, with its environment, its secrets and a token. No container."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from tests.sandbox.evaluation import Derivation, Nix

RECORD = 'record'


@dataclass(frozen=True)
class EffectRun:
    """What one run needs.

    parent: where the folder is made that the effect runs in.
    secrets: what secrets.json inside the effect holds, besides the token.
    start: how the process is started, as subprocess.Popen; the sandbox passes one whose processes it can end.
    record: is told, afterwards, what NixOps did to each machine and resource, see nixops/bin/record.py.
    """

    derivation: Derivation
    nix: Nix
    parent: Path
    base_url: str
    token: str
    project_id: str
    project_path: str
    secrets: Mapping[str, Any]
    variables: Mapping[str, str]
    start: Callable[..., subprocess.Popen[str]]
    record: Callable[[Mapping[str, Any]], None]

    def environment(self, folder: Path) -> dict[str, str]:
        """The agent's defaults, the derivation's variables, then what no derivation can change."""
        top = str(folder / 'build')
        return {
            'PATH': os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', os.defpath)]),
            'HOME': '/homeless-shelter',
            **self.nix.environment(),
            'IN_HERCULES_CI_EFFECT': 'true',
            'HERCULES_CI_API_BASE_URL': self.base_url,
            'HERCULES_CI_SECRETS_JSON': str(folder / 'secrets' / 'secrets.json'),
            'HERCULES_CI_PROJECT_ID': self.project_id,
            'HERCULES_CI_PROJECT_PATH': self.project_path,
            **self.derivation.environment,
            **dict.fromkeys(('NIX_BUILD_TOP', 'TMPDIR', 'TEMPDIR', 'TMP', 'TEMP'), top),
            'NIX_LOG_FD': '2',
            'TERM': 'xterm-256color',
            'PYTHONIOENCODING': 'utf-8',
            'SANDBOX_RECORD': str(folder / RECORD),
            **self.variables,
        }

    def run(self, log: Callable[[str], None]) -> int:
        """The exit code; every line of output goes to the log at once."""
        self.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self.parent))
        try:
            for name in ('build', 'secrets'):
                (folder / name).mkdir(mode=0o700)
            token = {'kind': 'Secret', 'data': {'token': self.token}}
            descriptor = os.open(folder / 'secrets' / 'secrets.json', os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, 'w', encoding='utf-8') as file:
                json.dump({**self.secrets, 'hercules-ci': token}, file)
            with self.start([self.derivation.builder, *self.derivation.arguments], cwd=folder / 'build', env=self.environment(folder),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding='utf-8',
                            errors='replace') as process:
                assert process.stdout is not None
                for line in process.stdout:
                    log(line.rstrip('\n'))
            return process.returncode
        finally:
            if (folder / RECORD).exists():
                for line in (folder / RECORD).read_text(encoding='utf-8').splitlines():
                    self.record(json.loads(line))
            shutil.rmtree(folder, ignore_errors=True)
