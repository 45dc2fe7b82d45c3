# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which versions of a state stand in a row of the report."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.state import Version
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.service import change_by, version_to_come


def versions(*jobs: str) -> list[Version]:
    """Versions 1, 2, … of a file, each with the job that stored it."""
    return [Version(number, '2026-01-01T00:00:00Z', None, None, job, '') for number, job in enumerate(jobs, 1)]


@pytest.mark.parametrize(('stored_by', 'known', 'change'), [
    (['', 'job 7'], None, (1, 2)),  # uploaded in this run, then deployed
    (['', 'job 7'], 2, (1, 2)),  # deployed before this run, which has the same to tell
    (['', 'job 7', 'job 7', 'job 8'], 4, (1, 3)),
    (['job 7'], None, (None, 1)),
    (['', 'job 6'], 2, (2, 2)),  # such as a dry run, which stores nothing
    (['', ''], 1, (1, 2)),
    ([], None, (None, None)),
    ([], 3, (3, None)),
])
def test_what_the_job_stored_counts_whenever_it_was(stored_by: list[str], known: int | None, change: tuple[int | None, int | None]) -> None:
    assert change_by('job 7', versions(*stored_by), known) == change


@pytest.mark.parametrize(('uploaded', 'version'), [
    ({}, 3), ({'action': 'unchanged', 'previous_version': 3}, 3), ({'action': 'kept', 'previous_version': 3}, 3),
    ({'action': 'replaced', 'previous_version': 3}, 4), ({'action': 'restored', 'previous_version': 0}, 1),
    ({'action': 'created', 'previous_version': None}, 1),
])
def test_the_version_that_comes(uploaded: dict[str, Any], version: int) -> None:
    assert version_to_come(uploaded, 3) == version


def test_without_a_job_the_run_counts() -> None:
    assert change_by('', versions('', ''), 1) == (1, 2)
