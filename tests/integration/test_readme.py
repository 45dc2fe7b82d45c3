# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README, followed to the letter by an account without rights: every command of its roads, in its order.

What the reader writes down is written here: where the agents, the database and the packages are. In the place of GitHub and the program hci
are a clone and a program that does what was recorded of `hci login`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.account import Account, account
from tests.support.repository import git
from tests.support.surroundings import FIXTURES, ROOT, export, search_path
from tests.support.world import TOKEN, Played, World, running_world
from tests.unit.documentation.blocks import FENCE

README = (ROOT / 'README.md').read_text(encoding='utf-8')
ADDRESS = 'https://github.com/nixcd/ansible-hercules-ci.git'
WORDS_A_MINUTE = 200
ROAD = ('Install', 'Five minutes to the first deployment')
pytestmark = pytest.mark.slow


def section(heading: str) -> str:
    return re.split(r'^## ', README.split('## %s\n' % heading)[1], flags=re.MULTILINE)[0]


def commands(heading: str) -> list[list[str]]:
    """The commands of each block below a heading."""
    blocks = [match[3] for match in FENCE.finditer(section(heading)) if match[2] == 'console']
    return [[line.split('$ ', 1)[1] for line in block.splitlines() if '$ ' in line] for block in blocks]


def words(text: str) -> int:
    return len(re.sub(r'<!--.*?-->', '', text, flags=re.DOTALL).split())


def told(seconds: float, text: str) -> str:
    return '%.0f s of machine time, %d words, which take %.1f min to read.' % (seconds, words(text), words(text) / WORDS_A_MINUTE)


def github(folder: Path) -> str:
    """A repository with what a clone from GitHub would hold. The settings that let Git go there."""
    export(folder)
    git(folder, 'init', '--quiet', '--initial-branch=main')
    git(folder, 'add', '--all')
    git(folder, '-c', 'user.name=x', '-c', 'user.email=x@example.org', 'commit', '--quiet', '--message', 'All')
    return '[url "%s"]\n\tinsteadOf = %s\n' % (folder, ADDRESS)


@pytest.fixture(scope='module')
def nobody() -> Iterator[Account]:
    """An account that can clone from GitHub."""
    with account() as made:
        (made.home / '.gitconfig').write_text(github(made.folder / 'github'))
        made.own(made.folder)
        yield made


