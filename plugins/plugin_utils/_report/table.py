# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The end of a run as a table for terminals and log files."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from .outcome import Outcome, columns_of, job_name, summary


def text_table(outcomes: Sequence[Outcome], columns: int) -> list[tuple[str, str]]:
    """Lines of text, each with the tone of what it tells ('' for none): a line for each outcome below its project, then the summary.

    columns: width of the terminal. Links stand in a column of their own if all lines fit, else once for each job below its project: for
    each job of this run, if there is any.
    """
    shown = columns_of([_of_this_run(outcome) for outcome in outcomes])
    rows = {outcome: tuple(column.cell(_of_this_run(outcome)).text for column in shown) for outcome in outcomes}
    header = tuple(column.heading.upper() for column in shown)
    widths = [max(map(text_width, column)) for column in zip(header, *rows.values())]
    link_width = max((text_width(outcome.job_url) for outcome in outcomes), default=0)
    beside = 0 < link_width <= columns - sum(widths) - 2 * len(widths) - 2
    news = not all(outcome.earlier for outcome in outcomes)
    lines = [(_line((*header, 'LINK' * beside), widths), '')]
    for project, members in groupby(rows, key=lambda outcome: outcome.project):
        lines.append((project, ''))
        links: dict[str, str] = {}
        for outcome in members:
            lines.append((_line((*rows[outcome], outcome.job_url * beside), widths), outcome.tone))
            if outcome.message:
                lines.append(('    %s' % outcome.message, outcome.tone))
            if outcome.job_url and not beside and not (outcome.earlier and news):
                links[outcome.job_url] = job_name(outcome)
        lines += [('  %s  %s' % (name, url), '') for url, name in links.items()]
    return [*lines, (summary(outcomes), '')]


def _of_this_run(outcome: Outcome) -> Outcome:
    """Without what changed in an earlier run, which is no change of this one."""
    return replace(outcome, state_version_before=outcome.state_version_after, plan='') if outcome.earlier else outcome


def text_width(text: str) -> int:
    """Columns that `text` takes in a terminal: none for a combining mark, two for a wide character."""
    return sum(0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in 'WF' else 1 for character in text)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + ' ' * (width - text_width(cell)) for cell, width in zip(cells, widths)]
    return ('  ' + '  '.join([*padded, *cells[len(widths):]])).rstrip()
