# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every block of code that users read: in Markdown, in guides, and in the EXAMPLES of plugins."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.surroundings import ROOT
from tests.unit.documentation.text import constant

KINDS = ('modules', 'inventory', 'filter')
PLUGINS = sorted((kind, file.stem) for kind in KINDS for file in (ROOT / 'plugins' / kind).glob('*.py'))
DIRECTIVE = re.compile(r'^( *)\.\. code-block:: (\S+)\n((?:\1   :\w+:.*\n)*)\n((?:\1   +\S.*\n|\n)+)', re.MULTILINE)
FENCE = re.compile(r'^( *)```(\S*)\n(.*?)^ *```$', re.MULTILINE | re.DOTALL)
LITERAL = re.compile(r'^(?! *\.\. ).*::$', re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block: where it stands, its language, its caption, if it has one, and its text."""

    file: str
    line: int
    language: str
    text: str
    caption: str = ''

    def __str__(self) -> str:
        return '%s:%d' % (self.file, self.line)


def markdown_files() -> list[Path]:
    """Those that users and contributors read."""
    names = ('README.md', 'CONTRIBUTING.md', 'examples/README.md', 'roles/nixops/README.md', 'tests/sandbox/README.md')
    return [ROOT / name for name in names]


def guides() -> list[Path]:
    """The guides."""
    return sorted((ROOT / 'docs' / 'docsite' / 'rst').glob('*.rst'))


def _line(text: str, match: re.Match[str]) -> int:
    return text.count('\n', 0, match.start()) + 1


def blocks() -> Iterator[Block]:
    """All of them."""
    for path in markdown_files():
        text = path.read_text(encoding='utf-8')
        for match in FENCE.finditer(text):
            yield Block(str(path.relative_to(ROOT)), _line(text, match), match[2], textwrap.dedent(match[3]))
    for path in guides():
        text = path.read_text(encoding='utf-8') + '\n'
        for match in DIRECTIVE.finditer(text):
            caption = re.search(r':caption: (.*)', match[3])
            yield Block(str(path.relative_to(ROOT)), _line(text, match), match[2], textwrap.dedent(match[4]), caption[1] if caption else '')
    for kind, name in PLUGINS:
        file = 'plugins/%s/%s.py' % (kind, name)
        yield Block(file, 1, 'yaml+jinja', constant(ROOT / file, 'EXAMPLES'))
