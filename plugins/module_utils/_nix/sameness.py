# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Whether one file means to agents what another one means: the same derivations for the same refs, whatever they are called.

A derivation is the same if all that it is made of is, where the newline at the end of a script does not count: those have one when they are
written by this collection.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from .._problems import Problem
from .walk import Built

# What runIf adds to an effect, for agents to build: nothing of it is run.
OF_RUN_IF = ('prebuilt', 'dependencies')
KEEP = 'Keep the file, choose form: effects and import what this module writes from it; or take that out of the file first.'


def differences(before: Sequence[Built], after: Sequence[Built]) -> list[Problem]:
    """Why the one cannot take the place of the other: for each effect the refs, and what differs."""
    found: dict[Problem, list[str]] = {}
    for ref in dict.fromkeys(each.ref for each in (*before, *after)):
        old, new = ([each for each in built if each.ref == ref] for built in (before, after))
        for problem in _on_ref(old, new):
            found.setdefault(problem, []).append(ref)
    for problem, where in _lost(before, after):
        found.setdefault(problem, []).append(where)
    return [
        Problem(problem.what, '%s on %s' % (problem.where, ', '.join(refs)), problem.expected, problem.found, problem.remedy)
        for problem, refs in found.items()
    ]


def _lost(before: Sequence[Built], after: Sequence[Built]) -> Iterator[tuple[Problem, str]]:
    """Effects that were not seen to run on any ref, of which only runIf's dependencies tell, and that the other file does not have."""
    known = {_place(each) for each in after}
    seen = {_place(each) for each in before if each.effect}
    lost = {_place(each): each for each in before if each.path[-1] == 'dependencies' and _place(each) not in seen | known}
    for each in lost.values():
        yield Problem('An effect of the file did not run on any ref that was tried, and the inventory does not have it.', each.said,
                      remedy='Name a ref on which it runs in refs, or take it out of the file first.'), 'no ref'


def _on_ref(old: Sequence[Built], new: Sequence[Built]) -> Iterator[Problem]:
    """What differs on one ref. That an effect is told to run twice there makes no difference to what it does."""
    there, here = ({_meaning(each) for each in built} for built in (old, new))
    builds = {each.drv for each in new if not each.effect}
    by_place = {_place(each): each for each in new if each.effect}
    known = {_place(each) for each in old if each.effect}
    for each in old:
        if not each.effect and each.drv not in builds and each.path[-1] not in OF_RUN_IF:
            yield Problem('The file also has a build, which the inventory does not declare.', each.said, remedy=KEEP)
        if each.effect and _meaning(each) not in here:
            yield _difference(each, by_place.get(_place(each)))
    for each in new:
        if each.effect and _meaning(each) not in there and _place(each) not in known:
            yield Problem('An effect would run that the file does not have there.', each.said)


def _difference(old: Built, new: Built | None) -> Problem:
    if new is None:
        return Problem('An effect of the file would not run any more.', old.said, expected='one with the same derivation', found='none')
    if old.attributes == new.attributes:
        return Problem('The effect would run at other times.', old.said, expected=str(old.when), found=str(new.when))
    expected, found = _unlike(old.attributes, new.attributes)
    return Problem('The effect would do something else.', old.said, expected, found)


def _meaning(each: Built) -> Hashable:
    """What does not depend on names."""
    return each.effect, each.kind, each.job, str(each.when), tuple(sorted(each.attributes.items())) if each.effect else each.drv


def _place(each: Built) -> Hashable:
    return each.kind, each.job, re.sub(r'\W+', '-', each.name)


def _unlike(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, str]:
    """The first attributes that differ, as they are in both."""
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    # What follows from others says nothing by itself.
    names = [name for name in names if name != 'prebuilt'] or names

    def told(values: Mapping[str, str]) -> str:
        return '; '.join('%s = %s' % (name, values[name]) if name in values else 'no %s' % name for name in names[:4])

    return told(before), told(after)


def renamed(before: Iterable[Built], after: Iterable[Built]) -> dict[str, str]:
    """Effects that are the same under another name: their logs and histories stand at the new one."""
    names: dict[Hashable, list[str]] = {}
    for each in after:
        names.setdefault((each.ref, _meaning(each)), []).append(each.name)
    found = {each.name: names.get((each.ref, _meaning(each)), [each.name]) for each in before if each.effect}
    return {old: new[0] for old, new in found.items() if old not in new}
