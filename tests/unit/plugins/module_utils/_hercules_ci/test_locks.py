# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a lease is renewed, whatever the clocks say. Locks as such are tested with nixops_state."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.locks import LONGEST_RENEWAL, _renewal_interval


@pytest.mark.parametrize(
    ('left', 'least', 'most'),
    [(30, 9, 10), (300, 99, 100), (86_400, LONGEST_RENEWAL, LONGEST_RENEWAL), (0, 0.1, 1), (-30, 0.1, 1), (-86_400, 10, 60)],
    ids=['soon', 'later', 'the clock here is slow', 'now', 'just over', 'the clock here is fast'],
)
@pytest.mark.parametrize('form', ['%Y-%m-%dT%H:%M:%SZ', '%Y-%m-%dT%H:%M:%S.%f123456Z'])
def test_in_time_and_not_without_a_pause(form: str, left: int, least: float, most: float) -> None:
    end = datetime.now(timezone.utc) + timedelta(seconds=left)
    assert least - 1 <= _renewal_interval(end.strftime(form)) <= most


@pytest.mark.parametrize('text', ['', 'soon', '2026-13-01T00:00:00Z'])
def test_what_is_no_time(text: str) -> None:
    assert 10 <= _renewal_interval(text) <= 60
