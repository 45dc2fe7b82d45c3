# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sandbox, a client for it, and a repository that is pushed to it."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.server import Sandbox

PROJECT = 'github/neat-org/neat-repo'
SITE_PATH = '/site/github/account/neat-org/project/neat-repo'

NETWORK = '''{ ... }: {
  web = { deployment.targetEnv = "ec2"; services.x.enable = true; };
  db = { lib, ... }: { deployment.targetEnv = "ec2"; };
}'''


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """The plainest client there is: one connection for each request, no retries."""

    sandbox: Sandbox
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: Any = None, token: str | None = '', chunked: bool = False) -> Answer:
        headers = {} if token is None else {'Authorization': 'Bearer %s' % (token or self.sandbox.token)}
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection(urlsplit(self.sandbox.url).netloc, timeout=20)
        try:
            target = path if path.startswith('/sandbox') else '/api/v1' + path
            connection.request(method, target, iter([body[:3], body[3:]]) if chunked else body, headers, encode_chunked=chunked)
            reply = connection.getresponse()
            return Answer(reply.status, reply.read(), {name.lower(): value for name, value in reply.getheaders()})
        finally:
            connection.close()


@dataclass(frozen=True)
class Repository:
    """A working tree and the bare repository that the sandbox knows."""

    tree: Path
    bare: Path

    def git(self, *arguments: str) -> str:
        command = ['git', '-c', 'user.name=Alice A', '-c', 'user.email=alice@example.org', '-C', str(self.tree), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, **files: str) -> str:
        """Write files, whose names have _ for a dot, and commit everything; the revision."""
        for name, text in files.items():
            path = self.tree / name.replace('__', '/').replace('_', '.')
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding='utf-8')
        self.git('add', '--all')
        self.git('commit', '--quiet', '--allow-empty', '--message', 'Bump web host')
        return self.git('rev-parse', 'HEAD')

    def push(self, *refspecs: str) -> None:
        self.git('push', '--quiet', str(self.bare), *refspecs)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / 'data') as running:
        running.add_project(PROJECT)
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox)


@pytest.fixture
def repository(tmp_path: Path, sandbox: Sandbox) -> Repository:
    """A registered repository with the branch main."""
    made = Repository(tmp_path / 'tree', tmp_path / 'repository.git')
    subprocess.run(['git', 'init', '--quiet', '--initial-branch=main', str(made.tree)], check=True)
    subprocess.run(['git', 'init', '--quiet', '--bare', '--initial-branch=main', str(made.bare)], check=True)
    sandbox.add_project(PROJECT, made.bare)
    return made


def imports(pins: dict[str, dict[str, str]]) -> str:
    """The pins at the head of a ci.nix."""
    fetch = 'builtins.fetchTarball { url = "%(url)s"; sha256 = "%(sha256)s"; }'
    return '''
      effectsSrc = %s;
      pkgs = import (%s) { system = "x86_64-linux"; overlays = [ (import "${effectsSrc}/overlay.nix") ]; };
      inherit (pkgs) lib;
      inherit (pkgs.effects) runNixOps runNixOps2 runIf mkEffect;
    ''' % (fetch % pins['effects'], fetch % pins['nixpkgs'])


def ci_nix(sandbox: Sandbox, parameters: str = '', name: str = 'foo') -> str:
    """The guide's legacy form, which deploys on main."""
    return '''{ src ? { ref = null; } }: let %s in {
      net = runIf (src.ref == "refs/heads/main") (runNixOps { name = "%s"; src = lib.cleanSource ./.; %s });
    }''' % (imports(sandbox.pins()), name, parameters)


def effect_log(sandbox: Sandbox) -> str:
    """What the last effect of all wrote in its last run."""
    effect = next(effect for job in reversed(sandbox.summary()['projects'][0]['jobs']) for effect in job['effects'])
    return '\n'.join(effect['logs'][-1])


def last_job(sandbox: Sandbox) -> dict[str, Any]:
    sandbox.wait_until_idle()
    return sandbox.jobs(PROJECT)[-1]


def last_effect(client: Client, attribute: str = 'net.run') -> dict[str, Any]:
    found: dict[str, Any] = client('GET', '/jobs/%s/effects/%s' % (client.sandbox.jobs(PROJECT)[-1]['id'], attribute)).json
    return found
