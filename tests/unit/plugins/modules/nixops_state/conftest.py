# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules for states, run against the sandbox in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.in_process import Sandbox
from tests.support.state_modules import (
    PROJECT,
    TOKEN,
    aws_prod,
    database,
    make_job,
    one_deployment,
    other,
    pauses,
    run,
    secrets,
    state,
    warned,
)

__all__ = ['aws_prod', 'database', 'make_job', 'one_deployment', 'other', 'pauses', 'run', 'secrets', 'state', 'warned']


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / 'sandbox', token=TOKEN) as running:
        running.add_project(PROJECT)
        yield running
