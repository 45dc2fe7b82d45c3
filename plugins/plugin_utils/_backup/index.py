# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The index of a backup: which versions of which state files it holds. Pure values; where they lie is for stores to know.

Contents are named by their hashes. The index is written after what it names, and what it no longer names is removed after that, so that
it is right whenever a run is killed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ...module_utils._problems import fail

FORMAT = 1
File = tuple[str, str]
"""A project and the name of one of its state files."""


@dataclass(frozen=True)
class Copy:
    """A version of a state file.

    version, created, job: as Hercules CI has them; job is empty where no job stored it. stored: when it came into the backup, ISO 8601 in
    UTC. deployment: the UUID that it holds, empty where that is not known. problem: why it cannot be used, empty for a good one.
    """

    project: str
    file: str
    version: int
    created: str
    job: str
    size: int
    sha256: str
    stored: str
    deployment: str = ''
    problem: str = ''

    @property
    def of(self) -> File:
        return self.project, self.file

    @property
    def good(self) -> bool:
        return not self.problem

    def __str__(self) -> str:
        origin = ' by %s' % self.job if self.job else ''
        mark = ', not usable: %s' % self.problem if self.problem else ''
        return '%s %s version %d (%s%s)%s' % (self.project, self.file, self.version, self.created, origin, mark)


@dataclass(frozen=True)
class Keep:
    """How much to keep of each file: so many versions, and all that came in the last days. None for each: everything."""

    count: int | None = None
    days: float | None = None


@dataclass(frozen=True)
class Index:
    """copies: in the order in which they came. dropped: hashes that no copy has any longer, with the time since when that is so."""

    copies: tuple[Copy, ...] = ()
    dropped: Mapping[str, str] = field(default_factory=dict)

    def of(self, file: File) -> list[Copy]:
        return [copy for copy in self.copies if copy.of == file]

    def last_good(self, file: File) -> Copy | None:
        """What a restore would take."""
        return next((copy for copy in reversed(self.of(file)) if copy.good), None)

    @property
    def contents(self) -> set[str]:
        return {copy.sha256 for copy in self.copies}

    def to_json(self) -> bytes:
        document = {'format': FORMAT, 'copies': [asdict(copy) for copy in self.copies], 'dropped': dict(self.dropped)}
        return json.dumps(document, indent=1, sort_keys=True).encode() + b'\n'


def read_index(content: bytes | None, where: str) -> Index:
    """The index in a file, an empty one where there is none. Raises Failure for anything else: it is never written over."""
    if content is None:
        return Index()
    try:
        document = json.loads(content)
        if document['format'] > FORMAT:
            raise fail('The backup was made by a newer version of this collection.', where=where, remedy='Update the collection.')
        index = Index(tuple(_copy(entry) for entry in document['copies']), {str(key): str(at) for key, at in document['dropped'].items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise fail('This is not the index of a backup, or it is damaged.', where=where, expected='what nixops_backup has written',
                   remedy='Name the place of a backup, or an empty one. If it is damaged, bring an older version of it back.') from None
    return index


def _copy(entry: Mapping[str, Any]) -> Copy:
    values = {each.name: entry[each.name] for each in fields(Copy)}
    numbers = {'version', 'size'}
    if not all(isinstance(value, int if name in numbers else str) for name, value in values.items()):
        raise ValueError
    if not re.fullmatch('[0-9a-f]{64}', values['sha256']):
        raise ValueError
    return Copy(**values)


def with_copies(index: Index, copies: Iterable[Copy]) -> Index:
    """The index with more copies. What they need is no longer to be dropped. A copy that is there already stays as it is."""
    known = {(copy.of, copy.version, copy.created): copy for copy in index.copies}
    new = [copy for copy in copies if (copy.of, copy.version, copy.created) not in known]
    needed = {copy.sha256 for copy in new}
    return Index((*index.copies, *new), {sha256: at for sha256, at in index.dropped.items() if sha256 not in needed})


def pruned(index: Index, files: Collection[File], keep: Keep, now: datetime) -> Index:
    """The index without what is not to be kept of these files. The last good copy of a file always stays, and so does the newest."""
    if keep.count is None and keep.days is None:
        return index
    staying = [copy for copy in index.copies if copy.of not in files or _stays(copy, index, keep, now)]
    gone = index.contents - {copy.sha256 for copy in staying}
    dropped = {**dict.fromkeys(gone, timestamp(now)), **index.dropped}
    return Index(tuple(staying), dropped)


def _stays(copy: Copy, index: Index, keep: Keep, now: datetime) -> bool:
    of_file = index.of(copy.of)
    if copy in (index.last_good(copy.of), of_file[-1]):
        return True
    if keep.count is not None and copy in of_file[-keep.count:] and keep.count > 0:
        return True
    return keep.days is not None and time_of(copy.stored) > now - timedelta(days=keep.days)


def removable(index: Index, grace: timedelta, now: datetime) -> set[str]:
    """Contents that nobody has needed for a while: another run may be about to name one of them again."""
    return {sha256 for sha256, at in index.dropped.items() if sha256 not in index.contents and time_of(at) <= now - grace}


def without(index: Index, removed: Collection[str]) -> Index:
    """The index once these contents are removed."""
    return replace(index, dropped={sha256: at for sha256, at in index.dropped.items() if sha256 not in removed})


def timestamp(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def time_of(text: str) -> datetime:
    return datetime.strptime(text, '%Y-%m-%dT%H:%M:%SZ').replace(tzinfo=timezone.utc)
