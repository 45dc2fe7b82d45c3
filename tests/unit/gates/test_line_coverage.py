# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wanted of lines that were run, and of files that were loaded."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.gates import line_coverage


@pytest.mark.parametrize(('loaded', 'share', 'code', 'words'), [
    ({'plugins/a.py', 'plugins/b.py'}, 95.0, 0, ''),
    ({'plugins/a.py', 'plugins/b.py'}, 94.9, 1, ''),
    ({'plugins/a.py'}, 100.0, 1, 'plugins/b.py: no test loads it\n'),
])
def test_lines_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], loaded: set[str], share: float, code: int,
    words: str,
) -> None:
    """A file that only names constants need not be loaded."""
    (tmp_path / 'plugins').mkdir()
    for name, text in (('a', 'def a(): pass\n'), ('b', 'class B:\n    def b(self): pass\n'), ('c', 'C = 1\n')):
        (tmp_path / 'plugins' / ('%s.py' % name)).write_text(text)
    totals = {'percent_statements_covered': share, 'num_statements': 200, 'percent_branches_covered': 50.4, 'num_branches': 8}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['line_coverage', '95'])
    monkeypatch.setattr(sys, 'stdin', io.StringIO(json.dumps({'files': dict.fromkeys(loaded), 'totals': totals})))
    assert line_coverage.main() == code
    assert capsys.readouterr().out == words + '%.1f %% of 200 lines, 50 %% of 8 branches\n' % share
