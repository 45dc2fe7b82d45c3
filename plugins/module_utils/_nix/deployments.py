# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What an evaluation says of effects: which state they read, and what is in the networks that they deploy. Values only.

From effects/nixops/run-nixops.nix and effects/nixops2/run-nixops2.nix of hercules-ci-effects, and nix/eval-machine-info.nix of
NixOps 1.7 and 2. `None` always stands for what is not known, never for what is not there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._secrets.key_ids import shown
from .functions import FUNCTIONS, nixops_of, with_nixops

Key = tuple[str, str]
"""A job and the name of an effect in it; `default` is the job of the legacy form."""
ALL = 'all'
STORAGE = 'hercules-ci'
"""The storage and the lock of NixOps 2 that Hercules CI provides, by the name of their plugin."""

# "nixops deploy --kill-obsolete", which Python lets people shorten, also in quotes.
KILLS = re.compile(r"""(?<!\S)['"]?(?:--ki[\w-]*|-k)(?![\w-])""")
# One command, which may go over several lines.
DEPLOYS = re.compile(r'\bnixops deploy\b((?:\\\n|[^\n;&|])*)')

PLAIN = ('ref', 'job', 'name', 'path', 'runs', 'function', 'state_name', 'known_hosts_name', 'deployment', 'action', 'lock',
         'state_project', 'system', 'derivation')
"""What a result has of an effect as it is."""
LISTS = ('deploy_only', 'include', 'exclude')


@dataclass(frozen=True)
class BuiltMachine:
    """A machine of a network.

    type: `deployment.targetEnv`, such as `ec2`. system: the path in the Nix store that is prebuilt for it.
    access_key: `deployment.ec2.accessKeyId`, empty where it is not set.
    """

    type: str | None
    system: str | None = None
    access_key: str | None = None


@dataclass(frozen=True)
class Resource:
    """Another resource of a network. kind: as the network calls it, such as `ec2KeyPairs`. access_key: its `accessKeyId`."""

    kind: str
    access_key: str | None = None


