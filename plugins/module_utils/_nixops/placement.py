# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What has to happen so that Hercules CI holds a state: decided from what is here and what is there, and then done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from .._files import hidden_file, write_atomically
from .._hercules_ci.state import StateFiles, Version
from .._hercules_ci.state_upload import Stored, Upload, Waiting, add_version, jobs_started_meanwhile, require_newest, undisturbed
from .._problems import Failure, Problem, fail
from .._project import ProjectPath
from .difference import NO_DIFFERENCES, Comparison, Difference, Differences, diff_text
from .document import NotAState
from .sources import from_server
from .state import NOTHING, State

WRITES = ('created', 'replaced', 'restored')
Compare = Callable[[State, State], Comparison]
Judge = Callable[[State], Sequence[Problem]]
NEWER = 'newer on the server'


@dataclass(frozen=True)
class Placement:
    """A state file, the content that it should have, and what that takes.

    newest: the version that the server has now. comparison: of what is here with that; None where that is no state.
    action: created, unchanged, kept, replaced or restored. same_as: the version that has the content from here, if one has: where it is not
    the newest, nothing is here that the server has not had. unusable: why no effect could work with the newest.
    there: the newest, where it was downloaded to see that. versions: oldest first.
    """

    name: str
    here: State
    newest: Version | None
    comparison: Comparison | None
    differences: Differences
    action: str
    same_as: Version | None = None
    unusable: tuple[Problem, ...] = ()
    there: State | None = None
    versions: tuple[Version, ...] = ()

    @property
    def base(self) -> int | None:
        """The number of the newest version, which may be 0; None when there is no such file."""
        return self.newest.number if self.newest else None

    def result(self, stored: Stored | None) -> dict[str, Any]:
        """What a module returns of it. stored: None when nothing was."""
        version = self.base
        if stored and stored.sent:
            version = stored.versions[-1].number if stored.versions else None  # it has a number that is not known
        return {
            'name': self.name,
            'action': self.action,
            'version': version,
            'previous_version': self.base,
            'same_as': self.same_as.number if self.same_as else None,
            'sha256': self.here.sha256,
            'size': self.here.size,
            'differences': self.differences.as_dicts(),
            **({'backup_file': stored.backup} if stored and stored.backup else {}),
        }

    def diff(self) -> dict[str, str]:
        """Ansible's diff. What is kept does not change: then it is only said what is not the same."""
        there = '%s, version %d' % (self.name, self.newest.number) if self.newest else '%s, not there yet' % self.name
        if self.action == 'kept':
            return {'prepared': '%s is kept. %s differs: %s\n' % (there, self.here.where, self.differences)}
        return diff_text(self.differences if self.action in WRITES else NO_DIFFERENCES, self.here.where, there)


def place(
    files: StateFiles,
    name: str,
    here: State,
    existing: str,
    compare: Compare,
    files_open: ExitStack,
    judge: Judge = lambda _state: (),
    number: int | None = None,
) -> Placement:
    """Decide about a file. existing: keep, replace or fail, or restore when an old version is to be the newest, which has this number.

    judge: tells why no effect could work with a state. Nothing is downloaded where hashes tell that what is here is the newest, or an older
    version than one that a deployment has stored since. files_open: closes what was.
    """
    versions = files.versions(name)
    if not versions:
        comparison = compare(here, NOTHING)
        return Placement(name, here, None, comparison, comparison.differences, 'created')
    newest = versions[-1]
    same_as = next((version for version in reversed(versions) if version.holds(here.size, here.sha256)), None)
    if same_as is newest or newest.number == number:
        return Placement(name, here, newest, None, NO_DIFFERENCES, 'unchanged', newest)
    if existing == 'keep' and same_as and newest.job and newest.size:
        return Placement(name, here, newest, None, Differences.of([Difference('', '', NEWER)]), 'kept', same_as)
    there = from_server(files, name, newest, files_open.enter_context(hidden_file()))
    same = Placement(name, here, newest, None, NO_DIFFERENCES, 'unchanged', same_as, there=there, versions=versions)
    found = _compared(same, there, compare, judge)
    if not found.differences:
        return found
    if existing == 'fail':
        raise fail(
            'Hercules CI has a different state already.',
            where='%s, %s' % (name, newest),
            expected='no such file, or the same state as %s' % here.where,
            found=str(found.differences),
            remedy='Find out which is right. existing=keep leaves the server as it is, existing=replace with replaced_version=%d puts '
            'yours on top' % newest.number,
            differences=found.differences.as_dicts(),
        )
    return replace(found, action={'keep': 'kept', 'replace': 'replaced', 'restore': 'restored'}[existing])


