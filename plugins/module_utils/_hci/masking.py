# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Keep known secrets out of what a program writes, in whichever encoding it writes them."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from typing import Any

from .encodings import RUN, decoded, views

SHORTEST = 4
"""Shorter values are no secrets, and masking them would make unrelated text unreadable."""
MASK = '********'
DEEPEST = 5
"""How many encodings may be inside each other, such as JSON in JSON in base64."""
LONGEST_BLOCK = 4096
"""How many lines are looked at together."""
MOST_WORDS = 20000
WRAPPED = 20
"""From which length on a word at the end of a line may go on in the next one."""
GOING_ON = re.compile(r"""([A-Za-z0-9+/_-]+={0,2})["'\\,;)}\]]*\s*$""")
"""The rest of such a word."""

Span = tuple[int, int]


class Mask:
    """Replaces values in single lines of text."""

    def __init__(self, values: Iterable[Any]) -> None:
        """values: any JSON; each string in it is a secret, whatever the name of its field, and so is each in one that is JSON itself."""
        self._starting: dict[str, list[str]] = {}  # values by how they begin: there may be thousands
        self._words: dict[tuple[str, int], bool] = {}
        lines = {line.strip() for value in values for text in _texts(value) for line in (text, *text.splitlines())}
        for line in sorted(lines, key=len, reverse=True):
            if len(line) >= SHORTEST:
                self._starting.setdefault(line[:SHORTEST], []).append(line)

    def __bool__(self) -> bool:
        return bool(self._starting)

    def __call__(self, line: str) -> str:
        return replaced(line, self.spans(line)) if self._starting else line

    def spans(self, text: str) -> list[Span]:
        """Where values are in a text, as they are or encoded."""
        return self._spans(text, {}, 0)

    def _spans(self, text: str, known: dict[tuple[str, int], list[Span]], depth: int) -> list[Span]:
        """known: what was found already, so that the same text is looked through once on each level."""
        if (text, depth) not in known:
            found = known[text, depth] = list(self._plain(text))
            if depth < DEEPEST:
                found += [run.span() for run in RUN.finditer(text) if self._holds_a_value(run.group(), depth)]
                for view in views(text):
                    found += [(view.starts[start], view.ends[end - 1]) for start, end in self._spans(view.text, known, depth + 1)]
        return known[text, depth]

    def _holds_a_value(self, word: str, depth: int) -> bool:
        """Whether there is a value in what a word may be base64 or hexadecimal of. Words come again and again."""
        if (word, depth) not in self._words:
            if len(self._words) > MOST_WORDS:
                self._words.clear()
            self._words[word, depth] = any(self._spans(text, {}, depth + 1) for text in decoded(word))
        return self._words[word, depth]

    def _plain(self, text: str) -> Iterator[Span]:
        for start in range(len(text) - SHORTEST + 1):
            for value in self._starting.get(text[start:start + SHORTEST], ()):
                if text.startswith(value, start):
                    yield start, start + len(value)
                    break


class MaskedLines:
    """Masks lines as they come. Words that fill lines, as long base64 does, are looked at together before they are let out."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held: list[str] = []
        self._words: list[Span] = []  # of each line that is held, where the word is that may go on

    def take(self, line: str) -> list[str]:
        """The lines that are ready, now that this one has come."""
        if not self._mask:
            return [line]
        ready: list[str] = []
        first = self._beginning(line) if self._held else None
        if self._held and (first is None or len(self._held) == LONGEST_BLOCK):
            ready, first = self.end(), None
        last = _last_word(line)
        going_on = last is not None and (first is None or first[0] == last[0])
        word = last if going_on else first
        self._held.append(line)
        self._words.append(word or (0, 0))
        return ready if going_on else ready + self.end()

    def end(self) -> list[str]:
        """The lines that were held back."""
        lines, words = self._held, self._words
        self._held, self._words = [], []
        joined = ''.join(line[start:end] for line, (start, end) in zip(lines, words))
        hits: list[list[Span]] = [self._mask.spans(line) for line in lines]
        for start, end in self._mask.spans(joined) if len(lines) > 1 else ():
            position = 0
            for number, word in enumerate(words):
                if position < end and position + word[1] - word[0] > start:
                    hits[number].append(word)
                position += word[1] - word[0]
        return [replaced(line, spans) for line, spans in zip(lines, hits)]

    def _beginning(self, line: str) -> Span | None:
        """The word with which a line goes on from the one before: at its beginning, or after what that one has before its word, too."""
        indent = len(line) - len(line.lstrip())
        before, word = self._held[-1][:self._words[-1][0]], self._held[-1][slice(*self._words[-1])]
        if word.endswith('='):
            return None  # so base64 ends
        for start in (indent, len(before) if line.startswith(before) else indent):
            found = GOING_ON.match(line, start)
            if found:
                return found.span(1)
        return None


def _last_word(line: str) -> Span | None:
    """The long word that a line ends with."""
    span = (0, 0)
    for run in RUN.finditer(line):
        span = run.span()
    return span if span[1] - span[0] >= WRAPPED and span[1] == len(line.rstrip()) else None


def replaced(line: str, spans: Iterable[Span]) -> str:
    """The line with a mask in the place of each of these parts."""
    parts, position = [], 0
    for start, end in sorted(spans):
        if start >= position:
            parts += [line[position:start], MASK]
        position = max(position, end)
    return ''.join([*parts, line[position:]])


def _texts(value: Any) -> Iterator[str]:
    """All strings in a value, and those in strings that are JSON or base64 of text themselves. Numbers come in all ways to write them."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
        if re.fullmatch(r'-?\d+(\.\d+)?([eE][+-]?\d{1,2})?', value) and not value.lstrip('-').isdigit():
            yield from (repr(float(value)), '%d' % float(value) if float(value).is_integer() else '')
        try:
            inner = json.loads(value, parse_int=str, parse_float=str) if value.lstrip()[:1] in ('{', '[', '"') else None
        except (ValueError, RecursionError):
            inner = None
        yield from _texts(inner)
        yield from _texts(_text_in_base64(value))


def _text_in_base64(value: str) -> str | None:
    words = ''.join(value.split())
    if len(words) < 16 or not RUN.fullmatch(words):
        return None
    try:
        text = b64decode(words.translate(str.maketrans('-_', '+/')), validate=True).decode()
    except ValueError:
        return None
    return text if all(character.isprintable() or character.isspace() for character in text) else None
