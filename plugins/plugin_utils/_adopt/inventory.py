# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""How hosts get into the group of networks of an inventory file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._networks.preflight import NETWORKS
from .._yaml_edits.changes import Path, Put
from .._yaml_edits.reading import at
from .deployments import Known
from .hosts import Setting


def group_in(inventory: Any, name: str = NETWORKS) -> Path:
    """Where a group is, or is to be: where its hosts stand already, else below all if the file says what is in there."""
    places = [path for path in _groups(inventory) if path[-1] == name]
    with_hosts = [path for path in places if isinstance(at(inventory, (*path, 'hosts')), Mapping)]
    if places:
        return (with_hosts or places)[0]
    below_all = isinstance(inventory, Mapping) and set(inventory) == {'all'}
    return ('all', 'children', name) if below_all else (name,)


def _groups(value: Any, path: Path = ()) -> Iterator[Path]:
    """All groups of a file, by their places."""
    for name, group in value.items() if isinstance(value, Mapping) else ():
        if isinstance(name, str):
            yield (*path, name)
            if isinstance(group, Mapping):
                yield from _groups(group.get('children'), (*path, name, 'children'))


def deployments_in(inventory: Any) -> Iterator[tuple[str, Any]]:
    """Hosts of the file with their variables, whatever their group."""
    for path in _groups(inventory):
        hosts = at(inventory, (*path, 'hosts'))
        yield from ((str(name), variables) for name, variables in (hosts.items() if isinstance(hosts, Mapping) else ()))


def is_known(known: Known, declared: Iterable[tuple[str, str]], name_is_unique: bool, setting: Setting) -> bool:
    """Whether a deployment has a host already. declared: project and deployment of each network; a project may be empty."""
    called = {known.uuid} | ({known.name} if known.name and name_is_unique else set())
    own = known.project or setting.project
    for project, deployment in declared:
        same_project = not (project and own) or project == own
        if same_project and deployment and (deployment in called or (len(deployment) >= 8 and known.uuid.startswith(deployment))):
            return True
    return False


def changes(inventory: Any, hosts: Mapping[str, Mapping[str, Any]]) -> list[Put]:
    """The edits of the file."""
    if not hosts:
        return []
    group = group_in(inventory)
    edits = [Put((*group, 'hosts', name), dict(variables)) for name, variables in hosts.items()]
    if at(inventory, group) is None:  # nobody has said anything of it yet
        return [Put((*group, 'vars', 'ansible_connection'), 'local'), *edits]
    return edits
