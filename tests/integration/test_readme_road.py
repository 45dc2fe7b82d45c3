# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README, followed to the letter by somebody who has Python, Git and Nix: every command of its roads, in its order.

What the reader writes down is written here: where the agents, the database and the packages are. `hci login` and `make` are left out: the
one has left its file, and what the other builds is built by ansible-galaxy.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.repository import git
from tests.support.surroundings import ROOT, export, search_path
from tests.support.world import Played, World, running_world
from tests.unit.documentation.blocks import FENCE

README = (ROOT / 'README.md').read_text(encoding='utf-8')
ADDRESS = 'https://github.com/nixcd/ansible-hercules-ci.git'
NOT_HERE = ('make ', 'hci login')


def commands(heading: str) -> list[list[str]]:
    """The commands of each block below a heading."""
    text = re.split(r'^## ', README.split('## %s\n' % heading)[1], flags=re.MULTILINE)[0]
    blocks = [match[3] for match in FENCE.finditer(text) if match[2] == 'console']
    lines = [[line.split('$ ', 1)[1] for line in block.splitlines() if '$ ' in line] for block in blocks]
    return [[command for command in block if not command.startswith(NOT_HERE)] for block in lines]


class Reader:
    """Somebody at a shell with nothing but an empty environment of Python."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.home = world.folder / 'home'
        tools = folder / 'tools'
        subprocess.run([sys.executable, '-m', 'venv', str(tools)], check=True)
        (folder / 'password').write_text('a password of the vault')
        self.environment = {
            **{name: value for name, value in world.environment().items() if not name.startswith('ANSIBLE_')},
            'PATH': search_path(tools / 'bin').replace(str(Path(sys.executable).parent), ''),
            'HERCULES_CI_API_BASE_URL': world.sandbox.url, 'ANSIBLE_VAULT_PASSWORD_FILE': str(folder / 'password'), 'ANSIBLE_NOCOLOR': '1',
        }

    def type(self, *given: str, folder: Path | None = None) -> list[Played]:
        """Give the commands one after the other; each has to succeed."""
        done = []
        for command in given:
            if command.startswith('cd '):
                folder = Path(command[3:].replace('~', str(self.home)))
                continue
            ran = subprocess.run(['bash', '-c', command], cwd=folder or self.home, env=self.environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            assert ran.returncode == 0, '%s\n%s' % (command, ran.stdout)
            done.append(Played(ran.returncode, ran.stdout))
        return done

    def write_down(self, fleet: Path) -> None:
        """Put into the copied inventory what is different for this reader."""
        networks, agents = (self.world.inventory[name] for name in ('nixops_networks', 'hercules_agents'))
        mine = {name: networks['vars'][name] for name in ('nixops_database', 'nixops_pins')}
        group_vars = fleet / 'inventory' / 'group_vars'
        with (group_vars / 'nixops_networks.yml').open('a') as stream:
            stream.write(yaml.safe_dump(mine))
        own = {name: agents['vars'][name] for name in ('ansible_connection', 'nixops_agent_secrets_owner', 'nixops_agent_secrets_group')}
        own['ansible_python_interpreter'] = sys.executable
        (group_vars / 'hercules_agents' / 'connection.yml').write_text(yaml.safe_dump(own))
        (fleet / 'inventory' / 'host_vars').mkdir()
        for agent in agents['hosts']:
            place = {'nixops_agent_secrets_path': str(self.world.agent_secrets(agent))}
            (fleet / 'inventory' / 'host_vars' / ('%s.yml' % agent)).write_text(yaml.safe_dump(place))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A reader whose GitHub is on this machine."""
    clone = tmp_path / 'clone'
    export(clone)
    git(clone, 'init', '--quiet', '--initial-branch=main')
    git(clone, 'add', '--all')
    git(clone, '-c', 'user.name=x', '-c', 'user.email=x@example.org', 'commit', '--quiet', '--message', 'All')
    with running_world(tmp_path / 'world', tmp_path / 'nothing') as world:
        (world.folder / 'home' / '.gitconfig').write_text('[url "%s"]\n\tinsteadOf = %s\n' % (clone, ADDRESS))
        (world.folder / 'home' / 'neat-repo').symlink_to(world.checkout)
        yield Reader(world, tmp_path)


@pytest.mark.slow
def test_from_the_first_line_to_the_first_deployment(reader: Reader) -> None:
    from_git, from_tarball = commands('Install')
    reader.type(*from_git)
    installed = reader.home / '.ansible' / 'collections' / 'ansible_collections' / 'nixcd' / 'hercules_ci'
    assert (installed / 'MANIFEST.json').exists()

    copy, encrypt, login, deploy, again = commands('Five minutes to the first deployment')
    assert login == []
    fleet = reader.home / 'fleet'
    reader.type(*copy)
    reader.write_down(fleet)
    reader.type(*encrypt, folder=fleet)
    assert (fleet / 'inventory' / 'group_vars' / 'hercules_agents' / 'vault.yml').read_text().startswith('$ANSIBLE_VAULT')
    planned, predicted, first = reader.type(*deploy, folder=fleet)
    assert 'Plan for branch production of github/neat-org/neat-repo:' in planned.output
    assert predicted.changes == first.changes != {}
    assert '2 networks: 2 deployed' in first.output
    (second,) = reader.type(deploy[-1], folder=fleet)
    assert second.changes == {}
    (rerun,) = reader.type(again[0], folder=fleet)
    assert list(rerun.changes) == ['nixcd.hercules_ci.nixops : Run the newest jobs of the branches again']

    build = 'ansible-galaxy collection build --output-path dist'
    reader.type(build, *(command + ' --force' for command in from_tarball), folder=reader.folder / 'clone')
