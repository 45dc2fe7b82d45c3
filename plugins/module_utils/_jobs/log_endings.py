# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Why an effect failed, from the end of its log: what it said before the shell of hercules-ci-effects began to tidy up.

Its lines were taken from runs of that shell code (effects-setup-hook.sh, effect.nix) and of the stdenv around it that fail in every phase.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

LINES_TO_READ = 1000
"""So many lines from the end of a log have the reason in them, also where the shell traces what it does afterwards."""
TIDYING_UP = re.compile(r'uploading state files after (?:the )?failure')
"""The shell says so after a failure, once it has fetched the state. What it prints then is not why the effect failed."""
TRACED_END = re.compile(r'(\S.*\s)exitHandler')
"""With `set -x`, the first thing that it does after a failure; before it stands the prompt of the trace."""
PHASE = re.compile(r'@nix \{.*"phase": "(\w+)".*')
EXIT_CODE = re.compile(r'.*\bexit (?:code|status) \d+\W*|.*: pop_var_context: .*')
"""What says that something failed, but not why; the second is a slip of bash when a hook fails."""
BOOKKEEPING = re.compile(
    r'@nix \{.*|exitHandler|Running phase: .*|\w+Phase completed in .*'
    r'|unpacking source archive .*|source root is .*'
    r'|(?:fetching|pushing) state file .*|pushing state successful\.|state file does not exist\.'
    r'|importing state|creating new deployment state|version: NixOps .*'
    r'|Prior check OK\.|WARNING: Prior check FAILED!|Continuing execution to allow subsequent steps to hopefully fix the problem\.'
    r'|NOTE: State has already been uploaded .*'
    r'|build failed with exit code \d+ \(ignored\)|build times:|(?:user|system) time for (?:the shell|all child processes) .*'
)
MOST_MACHINES = 10


def reason(log: Sequence[str]) -> str:
    """The last thing that was said before the end began; empty where the log has nothing of that. log: its last lines."""
    lines, trace = _before_the_end([line.rstrip() for line in log if line.strip()])
    phase, lines = _last_phase(lines)
    said = list(_without_traces(lines, trace))
    own = [line for line in said if not BOOKKEEPING.fullmatch(line.strip())]
    causes = [line for line in own if not EXIT_CODE.fullmatch(line)]
    if causes and re.match(r'[|+][-=+|]|\| ', causes[-1]):
        return _bad_rows(causes) or causes[-1]
    silent = ['The phase %s failed and printed nothing.' % phase] if phase else []
    return next(iter([*causes[-1:], *own[-1:], *said[-1:], *silent]), '').strip()


def before_tidying_up(log: Sequence[str]) -> list[str]:
    """The lines that were written before the end began; all where they do not reach back so far. log: its last lines."""
    return _before_the_end(list(log))[0] or list(log)


def _before_the_end(lines: list[str]) -> tuple[list[str], str]:
    """The lines up to the end, and a regular expression for the prompt of the trace, empty where nothing is traced."""
    for number in range(len(lines) - 1, -1, -1):
        traced = TRACED_END.fullmatch(lines[number])
        if traced:
            return lines[:number], _prompt(traced.group(1))
    last = max((number for number, line in enumerate(lines) if TIDYING_UP.fullmatch(line)), default=len(lines))
    return lines[:last], ''


def _prompt(example: str) -> str:
    """Bash repeats the first character for each level; there may be line numbers in it."""
    rest = re.sub(r'\d+', r'\\d+', re.escape(example.lstrip(example[0])))
    return re.escape(example[0]) + '+' + rest


def _last_phase(lines: list[str]) -> tuple[str, list[str]]:
    """The phase that failed, and what was printed in it; without a name and all lines where the log does not tell phases."""
    for number in range(len(lines) - 1, -1, -1):
        started = PHASE.fullmatch(lines[number])
        if started:
            return started.group(1), lines[number + 1:]
    return '', lines


def _without_traces(lines: Iterable[str], trace: str) -> Iterator[str]:
    """What commands printed. A traced command may be quoted over several lines."""
    in_quotes = False
    for line in lines:
        if trace and (in_quotes or re.match(trace, line)):
            # Quoted words end, escaped quotes between them, and begin again.
            quotes = re.sub(r"\\'", '', line).count("'")
            in_quotes = in_quotes != bool(quotes % 2)
        elif not (trace and line.strip() == ']]'):
            yield line


def _bad_rows(lines: Iterable[str]) -> str:
    """What `nixops check` found wrong, from the table of machines that it prints."""
    header: list[str] = []
    name, found = '', []
    for line in lines:
        if line.startswith('Non machines'):
            break
        cells = [cell.strip() for cell in line.strip().strip('|').split('|')] if line.startswith('|') else []
        if cells[:1] == ['Name']:
            header = cells
            continue
        name = next(iter(cells), '') or name  # a machine with several units has several lines
        found += [
            '%s: %s %s' % (name, column, cell)
            for column, cell in zip(header, cells) if cell == 'No' or cell.endswith('[failed]') or (cell and column == 'Notes')
        ]
    more = ', and %d more' % (len(found) - MOST_MACHINES) if len(found) > MOST_MACHINES else ''
    return ', '.join(found[:MOST_MACHINES]) + more
