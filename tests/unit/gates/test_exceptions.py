# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gates.exceptions import exceptions

# In two pieces each, so that this file holds no exception itself.
MARK, SKIPPED = '#' + ' ', 'pytest' + '.'


@pytest.mark.parametrize(('name', 'text', 'found'), [
    ('a.py', 'import os  ' + MARK + 'noqa: F401\n', [False]),
    ('a.py', 'import os  ' + MARK + 'noqa\n', [False]),
    ('a.py', 'import os  ' + MARK + 'noqa: F401 for those who import it from here\n', [True]),
    ('a.py', 'import os  ' + MARK + 'noqa: F401  # for those who import it from here\n', [True]),
    ('a.py', 'x = y  ' + MARK + 'type: ignore[assignment,misc]\n', [False]),
    ('a.py', 'x = y  ' + MARK + 'type: ignore[assignment]  # tested below\n', [True]),
    ('a.py', 'run()  ' + MARK + 'pylint: disable=bad-function,other\n', [False]),
    ('a.py', 'run()  ' + MARK + 'pylint: disable=bad-function  # there is none\n', [True]),
    ('a.py', '@' + SKIPPED + "mark.skipif(True, reason='needs root')\n", [True]),
    ('a.py', '@' + SKIPPED + 'mark.skipif(True)\n', [False]),
    ('a.py', SKIPPED + "skip('no disk')\n" + SKIPPED + 'skip()\n', [True, False]),
    ('a.yml', '- name: x  ' + MARK + 'noqa: name[missing]\n', [False]),
    ('a.sh', MARK + 'shellcheck disable=SC2086\n' + MARK + 'shellcheck disable=SC2086 # words are wanted\n', [False, True]),
    ('pyproject.toml', '[tool.ruff.lint]\nselect = ["S"]\nignore = [\n  "S603", "S607", # why\n  "UP031",\n]\n', [True, False]),
    ('pyproject.toml', '[tool.ruff.lint.per-file-ignores]\n"tests/**" = ["S"]\n', [False]),
    ('.ansible-lint', 'exclude_paths:\n  - changelogs/\nskip_list:\n  - yaml  # why\n', [False, True]),
    ('tests/sanity/ignore-2.19.txt', 'plugins/modules/a.py import-3.9\n', [False]),
    ('a.py', 'names = ["noqa", "skip"]\n', []),
])
def test_each_exception_is_found_and_wants_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, found: list[bool]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    assert [reason for _place, reason in exceptions(Path())] == found
