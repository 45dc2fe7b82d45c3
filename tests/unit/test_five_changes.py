# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that five usual changes touch, as CONTRIBUTING lists them: they are there, and a new column needs no others."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report import outcome
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.outcome import Cell, Column, Outcome
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.page import html_page
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.table import text_table

from tests.support.surroundings import ROOT

TABLE = re.search(r'## Five changes.*?\n\n(.*?)\n\n', (ROOT / 'CONTRIBUTING.md').read_text(), re.DOTALL)


def test_every_file_of_the_list_is_there() -> None:
    assert TABLE
    named = [name for name in re.findall(r'`([\w/<>]+[./][\w.<>/]+)`', TABLE[1]) if '<' not in name]
    assert len(named) >= 6
    folders = (ROOT, ROOT / 'plugins', ROOT / 'roles' / 'nixops', ROOT / 'roles' / 'nixops' / 'meta')
    assert [name for name in named if not any((folder / name).exists() for folder in folders)] == []


def test_a_new_column_is_in_table_and_page(monkeypatch: pytest.MonkeyPatch) -> None:
    weather = Column('Weather', lambda _outcome: Cell('sunny'))
    monkeypatch.setattr(outcome, 'COLUMNS', (*outcome.COLUMNS[:-1], weather, outcome.COLUMNS[-1]))
    outcomes = [Outcome('neat-network', 'github/neat-org/neat-repo', 'production', 'deployed')]
    lines = [text for text, _tone in text_table(outcomes, 100)]
    assert 'WEATHER' in lines[0] and any('sunny' in line for line in lines)
    assert 'data-label="Weather"' in html_page(outcomes, [], datetime.now(timezone.utc))
