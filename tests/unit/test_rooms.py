# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The graph of imports inside of plugins/: every room imports from the rooms before it, and from no other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.surroundings import ROOT

PLUGINS = ROOT / 'plugins'
ORDER = (
    'module_utils',  # the files at its top, which everybody may import
    'module_utils/_git', 'module_utils/_secrets', 'module_utils/_hercules_ci',
    'module_utils/_jobs', 'module_utils/_hci', 'module_utils/_nix', 'module_utils/_nixops',
    'plugin_utils', 'plugin_utils/_aws', 'plugin_utils/_yaml_edits',
    'plugin_utils/_inventory', 'plugin_utils/_report', 'plugin_utils/_networks',
    'plugin_utils/_backup', 'plugin_utils/_pins', 'plugin_utils/_adopt', 'plugin_utils/_rotation',
    'doc_fragments', 'filter', 'inventory', 'modules', 'action',
)
UPPERMOST = ORDER[-5:]
FILES = sorted(PLUGINS.rglob('*.py'))


def room(file: Path) -> str:
    """The folder of a file, below plugins/."""
    return file.parent.relative_to(PLUGINS).as_posix()


def imported(file: Path) -> Iterator[Path]:
    """The files of the collection that a file imports. All of these imports are relative."""
    for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = file.parents[node.level - 1].joinpath(*(node.module or '').split('.'))
            for name in node.names:
                module = folder / ('%s.py' % name.name)
                yield module if module.exists() else folder.with_suffix('.py')
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ''] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            assert not any(name.startswith('ansible_collections') for name in names), file


@pytest.mark.parametrize('folder', sorted({room(file) for file in FILES}))
def test_a_room_imports_from_the_rooms_before_it(folder: str) -> None:
    before = {*ORDER[:ORDER.index(folder)], folder} - ({*UPPERMOST})
    wrong = [
        (file.name, room(other), other.name) for file in FILES if room(file) == folder
        for other in imported(file) if room(other) not in before
    ]
    assert not wrong


def test_every_import_leads_to_a_file_and_every_file_is_used() -> None:
    used = {other for file in FILES for other in imported(file)}
    assert not [str(file) for file in used if not file.exists()]
    assert not [str(file) for file in FILES if room(file) not in UPPERMOST and file not in used]


def test_files_do_not_import_each_other_in_circles() -> None:
    ended: set[Path] = set()

    def follow(file: Path, road: tuple[Path, ...]) -> None:
        assert file not in road, ' -> '.join(each.name for each in (*road, file))
        if file not in ended:
            for other in imported(file):
                follow(other, (*road, file))
            ended.add(file)

    for file in FILES:
        follow(file, ())


def test_no_file_is_longer_than_one_subject_needs() -> None:
    """Modules are mostly documentation."""
    long = {file.name: lines for file in FILES if (lines := len(file.read_text(encoding='utf-8').splitlines())) > 400}
    assert not long


def test_no_two_classes_have_one_name() -> None:
    """One name, one thing. Those that Ansible looks for by their names are everywhere, and those with an underscore nowhere else."""
    named: dict[str, list[str]] = {}
    for file in FILES:
        for node in ast.parse(file.read_text(encoding='utf-8')).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith('_') and room(file) not in UPPERMOST:
                named.setdefault(node.name, []).append(str(file.relative_to(PLUGINS)))
    assert {name: files for name, files in named.items() if len(files) > 1} == {}
