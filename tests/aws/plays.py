# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The world of the examples with AWS, in which the secret neat-aws has an IAM user, and what is seen of its keys while plays run."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from tests.aws.server import CANARY, Aws, running
from tests.support.repository import head
from tests.support.world import PROJECT, Played, World

USER = 'neat-deployer'
DAY = timedelta(days=1)


@contextmanager
def aws_of(world: World) -> Iterator[Aws]:
    """AWS, and the world's secret neat-aws declared by its IAM user."""
    with running() as server:
        world.variables = server.environment
        secrets = world.inventory['hercules_agents']['vars']['nixops_agent_secrets']
        world.inventory['hercules_agents']['vars']['nixops_agent_secrets'] = {**secrets, 'neat-aws': {'aws_user': USER}}
        world.inventory['nixops_networks']['vars']['nixops_aws_check'] = 'never'  # moto has none of the machines of the state
        yield server


def key_of(world: World, agent: str) -> str:
    return str(json.loads(world.agent_secrets(agent).read_text())['neat-aws']['data']['aws_access_key_id'])


def keys_of(world: World) -> set[str]:
    return {key_of(world, agent) for agent in ('agent-1', 'agent-2')}


def deploy(world: World) -> None:
    """Have the branch deployed once more."""
    world.sandbox.push(PROJECT, 'refs/heads/production', head(world.bare, 'production'))
    world.sandbox.wait_until_idle()


def leaks(world: World, played: Iterable[Played]) -> list[str]:
    """Where a secret key was found: in what was printed, and in files other than the agents'."""
    found = ['output %d' % number for number, each in enumerate(played) if CANARY in each.output]
    for top in (world.folder, world.temporary):
        for path in top.rglob('*'):
            if path.is_file() and 'agents' not in path.relative_to(top).parts[:1] and CANARY.encode() in path.read_bytes():
                found.append(str(path))
    return found


@contextmanager
def watched_processes(folder: Path, found: list[str]) -> Iterator[None]:
    """Look for secret keys in arguments and environments of all processes of the world meanwhile."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            for entry in Path('/proc').glob('[0-9]*'):
                try:
                    text = (entry / 'environ').read_bytes()
                    if str(folder).encode() in text and CANARY.encode() in text + (entry / 'cmdline').read_bytes():
                        found.append(entry.name)
                except OSError:
                    pass

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def kill_all(world: World) -> None:
    """Every process of Ansible's in this world, with -9."""
    for entry in Path('/proc').glob('[0-9]*'):
        with suppress(OSError):
            if str(world.folder).encode() in (entry / 'environ').read_bytes() and b'ansible' in (entry / 'cmdline').read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
