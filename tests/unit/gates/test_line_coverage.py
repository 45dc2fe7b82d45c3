# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of lines that no test ran."""

from __future__ import annotations

from tests.gates.line_coverage import spans


def test_lines_are_told_in_few_words() -> None:
    assert spans([3, 4, 5, 9]) == '3-5 9'
