# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check what `coverage report` does not: how many lines of plugins/ were run, branches aside, and that some test loads each file.

`coverage json --output - | python -m tests.gates.line_coverage 99`
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path


def main() -> int:
    """Print the files that no test loads, then the totals; 1 where there are such files, or less than the wanted percentage of lines."""
    report, wanted = json.load(sys.stdin), float(sys.argv[1])
    with_code = {str(path) for path in Path('plugins').rglob('*.py') if re.search(r'^\s*def ', path.read_text(), re.MULTILINE)}
    unknown, totals = sorted(with_code - set(report['files'])), report['totals']
    for name in unknown:
        print('%s: no test loads it' % name)
    print('%.1f %% of %d lines, %.0f %% of %d branches' % (
        totals['percent_statements_covered'], totals['num_statements'], totals['percent_branches_covered'], totals['num_branches']))
    return 1 if unknown or totals['percent_statements_covered'] < wanted else 0


if __name__ == '__main__':
    sys.exit(main())
