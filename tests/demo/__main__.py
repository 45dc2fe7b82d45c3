# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Walk the whole road once, on this machine: `python -m tests.demo`.

Everything real except the hosted service, in whose place a local Hercules CI of the project's own (tests/sandbox) runs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import sys
import tempfile
import textwrap
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.aws.server import CANARY, running
from tests.sandbox.__main__ import text_of
from tests.support.installed import build, install
from tests.support.repository import git, head
from tests.support.surroundings import search_path, use_temporary_folder
from tests.support.world import PROJECT, SECOND, Played, World, running_world


def title(number: int, text: str) -> None:
    """Begin a step."""
    print('\n\033[1m%d. %s\033[0m' % (number, text) if sys.stdout.isatty() else '\n%d. %s' % (number, text), flush=True)


def show(text: str) -> None:
    """Print something that the step found, indented."""
    print(textwrap.indent(text.rstrip('\n'), '   '), flush=True)


def require(holds: bool, what: str) -> str:
    """The sentence, when it is true; the demo proves nothing that it has not looked at."""
    if not holds:
        raise SystemExit('The demo failed: it is not so that %s' % what)
    return what


def play(world: World, *arguments: str, playbook: str = 'site') -> Played:
    """Run a playbook and show what it prints."""
    print('   $ ansible-playbook -i inventory.yml nixcd.hercules_ci.%s %s' % (playbook, ' '.join(arguments)), flush=True)
    played = world.play(*arguments, playbook=playbook)
    show('\n'.join(line for line in played.output.splitlines() if line.strip() and not line.startswith('skipping:')))
    if played.code:
        raise SystemExit('ansible-playbook ended with exit code %d.' % played.code)
    return played


def show_sandbox(world: World) -> dict[str, Any]:
    """What Hercules CI and the agents hold now."""
    show('\n'.join(text_of(world.sandbox.summary())))
    for agent in ('agent-1', 'agent-2'):
        path = world.agent_secrets(agent)
        names = ', '.join(json.loads(path.read_text()))
        show('%s: %s, secrets %s' % (path.relative_to(world.folder), stat.filemode(path.stat().st_mode), names))
    return world.sandbox.summary()


def walk(folder: Path) -> list[str]:
    """The road; returns what was proved."""
    title(1, 'Build the collection and install it from its tarball')
    tarball = build(folder)
    install(tarball, folder / 'collections')
    show(tarball.name)
    title(2, 'Make what examples/ has: two repositories, two agents, an inventory; with a NixOps database and a local Hercules CI')
    with running_world(folder / 'world', folder / 'collections') as world:
        world.add_second_project()
        show('Hercules CI at %s, project %s with the branches main, production and staging' % (world.sandbox.url, PROJECT))
        show(git(world.checkout, 'log', '--oneline', '--stat'))
        title(3, 'What would the playbook do? (check mode)')
        predicted = play(world, '--check')
        title(4, 'Deploy')
        deployed = play(world)
        title(5, 'What is there now')
        held = show_sandbox(world)
        show('$ git show production:ci.nix\n' + git(world.bare, 'show', 'production:ci.nix'))
        title(6, 'Again: is anything left to do?')
        again = play(world)
        facts = proved(world, predicted, deployed, held, again)
        title(7, 'Let an AWS access key rotate (AWS is played by moto; half a year passes)')
        return [*facts, *rotated(world)]


def proved(world: World, predicted: Played, deployed: Played, held: dict[str, Any], again: Played) -> list[str]:
    """What the run shows, each point looked up."""
    secrets = [world.agent_secrets(agent) for agent in ('agent-1', 'agent-2')]
    project, second = (next(each for each in held['projects'] if each['path'] == path) for path in (PROJECT, SECOND))
    jobs = {(job['ref'], job['rev']): job for job in project['jobs'] if job['jobType'] != 'Config'}
    branches = ('production', 'staging')
    wiki = head(world.bare.with_name('wiki.git'), 'production')
    return [
        require(predicted.changes == deployed.changes, 'check mode predicted every change of the first run'),
        require(all(path.stat().st_mode & 0o777 == 0o400 for path in secrets), 'both agents have their secrets.json, mode 0400'),
        require({'nixops-aws-prod.json', 'nixops-webfarm.json'} <= set(project['states']),
                'Hercules CI holds the NixOps state of both deployments'),
        require(all(jobs['refs/heads/' + branch, head(world.bare, branch)]['jobStatus'] == 'Success' for branch in branches),
                'the pushed ci.nix was evaluated by real Nix and the jobs of both branches have succeeded'),
        require({(job['rev'], job['jobStatus']) for job in second['jobs'] if job['jobType'] != 'Config'} == {(wiki, 'Success')},
                'so has that of the second project, which deploys a machine without NixOps'),
        require(all(counts['changed'] == 0 and counts['failed'] == 0 for counts in again.recap.values()),
                'the second run changed nothing on any host'),
        require('canary' not in (predicted.output + deployed.output + again.output).lower(), 'no secret was printed'),
    ]


def rotated(world: World) -> list[str]:
    """A key from its creation to its end, in place of the one in the inventory."""
    user, half_a_year = 'neat-deployer', timedelta(days=182)
    secrets = world.inventory['hercules_agents']['vars']['nixops_agent_secrets']
    world.inventory['hercules_agents']['vars']['nixops_agent_secrets'] = {**secrets, 'neat-aws': {'aws_user': user}}
    with running() as aws:
        world.variables = aws.environment
        played = [play(world, playbook='agents')]
        (old,) = aws.keys(user)
        aws.passed += half_a_year
        played.append(play(world, playbook='rotate'))
        aws.passed += timedelta(minutes=1)
        show('A push deploys the network with the new key.')
        world.sandbox.push(PROJECT, 'refs/heads/production', head(world.bare, 'production'))
        world.sandbox.wait_until_idle()
        played.append(play(world, playbook='rotate'))
        aws.passed += timedelta(days=2)
        played.append(play(world, playbook='rotate'))
        kept = [key.access_key_id for key in aws.keys(user)]
    held = {json.loads(world.agent_secrets(agent).read_text())['neat-aws']['data']['aws_access_key_id'] for agent in ('agent-1', 'agent-2')}
    return [
        require(kept == [*held] != [old.access_key_id], 'both agents have a new AWS access key, and the old one is deleted'),
        require(not any(CANARY in each.output for each in played), 'no secret access key was printed'),
    ]


def interrupted(_signal: int, _frame: Any) -> None:
    """End as Ctrl-C does, so that the clean-up runs."""
    raise KeyboardInterrupt


def main() -> int:
    """Walk, say what was proved, and leave nothing behind."""
    signal.signal(signal.SIGTERM, interrupted)
    os.environ['PATH'] = search_path(Path(sys.executable).parent)
    if not shutil.which('nix-instantiate'):
        raise SystemExit('The demo evaluates what it deploys, and Nix is not on this machine.')
    use_temporary_folder()
    begin = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix='nixcd-demo-') as folder:
            facts = walk(Path(folder))
    except KeyboardInterrupt:
        print('\nInterrupted; the server is stopped and the scratch folder removed.')
        return 130
    print('\nProved in %d seconds, on real input:' % (time.monotonic() - begin))
    for fact in facts:
        print('  - %s' % fact)
    print('Where to look: examples/, playbooks/site.yml, roles/nixops/tasks/main.yml; as a test: tests/integration/test_main_road.py.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
