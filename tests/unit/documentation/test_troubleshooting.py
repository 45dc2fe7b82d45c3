# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages in guide_troubleshooting are those that are printed: somebody who searches it for the first words finds them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from math import inf

import pytest

from tests.support.surroundings import ROOT

GUIDE = (ROOT / 'docs' / 'docsite' / 'rst' / 'guide_troubleshooting.rst').read_text(encoding='utf-8')
QUOTED = [literal for line in re.findall(r'^(\S.*)\n    \S', GUIDE, re.MULTILINE) for literal in re.findall(r'``(.+?)``', line)]
# What other programs print, and where we have it from.
OTHERS = {
    'Module result deserialization failed': 'ansible-core 2.19 and newer',
    'missing required arguments: nixops_branches, …': 'ansible-core, of argument specs',
    'sudo': 'a program',
    '/usr/bin/python3: not found': 'a shell on NixOS',
    'git pull': 'a command',
    'untracked working tree files would be overwritten by merge: effects.nix': 'Git',
    'Secret N does not exist or access was denied': 'hercules-ci-agent, facts of its source; the sandbox says the same',
    'Could not parse secrets file as configured on agent': 'the same',
}
PLACEHOLDER = re.compile(r'%\(\w+\)s|%[sdr]|\{\w*\}')


@cache
def messages() -> frozenset[str]:
    """All text in the code that a user might see, with placeholders."""
    def strings() -> Iterator[str]:
        for path in sorted((ROOT / 'plugins').rglob('*.py')):
            for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value
        for path in sorted((ROOT / 'roles').rglob('*.yml')):
            yield from path.read_text(encoding='utf-8').splitlines()

    return frozenset(' '.join(text.split()) for text in strings())


def same(quoted: Sequence[str], message: Sequence[str]) -> float:
    """How many words are the very same where a message, some of whose words hold placeholders, begins as quoted; else minus infinity."""
    if not quoted:
        return 0
    if not message:
        return -inf
    if quoted[0] == '…':
        return max((same(quoted[1:], message[number:]) for number in range(1, len(message))), default=-inf)
    pieces = PLACEHOLDER.split(message[0])
    if len(pieces) == 1:
        equal = message[0].startswith(quoted[0]) if len(quoted) == 1 else message[0] == quoted[0]
        return 1 + same(quoted[1:], message[1:]) if equal else -inf
    pattern = re.compile('.*'.join(map(re.escape, pieces)))
    ends = (number for number in range(1, len(quoted) + 1) if pattern.fullmatch(' '.join(quoted[:number])))
    return max((same(quoted[number:], message[1:]) for number in ends), default=-inf)


def is_printed(quoted: str) -> bool:
    """Whether some message begins so: its variables may be anything, three words or half of them are its own."""
    words = quoted.rstrip(' …').split()
    return any(same(words, message.split()) >= min(3, len(words) / 2) for message in messages())


@pytest.mark.parametrize('quoted', [quoted for quoted in QUOTED if quoted not in OTHERS])
def test_the_code_prints_it(quoted: str) -> None:
    assert is_printed(quoted)


def test_those_of_others_are_in_the_guide() -> None:
    assert set(OTHERS) <= set(QUOTED)
    assert len(QUOTED) > 30


def test_what_is_not_printed_is_found() -> None:
    assert not is_printed('The branch has moved away.')
    assert not is_printed('Somebody has no deployment.')
