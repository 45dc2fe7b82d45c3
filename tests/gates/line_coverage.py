# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check how many lines of plugins/ all tests together ran, in processes of pytest, of Ansible and on hosts.

`coverage json --output - | python -m tests.gates.line_coverage 95`
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any


def spans(lines: list[int]) -> str:
    """Line numbers in few words: [3, 4, 5, 9] is '3-5 9'."""
    found: list[list[int]] = []
    for line in lines:
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ' '.join('%d' % first if first == last else '%d-%d' % (first, last) for first, last in found)


def missed(measured: dict[str, Any]) -> list[str]:
    """A line for each file that was not run completely, the worst first; a file that no test loaded is worst of all."""
    with_code = {str(path) for path in Path('plugins').rglob('*.py') if re.search(r'^\s*def ', path.read_text(), re.MULTILINE)}
    unknown = sorted(with_code - set(measured))
    partly = sorted((file['summary']['percent_statements_covered'], name, file['missing_lines'])
                    for name, file in measured.items() if file['missing_lines'])
    return [*('%s: no test loads it' % name for name in unknown),
            *('%3.0f %% %s: %s' % (share, name, spans(lines)) for share, name, lines in partly)]


def main() -> int:
    """Print what was missed, then the total; 1 where that is less than the wanted percentage or a file was not loaded at all."""
    report, wanted = json.load(sys.stdin), float(sys.argv[1])
    lines = missed(report['files'])
    total = report['totals']
    share = 100 * total['covered_lines'] / total['num_statements']
    print('\n'.join(lines))
    print('%.1f %% of %d lines, %.0f %% of %d branches' % (
        share, total['num_statements'], 100 * total['covered_branches'] / (total['num_branches'] or 1), total['num_branches']))
    return 1 if share < wanted or any(line.endswith('no test loads it') for line in lines) else 0


if __name__ == '__main__':
    sys.exit(main())
