# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How tests are marked."""

from __future__ import annotations

from functools import partial

import pytest

SLOW = partial(pytest.param, marks=pytest.mark.slow)
"""A set of parameters for make test-all, where another one is enough for make test."""