def test_see_it_work(nobody: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """From nothing to the example deployed, all of the tools included: three commands, and as many words as are read in two minutes."""
    ((clone, enter, demo),) = commands('See it work')
    nobody.type(clone)
    shown = nobody.type(demo, nobody.home / enter.removeprefix('cd '))
    assert 'neat-network  production' in shown and '3 networks: 3 deployed' in shown
    read = README.split('## See it work')[0] + section('See it work')
    with capsys.disabled():
        print('\nThe example deployed by make demo: %s' % told(sum(nobody.took.values()), read))
    assert words(read) <= 2 * WORDS_A_MINUTE


class Reader:
    """Somebody at a shell with nothing but an empty environment of Python, and pipx."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.took = 0.0
        self.home = world.folder / 'home'
        tools = folder / 'tools'
        subprocess.run([sys.executable, '-m', 'venv', str(tools)], check=True)
        (folder / 'password').write_text('a password of the vault')
        self.environment = {
            **{name: value for name, value in world.environment().items() if not name.startswith('ANSIBLE_')},
            'PATH': search_path(tools / 'bin').replace(str(Path(sys.executable).parent), ''),
            'HERCULES_CI_API_BASE_URL': world.sandbox.url, 'ANSIBLE_VAULT_PASSWORD_FILE': str(folder / 'password'), 'ANSIBLE_NOCOLOR': '1',
        }
        self.credentials = self.home / '.config' / 'hercules-ci' / 'credentials.json'
        self.credentials.unlink()
        write_hci(tools / 'bin' / 'hci')

    def type(self, *given: str, folder: Path | None = None) -> list[Played]:
        """Give the commands one after the other; each has to succeed."""
        done = []
        for command in given:
            if command.startswith('cd '):
                folder = Path(command[3:].replace('~', str(self.home)))
                continue
            begun = time.monotonic()
            ran = subprocess.run(['bash', '-c', command], cwd=folder or self.home, env=self.environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            self.took += time.monotonic() - begun
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


def write_hci(path: Path) -> None:
    """A program whose login writes what was recorded of that of hci, with our token."""
    recorded = (FIXTURES / 'hci' / 'login-and-secret.txt').read_text()
    login = recorded.split('$ hci login\n')[1].split('\n$ ')[0]
    (written,) = re.findall(r'credentials\.json\n(\{.*?^\}\$)', login, re.MULTILINE | re.DOTALL)
    ours = json.loads(written.replace('$\n', '\n').rstrip('$'))
    ours['domains']['127.0.0.1']['personalToken'] = TOKEN
    path.write_text("""#!/bin/sh
[ "$*" = login ] || exit 1
umask 077
mkdir -p ~/.config/hercules-ci
printf '%%s' '%s' >~/.config/hercules-ci/credentials.json
""" % json.dumps(ours))
    path.chmod(0o755)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A reader whose GitHub is on this machine."""
    with running_world(tmp_path / 'world', tmp_path / 'nothing') as world:
        (world.folder / 'home' / '.gitconfig').write_text(github(tmp_path / 'clone'))
        world.add_second_project()
        for name in ('neat-repo', 'wiki'):
            (world.folder / 'home' / name).symlink_to(world.folder / name)
        yield Reader(world, tmp_path)


def test_from_the_first_line_to_the_first_deployment(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    """Where this is root: this test by an account without rights, in a clone of its own."""
    if os.geteuid():
        follow(request.getfixturevalue('reader'))
        return
    nobody = request.getfixturevalue('nobody')
    clone = nobody.home / 'ansible-hercules-ci'
    if not clone.exists():
        nobody.type('git clone %s && cd %s && make setup' % (ADDRESS, clone.name))
    test = '%s::%s' % (Path(__file__).relative_to(ROOT), request.node.name)
    shown = nobody.type('.venv/bin/python -m pytest -qs -p no:cacheprovider -m slow %s' % test, clone)
    assert '1 passed' in shown
    with capsys.disabled():
        print('\n'.join(re.findall('^The first deployment: .*', shown, re.MULTILINE)))


def follow(reader: Reader) -> None:
    """Give all commands, and look at what each was for."""
    from_git, from_pipx, from_tarball = commands(ROAD[0])
    reader.type(*from_git)
    installed = reader.home / '.ansible' / 'collections' / 'ansible_collections' / 'nixcd' / 'hercules_ci'
    assert (installed / 'MANIFEST.json').exists()

    copy, encrypt, login, deploy, again = commands(ROAD[1])
    fleet = reader.home / 'fleet'
    reader.type(*copy)
    reader.write_down(fleet)
    reader.type(*encrypt, folder=fleet)
    assert (fleet / 'inventory' / 'group_vars' / 'hercules_agents' / 'vault.yml').read_text().startswith('$ANSIBLE_VAULT')
    assert login == ['hci login'] and not reader.credentials.exists()
    reader.type(*login)
    planned, predicted, first = reader.type(*deploy, folder=fleet)
    assert 'Plan for branch production of github/neat-org/neat-repo:' in planned.output
    assert predicted.changes == first.changes != {}
    assert '3 networks: 3 deployed' in first.output
    read = ''.join(section(heading) for heading in ROAD)
    print('The first deployment: %s' % told(reader.took, read))
    assert words(read) <= 4 * WORDS_A_MINUTE
    for branch in ('staging', 'production'):  # nothing that the run has written is in the way
        reader.type('git switch %s' % branch, 'git pull', folder=reader.home / 'neat-repo')
    (second,) = reader.type(deploy[-1], folder=fleet)
    assert second.changes == {}
    (rerun,) = reader.type(again[0], folder=fleet)
    assert list(rerun.changes) == ['nixcd.hercules_ci.nixops : Run the newest jobs of the branches again']

    make, install = from_tarball
    reader.type(make, '%s --force' % install, folder=reader.folder / 'clone')
    reader.type('pip install pipx', *from_pipx)
    reader.environment['PATH'] = '%s:%s' % (reader.home / '.local' / 'bin', reader.environment['PATH'])
    (third,) = reader.type(deploy[-1], folder=fleet)
    assert third.changes == {}
