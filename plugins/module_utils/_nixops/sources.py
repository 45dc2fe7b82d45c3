# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Where a state comes from, and the checks that it has to pass wherever that is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from .._files import open_regular
from .._hercules_ci.state import StateFiles, Version
from .._nix.functions import nixops_of
from .._problems import Problem, errors_of, fail, require_none
from .database import Deployment, default_database, find_deployment, open_database
from .document import NotAState, empty
from .export import export_text
from .importable import content_of, import_problems, single_deployment, unusable
from .program import export_with_program
from .state import State, copy_state, write_state


@dataclass(frozen=True)
class StateSource:
    """A state that an effect can work with.

    effect_deployment: the name by which the effect knows the deployment. machines: how many there are. problems: what there is to warn of.
    number: of the version on the server that this is, if it is one.
    """

    state: State
    deployment: Deployment
    effect_deployment: str
    machines: int
    problems: tuple[Problem, ...]
    number: int | None = None


def read_source(options: Mapping[str, Any], file: IO[bytes]) -> StateSource:
    """The state that the options of nixops_state denote, written to a file and checked. Raises Failure with all that is wrong with it."""
    wanted = options['deployment']
    state = _read(options, wanted, file)
    require_export(state)
    content = content_of(state)
    deployment = single_deployment(content, wanted, state.where)
    looked_for = effect_name(options, deployment)
    keys = '' if nixops_of(options['function']) == 2 else 'error' if options['import_check'] else 'warning'
    problems = import_problems(content, deployment, looked_for, state.where, keys)
    require_none(errors_of(problems))
    return StateSource(state, deployment, looked_for, content.machines, tuple(problems))


def require_export(state: State) -> None:
    """Refuse what is allowed on the server only: nothing at all, and a database."""
    if not state.size:
        raise empty(state.where)
    if state.is_database:
        raise NotAState('This is a database, not an export.', state.where, 'the output of nixops export', remedy='Give it as database')


def read_version(options: Mapping[str, Any], files: StateFiles, name: str, file: IO[bytes]) -> StateSource:
    """An old version of the state file on the server, to become the newest: one that has the deployment alone, and that the effect can use.

    At machines without a host key the effect would fail, but lose nothing. Where the newest is the same by the hashes that the service
    lists, there is nothing to do, and nothing is downloaded or looked at.
    """
    looked_for = effect_name(options)
    versions = files.versions(name)
    version, newest = files.pick(name, versions, options['version']), versions[-1]
    if version.sha256 and version.size is not None and newest.holds(version.size, version.sha256):
        same = State(io.BytesIO(), version.size, version.sha256, '%s, version %d' % (name, version.number))
        return StateSource(same, Deployment('', None), looked_for, 0, (), version.number)
    return old_state(from_server(files, name, version, file), options, looked_for, version.number)


def old_state(state: State, options: Mapping[str, Any], looked_for: str, number: int) -> StateSource:
    """A state that is to become the newest once more. Raises Failure where the effect could not use it."""
    function = options['function']
    require_none(unusable(state, function, looked_for))
    content = content_of(state)
    deployment = find_deployment(content.deployments, options['deployment'], state.where)
    problems = import_problems(content, deployment, looked_for, state.where, '' if nixops_of(function) == 2 else 'warning')
    return StateSource(state, deployment, looked_for, content.machines, tuple(problems), number)


def effect_name(options: Mapping[str, Any], deployment: Deployment | None = None) -> str:
    """The name by which the effect knows the deployment."""
    wanted: str = options['deployment']
    own_name = deployment.name if deployment else None
    return options['effect_deployment'] or (wanted if wanted == own_name else own_name or wanted)


def _read(options: Mapping[str, Any], wanted: str, file: IO[bytes]) -> State:
    if options['export_file']:
        return from_file(options['export_file'], file)
    if options['nixops_program']:
        return export_with_program(options, wanted, file)
    return from_database(options['database'] or default_database(), wanted, options['format'], file)


def from_database(path: str, wanted: str | None, layout: str, file: IO[bytes]) -> State:
    """Export a deployment of a database, None for all. layout: `1.x`, `2.x`, or `auto` for that of the NixOps that wrote the database."""
    with open_database(path) as database:
        deployments = database.deployments()
        if wanted is not None:
            deployments = [find_deployment(deployments, wanted, path)]
        if layout == 'auto':
            layout = '1.x' if database.written_by_nixops_1() else '2.x'
        return write_state(export_text(database, [each.uuid for each in deployments], layout), file, path)


def from_server(files: StateFiles, name: str, version: Version, file: IO[bytes]) -> State:
    """Download a version of a state file."""
    downloaded = files.download(name, version, file)
    return State(file, downloaded.size, downloaded.sha256, '%s, version %d' % (name, version.number))


def from_file(path: str, file: IO[bytes]) -> State:
    """Copy a file, so that what is checked is what is uploaded, whoever writes to the file meanwhile."""
    try:
        with open_regular(path) as source:
            return copy_state(source, file, path)
    except OSError as error:
        raise fail('The file cannot be read.', where=path, found=str(error.strerror), remedy='Check the path and its permissions') from None
