# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests find the programs that the gates find, also where pytest is called by hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.surroundings import search_path

os.environ['PATH'] = search_path(Path(sys.executable).parent)
