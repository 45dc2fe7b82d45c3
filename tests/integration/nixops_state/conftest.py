# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules for states in processes of their own, or for as long as it really takes, so with the sandbox as a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.server import Sandbox
from tests.support.modules import run_module
from tests.support.state_modules import PROJECT, TOKEN, database, pauses, run, secrets, state

__all__ = ['database', 'pauses', 'run', 'run_module', 'secrets', 'state']


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / 'sandbox', token=TOKEN) as running:
        running.add_project(PROJECT)
        yield running
