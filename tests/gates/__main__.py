# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run sessions of nox side by side in a copy of the tree, without the user's settings. The last line printed is the counts."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.gates.sessions import run
from tests.support.surroundings import copy_as_collection, environment, use_temporary_folder


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog='python -m tests.gates', description=__doc__)
    parser.add_argument('sessions', nargs='*', metavar='SESSION', help='run only these, as nox calls them')
    parser.add_argument('--keep-going', action='store_true', help='do not stop at the first failure')
    # one more than processors, because tests also wait
    parser.add_argument('--jobs', type=int, default=1 + (os.cpu_count() or 1), help='how many sessions at a time (%(default)s)')
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that sessions are ended in order then, too
    use_temporary_folder()
    started = time.monotonic()
    # Some of what was stopped may still write there.
    with tempfile.TemporaryDirectory(prefix='nixcd-gates-', ignore_cleanup_errors=True) as folder:
        top = Path(folder)
        counts, _skipped = run(arguments.sessions, copy_as_collection(top), environment(top), arguments.jobs, arguments.keep_going)
    print('%.0f s' % (time.monotonic() - started))
    print(counts)
    return 1 if counts.failed else 0


try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit('Interrupted: nothing of this run is left.')
