# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Read what nix-instantiate prints when it fails: the message, and which effect, machine, option and file it is about.

Nix 2.8 prints the message first and the deepest place next, newer ones print both last. What it says of places is the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

EFFECT = re.compile(r'while (?:evaluating|reading the files of) the effect ("(?:[^"\\]|\\.)*")')
MACHINE = re.compile(r'while evaluating the machine ("(?:[^"\\]|\\.)*")')
# NixOS names a system after its host, which NixOps calls as the machine.
SYSTEM = re.compile(r"'nixos-system-(?P<name>[^'\s]+?)-(?:\d+\.\d+[^']*|\.\.)'")
CODE = re.compile(r'^ *\d* *\|.*$', re.MULTILINE)
COLOUR = re.compile(r'\x1b\[[0-9;]*m')
# Nix and nixpkgs quote with what they had at hand: ASCII, backquotes, or curly. Names of options hold double quotes themselves.
QUOTED = r'[`\'"\u2018](?P<%s>(?:"[^"\n]*"|[^`\'"\u2018\u2019])+)[`\'"\u2019]'
OPTION = re.compile(r'while evaluating the option ' + QUOTED % 'name')
# What a flake of the checkout, or a copy of it, is called by newer versions of Nix.
FLAKE = r'«(?:git\+)?(?:file|path):(?://)?%s(?:\?[^»]*)?»'
SELECTION = re.compile(r'[A-Za-z_][\w\'-]*(?:\.(?:[A-Za-z_][\w\'-]*|"[^"$\n]*"))*')


@dataclass(frozen=True)
class NixInput:
    """What Nix was given: the text on standard input, the path that it shall have, the checkout that the path lies in.

    For each effect: stubs, the file that only its prebuilding reads; functions, the library's function that makes it, that of NixOps 1
    where it is not named; files, the network files, relative to the checkout.
    sources: effect → the folder that is deployed, relative to the checkout, where that is not the checkout itself; Nix was given
    network files from a copy of that in its store.
    tracked: Nix was given only what Git tracks of the checkout.
    """

    text: str
    path: Path
    checkout: Path
    stubs: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tracked: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
    store: str = '/nix/store'


class Location(NamedTuple):
    """A file of the checkout, and the line and column if they are known, which are 0 where not."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return '%s:%d' % (self.file, self.line) if self.line else self.file


class Trace(NamedTuple):
    """text: all of it, without colours and quoted code; message: what went wrong, in Nix' words.

    effect, machine: empty if Nix does not say; options: those that were being evaluated, the nearest to the error first.
    place: the nearest to the error in the checkout; selection: the code there, as far as it is a path of attributes.
    """

    text: str
    message: str
    effect: str
    machine: str
    options: tuple[str, ...]
    place: Location | None
    selection: str

    @property
    def in_machine(self) -> bool:
        """Whether the configuration of a machine is at fault, rather than what is pinned for the file of effects."""
        return bool(self.machine or self.options or 'system.build.toplevel' in self.text or 'eval-machine-info.nix' in self.text)


def read(stderr: str, source: NixInput) -> Trace:
    """What nix-instantiate, called with --show-trace, printed about the source."""
    shown = re.sub(FLAKE % re.escape(str(source.checkout)), str(source.checkout), COLOUR.sub('', stderr))
    # Code that is quoted may hold such words itself: in the module system they are made.
    text = CODE.sub('', shown)
    message, nearest_first = _message(text)
    order = 1 if nearest_first else -1
    effects = EFFECT.findall(text)
    place = _place(text, message, order, source)
    effect = json.loads(effects[0]) if effects else _effect_of(place, source) if 'stdin' not in text else ''
    machines = MACHINE.findall(text)
    systems = [match['name'] for match in SYSTEM.finditer(text)][::order]
    return Trace(
        text, message, effect, json.loads(machines[0]) if machines else (systems or [''])[0],
        tuple(match['name'] for match in OPTION.finditer(text))[::order], place, _selection(shown, place) if place else '',
    )


def _effect_of(place: Location | None, source: NixInput) -> str:
    """Whose file it is. Some messages, such as that of a stack that overflows, are of the effect if there is but one."""
    names = {*source.functions, *source.files, *source.stubs}
    owners = [name for name in names if place and place.file in ['%s/%s' % (source.checkout, file) for file in source.files.get(name, ())]]
    return owners[0] if owners else names.pop() if len(names) == 1 else ''


def _message(text: str) -> tuple[str, bool]:
    """The error message, and whether the nearest location comes first in the trace, as it does until Nix 2.9."""
    errors = re.finditer(r'^\s*error:[ ]?(.*(?:\n(?!\s*(?:at |…|\d+\||\|)).*)*)', text, re.MULTILINE)
    told = [error for error in errors if error.group(1).strip()]
    if not told:
        return text.strip().rpartition('\n')[2], True
    return told[-1].group(1).strip(), '…' not in text[:told[-1].start()]


def _place(text: str, message: str, order: int, source: NixInput) -> Location | None:
    """The place in the checkout that the message names, else the one nearest to the error; with a line if the trace has one there."""
    named = _places(message, source)
    nearest = [place for place in named if place.line] + named + _places(text, source)[::order]
    if not nearest:
        return None
    return next((place for place in nearest if place.line and place.file == nearest[0].file), nearest[0])


def _places(text: str, source: NixInput) -> list[Location]:
    """All places of the checkout in their order; what stands behind the text on standard input are our questions about it."""
    file = re.escape(str(source.checkout)) + r'/[^\s:\'`"\u2019]+'
    # A file without a line counts where Nix says that the code is in it, not where it is missing or only read.
    code, position = r'(?:(?P<code>definitions from|the file|module|\bin) .?)?', r'(?::(?P<line>\d+))?(?::(?P<column>\d+))?'
    found = []
    for match in re.finditer(r'%s(?:(?P<file>%s)|«stdin»|\(stdin\))%s' % (code, file, position), text, re.IGNORECASE):
        place = Location(match['file'] or str(source.path), int(match['line'] or 0), int(match['column'] or 0))
        if place.line or match['code'] if match['file'] else 0 < place.line <= source.text.count('\n'):
            found.append(place)
    return found


def _selection(text: str, place: Location) -> str:
    """The path of attributes that the code has at the place, such as `nodes.db.config.networking.publicIPv4`."""
    code = _line_of(text, place)
    after = [match for match in SELECTION.finditer(code) if match.end() >= place.column]
    # Behind the place it counts only where text is put together: there it points to the start of a string, or of what is in it.
    if after and (after[0].start() < place.column or re.fullmatch(r'\W*', code[place.column - 1:after[0].start()])):
        return after[0].group()
    return ''


def _line_of(text: str, place: Location) -> str:
    """The line of code as Nix shows it, or as the file has it."""
    if not place.line:
        return ''
    shown = re.search(r':%d:%d:?\s*\n(?:\s*\n)?(?:\s*\d+\|.*\n)*?\s*%d\| (.*)' % (place.line, place.column, place.line), text)
    if shown:
        return shown.group(1)
    try:
        return Path(place.file).read_text('utf-8', errors='replace').splitlines()[place.line - 1]
    except (OSError, IndexError):
        return ''
