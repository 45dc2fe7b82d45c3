# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it costs to keep secrets in place: a run that changes nothing, beside ansible.builtin.copy and ansible.builtin.ping.

Run from the repository's root, as root: python -m tests.benchmarks.secrets [HOSTS [SECRETS [ROUNDS]]]
It boots HOSTS machines (20), gives each SECRETS secrets (200), and plays all three ROUNDS (5) times in turn over SSH. Then it sees to
one secret in a file of one and in a file of 10,000 on this machine, and to all 10,000. It fails if a bar is missed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support.surroundings import ROOT, collection_parent

CONDITION = {'and': [{'isOwner': 'neat-org'}, {'isRepo': 'neat-repo'}, {'isBranch': 'production'}]}
HOSTS_SH = ROOT / 'tests' / 'hosts' / 'hosts.sh'
OURS = 'nixcd.hercules_ci.hci_secret'
TASKS: dict[str, dict[str, Any]] = {
    'ansible.builtin.ping': {},
    'ansible.builtin.copy, to_nice_json': {
        'content': '{{ document | to_nice_json }}', 'dest': '/var/lib/copied-secrets.json', 'mode': '0400', 'owner': 'root',
    },
    OURS: {'path': '/var/lib/hercules-ci-agent/secrets/secrets.json', 'secrets': '{{ secrets }}'},
}

NOTHING = '''
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    """Takes what Ansible gives it, and does nothing."""
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        self._task.args = {}
        return {**super().run(tmp, task_vars), 'changed': False}
'''


def make_secrets(count: int) -> dict[str, Any]:
    return {
        'secret-%05d' % number: {
            'data': {'aws_access_key_id': 'AKIA%016d' % number, 'aws_secret_access_key': 'k' * 40}, 'condition': CONDITION,
        } for number in range(count)
    }


SIZES = ('given', 'given to nothing', 'given to copy', 'in the file')
"""Plays in which the number of secrets matters; the first makes the files of the last."""


class Plays:
    """Playbooks of one task in a folder, run against an inventory."""

    def __init__(self, folder: Path, inventory: Path) -> None:
        self.folder = folder
        self.inventory = inventory

    def write(self, name: str, module: str, options: dict[str, Any], **variables: Any) -> None:
        play = [{'hosts': 'all', 'gather_facts': False, 'vars': variables, 'tasks': [{module: options}]}]
        (self.folder / name).write_text(json.dumps(play))

    def seconds(self, name: str, **extra: str) -> float:
        """How long a run takes; it has to succeed and, if its extra says so, to change nothing."""
        started = time.perf_counter()
        played = subprocess.run(
            [str(Path(sys.executable).parent / 'ansible-playbook'), '-i', str(self.inventory), '-f', '20', str(self.folder / name)],
            env={**os.environ, 'ANSIBLE_COLLECTIONS_PATH': str(collection_parent()), 'ANSIBLE_HOST_KEY_CHECKING': 'True'},
            capture_output=True, text=True, check=False,
        )
        taken = time.perf_counter() - started
        if played.returncode or (extra.get('at_rest') and 'changed=1' in played.stdout):
            sys.exit(played.stdout + played.stderr)
        return taken


def on_hosts(hosts: int, count: int, rounds: int) -> dict[str, float]:
    """Median seconds of each task at rest, on machines of their own over SSH."""
    with tempfile.TemporaryDirectory() as folder:
        machines = Path(folder) / 'machines'
        try:
            subprocess.run([str(HOSTS_SH), 'up', str(machines), *('agent-%02d' % number for number in range(hosts))], check=True)
            plays = Plays(Path(folder), machines / 'inventory.yml')
            secrets = make_secrets(count)
            document = {name: {'kind': 'Secret', **secret} for name, secret in secrets.items()}
            for module, options in TASKS.items():
                plays.write(module, module.split(',', maxsplit=1)[0], options, secrets=secrets, document=document)
                plays.seconds(module)
            taken: dict[str, list[float]] = {module: [] for module in TASKS}
            for _round in range(rounds):
                for module, measured in taken.items():
                    measured.append(plays.seconds(module, at_rest='yes'))
        finally:
            subprocess.run([str(HOSTS_SH), 'down', str(machines)], check=True)
    return {module: statistics.median(measured) for module, measured in taken.items()}


def in_one_file(few: int, many: int) -> dict[str, float]:
    """Seconds that many secrets cost more than few, the best of three: those that are in the file, and those that a task gives.

    What a task is given, Ansible itself loads, copies and templates before any action sees it; so the same is measured for an action that
    does nothing, and for copy.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        here = {'ansible_connection': 'local', 'ansible_python_interpreter': sys.executable}
        (folder / 'action_plugins').mkdir()
        (folder / 'action_plugins' / 'nothing.py').write_text(NOTHING)
        (folder / 'inventory.yml').write_text(json.dumps({'all': {'hosts': {'here': here}}}))
        plays = Plays(folder, folder / 'inventory.yml')
        taken: dict[tuple[str, int], float] = {}
        for count in (few, many):
            path = str(folder / ('secrets-%d.json' % count))
            secrets = make_secrets(count)
            one = {'path': path, 'name': 'secret-00000', **secrets['secret-00000']}
            plays.write('given', OURS, {'path': path, 'secrets': '{{ secrets }}'}, secrets=secrets)
            plays.write('given to nothing', 'nothing', {'secrets': '{{ secrets }}'}, secrets=secrets)
            copied = {'content': '{{ secrets | to_nice_json }}', 'dest': path + '~'}
            plays.write('given to copy', 'ansible.builtin.copy', copied, secrets=secrets)
            plays.write('in the file', OURS, one)
            for what in SIZES:
                taken[what, count] = min(plays.seconds(what) for _time in range(3))
    return {what: taken[what, many] - taken[what, few] for what in SIZES}


def main(hosts: int = 20, count: int = 200, rounds: int = 5) -> int:
    taken = on_hosts(hosts, count, rounds)
    ping, copy, ours = taken.values()
    print('A run without change, %d hosts over SSH, %d secrets each, median of %d:' % (hosts, count, rounds))
    for module, seconds in taken.items():
        print('  %-36s %6.2f s' % (module, seconds))
    bars = [('hci_secret / copy', ours / copy, 0.6), ('hci_secret / ping', ours / ping, 1.4)]
    more = in_one_file(1, 10_000)
    print('10,000 secrets given to a task, seconds more than one, with what Ansible itself does about them:')
    for what in SIZES[:3]:
        print('  %-36s %6.2f s' % (what, more[what]))
    bars.append(('10,000 secrets in the file, seconds more than one', more['in the file'], 1.0))
    bars.append(('10,000 given, seconds beside what Ansible does', more['given'] - more['given to nothing'], 1.0))
    for what, measured, limit in bars:
        print('%-50s %6.2f   bar %.1f   %s' % (what, measured, limit, 'met' if measured <= limit else 'MISSED'))
    return int(any(measured > limit for _what, measured, limit in bars))


if __name__ == '__main__':
    sys.exit(main(*(int(number) for number in sys.argv[1:])))
