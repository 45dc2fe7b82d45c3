# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The access keys of an IAM user, and what runs have noted about them in a tag of that user, the one place that all runs see."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum

from ...module_utils._problems import fail

TAG = 'nixcd.hercules_ci'
"""The tag's name."""
PATTERN = '%Y-%m-%dT%H:%M:%SZ'
_WORD = re.compile(r'(creating|mark|before|made|given|off)=(\S+)')


@dataclass(frozen=True)
class Use:
    """The last use of a key, as AWS knows, which may be hours late. at: None where there was none."""

    at: datetime | None = None
    where: str = ''


class Maker(Enum):
    """Who has made a key, as CloudTrail knows."""

    RUN = 'the run that was stopped'
    OTHER = 'somebody else'
    UNKNOWN = 'not known, or not yet'


@dataclass(frozen=True)
class Key:
    """An access key, without its secret. use, maker: None while nobody has asked."""

    id: str
    created: datetime
    active: bool = True
    use: Use | None = None
    maker: Maker | None = None


@dataclass(frozen=True)
class Off:
    """A key that was switched off. urgent: in an emergency, so that it is not switched on again by itself."""

    key: str
    since: datetime
    urgent: bool = False


@dataclass(frozen=True)
class Note:
    """What the tag says. All times are those of AWS' clock.

    creating: since when a key is being made whose ID is not known yet. mark: what the run that makes it says of itself to CloudTrail.
    before: the keys that there were then, all accounted for.
    made: the key that is, or is to be, on all agents. given: since when it is. off: the one before it, once that is switched off.
    """

    creating: datetime | None = None
    before: frozenset[str] = field(default_factory=frozenset)
    made: str = ''
    given: datetime | None = None
    off: Off | None = None
    mark: str = ''

    @property
    def names(self) -> frozenset[str]:
        """The keys that it accounts for."""
        return self.before | {self.made} - {''} | ({self.off.key} if self.off else set())

    def __str__(self) -> str:
        """As the value of a tag: at most 256 letters, digits, spaces and characters of `_.:/=+-@`."""
        words = {
            'creating': _time_text(self.creating),
            'mark': self.mark,
            'before': '/'.join(sorted(self.before)),
            'made': self.made,
            'given': _time_text(self.given),
            'off': '%s@%s%s' % (self.off.key, _time_text(self.off.since), '@urgent' * self.off.urgent) if self.off else '',
        }
        return ' '.join('%s=%s' % (name, value) for name, value in words.items() if value) or 'nothing'


def read_note(text: str | None, where: str) -> Note:
    """What a tag says. Raises Failure for a tag that somebody has changed."""
    if text in (None, '', 'nothing'):
        return Note()
    words = str(text).split(' ')
    found = {match[1]: match[2] for match in map(_WORD.fullmatch, words) if match}
    try:
        if len(found) != len(words):
            raise ValueError
        off = found['off'].split('@') if 'off' in found else []
        return Note(
            creating=_time(found.get('creating')), mark=found.get('mark', ''),
            before=frozenset(filter(None, found.get('before', '').split('/'))),
            made=found.get('made', ''), given=_time(found.get('given')),
            off=Off(off[0], _required(off[1]), urgent=off[2:] == ['urgent']) if off else None,
        )
    except (ValueError, IndexError):
        raise fail(
            'The tag %s of the user does not have the form that this collection gives it.' % TAG, where=where,
            expected='what the last run of nixcd.hercules_ci.rotate has written', found='something else',
            remedy='Look who has changed it. If just one key is there, and the agents have it, remove the tag',
        ) from None


def _time_text(time: datetime | None) -> str:
    return time.strftime(PATTERN) if time else ''


def _time(text: str | None) -> datetime | None:
    return _required(text) if text else None


def _required(text: str) -> datetime:
    return datetime.strptime(text, PATTERN).replace(tzinfo=timezone.utc)
