# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The end of a run as a page that stands alone: no script, no font, no picture from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined, Template

from .diagram import one_below_the_other, side_by_side
from .outcome import FROM_GIT, NOTHING, TONES, Agent, Outcome, ReportedKey, columns_of, counted, job_name, result_numbers
from .topology import LAYERS, Topology, topology_of

_FILES = Path(__file__).parent
# When it was made, and what was planned for a deployment that has come about since.
_OF_ONE_RUN = re.compile(
    r'<time.*?</time>|<th [^>]*>Plan</th>|<td data-label="Plan".*?</td>\n|colspan="\d+"|<section class="plans".*?</section>\n', re.DOTALL)


def html_page(outcomes: Sequence[Outcome], agents: Sequence[Agent], now: datetime, keys: Sequence[ReportedKey] = ()) -> str:
    """The whole page. now: when it is made, in UTC."""
    topology = topology_of(outcomes, agents)
    rows = {outcome: 'row-%d' % number for number, outcome in enumerate(outcomes, 1)}
    reasons = _alike([outcome for outcome in outcomes if outcome.problems or outcome.log], lambda each: (each.problems, each.log))
    return _template().render(
        style=(_FILES / 'page.css').read_text('utf-8'),
        projects=_by_project(outcomes),
        networks=len({outcome.network for outcome in outcomes}),
        numbers=[(result, number, TONES[result]) for result, number in result_numbers(outcomes)],
        failed=[outcome for outcome in outcomes if outcome.tone == 'bad'],
        rows=rows, reasons=reasons,
        places={**rows, **{outcome: 'reason-%d' % number for number, alike in enumerate(reasons, 1) for outcome in alike}},
        plans=_alike([outcome for outcome in outcomes if outcome.planned], lambda each: each.planned),
        secrets=_secrets(outcomes, agents), keys=keys,
        drawings=[('wide', side_by_side(topology)), ('narrow', one_below_the_other(topology))],
        description=_description(topology),
        columns=columns_of(outcomes), nothing=NOTHING, now=now, counted=counted, job_name=job_name,
    )


@cache
def _template() -> Template:
    loader = DictLoader({name: (_FILES / name).read_text('utf-8') for name in ('page.html.j2', 'diagram.svg.j2')})
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template('page.html.j2')


def same_but_for_time(page: str, other: str) -> bool:
    """Whether two pages differ in nothing but when they were made, and in the plans that only one of them knows."""
    return _OF_ONE_RUN.sub('', page) == _OF_ONE_RUN.sub('', other)


def _by_project(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    projects: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        projects.setdefault(outcome.project, []).append(outcome)
    return projects


def _alike(outcomes: Sequence[Outcome], told: Callable[[Outcome], Hashable]) -> list[list[Outcome]]:
    """Those of which the same is told, together."""
    groups: dict[Hashable, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(told(outcome), []).append(outcome)
    return list(groups.values())


def _secrets(outcomes: Sequence[Outcome], agents: Sequence[Agent]) -> list[tuple[str, tuple[str, ...], str, list[str], list[str]]]:
    """Name, fields, condition in words, agents that have it so, networks that read it; agents that differ get entries of their own."""
    entries: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
    for agent in agents:
        for secret in agent.secrets:
            entries.setdefault((secret.name, secret.fields, secret.usable_by), []).append(agent.name)
    readers: dict[str, set[str]] = {}
    for outcome in outcomes:
        for name in outcome.secrets:
            readers.setdefault(name, set()).add(outcome.network)
    for name in readers.keys() - {entry[0] for entry in entries}:
        entries[name, (), 'given by Hercules CI' if name == FROM_GIT else ''] = []
    return [(*entry, holders, sorted(readers.get(entry[0], ()))) for entry, holders in sorted(entries.items())]


def _description(topology: Topology) -> str:
    """What the diagram shows, in a sentence for those who cannot see it."""
    numbers = ', '.join(counted(len(nodes), name) for name, nodes in zip(LAYERS, topology.layers))
    return numbers + ', with a line from each branch to the networks it deploys, on to the secrets they read and the agents that have them.'
