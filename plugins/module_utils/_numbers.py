# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Between which bounds the numbers in options make sense. Beyond them clocks, sockets and buffers would answer with a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._problems import Problem, require_none

YEAR = 366 * 24 * 3600
BOUNDS: dict[str, tuple[int, int]] = {
    'timeout': (1, 3600),
    **dict.fromkeys(('nixops_timeout', 'run_timeout', 'validate_timeout'), (1, YEAR)),
    **dict.fromkeys(('job_timeout', 'lock_timeout', 'start_timeout', 'wait_timeout'), (0, YEAR)),
    'limit': (1, 1_000_000),
    'log_lines': (0, 1_000_000),
}


def require_sensible_numbers(options: Mapping[str, Any]) -> None:
    """Look at the numbers among a module's parameters; Failure with all that are out of bounds."""
    require_none(
        Problem(
            'The number is out of bounds.',
            where=name,
            expected='%d to %d%s' % (*bounds, ' seconds' if name.endswith('timeout') else ''),
            found='%.40s' % options[name],
        )
        for name, bounds in BOUNDS.items()
        if options.get(name) is not None and not bounds[0] <= options[name] <= bounds[1]
    )
