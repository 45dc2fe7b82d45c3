# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it costs to read a large state, beside sqlite3 DB .dump | sha256sum, and what a run of nixops_state needs of memory and network.

Run from the repository's root: python -m tests.benchmarks.state [MACHINES [ROUNDS]]
It makes a database of MACHINES (10,000) with 33 attributes each, reads and hashes it ROUNDS (9) times in turn with the baseline, then
lets the module upload it to the sandbox and run again, with as many machines and with ten times as many. It fails if a bar is missed.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.sandbox.server import Sandbox
from tests.support.surroundings import ROOT, collection_parent

FIXTURES = ROOT / 'tests' / 'fixtures' / 'nixops'
UUID = 'cccccccc-0000-11ee-8000-000000000003'
PROJECT, NAME = 'github/neat-org/neat-repo', 'nixops-big.json'
ATTRIBUTES = 33
LONGEST = 2.0
"""How many times the baseline reading and hashing may take."""
LARGEST = 64
"""MiB of memory that a run may need at its peak, whatever the size of the state."""
PRELUDE = """
import json, sys, tempfile, time
sys.path.insert(0, sys.argv[1])
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
_AnsibleCollectionFinder(paths=[sys.argv[1]])._install()
"""
READ = PRELUDE + """
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.sources import from_database
with tempfile.TemporaryFile() as file:
    started = time.perf_counter()
    state = from_database(sys.argv[2], 'big', 'auto', file)
    print(json.dumps({'seconds': time.perf_counter() - started, 'size': state.size}))
"""
RUN = PRELUDE + """
from ansible.module_utils import basic
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.argv[2].encode(), 'legacy'
from ansible_collections.nixcd.hercules_ci.plugins.modules.nixops_state import main
try:
    main()
finally:
    peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))  # ru_maxrss would count the parent's, too
    print(json.dumps({'mebibytes': int(peak.split()[1]) / 1024}))
"""


def make_database(path: Path, machines: int) -> None:
    """A deployment of copies of a machine of the fixtures, with names that do not sort as they were made."""
    (deployment,) = json.loads((FIXTURES / 'nixops-2.x' / 'export-aws-prod.json').read_text()).values()
    machine = dict(next(resource for resource in deployment['resources'].values() if resource['type'] == 'ec2'))
    del machine['type']
    machine.update({'padding.%d' % number: 'value %d' % number for number in range(ATTRIBUTES - len(machine))})
    connection = sqlite3.connect(path)
    schema = (FIXTURES / 'nixops-2.x' / 'schema.sql').read_text().replace('CREATE TABLE sqlite_sequence(name,seq);', '')
    connection.executescript('pragma journal_mode = wal;' + schema)
    connection.execute('insert into SchemaVersion values (3)')
    connection.execute('insert into Deployments values (?)', (UUID,))
    connection.execute("insert into DeploymentAttrs values (?, 'name', 'big')", (UUID,))
    for number in range(1, machines + 1):
        name = 'machine-%d' % (number * 7919 % 1_000_003)
        connection.execute("insert into Resources (id, deployment, name, type) values (?, ?, ?, 'ec2')", (number, UUID, name))
        connection.executemany('insert into ResourceAttrs values (?, ?, ?)', [(number, *item) for item in machine.items()])
    connection.commit()
    connection.close()


def baseline(database: Path) -> float:
    started = time.perf_counter()
    subprocess.run(['bash', '-c', 'sqlite3 "$0" .dump | sha256sum', str(database)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def python(program: str, *arguments: str) -> list[dict[str, Any]]:
    """What a program prints, a JSON document on each line."""
    command = [sys.executable, '-c', program, str(collection_parent()), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def reading(database: Path, rounds: int) -> bool:
    """Compare the shortest times, taken in turn so that both find the machine as busy; whether the bar is met."""
    ours, theirs = [], []
    for _run in range(rounds):
        theirs.append(baseline(database))
        (read,) = python(READ, str(database))
        ours.append(read['seconds'])
    ratio = min(ours) / min(theirs)
    print('sqlite3 .dump | sha256sum: %.2f s, reading and hashing the export of %.1f MB: %.2f s, %.2f times as long (at most %g)'
          % (min(theirs), read['size'] / 1e6, min(ours), ratio, LONGEST))
    return ratio <= LONGEST


def running(folder: Path, database: Path, machines: int) -> bool:
    """Let the module create the file, and run again; whether memory and network stay within the bars."""
    with Sandbox(folder / ('sandbox-%d' % machines)) as sandbox:
        sandbox.add_project(PROJECT)
        options = {
            'api_base_url': sandbox.url, 'api_token': sandbox.token, 'project': PROJECT, 'deployment': 'big', 'database': str(database),
        }
        met = True
        for action in ('created', 'unchanged'):
            sandbox.service.calls.clear()
            result, memory = python(RUN, json.dumps({'ANSIBLE_MODULE_ARGS': options}))
            downloads = [call for call in sandbox.service.calls if call.method == 'GET' and call.url.endswith('/data')]
            print('%6d machines, %s: %.0f MiB (at most %d), %d downloads' % (
                machines, result['action'], memory['mebibytes'], LARGEST, len(downloads)))
            met = met and result['action'] == action and memory['mebibytes'] <= LARGEST and not downloads
    return met


def main() -> None:
    machines, rounds = (int(number) for number in (*sys.argv[1:], *('10000', '9')[len(sys.argv) - 1 :]))
    met = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in (machines, machines * 10):
            database = folder / ('%d.nixops' % count)
            make_database(database, count)
            if count == machines:
                met.append(reading(database, rounds))
            met.append(running(folder, database, count))
    sys.exit(0 if all(met) else 'A bar is missed.')


if __name__ == '__main__':
    main()
