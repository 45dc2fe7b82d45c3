# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What NixOps would do to machines and other resources, from the evaluated network and the state that it would find.

NixOps goes by names (deployment.py, evaluate_active and _deploy): what the state does not have is created, what only the state has
becomes obsolete and stays as it is, what is obsolete and in the network again is taken up, and a name with another type ends the
deployment. Machines and other resources share their names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from .._nix.deployments import BuiltNetwork
from .._nix.functions import DEFAULT, nixops_of
from .._problems import fail
from .database import Deployment, find_deployment
from .document import Entry
from .machines import is_machine
from .resource_types import RESOURCE_TYPES

SAME, CHANGED, UNKNOWN = 'same', 'changed', 'unknown'
TYPES = frozenset(RESOURCE_TYPES.values())
MISSING = '1'
UNKNOWN_PLAN = '?'
DESTROYS = 'destroys it (--kill-obsolete)'
GROUPS = ('creates', 'keeps', 'obsolete', 'replaces', 'leftover', 'unclear', 'left_out')


@dataclass(frozen=True)
class Recorded:
    """A machine or another resource in a state: what the plan needs of it, of which nothing is secret.

    made: whether anything stands behind the entry; NixOps makes what was only planned, and what it has found missing.
    system: the path that was deployed last.
    """

    type: str
    machine: bool
    made: bool = True
    obsolete: bool = False
    system: str | None = None


@dataclass(frozen=True)
class Item:
    """A machine, or another resource, of a plan.

    type: as states call it, `unknown` if it does not evaluate. was: its type in the state, if NixOps would refuse another one.
    configuration: of a machine that is kept, `same`, `changed` or `unknown`. recorded: whether the state has an entry for it.
    revived: whether it is obsolete in the state. meant: whether NixOps is told to deal with it.
    """

    name: str
    type: str
    machine: bool
    was: str = ''
    configuration: str = ''
    recorded: bool = True
    revived: bool = False
    meant: bool = True

    def __str__(self) -> str:
        return '%s (%s)' % (self.name, self.type)


@dataclass(frozen=True)
class Plan:
    """What a deployment would do, each in the order of names.

    leftover: what is obsolete already and stays so. unclear: what the state has and of which the evaluation does not tell whether the
    network has it. left_out: what NixOps is told not to make. known: whether there is a network to compare with; without it all is empty.
    destroys: whether NixOps destroys what is obsolete. deploy_only: network files of which nothing is known, as they are not prebuilt.
    without_state: what is deployed where there is no NixOps, and so no state to compare with. configuration: of that, as of an item.
    """

    creates: tuple[Item, ...] = ()
    keeps: tuple[Item, ...] = ()
    obsolete: tuple[Item, ...] = ()
    replaces: tuple[Item, ...] = ()
    leftover: tuple[Item, ...] = ()
    unclear: tuple[Item, ...] = ()
    left_out: tuple[Item, ...] = ()
    known: bool = True
    destroys: bool = False
    deploy_only: tuple[str, ...] = ()
    without_state: str = ''
    configuration: str = ''

    @property
    def destroyed(self) -> tuple[Item, ...]:
        """What NixOps destroys: all that is obsolete and that it deals with, or nothing."""
        return tuple(item for item in (*self.obsolete, *self.leftover) if item.meant) if self.destroys else ()

    @property
    def changes(self) -> tuple[Item, ...]:
        """What is kept and does not stay as it was: machines that get another configuration, and what is no longer obsolete."""
        return tuple(item for item in self.keeps if item.configuration == CHANGED or item.revived)

    @property
    def unsure(self) -> tuple[Item, ...]:
        """The machines of which only a deployment tells whether they get another configuration."""
        return tuple(item for item in self.keeps if item.configuration == UNKNOWN)

    @property
    def _perhaps(self) -> tuple[Item, ...]:
        """Those of which nothing else says that they change."""
        return tuple(item for item in self.unsure if not item.revived)

    @property
    def creates_every_machine(self) -> bool:
        """Whether it keeps no machine and creates some."""
        return any(item.machine for item in self.creates) and not any(item.machine for item in (*self.keeps, *self.replaces))

    @property
    def short(self) -> str:
        """Such as `+2 ~1 -0`; `~1?` where further machines may change, `~?` where any may; `!1` for what NixOps refuses.

        Without a state it is one thing that is deployed, or none of which that can be said.
        """
        if self.without_state:
            return {SAME: '+0 ~0 -0', CHANGED: '+0 ~1 -0', UNKNOWN: '+0 ~? -0'}.get(self.configuration, '')
        if not self.known:
            return UNKNOWN_PLAN
        changed = '%s%s' % (len(self.changes) or ('' if self._perhaps else 0), '?' if self._perhaps else '')
        refused = ' !%d' % len(self.replaces) if self.replaces else ''
        return '+%d ~%s -%d%s' % (len(self.creates), changed, len({*self.destroyed, *self.obsolete}), refused)

    def lines(self) -> Iterator[str]:
        """The whole of it to read: a line for each thing that is not as it was, and the sum."""
        if self.without_state:
            yield self.without_state
            return
        if not self.known:
            yield 'Not known: the network is not prebuilt, or does not evaluate.'
            return
        for item in self.creates:
            yield '  + %s%s' % (item, ', which the state knows as planned or missing' if item.recorded else '')
        for item in self.changes:
            reasons = {'no longer obsolete': item.revived, 'another configuration': item.configuration == CHANGED}
            yield '  ~ %s' % ', '.join([str(item), *(reason for reason, holds in reasons.items() if holds)])
        for item in self.obsolete:
            yield '  - %s becomes obsolete: NixOps %s' % (item, DESTROYS if item in self.destroyed else 'leaves it alone from now on')
        for item in self.leftover:
            if item in self.destroyed:
                yield '  - %s is obsolete already: NixOps %s' % (item, DESTROYS)
        if self.left_out:
            yield '  ? not made, as the arguments of nixops deploy leave them out: %s' % ', '.join(map(str, self.left_out))
        for item in self.replaces:
            yield '  ! %s was of type %s: NixOps refuses to deploy' % (item, item.was)
        for item in self.unclear:
            yield '  ? %s, which the network may have or not' % item
        if self.deploy_only:
            yield '  ? what only these files add is known after the deployment, as they are not prebuilt: %s' % ', '.join(self.deploy_only)
        if self.unsure:
            yield '  ? whether the configuration changes is known after the deployment: %s' % ', '.join(item.name for item in self.unsure)
        yield 'Plan: %s.' % ', '.join(self._sum())

    def _sum(self) -> Iterator[str]:
        yield '%d to create' % len(self.creates)
        yield '%s to change' % self._sum_of_changes()
        if self.destroys:
            yield '%d to be destroyed' % len(self.destroyed)
        spared = [item for item in self.obsolete if item not in self.destroyed]
        if spared or not self.destroys:
            yield '%d to become obsolete' % len(spared)
        if self.replaces:
            yield '%d refused' % len(self.replaces)
        unchanged = len(self.keeps) - len(self.changes) - len(self._perhaps)
        if unchanged:
            yield '%d unchanged' % unchanged
        left = [item for item in self.leftover if item not in self.destroyed]
        if left:
            yield '%d obsolete as before' % len(left)

    def _sum_of_changes(self) -> str:
        least = len(self.changes)
        if not self._perhaps:
            return str(least)
        return 'at least %d' % least if least else 'an unknown number'

    def as_dict(self) -> dict[str, Any]:
        """For results: names with types, and what is said of each."""
        found: dict[str, Any] = {group: [_as_dict(item) for item in getattr(self, group)] for group in GROUPS}
        return {**found, 'known': self.known, 'destroys': self.destroys, 'short': self.short, 'without_state': self.without_state,
                'configuration': self.configuration}


