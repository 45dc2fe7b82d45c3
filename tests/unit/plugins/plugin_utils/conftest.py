# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A moto server, and modules to compare with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aws.server import Aws, running
from tests.support.modules import run_module

__all__ = ['run_module']


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """AWS, as boto3 finds it, with the user neat-deployer."""
    with running() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server
