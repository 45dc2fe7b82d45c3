# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The deployments that there are, in databases, exports and state files on Hercules CI, with what is known of each. No value is secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from ...module_utils._files import hidden_file
from ...module_utils._hercules_ci.state import StateFiles
from ...module_utils._nixops.database import open_database
from ...module_utils._nixops.document import NotAState
from ...module_utils._nixops.export import export_text
from ...module_utils._nixops.sources import from_file, from_server
from ...module_utils._nixops.state import State, write_state
from ...module_utils._problems import Problem

NIXOPS_1 = b', \n'
"""At line ends of what NixOps 1 exports, for Python 2 wrote JSON so."""
HEAD = 1 << 16


@dataclass(frozen=True)
class FoundNetwork:
    """A deployment.

    name: None where it has none. files: of the network, as NixOps 1 recorded them, None where nothing says. arguments: names of the
    network's arguments. version: of NixOps, 1 or 2. machines: how many there are.
    database, export, project and state_file: where it was found, empty where it was not there. alone: whether that holds no other.
    """

    uuid: str
    name: str | None
    files: tuple[str, ...] | None = None
    arguments: tuple[str, ...] = ()
    version: int = 1
    machines: int = 0
    database: str = ''
    export: str = ''
    project: str = ''
    state_file: str = ''
    alone: bool = True


def in_database(path: str) -> list[FoundNetwork]:
    """All deployments of a database of NixOps. Raises Failure where it cannot be read."""
    with open_database(path) as database, hidden_file() as file:
        version = 1 if database.written_by_nixops_1() else 2
        state = write_state(export_text(database, [each.uuid for each in database.deployments()], '2.x'), file, path)
        return [replace(known, version=version, database=path) for known in _in_state(state)]


def in_export(path: str) -> list[FoundNetwork]:
    """All deployments of what nixops export has printed. Raises Failure where it is something else."""
    with hidden_file() as file:
        state = from_file(path, file)
        return [replace(known, export=path) for known in _in_state(state)]


def in_project(files: StateFiles) -> tuple[list[FoundNetwork], list[Problem]]:
    """The deployments in the newest versions of a project's state files, and warnings of files that are none."""
    found, problems = [], []
    for name, versions in sorted(files.files().items()):
        if name.endswith('.known_hosts') or not versions:
            continue
        with hidden_file() as file:
            try:
                state = from_server(files, name, versions[-1], file)
                found += [replace(known, project=str(files.project), state_file=name) for known in _in_state(state)]
            except NotAState as failure:
                problems += [replace(problem, severity='warning') for problem in failure.problems]
    return found, problems


def _in_state(state: State) -> list[FoundNetwork]:
    found = []
    machines = 0
    for entry in state.entries():
        if entry.resource is None:
            found.append(_known(entry.deployment, entry.attributes, machines))
            machines = 0
        else:
            machines += 1
    version = _version(state, any(each.files is not None for each in found))
    return [replace(each, version=version, alone=len(found) == 1) for each in sorted(found, key=lambda each: each.uuid)]


def _known(uuid: str, attributes: dict[str, str], machines: int) -> FoundNetwork:
    files = None
    with suppress(ValueError):
        files = tuple(_texts(json.loads(attributes['nixExprs']))) if 'nixExprs' in attributes else None
    arguments: tuple[str, ...] = ()
    with suppress(ValueError):
        arguments = tuple(sorted(_texts(json.loads(attributes.get('args', '{}')))))
    return FoundNetwork(uuid, attributes.get('name'), files, arguments, machines=machines)


def _texts(value: object) -> Iterator[str]:
    yield from (item for item in value if isinstance(item, str)) if isinstance(value, (list, dict)) else ()


def _version(state: State, has_files: bool) -> int:
    """By what only one of them writes: a list of files, blanks at line ends; a database as state file."""
    if has_files or state.is_database:
        return 1 if has_files else 2
    state.file.seek(0)
    return 1 if NIXOPS_1 in state.file.read(HEAD) else 2