def _as_dict(item: Item) -> dict[str, Any]:
    options = {'was': item.was, 'configuration': item.configuration}
    return {'name': item.name, 'type': item.type, 'machine': item.machine, **{name: value for name, value in options.items() if value}}


def plan_of(
    network: BuiltNetwork | None, recorded: Mapping[str, Recorded], function: str | None = DEFAULT, *, same: bool = False,
    destroys: bool = False, deploy_only: Sequence[str] = (), include: Sequence[str] = (), exclude: Sequence[str] = (),
) -> Plan:
    """What a deployment of the network would do where the state says this.

    network: as evaluated, None if it is not known. recorded: of the deployment that NixOps would choose, as `recorded_in` reads it;
    nothing where there is no state. function: of the effect; NixOps 1.7 skips all of Azure. same: whether it is known that the last
    deployment was of the same network. destroys: whether NixOps is told to destroy what is obsolete. deploy_only: network files that are
    not evaluated; they may well be those that have the machines' types. include, exclude: the names that NixOps is told to deal with alone,
    or to leave as they are; it marks what is obsolete all the same.
    """
    if network is None:
        return Plan(known=False)
    defined = _defined(network, skips_azure=nixops_of(function) == 1)
    groups: dict[str, list[Item]] = {name: [] for name in GROUPS}
    for name in sorted({*defined, *recorded}):
        if name in defined:
            group, item = _fate(defined[name], recorded.get(name), retyped=bool(deploy_only))
        else:
            known = recorded[name]
            group = _fate_of_gone(known, complete=network.known, more=bool(deploy_only))
            item = Item(name, known.type, known.machine)
        meant = name not in exclude and (not include or name in include)
        groups['left_out' if group == 'creates' and not meant else group].append(replace(item, meant=meant))
    paths = {item.name: (network.machines[item.name].system, recorded[item.name].system) for item in groups['keeps'] if item.machine}
    groups['keeps'] = [
        replace(item, configuration=_configuration(*paths[item.name], same, item.meant)) if item.machine else item
        for item in groups['keeps']
    ]
    grouped: dict[str, Any] = {name: tuple(items) for name, items in groups.items()}
    return Plan(**grouped, destroys=destroys, deploy_only=tuple(deploy_only))


