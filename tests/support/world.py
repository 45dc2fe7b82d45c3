# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The world of the examples in one folder: a Git repository, two agents, NixOps' database, an inventory, and a local Hercules CI.

The demo walks through it, the integration tests change something in it first.
"""

from __future__ import annotations

import contextlib
import getpass
import grp
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.controls import Controls
from tests.sandbox.server import Sandbox
from tests.support.examples import inventory, repository_files, second_project, secrets
from tests.support.repository import make_repository
from tests.support.surroundings import ROOT, search_path

TOKEN = 'token-of-the-fleet-keeper'
LONGEST_PLAY = 300.0  # seconds, unless a world says otherwise
PROJECT = 'github/neat-org/neat-repo'
SECOND = 'github/neat-org/wiki'
DATABASE = ROOT / 'tests' / 'fixtures' / 'nixops' / 'nixops-1.7' / 'deployments.nixops'
VAULT = {
    'vault_aws_access_key_id': 'AKIACANARYCANARY0001',
    'vault_aws_secret_access_key': 'canary/secret+access/key',
    'vault_ssh_private_key': '-----BEGIN OPENSSH PRIVATE KEY-----\ncanarykey\n-----END OPENSSH PRIVATE KEY-----\n',
    'vault_ssh_public_key': 'ssh-ed25519 AAAA fleet',
}
SECRETS = secrets({**inventory()['hercules_agents']['vars'], **VAULT})


@dataclass(frozen=True)
class Played:
    """What a run of ansible-playbook left: its exit code, what it printed, and per host the counts of its last lines."""

    code: int
    output: str

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """{host: {ok: 3, changed: 0, …}}"""
        lines = re.findall(r'^(\S+)\s+: (ok=.*)$', self.output, re.MULTILINE)
        return {host: {key: int(count) for key, count in re.findall(r'(\w+)=(\d+)', counts)} for host, counts in lines}

    @property
    def changes(self) -> dict[str, list[str]]:
        """{task: hosts on which it changed something}"""
        found: dict[str, list[str]] = {}
        task = ''
        for line in self.output.splitlines():
            heading = re.match(r'(?:TASK|RUNNING HANDLER) \[(.*?)\] \**$', line)
            task = heading.group(1) if heading else task
            change = re.match(r'changed: \[([^\]]+)\]', line)
            if change:
                found.setdefault(task, []).append(change.group(1))
        return {task: sorted(set(hosts)) for task, hosts in found.items()}


class Playing:
    """A run of ansible-playbook that has not ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[str] = []

    def wait_for(self, text: str) -> None:
        """Read on until a line holds the text."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)
            if text in line:
                return
        raise AssertionError('%r was never printed:\n%s' % (text, ''.join(self._lines)))

    def end(self) -> Played:
        """Read to the end. A warning that something is deprecated is a failure of every test."""
        assert self._process.stdout is not None
        self._lines += self._process.stdout
        output = ''.join(self._lines)
        assert '[DEPRECATION WARNING]' not in output, output
        return Played(self._process.wait(), output)


class World:
    """Everything lies below one folder; nothing outside of it is written, but for temporary files."""

    def __init__(self, folder: Path, collections: Path, sandbox: Controls, temporary: Path) -> None:
        """collections: where the collection is installed."""
        self.folder = folder
        self.collections = collections
        self.sandbox = sandbox
        self.temporary = temporary
        self.bare = folder / 'repository.git'
        self.checkout = folder / 'neat-repo'
        self.database = folder / 'nixops' / 'deployments.nixops'
        self.inventory: dict[str, Any] = {}
        self.longest_play = LONGEST_PLAY
        self.variables: dict[str, str] = {}
        """More of the environment of plays."""

    def agent_secrets(self, agent: str) -> Path:
        """An agent's secrets.json."""
        return self.folder / 'agents' / agent / 'secrets.json'

    def build(self) -> None:
        """Make everything, and the inventory of the examples."""
        make_repository(self.bare, self.checkout, ('production', 'staging'))
        self.database.parent.mkdir(mode=0o700)
        shutil.copyfile(DATABASE, self.database)
        make_importable(self.database)
        self.sandbox.add_project(PROJECT, self.bare)
        for agent in ('agent-1', 'agent-2'):
            self.agent_secrets(agent).parent.mkdir(parents=True)
            self.sandbox.add_agent(agent, self.agent_secrets(agent))
        login = self.folder / 'home' / '.config' / 'hercules-ci' / 'credentials.json'
        login.parent.mkdir(parents=True)
        login.write_text(json.dumps({'domains': {'127.0.0.1': {'personalToken': TOKEN}}}))
        login.chmod(0o600)
        self.inventory = self.guide_inventory()

    def add_second_project(self) -> None:
        """What the examples have of it: a repository and a machine that NixOps does not know, in the inventory from now on."""
        bare, checkout = self.folder / 'wiki.git', self.folder / 'wiki'
        make_repository(bare, checkout, ('production',), repository_files('wiki'))
        self.sandbox.add_project(SECOND, bare)
        production = self.inventory['nixops_networks']['children']['production']['hosts']
        production.update({name: {**host, 'nixops_checkout': str(checkout)} for name, host in second_project().items()})

    def guide_inventory(self) -> dict[str, Any]:
        """The inventory of the examples, with agents that are on this machine, and the addresses of this world."""
        found = inventory()
        agents, networks = found['hercules_agents'], found['nixops_networks']
        for agent, variables in agents['hosts'].items():
            variables['nixops_agent_secrets_path'] = str(self.agent_secrets(agent))
        for name in ('ansible_user', 'ansible_become'):
            del agents['vars'][name]
        agents['vars'].update(VAULT, ansible_connection='local', nixops_agent_secrets_owner=getpass.getuser(),
                              nixops_agent_secrets_group=grp.getgrgid(os.getgid()).gr_name)
        networks['vars'].update(
            nixops_checkout=str(self.checkout), nixops_database=str(self.database), nixops_api_base_url=self.sandbox.url,
            nixops_pins={name: pin for name, pin in self.sandbox.pins().items() if name in ('nixpkgs', 'effects', 'nixops')})
        return {'all': {'vars': {'ansible_python_interpreter': sys.executable}}, **found}

    def write_inventory(self) -> Path:
        """Put the inventory where the next play reads it."""
        path = self.folder / 'inventory.yml'
        path.write_text(yaml.safe_dump(self.inventory, sort_keys=False, allow_unicode=True))
        return path

    def play(self, *arguments: str, playbook: str = 'site') -> Played:
        """Run one of the collection's playbooks, or one at a path, with more arguments for ansible-playbook."""
        with self.playing(*arguments, playbook=playbook) as playing:
            return playing.end()

    @contextlib.contextmanager
    def playing(self, *arguments: str, playbook: str = 'site') -> Iterator[Playing]:
        """The same while something else happens. Nothing is left running."""
        command = [str(Path(sys.executable).parent / 'ansible-playbook'), '-i', str(self.write_inventory()),
                   playbook if os.sep in playbook else 'nixcd.hercules_ci.%s' % playbook, *arguments]
        with subprocess.Popen(command, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            guard = threading.Timer(self.longest_play, process.kill)
            guard.start()
            try:
                yield Playing(process)
            finally:
                guard.cancel()
                process.terminate()

    def nix_environment(self) -> dict[str, str]:
        """The variables for the sandbox's Nix store: that of the machine is not for everybody to write to."""
        return self.sandbox.service.runner.nix().environment()

    def environment(self) -> dict[str, str]:
        """A fleet keeper's environment: a home of its own, and of Ansible's variables only what a run has to have."""
        foreign = ('ANSIBLE_', 'PYTHON', 'HERCULES_CI', 'NIXOPS', 'GIT_')
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return {
            **kept,
            **self.nix_environment(),
            'PATH': search_path(Path(sys.executable).parent),
            'HOME': str(self.folder / 'home'),
            'XDG_CONFIG_HOME': str(self.folder / 'home' / '.config'),
            'TMPDIR': str(self.temporary),
            'ANSIBLE_COLLECTIONS_PATH': str(self.collections),
            'ANSIBLE_HOME': str(self.folder / 'home' / '.ansible'),
            'ANSIBLE_NOCOLOR': '1',
            **self.variables,
            'ANSIBLE_LOCALHOST_WARNING': 'false',
            'LC_ALL': 'C.UTF-8',
        }


def make_importable(database: Path) -> None:
    """Give the fixture's webfarm no address: NixOps' own import crashes on a machine with an address and without a host key."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("delete from ResourceAttrs where name = 'publicIpv4' and machine in "
                           "(select id from Resources where type = 'none')")
        connection.commit()


@contextlib.contextmanager
def running_world(folder: Path, collections: Path, kind: type[Controls] = Sandbox) -> Iterator[World]:
    """A built world with a running sandbox of this kind, by default a server; the sandbox is ended, the folder is left."""
    folder.mkdir(parents=True, exist_ok=True)
    # ansible-core 2.21 has a socket in its temporary folder, whose path may have some hundred letters: the folder's name can be too long.
    with kind(folder / 'sandbox', token=TOKEN) as sandbox, tempfile.TemporaryDirectory(prefix='nixcd-') as temporary:
        world = World(folder, collections, sandbox, Path(temporary))
        world.build()
        yield world
