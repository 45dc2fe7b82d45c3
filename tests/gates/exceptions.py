# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Count what the tree asks other gates to overlook, and the tests it may skip: `python -m tests.gates.exceptions`.

Each has its reason on the same line, and there are fewer than ten. Counted are comments for linters, skipped tests, rules that ruff
ignores, files that a linter passes over, and entries in sanity's ignore files.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

LIMIT = 10

# In code: where the exception begins; what follows it has to hold a reason, after a blank or as an argument.
COMMENT = re.compile(r'#\s*(?:noqa|type:\s*ignore|pragma:\s*no\s*cover|nosec|pylint:\s*disable|yamllint\s+disable|shellcheck\s+disable)'
                     r'[-:=]?(?:\[[\w,-]+\]|\s*[A-Z]+\d+\b|\s*[\w-]+\[[\w-]+\]|\s*[\w-]*=?SC\d+|(?<=disable=)[\w,-]+)?')
SKIP = re.compile(r'pytest\.(?:skip|importorskip|xfail|mark\.(?:skip|xfail)\w*)\b\(?')
SKIP_REASON = re.compile(r"reason='\w|\.skip\('?\w")
# In pyproject.toml: rules in a list of ignored ones, or for a pattern of files.
RULES = re.compile(r'^(?:"[^"]+" = \[)?\s*(?:ignore = \[)?((?:"[A-Z]+\d*"(?:, )?)+)')
# In the settings of linters for YAML: an entry of a list of what is passed over.
LISTS = re.compile(r'^(?:ignore|exclude_paths|skip_list|warn_list):', re.MULTILINE)


def in_code(text: str) -> Iterator[tuple[int, bool]]:
    """The line of each exception in code or YAML, and whether it has a reason."""
    for number, line in enumerate(text.splitlines(), 1):
        comment, skip = COMMENT.search(line), SKIP.search(line)
        if comment:
            yield number, bool(re.match(r'\s+\S*\s*\w', line[comment.end():]))
        elif skip:
            yield number, bool(SKIP_REASON.search(line[skip.start():]))


def in_ruff_settings(text: str) -> Iterator[tuple[int, bool]]:
    """The same for pyproject.toml."""
    section = ''
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        heading = re.match(r'\[+([\w.-]+)\]', line)
        section = heading.group(1) if heading else section
        inside = (inside or bool(re.match(r'(?:extend-)?ignore = \[', line))) and not line.startswith(']')
        listed = inside or (section.endswith('per-file-ignores') and '=' in line)
        if section.startswith('tool.ruff') and listed and RULES.match(line):
            yield number, bool(re.search(r'#\s*\w', line))


def in_lists(text: str) -> Iterator[tuple[int, bool]]:
    """The same for .yamllint and .ansible-lint."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        inside = bool(LISTS.match(line)) or (inside and line.startswith(' '))
        entry = re.match(r'\s+-\s+\S+(.*)', line)
        if inside and entry:
            yield number, '#' in entry.group(1)


def exceptions(tree: Path) -> Iterator[tuple[str, bool]]:
    """FILE:LINE of every exception in the tree, and whether it has a reason."""
    for path in sorted(tree.rglob('*')):
        name = path.relative_to(tree).as_posix()
        if not path.is_file() or re.match(r'(?:\.(?:git|cache|nox|venv)|tests/(?:output|fixtures))/', name):
            continue
        if path.name == 'pyproject.toml':
            found = in_ruff_settings(path.read_text())
        elif path.name in ('.yamllint', '.ansible-lint'):
            found = in_lists(path.read_text())
        elif re.match(r'tests/sanity/ignore', name):
            found = ((number, '#' in line) for number, line in enumerate(path.read_text().splitlines(), 1))
        elif path.suffix in ('.py', '.yml', '.yaml', '.sh', '.nix'):
            found = in_code(path.read_text())
        else:
            continue
        yield from (('%s:%d' % (name, number), reason) for number, reason in found)


def main() -> int:
    """Print every exception; 1 if there are too many or one has no reason."""
    found = list(exceptions(Path()))
    for place, reason in found:
        print('%s%s' % (place, '' if reason else ': no reason beside it'))
    print('%d exceptions, fewer than %d are allowed' % (len(found), LIMIT))
    return 0 if len(found) < LIMIT and all(reason for _place, reason in found) else 1


if __name__ == '__main__':
    sys.exit(main())
