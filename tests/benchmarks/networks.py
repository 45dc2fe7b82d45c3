# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run costs that has nothing to do: 200 networks of 5 projects, beside a play of three debug tasks over the same hosts.

Run from the repository's root: python -m tests.benchmarks.networks [NETWORKS [PROJECTS]]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.sandbox.service import Call
from tests.support.fleet import add_fleet, projects
from tests.support.installed import build, install
from tests.support.world import World, running_world

FORKS = ('--forks', '4')
DEBUG = '- hosts: nixops_networks\n  gather_facts: false\n  tasks:\n' + '    - ansible.builtin.debug: {msg: nothing}\n' * 3
LIMIT = 1.5  # times the baseline


def requests(calls: list[Call]) -> Counter[str]:
    """How often clients of the API asked for what, by method and path without names."""
    asked = ('%s %s' % (call.method, call.url.split('?')[0]) for call in calls)
    return Counter(re.sub(r'(?<=/)(fleet-\d+|[0-9a-f-]{36}|net-\d+)', '…', request) for request in asked if ' /api/' in request)


def prepare(world: World, networks: int, names: list[str]) -> None:
    """Everything deployed: states uploaded, ci.nix pushed, and jobs that have succeeded. What effects do is not what is measured."""
    add_fleet(world, names, networks)
    world.sandbox.hold_effects()
    world.longest_play = 3600  # to upload a thousand states takes a while
    first = world.play(*FORKS, '--tags', 'state,ci_nix,push', playbook='networks')
    if first.code:
        raise SystemExit(first.output)
    for name in names:
        for job in world.sandbox.jobs(name):
            if job['jobType'] != 'Config':
                world.sandbox.wait_for_phase(job['id'], 'Effects', timeout=600)
    now = world.sandbox.service.clock.text()
    world.sandbox.service.store.all("UPDATE job SET phase = 'Done', effects = 'Success', ended = ? WHERE phase = 'Effects'", now)


def timed(command: list[str], world: World) -> tuple[float, float, str]:
    """Elapsed seconds, seconds of CPU, and the output of a command that has to succeed."""
    begin, before = time.monotonic(), os.times()
    done = subprocess.run(command, cwd=world.folder, env=world.environment(), check=False, capture_output=True, text=True)
    after = os.times()
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - begin, used, done.stdout


def main() -> int:
    """Measure and judge."""
    networks, number = (int(value) for value in (*sys.argv[1:], *('200', '5')[len(sys.argv) - 1:]))
    with tempfile.TemporaryDirectory(prefix='nixcd-benchmark-') as folder:
        install(build(Path(folder)), Path(folder) / 'collections')
        with running_world(Path(folder) / 'world', Path(folder) / 'collections') as world:
            prepare(world, networks, projects(number))
            playbook = Path(folder) / 'debug.yml'
            playbook.write_text(DEBUG)
            ansible = [str(Path(sys.executable).parent / 'ansible-playbook'), '-i', str(world.write_inventory()), *FORKS]
            base, base_cpu, _output = timed([*ansible, str(playbook)], world)
            before = len(world.sandbox.service.calls)
            took, cpu, output = timed([*ansible, 'nixcd.hercules_ci.networks'], world)
            asked = requests(world.sandbox.service.calls[before:])
    changed = re.findall(r'changed=[1-9]', output)
    print('three debug tasks: %.1f s (%.1f s of CPU), %.3f s a network' % (base, base_cpu, base / networks))
    print('networks, nothing to do: %.1f s (%.1f s of CPU), %.3f s a network, %.1f times the baseline' % (
        took, cpu, took / networks, took / base))
    for request, times in sorted(asked.items()):
        print('  %4d %s' % (times, request))
    allowed = 3 * number
    print('%d requests of at most %d' % (sum(asked.values()), allowed))
    good = not changed and took / base <= LIMIT and sum(asked.values()) <= allowed
    print('within the limits' if good else 'NOT within the limits (%.1f times the baseline)' % LIMIT)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
