# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""When a state is neither left on the server nor put there, because NixOps would make machines anew with it, or forget machines.

All of this is decided from what is here and what is there. Nothing is said about values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .._hercules_ci.state import Version
from .._problems import Failure, Problem, fail
from .difference import Differences
from .importable import LOOK
from .placement import WRITES, Placement


def require_nothing_new(placement: Placement, version_with: Callable[[Placement], Version | None]) -> list[Problem]:
    """Refuse to keep a state without which what is here would be made anew. Returns what there is to warn of.

    version_with: finds the version that has the content from here. Who has an older version has nothing that the server did not have.
    """
    newest, comparison = placement.newest, placement.comparison
    if placement.action != 'kept' or newest is None:
        return []
    where = '%s, %s' % (placement.name, newest)
    remedy = _ways_out(newest)
    if placement.unusable:
        raise Failure(
            tuple(replace(problem, where=where, remedy=_put_on_top(newest, problem.remedy)) for problem in placement.unusable),
            {'differences': placement.differences.as_dicts()},
        )
    if comparison is None:
        return [] if placement.same_as else [_older(placement, 'something that cannot be compared')]
    alone = comparison.here_alone
    others = [each.deployment for each in alone.listed if not each.resource]
    if not others and version_with(placement):
        return []
    if others:
        raise fail(
            'Hercules CI has the state of another deployment. It would be deployed, and the one from here would not.',
            where=where,
            expected='deployment %s, as in %s' % (others[0], placement.here.where),
            found=', '.join(each.deployment for each in comparison.there_alone.listed if not each.resource),
            remedy=remedy,
            differences=placement.differences.as_dicts(),
        )
    if alone:
        raise fail(
            'Hercules CI has a state that lacks what is here, and no older version of it had that. A deployment would make it anew.',
            where=where,
            expected='what is in %s, or a version that is the same' % placement.here.where,
            found=str(alone),
            remedy=remedy,
            differences=placement.differences.as_dicts(),
        )
    return [_older(placement, str(placement.differences))]


def _older(placement: Placement, found: str) -> Problem:
    return Problem(
        'The state on the server is used. The one from here is not among its versions, but has nothing that would be made anew.',
        where='%s, %s, and %s' % (placement.name, placement.newest, placement.here.where),
        found=found,
        remedy='Where the one from here is not needed any longer, leave the task out (for the role, nixops_state: present)',
        severity='warning',
    )


def _ways_out(newest: Version) -> str:
    return (
        'Look at both: nixops_state_fetch gets version %d. Where that is right, leave this task out (for the role, nixops_state: present). '
        'Where yours is right, set existing=replace with replaced_version=%d' % (newest.number, newest.number)
    )


def _put_on_top(newest: Version, otherwise: str) -> str:
    return ('' if otherwise == LOOK else otherwise + '. ') + (
        'Look at it with nixops_state_fetch, and at the versions before it. Where yours is right, existing=replace with '
        'replaced_version=%d puts it on top; version=NUMBER brings an older one back' % newest.number
    )


def require_seen(placement: Placement, seen: int | None) -> None:
    """Refuse to hide a version that nobody has looked at, and that knows of something that the new one does not.

    seen: the number of the version that the user says may be replaced.
    """
    newest = placement.newest
    if placement.action not in ('replaced', 'restored') or newest is None or newest.number == seen:
        return
    what, expected, found = _unseen(placement, newest, seen)
    if what:
        raise fail(
            what,
            where='%s, %s' % (placement.name, newest),
            expected=expected,
            found=str(found),
            remedy='With an older state NixOps would create again what it does not find there. Fetch version %d and compare. If yours is '
            'right all the same, set replaced_version=%d' % (newest.number, newest.number),
            differences=placement.differences.as_dicts(),
        )


def _unseen(placement: Placement, newest: Version, seen: int | None) -> tuple[str, str, Differences]:
    """What speaks against it, what was expected instead, and what differs. Who restores a version has chosen it among others."""
    if seen is not None:
        return 'The newest state on the server is not the one that was to be replaced.', 'version %d' % seen, placement.differences
    if placement.action == 'replaced' and newest.job:
        what = 'The newest state on the server is the result of a deployment by Hercules CI.'
        return what, 'a version that somebody uploaded', placement.differences
    if placement.comparison is None:
        return 'What is on the server cannot be compared with what would replace it.', 'a state', placement.differences
    alone = placement.comparison.there_alone
    if any(not each.resource for each in alone.listed):
        return 'The newest state on the server is that of another deployment.', 'the same deployment', alone
    if alone:
        return 'The newest state on the server has what the new one lacks.', 'nothing that would be lost', alone
    return '', '', alone


def advice(placement: Placement, machines: int) -> list[Problem]:
    """What to warn of where something is uploaded. machines: how many the state has."""
    if placement.action not in WRITES:
        return []
    problems = []
    if not machines:
        what = 'The state that is uploaded has no machines: with it, NixOps makes all machines of the network.'
        remedy = 'See whether this is the right deployment, in the right database'
        problems.append(Problem(what, placement.here.where, remedy=remedy, severity='warning'))
    if placement.action == 'replaced' and placement.same_as:
        what = 'The state that replaces the newest version is an older version of it.'
        found = 'the content of %s' % placement.same_as
        where = '%s, %s' % (placement.name, placement.newest)
        remedy = 'If that was not meant, bring the other back with version=%d' % (placement.newest.number if placement.newest else 0)
        problems.append(Problem(what, where, found=found, remedy=remedy, severity='warning'))
    return problems
