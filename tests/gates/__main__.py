# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gates' command line. The last line printed is the counts."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.support.surroundings import copy_as_collection, environment, use_temporary_folder

from .catalogue import GATES
from .gate import Gate
from .runner import run_all


def choose(names: list[str], fast: bool) -> list[Gate]:
    """The gates of these names, all if there are none; with FAST only those that take seconds."""
    known = {gate.name: gate for gate in GATES}
    unknown = sorted(set(names) - set(known))
    if unknown:
        sys.exit('No gate is called %s. There are: %s' % (', '.join(unknown), ', '.join(known)))
    return [gate for gate in GATES if (not names or gate.name in names) and (gate.fast or not fast)]


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog='python -m tests.gates', description=__doc__)
    parser.add_argument('gates', nargs='*', metavar='GATE', help='run only these: %s' % ', '.join(gate.name for gate in GATES))
    parser.add_argument('--fast', action='store_true', help='run only the gates that take seconds')
    parser.add_argument('--keep-going', action='store_true', help='do not stop at the first failure')
    # one more than processors, because tests also wait
    parser.add_argument('--jobs', type=int, default=1 + (os.cpu_count() or 1), help='how many gates at a time (%(default)s)')
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that gates are ended in order then, too
    use_temporary_folder()
    started = time.monotonic()
    # Some of what was stopped may still write there.
    with tempfile.TemporaryDirectory(prefix='nixcd-gates-', ignore_cleanup_errors=True) as folder:
        top = Path(folder)
        counts = asyncio.run(run_all(choose(arguments.gates, arguments.fast), copy_as_collection(top), environment(top),
                                     arguments.jobs, arguments.keep_going))
    print('%.0f s' % (time.monotonic() - started))
    print(counts)
    return 1 if counts.failed else 0


try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit('Interrupted: nothing of this run is left.')