def _compared(placement: Placement, there: State, compare: Compare, judge: Judge) -> Placement:
    """The placement with what the newest version has to do with what is here."""
    if there.sha256 == placement.here.sha256:
        return replace(placement, same_as=placement.newest)
    unusable = tuple(judge(there))
    try:
        comparison = compare(placement.here, there)
    except NotAState:
        differences = Differences.of([Difference('', '', 'not a NixOps state on the server')])
        return replace(placement, differences=differences, unusable=unusable)
    differences = comparison.differences if there.size else Differences.of([Difference('', '', 'empty on the server')])
    if unusable and not differences:
        differences = Differences.of([Difference('', '', 'in a form on the server that the effect cannot read')])
    return replace(placement, comparison=comparison, differences=differences, unusable=unusable)


def version_with(files: StateFiles, placement: Placement) -> Version | None:
    """The version that has the content from here, looked for by downloading where the service does not know hashes."""
    if placement.same_as:
        return placement.same_as
    for version in reversed(placement.versions[:-1]):
        if version.holds(placement.here.size, placement.here.sha256) is None:
            with hidden_file() as copy:
                if from_server(files, placement.name, version, copy).sha256 == placement.here.sha256:
                    return version
    return None


def carry_out(
    files: StateFiles, placements: Sequence[Placement], lock: str, waiting: Waiting, backup_folder: str | None, done: dict[str, Stored]
) -> list[Problem]:
    """Upload what has to be uploaded, all under one lock. Returns what to warn of.

    done: gets what was done, by the names of the files, as it is done. Whatever a Failure is about, that is there.
    """
    pending = [placement for placement in placements if placement.action in WRITES]
    if not pending:
        return []
    purpose = 'ansible: %s' % ', '.join('%s %s' % (placement.action, placement.name) for placement in pending)
    uploads = {
        placement.name: Upload(placement.name, placement.here.file, placement.here.size, placement.here.sha256) for placement in pending
    }
    with _telling(done):
        with undisturbed(files, lock, purpose, waiting) as lease:
            now = files.files()
            for placement in pending:
                _require_same(placement, now.get(placement.name, ()))
                done[placement.name] = stored = Stored(_save(files, placement, backup_folder))
                add_version(files, uploads[placement.name], placement.base, lease, stored)
            warnings = [] if waiting.jobs_timeout is None else jobs_started_meanwhile(files)
        if lease.lost:
            require_newest(files, uploads, done)
    return [*lease.problems(), *(problem for stored in done.values() for problem in stored.problems), *warnings]


@contextmanager
def _telling(done: Mapping[str, Stored]) -> Iterator[None]:
    """Whoever reads of a failure has to know what was stored before it."""
    try:
        yield
    except Failure as failure:
        stored = ['%s as version %d' % (name, each.versions[-1].number) for name, each in done.items() if each.versions]
        if not stored:
            raise
        remedy = 'Run this again: it looks first at what is on the server'
        problem = Problem('Before that, this was stored: %s.' % ', '.join(stored), remedy=remedy)
        raise Failure((*failure.problems, problem), failure.extra) from None


def _require_same(placement: Placement, now: Sequence[Version]) -> None:
    before = placement.base
    if (now[-1].number if now else None) != before:
        raise fail(
            'Somebody stored a new state while this waited for its turn.',
            where=placement.name,
            expected='no such file yet' if before is None else 'version %d as the newest' % before,
            found=str(now[-1]) if now else 'no version at all',
            remedy='Nothing was uploaded. Run this again: it will compare with the new version',
        )


def default_backup_folder() -> str:
    """Where versions that are replaced are saved; it begins with a tilde where the user has no home."""
    return os.path.join(os.environ.get('XDG_STATE_HOME') or os.path.expanduser('~/.local/state'), 'hercules-ci-state')


def version_path(folder: str, project: ProjectPath, name: str, version: Version) -> str:
    """Where a version is saved. The time is part of it, so that no other version ever gets the same path."""
    time = ''.join(character for character in version.created if character.isalnum())
    parts = (part.replace('/', '_') for part in (project.site, project.account, project.project))
    return os.path.join(folder, *parts, '%s.v%d.%s' % (name, version.number, time))


def _save(files: StateFiles, placement: Placement, folder: str | None) -> str:
    if placement.newest is None or folder is None:
        return ''
    if folder.startswith('~'):
        raise fail('There is no home folder for backups to lie in.', where=folder, remedy='Set backup_dir, or HOME')
    path = version_path(folder, files.project, placement.name, placement.newest)
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    except (OSError, ValueError) as error:
        remedy = 'Nothing was uploaded. Set backup_dir to a folder that can be written to'
        raise fail('The folder for backups cannot be made.', where=os.path.dirname(path), found=str(error), remedy=remedy) from None
    with ExitStack() as files_open:
        there = placement.there or from_server(files, placement.name, placement.newest, files_open.enter_context(hidden_file()))
        there.file.seek(0)
        write_atomically(path, there.file)
    return path
