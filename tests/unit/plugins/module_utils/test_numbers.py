# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers in options that nobody can wait for or count to."""

from __future__ import annotations

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._numbers import BOUNDS, require_sensible_numbers
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure


def test_everything_within_the_bounds_is_taken() -> None:
    for end in (0, 1):
        require_sensible_numbers({**{name: bounds[end] for name, bounds in BOUNDS.items()}, 'unknown': -1, 'path': 'x'})
    require_sensible_numbers(dict.fromkeys(BOUNDS))


@pytest.mark.parametrize('number', [-1, 10**400, float('nan'), float('inf')])
def test_all_that_are_out_of_bounds_are_told(number: float) -> None:
    with pytest.raises(Failure) as raised:
        require_sensible_numbers(dict.fromkeys(BOUNDS, number))
    assert [problem.where for problem in raised.value.problems] == list(BOUNDS)
    for said in ('Where: timeout. Expected: 1 to 3600 seconds. Found: %.40s.', 'Where: log_lines. Expected: 0 to 1000000. Found: %.40s.'):
        assert said % number in str(raised.value)
