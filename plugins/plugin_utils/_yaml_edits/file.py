# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""A YAML file that is edited: read once, written once, with its mode and owner, if nobody else has changed it meanwhile."""

from __future__ import annotations

import difflib
import os
import stat

from ...module_utils._files import locked, read_if_present, real_path, write_atomically
from ...module_utils._problems import fail


def content_of(path: str) -> bytes | None:
    return read_if_present(real_path(path))


def write(path: str, before: bytes | None, after: bytes) -> None:
    """Put the new content in the place of the old one. A file that was not there is for its owner to write and for all to read."""
    path = real_path(path)
    with locked(path):
        if read_if_present(path) != before:
            raise fail('Somebody else has changed the file meanwhile.', where=path, remedy='Run this again.')
        if before is None:
            write_atomically(path, after, mode=0o644)
            return
        status = os.stat(path)
        owner = None if status.st_uid == os.geteuid() else status.st_uid
        group = None if status.st_gid == os.getegid() else status.st_gid
        write_atomically(path, after, mode=stat.S_IMODE(status.st_mode), owner=owner, group=group)


def diff(path: str, before: bytes | None, after: bytes) -> dict[str, str]:
    """The lines that change, and none around them: a secret may stand beside."""
    old, new = ((content or b'').decode('utf-8', 'replace').splitlines() for content in (before, after))
    return {'prepared': '\n'.join([*difflib.unified_diff(old, new, path, path, n=0, lineterm=''), ''])}
