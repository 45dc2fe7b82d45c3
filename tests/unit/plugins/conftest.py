# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Nix store of the tests' own: that of the machine is not for everybody to write to."""

from __future__ import annotations

import pytest

from tests.sandbox.evaluation import Nix


@pytest.fixture(scope='session')
def nix_store(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables that make Nix use it; one for all tests, so that pins are unpacked once."""
    nix = Nix(tmp_path_factory.mktemp('nix'))
    nix.set_up()
    return nix.environment()
