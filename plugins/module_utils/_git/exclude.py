# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""A file that is written into a checkout and committed elsewhere, on branches of the remote.

To Git it is an untracked file, which pull, switch and merge refuse to overwrite when the branch brings it. One that the checkout itself is
told to ignore (.git/info/exclude) they overwrite; once it is tracked, that has no effect any more.
"""

from __future__ import annotations

import os
import stat

from .._files import read_if_present, write_atomically
from .repository import Repository

EXCLUDE = 'info/exclude'


def _pattern(name: str) -> str:
    """The pattern for this file at this place and no other; its name has no character that would be more than itself."""
    return '/%s' % name


def is_ignored_by_others(repository: Repository, name: str) -> bool:
    """Whether Git ignores the file for another reason than the line that ignore_here writes."""
    said = repository.ask('check-ignore', '--verbose', '--', name)
    if said is None:
        return False
    source, _line, pattern = os.fsdecode(said).partition('\t')[0].rsplit(':', 2)
    return not (source.endswith(EXCLUDE) and pattern == _pattern(name))


def ignore_here(repository: Repository, name: str) -> None:
    """Let this checkout ignore the file, unless Git tracks it. Raises GitError and OSError."""
    if repository.ask('ls-files', '--error-unmatch', '--', name) is not None or repository.ask('check-ignore', '--', name) is not None:
        return
    path = os.path.join(repository.path, repository.text('rev-parse', '--git-path', EXCLUDE))
    before = read_if_present(path) or b''
    mode = stat.S_IMODE(os.stat(path).st_mode) if before else 0o644
    os.makedirs(os.path.dirname(path), exist_ok=True)
    lines = before if not before or before.endswith(b'\n') else before + b'\n'
    write_atomically(path, lines + os.fsencode(_pattern(name)) + b'\n', mode=mode)
