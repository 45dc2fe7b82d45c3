# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What a line of output says when the encodings are undone that programs write text in: quoting of shells, JSON, Python, URLs, base64."""

from __future__ import annotations

import html
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

RUN = re.compile(r'[A-Za-z0-9+/_-]{6,}={0,2}')
"""What may be base64 or hexadecimal."""
ESCAPES = {'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f', 'v': '\v', 'a': '\a', 'e': '\033', 'E': '\033'}
_STANDARD = str.maketrans('-_', '+/')


class View(NamedTuple):
    """A text that another one stands for, and where each of its characters starts and ends in that one."""

    text: str
    starts: list[int]
    ends: list[int]


def views(text: str) -> Iterator[View]:
    """The text with one encoding undone, for each that it has something of."""
    for pattern, decode in _DECODERS:
        if pattern.search(text):
            yield _view(text, pattern, decode)
    if _BYTES.search(text):
        yield _view(text, _BACKSLASH, partial(_unescaped, encoding='latin-1'))


def decoded(run: str) -> Iterator[str]:
    """What a run may say as base64 and as hexadecimal, which may begin with any of its first characters."""
    word = run.rstrip('=')
    for skipped in range(4):
        part = word[skipped:].translate(_STANDARD)
        part = part[:len(part) - (len(part) % 4 == 1)]
        yield b64decode(part + '=' * (-len(part) % 4)).decode('utf-8', 'ignore')
    if re.fullmatch('[0-9a-fA-F]{8,}', word):
        for skipped in range(2):
            part = word[skipped:]
            yield bytes.fromhex(part[:len(part) - len(part) % 2]).decode('utf-8', 'ignore')


def _view(text: str, pattern: re.Pattern[str], decode: Callable[[re.Match[str]], str]) -> View:
    view, position = View('', [], []), 0
    parts = []
    for found in pattern.finditer(text):
        said = decode(found)
        parts += [text[position:found.start()], said]
        view.starts.extend([*range(position, found.start()), *[found.start()] * len(said)])
        view.ends.extend([*range(position + 1, found.start() + 1), *[found.end()] * len(said)])
        position = found.end()
    view.starts.extend(range(position, len(text)))
    view.ends.extend(range(position + 1, len(text) + 1))
    return View(''.join([*parts, text[position:]]), view.starts, view.ends)


def _unescaped(found: re.Match[str], encoding: str = 'utf-8') -> str:
    """What an escape sequence with a backslash stands for. encoding: of bytes; Python writes characters of Latin-1 as single ones."""
    said = found.group()
    if found.group('bytes'):
        numbers = re.findall(r'\\(?:x([0-9a-fA-F]{2})|([0-7]{3}))', said)
        return _text(bytes(int(digits, 16) if digits else int(octal, 8) & 255 for digits, octal in numbers), encoding)
    if found.group('units'):
        units = b''.join(int(digits, 16).to_bytes(2, 'big') for digits in re.findall('[0-9a-fA-F]{4}', said))
        return units.decode('utf-16-be', 'replace')
    if found.group('point'):
        point = int(found.group('point').strip('{}'), 16)
        return chr(point) if point < 0x110000 else ''
    return ESCAPES.get(said[1], said[1])


def _from_url(found: re.Match[str]) -> str:
    said = found.group()
    return ' ' if said == '+' else _text(bytes.fromhex(said.replace('%', '')))


def _text(content: bytes, encoding: str = 'utf-8') -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode('latin-1')


_BACKSLASH = re.compile(
    r'\\(?:(?P<bytes>(?:x[0-9a-fA-F]{2}|[0-7]{3})(?:\\(?:x[0-9a-fA-F]{2}|[0-7]{3}))*)|(?P<units>u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*)'
    r'|(?:U(?=[0-9a-fA-F]{8})|u(?=\{))(?P<point>\{[0-9a-fA-F]{1,6}\}|[0-9a-fA-F]{8})|[^\n])',
)
_BYTES = re.compile(r'\\(?:x[89a-fA-F][0-9a-fA-F]|[23][0-7]{2})')
"""Those that mean different things in UTF-8 and in Latin-1."""
_DECODERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (_BACKSLASH, _unescaped),
    (re.compile(r"""'\\''|'"'"'|"'"'?"""), lambda _found: "'"),  # the shell's way to have an apostrophe between apostrophes
    (re.compile(r'(?:%[0-9a-fA-F]{2})+'), _from_url),
    (re.compile(r'(?:%[0-9a-fA-F]{2})+|\+'), _from_url),
    (re.compile(r'&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});'), lambda found: html.unescape(found.group())),
    (re.compile('\033\\[[0-9;?]*[a-zA-Z]'), lambda _found: ''),  # colours
)
