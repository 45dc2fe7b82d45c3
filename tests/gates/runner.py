# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run gates side by side, each with a line and its time; the first finding stops the rest and is shown."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .gate import Counts, Gate, Outcome, run

MARKS = {'passed': 'ok', 'failed': 'FAILED', 'skipped': 'skipped', 'stopped': 'stopped'}


def report(outcome: Outcome) -> None:
    """Print a gate's line, and its output if it failed."""
    words = (MARKS[outcome.state], outcome.gate.name, outcome.seconds, outcome.reason or outcome.remark)
    print('%-8s %-22s %5.1f s  %s' % words, flush=True)
    if outcome.state == 'failed':
        print('\n--- %s ---\n%s\n---' % (outcome.gate.command, outcome.output.rstrip()), flush=True)


async def run_all(gates: list[Gate], directory: Path, variables: dict[str, str], jobs: int, keep_going: bool) -> Counts:
    """Run the gates in their order, JOBS at a time; unless KEEP_GOING, the first failure stops those still running."""
    counts, waiting, stopping = Counts(), list(gates), False
    done: set[str] = set()
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
        if counts.failed and not keep_going and not stopping:
            stopping = True  # once: a gate that ends its processes must not be disturbed
            waiting.clear()
            for task in running:
                task.cancel()
        start()
    return counts
