# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Back up the newest states of networks: fetch what is new of each project, judge it, and say what the index becomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import IO

from ...module_utils._files import hidden_file
from ...module_utils._hercules_ci.failures import RequestFailed
from ...module_utils._hercules_ci.state import StateFiles, Version
from ...module_utils._nixops.database import NewerSchema
from ...module_utils._nixops.importable import content_of, unusable
from ...module_utils._nixops.known_hosts import require_known_hosts
from ...module_utils._nixops.state import State, state_of
from ...module_utils._problems import Failure, Problem
from .index import Copy, File, Index, Keep, pruned, read_index, removable, timestamp, with_copies, without
from .store import Changed, Store

WRITES = 5
"""How often the index is written where others write it at the same time."""


@dataclass(frozen=True)
class Wanted:
    """A file of a network. hosts: whether it is the known_hosts file, and not the state. optional: whether it may be missing."""

    network: str
    project: str
    name: str
    function: str
    looked_for: str
    hosts: bool = False
    optional: bool = False

    @property
    def file(self) -> File:
        return self.project, self.name


@dataclass(frozen=True)
class FoundFile:
    """What has become of a file: stored, unchanged or missing, and its newest copy."""

    wanted: Wanted
    action: str
    copy: Copy | None = None


def save_project(
    files: StateFiles, wanted: Iterable[Wanted], index: Index, store: Store, now: datetime, *, write: bool,
) -> tuple[list[FoundFile], list[Problem]]:
    """Put into the store what is new of a project, and say what the index has to learn. One request where nothing is new.

    write: otherwise nothing is fetched and nothing stored; what would be fetched counts as good.
    """
    found, problems = [], []
    versions = files.files()
    for each in wanted:
        known = versions.get(each.name)
        if not known:
            found.append(FoundFile(each, 'missing'))
            continue
        try:
            found.append(_save(files, each, known[-1], index, store, now, write=write))
        except Failure as failure:
            problems += [replace(problem, where=', '.join(filter(None, (each.network, problem.where)))) for problem in failure.problems]
    return found, problems


def _save(
    files: StateFiles, wanted: Wanted, newest: Version, index: Index, store: Store, now: datetime, *, write: bool,
) -> FoundFile:
    copies = index.of(wanted.file)
    same = next((copy for copy in copies if (copy.version, copy.created) == (newest.number, newest.created)), None)
    if same and store.has(same.sha256):
        return FoundFile(wanted, 'unchanged', same)
    held = next((copy for copy in copies if copy.good and copy.sha256 == newest.sha256 and store.has(copy.sha256)), None)
    copy = Copy(*wanted.file, newest.number, newest.created, newest.job, newest.size or 0, newest.sha256 or '', timestamp(now))
    if held:
        return FoundFile(wanted, 'stored', replace(copy, size=held.size, deployment=held.deployment))
    if not write:
        return FoundFile(wanted, 'stored', copy)
    with hidden_file() as file:
        state, problem = _fetch(files, wanted.name, newest, file)
        deployment = ''
        if not problem:
            deployment, problem = judge(state, wanted, index.last_good(wanted.file))
        store.put(state.sha256, state.size, state.file)
    return FoundFile(wanted, 'stored', same or replace(copy, size=state.size, sha256=state.sha256, deployment=deployment, problem=problem))


def _fetch(files: StateFiles, name: str, version: Version, file: IO[bytes]) -> tuple[State, str]:
    """What the service sends, and what is wrong with it if it is not what it lists. Raises Failure where nothing whole comes."""
    problem = ''
    try:
        files.download(name, version, file)
    except RequestFailed:
        raise
    except Failure as failure:
        problem = failure.problems[0].what
    return state_of(file, '%s, version %d' % (name, version.number)), problem


def judge(state: State, wanted: Wanted, last_good: Copy | None) -> tuple[str, str]:
    """The deployment that a state holds, and why it cannot take the place of the last good one, empty if it can."""
    try:
        if wanted.hosts:
            require_known_hosts(state, wanted.name, '')
            return '', ''
        wrong = unusable(state, wanted.function, wanted.looked_for)
        if wrong:
            return '', wrong[0].what
        (deployment,) = content_of(state).deployments
    except NewerSchema:
        return '', ''  # only the NixOps that wrote it can tell
    except Failure as failure:
        return '', failure.problems[0].what
    if last_good and last_good.deployment not in ('', deployment.uuid):
        return deployment.uuid, 'It is the state of another deployment than before.'
    return deployment.uuid, ''


def write_down(
    store: Store, seen: tuple[Index, object], copies: Sequence[Copy], keep: tuple[Sequence[File], Keep], now: datetime, *, write: bool,
) -> Index:
    """Write the index if there is something to write, and then remove what it no longer needs."""
    before, tag = seen
    for _attempt in range(WRITES):
        after = pruned(with_copies(before, copies), *keep, now)
        gone = removable(after, store.grace, now)
        if not write:
            return after
        try:
            if after != before:
                store.write_index(after.to_json(), tag)
            break
        except Changed:
            content, tag = store.read_index()
            before = read_index(content, store.where)
    else:
        raise Failure((Problem('Others write the index all the time.', store.where, remedy='Run this again.'),))
    if gone:
        for sha256 in sorted(gone):
            store.remove(sha256)
        after = _forget(store, gone)
    return after


def _forget(store: Store, gone: set[str]) -> Index:
    """Say that contents are removed. Where somebody else writes meanwhile, a later run says it."""
    content, tag = store.read_index()
    index = read_index(content, store.where)
    try:
        store.write_index(without(index, gone).to_json(), tag)
    except Changed:
        return index
    return without(index, gone)


def problems_of(found: Iterable[FoundFile], states: Mapping[str, str]) -> list[Problem]:
    """What to say of files that are missing or cannot be used. states: nixops_state of each network."""
    problems = []
    for each in found:
        wanted = each.wanted
        where = '%s, %s of %s' % (wanted.network, wanted.name, wanted.project)
        if each.action == 'missing' and not wanted.optional and states.get(wanted.network) != 'new':
            problems.append(Problem('Hercules CI has no state of the network, so that there is nothing to back up.', where,
                                    remedy='Play nixcd.hercules_ci.networks, or set nixops_state: new for a network without machines.'))
        elif each.copy and each.copy.problem:
            problems.append(Problem('The newest version cannot be used. It is kept, and so is the last good one.', where,
                                    found=each.copy.problem, severity='warning',
                                    remedy='Look at it with nixops_state_fetch, and see who stored it: %s' % (each.copy.job or 'no job')))
    return problems


def now() -> datetime:
    """To the second, as it is written down."""
    return datetime.now(timezone.utc).replace(microsecond=0)
