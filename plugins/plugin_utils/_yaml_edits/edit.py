# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Edits of YAML that people wrote: every byte that need not change stays.

ruamel.yaml finds the place, text is spliced in there in the style of its neighbours, and Ansible's own loader reads the result. If that
is anything but what was asked for, the edit is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...module_utils._problems import Failure, fail
from .changes import Change
from .nodes import parse
from .reading import changed, read, same
from .splices import Document, Splice

BOM = '\ufeff'
ENCRYPTED = '$ANSIBLE_VAULT;'


def edited(content: bytes, changes: Iterable[Change], where: str) -> bytes:
    """The content of a file with these changes made, which is the same content where nothing is to change. Raises Failure.

    where: the name of the file, for messages.
    """
    text = _decoded(content, where)
    mark = BOM if text.startswith(BOM) else ''
    text = text[len(mark):]
    for change in changes:
        text = _changed_text(text, change, where)
    return (mark + text).encode()


def _decoded(content: bytes, where: str) -> str:
    if content.lstrip().startswith(ENCRYPTED.encode()):
        raise fail('The whole file is encrypted.', where=where, expected='a file that can be read, with encrypted values if need be',
                   remedy='Name another file for this, or decrypt it with ansible-vault decrypt and encrypt it again afterwards.')
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise fail('The file is not UTF-8.', where=where, found='other bytes at position %d' % error.start,
                   remedy='Convert it, for example with iconv.') from None
    if re.search(r'\r(?!\n)', text):
        raise fail('Lines of the file end with a carriage return alone.', where=where,
                   remedy='Convert it, for example with dos2unix -c mac.')
    return text


def _changed_text(text: str, change: Change, where: str) -> str:
    before = read(text, where)
    after = changed(before, change)
    if same(before, after):
        return text
    result = apply(text, Document(text, parse(text, where), where).splices(change))
    try:
        kept = same(read(result, where), after) and result.encode() is not None
    except (Failure, UnicodeEncodeError):
        kept = False
    if not kept:
        raise fail('The change cannot be made without changing something else of the file.', where=where,
                   expected='another value at %s' % ' → '.join(map(str, change.path)), remedy='Make the change by hand.')
    return result


def apply(text: str, splices: Iterable[Splice]) -> str:
    """The text with these pieces put in. They must not overlap."""
    pieces, at = [], 0
    for start, end, put in sorted(splices, key=lambda splice: splice.start):
        pieces += [text[at:start], put]
        at = end
    return ''.join([*pieces, text[at:]])
