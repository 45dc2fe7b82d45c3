# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The effects of a file that somebody wrote, as hosts: one for each effect, with its variables and the refs on which it was seen to run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...module_utils._nix import functions
from ...module_utils._nix.adoption import A_TAG, ANOTHER_BRANCH
from ...module_utils._nix.expression import quoted
from ...module_utils._nix.recording import RecordedEffect
from ...module_utils._nix.walk import MORE
from ...module_utils._refs import HEADS, TAGS
from .._networks.specs import PREFIX
from .._yaml_edits.changes import Question
from .calls import PathBase, Read, read_call

STRANGE = 'an effect that no function of the library made as it is'
WHEN = {'hour': 'hour', 'minute': 'minute', 'dayOfWeek': 'day_of_week', 'dayOfMonth': 'day_of_month'}


@dataclass(frozen=True)
class AdoptedEffect:
    """An effect of the file.

    name: what it is called there. host: what it is to be called. deployment: what NixOps calls it, None where it runs no NixOps.
    variables: those of the host. unknown: what nobody could read, by option.
    """

    name: str
    host: str
    function: str | None
    deployment: str | None
    variables: Mapping[str, Any]
    unknown: Mapping[str, str] = field(default_factory=dict)


def adopted_effects(
    found: Sequence[RecordedEffect], refs: Sequence[str], place: PathBase, branches: Sequence[str] | None,
) -> list[AdoptedEffect]:
    """One for each effect, and for each set of arguments where these depend on the branch.

    refs: all that were tried. branches: those to push to, where all would do.
    """
    by_name: dict[tuple[str, str, str], list[RecordedEffect]] = {}
    for each in found:
        by_name.setdefault((each.kind, each.job, each.name), []).append(each)
    effects: list[AdoptedEffect] = []
    for (kind, job, name), members in by_name.items():
        variants: dict[str, list[RecordedEffect]] = {}
        for each in members:
            if each.runs:
                variants.setdefault(json.dumps(each.call, sort_keys=True), []).append(each)
        for seen in variants.values() or [[members[0]]]:
            running = [each.ref for each in seen if each.runs]
            host = _host_name(name, running if len(variants) > 1 else [])
            read = read_call(seen[0].call, place) if seen[0].call else Read({}, {'function': STRANGE})
            effects.append(_adopted(name, host, (kind, job), read, _run_on(running, refs, place), branches))
    return effects


def _host_name(name: str, refs: Sequence[str]) -> str:
    """As the effect, as far as that can be the name of a host; with the ref where it is another effect there."""
    last = '-' + refs[0].split('/', 2)[2] if refs else ''
    return re.sub(r'[^A-Za-z0-9_-]+', '-', name + last).strip('-') or 'effect'


def _run_on(running: Sequence[str], refs: Sequence[str], place: PathBase) -> dict[str, Any]:
    """The rule that agrees with what was seen, as in option run_on."""
    if set(running) == set(refs):
        return {'any_ref': True}
    kinds = (('branches', 'branch', HEADS, ANOTHER_BRANCH), ('tags', 'tag', TAGS, A_TAG))
    tags = {ref for ref in refs if ref.startswith(TAGS)}
    if ANOTHER_BRANCH not in running and tags <= set(running):  # any tag
        heads = [ref[len(HEADS):] for ref in running if ref.startswith(HEADS)]
        return {**({'branches': heads} if heads else {}), 'tags': ['*']}
    if ANOTHER_BRANCH in running or A_TAG in running:
        tests = [_test(place.repository, fact, start, other, running, refs) for _names, fact, start, other in kinds]
        return {'condition': ' || '.join(filter(None, tests)), 'branches': []}
    found = {names: _patterns([ref[len(start):] for ref in running if ref.startswith(start)]) for names, _fact, start, _other in kinds}
    return {names: found[names] for names in found if found[names]}


def _patterns(names: Sequence[str]) -> list[str]:
    """Names, where one that goes on was seen to do as well with an asterisk."""
    longer = [name[:-len(MORE)] for name in names if name.endswith(MORE)]
    starts = [start[:-1] if start[:-1] in names else start for start in longer]
    return [*(start + '*' for start in starts), *(name for name in names if not any(name.startswith(start) for start in starts))]


def _test(repository: str, fact: str, start: str, other: str, running: Sequence[str], refs: Sequence[str]) -> str:
    """The code that asks for branches, or for tags: all but some, or some."""
    these = [ref for ref in refs if ref.startswith(start)]
    if other in running:
        left = ['%s.ref != %s' % (repository, quoted(ref)) for ref in these if ref not in running]
        return '(%s)' % ' && '.join(['%s.%s != null' % (repository, fact), *left])
    return ' || '.join('%s.ref == %s' % (repository, quoted(ref)) for ref in these if ref in running)


def _adopted(
    name: str, host: str, handler: tuple[str, str], read: Read, run_on: Mapping[str, Any], branches: Sequence[str] | None,
) -> AdoptedEffect:
    options = dict(read.options)
    function = options.get('function')
    nixops = functions.nixops_of(function)
    deployment = options.get('deployment') if nixops else None
    variables: dict[str, Any] = {}
    if deployment:
        variables['nixops_deployment'] = options.pop('deployment')
    variables.update(_branches(run_on, branches))
    if handler[1] != 'default':
        variables['nixops_job'] = handler[1]
    variables.update((PREFIX + option, value) for option, value in options.items())
    for option, said in read.unknown.items():
        name_of_option, _stop, within = option.partition('.')
        variable = PREFIX + name_of_option
        question = 'The file has %s%s. What is that in the inventory?' % (said, ' as %s' % within if within else '')
        variables.setdefault(variable, Question(question, '%s: …' % variable))
    return AdoptedEffect(name, host, function, str(deployment or '') if nixops else None, variables, read.unknown)


def _branches(run_on: Mapping[str, Any], branches: Sequence[str] | None) -> dict[str, Any]:
    """Where it runs, and which branches a run is to push to."""
    ask = Question('Pushes to which branches deploy it?', 'nixops_branches: [production]')
    if set(run_on) == {'branches'} and not any('*' in name for name in run_on['branches']):
        return {'nixops_branches': run_on['branches']}
    if not run_on:
        said = 'It did not run on any ref that was tried. On which does it? Never is nixops_run_on: {condition: "false"}.'
        return {'nixops_branches': Question(said, 'nixops_branches: [production]')}
    named = [name for name in run_on.get('branches') or () if '*' not in name]
    rule = {kind: rule for kind, rule in run_on.items() if kind != 'branches' or rule != named}
    return {'nixops_branches': named or list(branches or ()) or ask, 'nixops_run_on': rule}


def schedules_of(found: Sequence[RecordedEffect]) -> dict[str, dict[str, Any]]:
    """When jobs of onSchedule run, as in option schedules."""
    schedules = {}
    for each in found:
        if each.kind == 'onSchedule':
            schedules[each.job] = {WHEN[name]: value for name, value in (each.when or {}).items() if name in WHEN and value is not None}
    return schedules


def slug(project: str | None, checkout: str) -> str:
    """A name for the group of a project's networks."""
    last = (project or checkout).rstrip('/').rpartition('/')[2]
    plain = re.sub(r'\W+', '_', last, flags=re.ASCII).strip('_') or 'project'
    return plain if not plain[0].isdigit() else 'project_' + plain