def _defined(network: BuiltNetwork, skips_azure: bool) -> dict[str, Item]:
    """What NixOps takes from a network, by name; of a machine and another resource with the same name the latter."""
    found = {name: Item(name, machine.type or UNKNOWN, machine=True) for name, machine in network.machines.items()}
    for name, resource in network.resources.items():
        found[name] = Item(name, RESOURCE_TYPES.get(resource.kind, resource.kind), machine=False)
    return {name: item for name, item in found.items() if not (skips_azure and item.type.startswith('azure'))}


def _fate(wanted: Item, known: Recorded | None, retyped: bool) -> tuple[str, Item]:
    """What becomes of something that the network has: the group of a plan that it belongs to, and what the plan says of it.

    retyped: whether a machine may have another type than its evaluation says.
    """
    if known is None:
        return 'creates', replace(wanted, recorded=False)
    if retyped and wanted.machine and known.machine:
        wanted = replace(wanted, type=known.type)
    # A plugin that is not known here may have another word for its resources in the state.
    if wanted.type not in (UNKNOWN, known.type) and (wanted.machine or wanted.type in TYPES):
        return 'replaces', replace(wanted, was=known.type, revived=known.obsolete)
    return 'keeps' if known.made else 'creates', replace(wanted, type=known.type, revived=known.obsolete)


def _fate_of_gone(known: Recorded, complete: bool, more: bool) -> str:
    """The group of something that only the state has.

    complete: whether all of the network is known, not only its machines. more: whether there are files that may have it.
    """
    if more:
        return 'unclear'
    if known.obsolete:
        return 'leftover'
    return 'obsolete' if complete or known.machine else 'unclear'


def _configuration(prebuilt: str | None, deployed: str | None, same: bool, meant: bool) -> str:
    """Whether a machine that is kept gets another configuration.

    prebuilt, deployed: the path that is prebuilt, and the one that was deployed last. The library prebuilds without the boot loader and
    with what `prebuild_only_network_files` fill in, NixOps deploys with addresses, keys and the names of the other machines: only equal
    paths say something. Different ones do not, not even where those of another machine are equal.
    A machine to which nothing was deployed yet gets something, unless it is not meant.
    """
    if not meant:
        return SAME
    if deployed is None:
        return CHANGED
    return SAME if same or prebuilt == deployed else UNKNOWN


def recorded_in(entries: Iterable[Entry], deployment: str | None, where: str) -> dict[str, Recorded]:
    """What a state has of the deployment that NixOps would choose: by name, UUID or the beginning of one, or the only one.

    where: what to call the state in messages. Raises Failure when it has no such deployment, or several. Without entries there is nothing.
    """
    by_uuid: dict[str, dict[str, Recorded]] = {}
    deployments: list[Deployment] = []
    for entry in entries:
        if entry.resource is None:
            deployments.append(Deployment(entry.deployment, entry.attributes.get('name')))
        else:
            by_uuid.setdefault(entry.deployment, {})[entry.resource] = _recorded(entry.attributes)
    return by_uuid.get(_chosen(deployments, deployment, where).uuid, {}) if deployments else {}


def arguments_in(entries: Iterable[Entry], deployment: str | None, where: str) -> frozenset[str]:
    """The names of the arguments (`nixops set-args`) that a state has for the deployment that NixOps would choose, as `recorded_in`."""
    found = {
        Deployment(entry.deployment, entry.attributes.get('name')): entry.attributes.get('args', '')
        for entry in entries if entry.resource is None
    }
    text = found[_chosen(list(found), deployment, where)] if found else ''
    with suppress(ValueError, TypeError):
        return frozenset(json.loads(text))
    return frozenset()


def _chosen(deployments: list[Deployment], deployment: str | None, where: str) -> Deployment:
    """The one that NixOps would choose. Raises Failure where it has no such deployment, or several."""
    if not deployment and len(deployments) > 1:
        raise fail(
            'The state holds more than one deployment, and the effect does not say which is meant.', where,
            expected='one deployment, or an effect with NIXOPS_DEPLOYMENT', found='; '.join(map(str, deployments)),
            remedy='Give the effect the name or UUID of one of these as NIXOPS_DEPLOYMENT',
        )
    return find_deployment(deployments, deployment, where) if deployment else deployments[0]


def _recorded(attributes: Mapping[str, str]) -> Recorded:
    state = attributes.get('state')
    # NixOps numbers what it is about to make; what it has made has a state, a machine also an identity.
    planned = 'index' in attributes and state is None and not attributes.keys() & {'vmId', 'toplevel'}
    return Recorded(
        type=attributes['type'], machine=is_machine(attributes), made=state != MISSING and not planned,
        obsolete=attributes.get('obsolete') in ('1', 'true'), system=attributes.get('toplevel'),
    )
