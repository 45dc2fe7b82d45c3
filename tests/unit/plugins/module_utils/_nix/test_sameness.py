# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""When one file can take the place of another: what nixops_effect adopts is tested with the real Nix there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.sameness import differences, renamed
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.walk import Built

REF = 'refs/heads/main'
NIGHTLY = {'minute': 0, 'hour': [3], 'dayOfWeek': None, 'dayOfMonth': None}
EFFECT = Built(REF, 'onSchedule', 'nightly', ('neat', 'run'), '/nix/store/a.drv', True, NIGHTLY, {'script': 'x', 'prebuilt': 'y'})


def test_an_effect_at_other_times_is_another_one() -> None:
    later = replace(EFFECT, when={**NIGHTLY, 'hour': [4]})
    (problem,) = differences([EFFECT], [later])
    assert problem.what == 'The effect would run at other times.'
    assert problem.where == 'onSchedule.nightly.neat.run on %s' % REF
    assert "'hour': [3]" in problem.expected and "'hour': [4]" in problem.found
    assert differences([EFFECT], [replace(EFFECT)]) == []


@pytest.mark.parametrize(('attributes', 'expected', 'found'), [
    ({'script': 'z', 'prebuilt': 'z'}, 'script = x', 'script = z'),
    ({'script': 'x', 'prebuilt': 'z'}, 'prebuilt = y', 'prebuilt = z'),
    ({'prebuilt': 'y'}, 'script = x', 'no script'),
])
def test_what_is_told_is_the_cause_and_not_what_follows_from_it(attributes: dict[str, str], expected: str, found: str) -> None:
    (problem,) = differences([EFFECT], [replace(EFFECT, attributes=attributes)])
    assert (problem.what, problem.expected, problem.found) == ('The effect would do something else.', expected, found)


def test_refs_on_which_the_same_differs_are_told_together() -> None:
    other = 'refs/heads/other'
    (problem,) = differences([EFFECT, replace(EFFECT, ref=other)], [])
    assert (problem.what, problem.found) == ('An effect of the file would not run any more.', 'none')
    assert problem.where.endswith('on %s, %s' % (REF, other))


def test_a_name_makes_no_difference_and_is_told() -> None:
    new = replace(EFFECT, path=('tidy', 'run'))
    assert differences([EFFECT], [new]) == []
    assert renamed([EFFECT], [new]) == {'neat': 'tidy'}
