# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""How hosts get into the group of networks of an inventory file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._networks.preflight import AGENTS, NETWORKS
from .._yaml_edits.changes import Path, Put, Question, literal
from .._yaml_edits.reading import at
from .deployments import FoundNetwork
from .effects import AdoptedEffect, slug
from .file import FromFile
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


@dataclass(frozen=True)
class DeclaredHost:
    """A host of the inventory: what it deploys, and the names of its variables."""

    host: str
    project: str
    deployment: str
    variables: frozenset[str] = frozenset()


def declared_in(inventory: Any) -> Iterator[DeclaredHost]:
    """The same of the file, whether or not it is part of the inventory that is played with. Groups may say more; a project is left open."""
    for name, found in deployments_in(inventory):
        if isinstance(found, Mapping) and any(str(variable).startswith('nixops_') for variable in found):
            yield DeclaredHost(name, str(found.get('nixops_project') or ''), str(found.get('nixops_deployment') or ''), frozenset(found))


def is_known(known: FoundNetwork, declared: Iterable[DeclaredHost], name_is_unique: bool, setting: Setting) -> bool:
    """Whether a deployment has a host already."""
    called = {known.uuid} | ({known.name} if known.name and name_is_unique else set())
    own = known.project or setting.project
    for project, deployment in ((each.project, each.deployment) for each in declared):
        same_project = not (project and own) or project == own
        if same_project and deployment and (deployment in called or (len(deployment) >= 8 and known.uuid.startswith(deployment))):
            return True
    return False


def is_same(deployment: str, known: FoundNetwork, name_is_unique: bool) -> bool:
    """Whether an effect works on a deployment, by what it calls that."""
    return deployment == known.uuid or (name_is_unique and deployment == known.name)


def host_of(effect: AdoptedEffect, names: Sequence[str], declared: Iterable[DeclaredHost], project: str | None) -> DeclaredHost | None:
    """The host that an effect has already: it works on the same deployment, or has one of these names where there is none."""
    for each in declared:
        same_project = not (project and each.project) or project == each.project
        same = each.deployment == effect.deployment if effect.deployment else each.host in names and not each.deployment
        if same_project and same:
            return each
    return None


@dataclass
class Written:
    """The edits for what a file declares, the variables of the hosts that are new, and those of the group of all, by its name.

    place: that of the group; empty where there is nothing to write.
    """

    edits: list[Put] = field(default_factory=list)
    hosts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    group: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    place: Path = ()


def effect_changes(
    inventory: Any, found: FromFile, declared: Sequence[DeclaredHost], project: str | None, taken: Collection[str],
) -> Written:
    """What becomes of what a file declares. taken: names of hosts and groups that there are.

    All of its networks are in a group of their own, which has what they share. A host that is there already gets what it does not have.
    """
    if not found.effects:
        return Written()
    networks = group_in(inventory)
    group = _own_group(inventory, networks, slug(project, str(found.variables.get('nixops_checkout'))), taken)
    here = at(inventory, (*group, 'vars'))
    shared = {name: value for name, value in found.variables.items() if not isinstance(here, Mapping) or (
        name not in here and not isinstance(value, Question))}
    edits = [Put((*networks, 'vars', 'ansible_connection'), 'local')] if at(inventory, networks) is None else []
    edits += [Put((*group, 'vars', name), value) for name, value in literal(shared).items()] if isinstance(here, Mapping) else [
        Put((*group, 'vars'), literal(shared))]
    new: dict[str, Mapping[str, Any]] = {}
    for effect in found.effects:
        names = (effect.host, '%s-%s' % (group[-1], effect.host))
        known = host_of(effect, names, declared, project)
        if known is None:
            name = names[effect.host in {*taken, *new}]
            new[name] = literal(effect.variables)
            edits.append(Put((*group, 'hosts', name), dict(new[name])))
            continue
        # Where its state comes from has been decided, be it by saying nothing.
        decided = {*known.variables, 'nixops_state'}
        own = {name: value for name, value in effect.variables.items() if name not in decided and not isinstance(value, Question)}
        if own or not _has(inventory, group, known.host):
            edits.append(Put((*group, 'hosts', known.host), literal(own)))
    return Written(edits, new, {str(group[-1]): shared}, group)


def _own_group(inventory: Any, networks: Path, name: str, taken: Collection[str]) -> Path:
    """The group of a repository: the one that is there, else one with a name that nothing else has."""
    own: Path = (*networks, 'children', name)
    others = {NETWORKS, AGENTS, 'all', *taken, *(path[-1] for path in _groups(inventory))}
    return own if isinstance(at(inventory, own), Mapping) or name not in others else (*networks, 'children', '%s_networks' % name)


def _has(inventory: Any, group: Path, host: str) -> bool:
    """Whether a group of the file names a host, be it without variables."""
    hosts = at(inventory, (*group, 'hosts'))
    return isinstance(hosts, Mapping) and host in hosts


def changes(inventory: Any, hosts: Mapping[str, Mapping[str, Any]], of_file: Written, project: str | None) -> list[Put]:
    """The edits of the file. Networks of the project whose file was adopted have to agree with those of that: they get into its group."""
    if not hosts:
        return []
    group = group_in(inventory)
    edits = [
        Put((*(of_file.place if of_file.place and variables.get('nixops_project') == project else group), 'hosts', name), dict(variables))
        for name, variables in hosts.items()
    ]
    if of_file.place:
        return edits
    if at(inventory, group) is None:  # nobody has said anything of it yet
        return [Put((*group, 'vars', 'ansible_connection'), 'local'), *edits]
    return edits
