# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words that users read: English that a colleague would write, and in messages no marks that only Ansible's documentation has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.surroundings import ROOT

FOLDERS = ('plugins', 'roles', 'playbooks', 'docs')
SUFFIXES = ('.py', '.yml', '.rst', '.md', '.j2')
ODD = re.compile(
    r"belongs? into|taken? for a slip|It is not said|[Ww]hat is no text|that are no UTF-8|\b[Mm]end(?:s|ed)?\b|[Tt]his is no\b|as of POSIX"
    r'|repeated for ever|is none that fetch|given as such',
)
MARK = re.compile(r'\b(?:[BCEIMOPV]|RV)\([A-Za-z{%]')


def files() -> Iterator[Path]:
    """What users read, or print."""
    yield ROOT / 'README.md'
    for folder in FOLDERS:
        yield from (path for path in sorted((ROOT / folder).rglob('*')) if path.suffix in SUFFIXES)


def messages(path: Path) -> Iterator[str]:
    """The strings of a file that are not documentation: arguments, parts of expressions, entries of tables."""
    tree = ast.parse(path.read_text())
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    documentation |= {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id in ('DOCUMENTATION', 'EXAMPLES', 'RETURN') for target in node.targets)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def test_no_odd_words() -> None:
    found = ['%s: %s' % (path.relative_to(ROOT), match[0]) for path in files() for match in ODD.finditer(path.read_text())]
    assert found == []


@pytest.mark.parametrize('folder', ['action', 'inventory', 'module_utils', 'modules', 'plugin_utils'])
def test_no_marks_of_documentation_in_messages(folder: str) -> None:
    marked = [
        '%s: %s' % (path.name, text) for path in sorted((ROOT / 'plugins' / folder).rglob('*.py')) for text in messages(path)
        if MARK.search(text)
    ]
    assert marked == []


@pytest.mark.parametrize('folder', ['action', 'module_utils', 'plugin_utils'])
def test_no_marks_of_documentation_where_nothing_renders_them(folder: str) -> None:
    marked = [
        '%s: %s' % (path.name, text) for path in sorted((ROOT / 'plugins' / folder).rglob('*.py'))
        for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for text in str(node.value.value).splitlines() if MARK.search(text)
    ]
    assert marked == []