@dataclass(frozen=True)
class BuiltNetwork:
    """What is prebuilt: machines and resources by name.

    known: whether the resources are known, too; else some value of the network could not be evaluated. takes: the names of the arguments
    that its files take.
    """

    machines: Mapping[str, BuiltMachine] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)
    known: bool = True
    takes: tuple[str, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For results. Of the ID of an access key the last characters are shown."""
        return {
            'known': self.known,
            'takes': None if self.takes is None else list(self.takes),
            'machines': {
                name: {'type': machine.type, 'system': machine.system, 'access_key': shown(machine.access_key)}
                for name, machine in self.machines.items()
            },
            'resources': {
                name: {'type': resource.kind, 'access_key': shown(resource.access_key)} for name, resource in self.resources.items()
            },
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> BuiltNetwork:
        """The same from a result."""
        return cls(
            {name: BuiltMachine(each['type'], each['system'], each.get('access_key')) for name, each in found['machines'].items()},
            {name: Resource(resource['type'], resource.get('access_key')) for name, resource in found['resources'].items()},
            found['known'],
            None if found.get('takes') is None else tuple(found['takes']),
        )


@dataclass(frozen=True)
class EvaluatedEffect:
    """An effect on a ref.

    path: as the agent names it. runs: whether it would run there; where it does not, nothing else is known without its network.
    function: one that runs NixOps, `None` for any other.
    state_name: the state file that NixOps would read; of NixOps 2 only the network tells. known_hosts_name: of NixOps 1.
    state_project: the other project of Hercules CI that NixOps 2 has its state at, if the network says so.
    deployment: NIXOPS_DEPLOYMENT, `None` also where it is null. lock: the name of NixOps 2's lock at Hercules CI.
    deploy_only: network files that are not prebuilt. destroys: whether NixOps is told to destroy what is obsolete.
    include, exclude: the machines and resources that NixOps is told to deal with alone, or to leave as they are.
    secrets_map: what secretsMap says, whatever that is; scripts: the shell code by its attribute; inputs: the paths of its packages.
    system: the path in the Nix store that is prebuilt where no NixOps network is, if that was asked for. derivation: of that, or of an
    effect where nothing is prebuilt.
    network: what is prebuilt and deployed, if that was asked for. bare: the same as NixOps 2 deploys it where its state has no arguments,
    if it is prebuilt with some and can do without.
    """

    ref: str
    job: str
    name: str
    path: str
    runs: bool
    function: str | None = None
    state_name: str | None = None
    known_hosts_name: str | None = None
    deployment: str | None = None
    action: str | None = None
    lock: str | None = None
    state_project: str | None = None
    deploy_only: tuple[str, ...] = ()
    destroys: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    secrets_map: Mapping[str, Any] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    system: str | None = None
    derivation: str | None = None
    network: BuiltNetwork | None = None
    bare: BuiltNetwork | None = None

    @property
    def key(self) -> Key:
        return (self.job, self.name)

    def with_network_of(self, built: EvaluatedEffect) -> EvaluatedEffect:
        """With what only the network tells, as it was prebuilt for this or another ref."""
        return replace(
            self, network=built.network, bare=built.bare, system=built.system, derivation=built.derivation,
            state_name=self.state_name or built.state_name, state_project=self.state_project or built.state_project,
            lock=self.lock or built.lock, function=self.function or built.function,
        )

    def as_dict(self) -> dict[str, Any]:
        more = {'destroys': self.destroys, **{name: list(getattr(self, name)) for name in LISTS}}
        return {**{name: getattr(self, name) for name in PLAIN}, **more, 'secrets_map': dict(self.secrets_map), **{
            name: None if network is None else network.as_dict() for name, network in (('network', self.network), ('bare', self.bare))}}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> EvaluatedEffect:
        known: dict[str, Any] = {name: found.get(name) for name in (*PLAIN, 'secrets_map')}
        known.update((name, tuple(found.get(name, ()))) for name in LISTS)
        known.update((name, BuiltNetwork.from_dict(found[name])) for name in ('network', 'bare') if found.get(name) is not None)
        return cls(**known, destroys=found.get('destroys', False))


def evaluated(ref: str, found: Mapping[str, Any]) -> EvaluatedEffect:
    """What one effect is, from what Nix answered about it."""
    attributes, described = found['attributes'], found.get('network') or {}
    function = _function_of(attributes, 'machines' in described)
    script = str(found.get('scripts', {}).get('effectScript', '')) if function else ''
    network = _network(described)
    first = nixops_of(function) == 1
    return EvaluatedEffect(
        ref=ref, job=found['job'], name=found['name'], path=found['path'], runs=found['runs'], function=function,
        # A parameter that the function of NixOps 2 does not know is an environment variable that nobody reads.
        state_name=_text(attributes.get('stateName')) if first else _name_in(described.get('storage')) if function else None,
        known_hosts_name=_text(attributes.get('knownHostsName')) if first else None,
        deployment=_text(attributes.get('NIXOPS_DEPLOYMENT')) if function else None,
        action=_text(attributes.get('action', 'switch')) if function and attributes else None,
        lock=_name_in(described.get('lock')) if function and not first else None,
        state_project=_name_in(described.get('storage'), 'project') if function and not first else None,
        deploy_only=_files(attributes.get('deployOnlyNetworkFiles')) if first else (),
        destroys=bool(KILLS.search(script)), include=_named(script, '--include'), exclude=_named(script, '--exclude'),
        secrets_map=found['secrets'], scripts=found.get('scripts', {}), inputs=tuple(found.get('inputs', ())), network=network,
        bare=_network(found.get('bare') or {}), system=_text(found.get('system')), derivation=_text(found.get('derivation')),
    )


def _function_of(attributes: Mapping[str, Any], has_network: bool) -> str | None:
    """By the attributes that each function of NixOps always sets; an effect that does not run has none."""
    known = with_nixops()
    marked = next((name for name in known if FUNCTIONS[name].marks <= attributes.keys()), None)
    return marked or next((name for name in known if known[name] == 2 and has_network and attributes), None)


def _network(described: Mapping[str, Any]) -> BuiltNetwork | None:
    if 'machines' not in described:
        return None
    machines = {
        name: BuiltMachine(_text(found['type']), _text(found['system']), _text(found['accessKey']))
        for name, found in described['machines'].items()
    }
    # NixOps keeps resources by name alone: of two kinds with the same name the last counts, in the order of their kinds.
    resources = {
        name: Resource(kind, _text(found['accessKey']))
        for kind, by_name in sorted(described['resources'].items()) for name, found in by_name.items()
    }
    takes = described.get('takes')
    return BuiltNetwork(machines, resources, known=described['detail'] == ALL, takes=None if takes is None else tuple(takes))


def _name_in(providers: Any, option: str = 'stateName') -> str | None:
    """The name of the state file or lock in `network.storage` or `network.lock`, or another option of these."""
    provider = providers.get(STORAGE) if isinstance(providers, Mapping) else None
    return _text(provider.get(option)) if isinstance(provider, Mapping) else None


def _files(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else tuple(str(value or '').split())


def _named(script: str, option: str) -> tuple[str, ...]:
    """The names that an option of `nixops deploy` has; the last time counts, as for Python, which lets people shorten options."""
    found: tuple[str, ...] = ()
    for line in DEPLOYS.findall(script):
        names: list[str] | None = None
        for word in _words(line):
            flag, _equals, value = word.partition('=')
            if word.startswith('-'):
                names = [value] if len(flag) > len('--') and option.startswith(flag) else None
            elif names is not None:
                names.append(word)
            if names is not None:
                found = tuple(filter(None, names))
    return found


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line.replace('\\\n', ' '))
    except ValueError:
        return []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
