# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the gates side by side, each with a line and its time; the first finding stops the rest and is shown."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from .catalogue import GATES
from .gate import Counts, Gate, Outcome, run
from .surroundings import copy_as_collection, environment

MARKS = {'passed': 'ok', 'failed': 'FAILED', 'skipped': 'skipped', 'stopped': 'stopped'}


def report(outcome: Outcome) -> None:
    """Print a gate's line, and its output if it failed."""
    print('%-8s %-22s %5.1f s  %s' % (MARKS[outcome.state], outcome.gate.name, outcome.seconds, outcome.reason or outcome.remark), flush=True)
    if outcome.state == 'failed':
        print('\n--- %s ---\n%s\n---' % (outcome.gate.command, outcome.output.rstrip()), flush=True)


async def run_all(gates: list[Gate], directory: Path, variables: dict[str, str], jobs: int, keep_going: bool) -> Counts:
    """Run the gates in their order, JOBS at a time; unless KEEP_GOING, the first failure stops those still running."""
    counts, waiting, done = Counts(), list(gates), set()
    running: dict[asyncio.Task[Outcome], Gate] = {}
    chosen = {gate.name for gate in gates}

    def start() -> None:
        for gate in list(waiting):
            if len(running) < jobs and chosen.intersection(gate.after) <= done:
                waiting.remove(gate)
                running[asyncio.create_task(run(gate, directory, variables))] = gate

    start()
    while running:
        ended = (await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED))[0]
        for task in ended:
            done.add(running.pop(task).name)
            outcome = task.result()
            report(outcome)
            counts.add(outcome.counts)
        if counts.failed and not keep_going:
            waiting.clear()
            for task in running:
                task.cancel()
        start()
    return counts


def choose(names: list[str], fast: bool) -> list[Gate]:
    """The gates of these names, all if there are none; with FAST only those that take seconds."""
    known = {gate.name: gate for gate in GATES}
    unknown = sorted(set(names) - set(known))
    if unknown:
        sys.exit('No gate is called %s. There are: %s' % (', '.join(unknown), ', '.join(known)))
    return [gate for gate in GATES if (not names or gate.name in names) and (gate.fast or not fast)]


def main() -> int:
    """Run what the command line asks for; the last line printed is the counts."""
    parser = argparse.ArgumentParser(prog='python -m tests.gates', description=__doc__)
    parser.add_argument('gates', nargs='*', metavar='GATE', help='run only these: %s' % ', '.join(gate.name for gate in GATES))
    parser.add_argument('--fast', action='store_true', help='run only the gates that take seconds')
    parser.add_argument('--keep-going', action='store_true', help='do not stop at the first failure')
    parser.add_argument('--jobs', type=int, default=max(2, os.cpu_count() or 1), help='how many gates at a time (%(default)s)')
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix='nixcd-gates-') as folder:
        top = Path(folder)
        counts = asyncio.run(run_all(choose(arguments.gates, arguments.fast), copy_as_collection(top), environment(top),
                                     arguments.jobs, arguments.keep_going))
    print('%.0f s' % (time.monotonic() - started))
    print(counts)
    return 1 if counts.failed else 0


sys.exit(main())
