# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The same deployment in more than one state file: after a file, a deployment or a project was renamed, an old state may be used as if it
were the newest, and machines that were made since are made again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from .._files import hidden_file
from .._hercules_ci.state import StateFiles, Version
from .._problems import Problem
from .document import NotAState
from .importable import content_of
from .sources import from_server
from .state import State

LARGEST = 256 << 20
"""Bytes of a file that is looked into; states of ten thousand machines have an eighth of that."""
LOOKED_BACK = 10
"""How many versions of a file are looked into at most beside the newest."""
BLOCK = 1 << 20
Place = tuple[str, str]
"""A project, as `SITE/ACCOUNT/PROJECT`, and the name of a state file."""


@dataclass(frozen=True)
class Newest:
    """The newest version of a state file with a deployment. deployments: UUIDs. created: ISO 8601. sha256: None where it is not known."""

    deployments: tuple[str, ...]
    created: str
    sha256: str | None
    number: int


def to_look_into(versions: Sequence[Version]) -> list[Version]:
    """The versions of a file with states that nothing has gone on with, newest first.

    That is the newest, and each that a deployment had stored before somebody uploaded another state, maybe that of another deployment.
    """
    replaced = [version for version, next_ in zip(versions, versions[1:]) if version.job and not next_.job]
    return [*versions[-1:], *reversed(replaced[-LOOKED_BACK:])]


def same_deployment_elsewhere(known: Mapping[Place, Newest], own: Place, uuid: str, uploaded: str | None) -> list[Problem]:
    """In which other files there is a state of the deployment that would be passed over.

    known: all state files. own: the file that the effect uses. uploaded: the SHA-256 of what is going to be in it, if it is not there yet.
    Of a file that is there, what counts is what was stored later elsewhere; of one that is not, all that is not the same.
    """
    others = {place: newest for place, newest in sorted(known.items()) if place != own and uuid in newest.deployments}
    mine = known.get(own)
    if mine is None:
        passed_over = {place: newest for place, newest in others.items() if newest.sha256 is None or newest.sha256 != uploaded}
    else:
        passed_over = {
            place: newest
            for place, newest in others.items()
            if later(newest.created, mine.created) and (newest.sha256 is None or newest.sha256 != mine.sha256)
        }
    what = 'The deployment has another state in another file.' if mine is None else 'The deployment has a newer state in another file.'
    return [
        Problem(
            what,
            where='%s, %s' % own,
            expected='the newest state of deployment %s in this file' % uuid,
            found='%s, %s, version %d, stored at %s' % (*place, newest.number, newest.created),
            remedy='Find out which is right; nixops_state_fetch gets both. Where the other one is, let the effect use that file '
            '(its stateName, or for the role nixops_state_name or nixops_project), or upload what was fetched from it under this name. '
            'Where yours is, put it into the other file first (name=%s with existing=replace and replaced_version)' % place[1],
        )
        for place, newest in passed_over.items()
    ]


def later(one: str, other: str) -> bool:
    """Whether a time is after another; both are UTC in ISO 8601, with or without fractions of a second."""
    return _moment(one) > _moment(other)


def _moment(text: str) -> tuple[datetime, str]:
    """The second, and what follows its digits, which sorts as text."""
    match = re.match(r'(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d*))?', text)
    try:
        return (datetime.fromisoformat(match[1]), match[2] or '') if match else (datetime.max, text)
    except ValueError:
        return datetime.max, text


def before_first_upload(files: StateFiles, name: str, here: State, uuid: str) -> list[Problem]:
    """What speaks against making a state file, because another one of the project has the deployment, and warnings of what is not known.

    Files that hold the same are not downloaded, where their hashes are known, and neither are known hosts.
    """
    known: dict[Place, Newest] = {}
    problems = []
    project = str(files.project)
    for other, versions in sorted(files.files().items()):
        if other == name or other.endswith('.known_hosts'):
            continue
        for version in to_look_into(versions):
            if version.holds(here.size, here.sha256):
                break
            if version.size is not None and version.size > LARGEST:
                problems.append(_too_large(project, other, version))
                break
            if version.size == 0:
                continue
            with hidden_file() as copy:
                there = from_server(files, other, version, copy)
                if _has(there, uuid):
                    known[project, other] = Newest((uuid,), version.created, there.sha256, version.number)
                    break
    return [*same_deployment_elsewhere(known, (project, name), uuid, here.sha256), *problems]


def _too_large(project: str, name: str, newest: Version) -> Problem:
    return Problem(
        'It is not known whether this file has a state of the same deployment: it is too large to look into it.',
        where='%s, %s, %s' % (project, name, newest),
        expected='at most %d bytes' % LARGEST,
        found='%d bytes' % (newest.size or 0),
        remedy='If it may be a state, look at it with nixops_state_fetch',
        severity='warning',
    )


def _has(state: State, uuid: str) -> bool:
    """Whether a file is a state with the deployment. Most have not: that is seen without understanding them."""
    if not _mentions(state.file, uuid.encode('utf-8', 'surrogatepass')):
        return False
    try:
        return uuid in (each.uuid for each in content_of(state).deployments)
    except NotAState:
        return False


def _mentions(file: IO[bytes], text: bytes) -> bool:
    file.seek(0)
    end = b''
    while block := file.read(BLOCK):
        block = end + block
        if text in block:
            return True
        end = block[-len(text) :]
    return False
