# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What AWS says of networks that have something to do, before they are deployed: are their machines there, and do their keys work?

Nothing is asked with the agents' own keys, so that none is used by this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ...module_utils._files import hidden_file
from ...module_utils._nixops.machines import machine
from ...module_utils._nixops.sources import from_server, read_source
from ...module_utils._problems import Failure, Problem, listed
from ...module_utils._secrets.aws import ID_FIELD
from ...module_utils._secrets.aws_user import USER, is_owned
from ...module_utils._secrets.key_ids import KEY_ID, shown
from .._aws.iam import AwsClient
from .host import Host
from .known import KnownProject
from .network import Network
from .states import SOURCE

CHECK = 'nixops_aws_check'
AT_ONCE = 100
"""Machines that one request asks for."""
GONE = ('terminated', 'shutting-down')


@dataclass(frozen=True)
class Ec2Machine:
    """A machine of EC2 as a state has it."""

    name: str
    id: str
    region: str
    public_ipv4: str


@dataclass(frozen=True)
class Looked:
    """A network with the secrets that have its keys, of all agents, and its machines."""

    network: Network
    secrets: Mapping[str, Mapping[str, Any]]
    machines: tuple[Ec2Machine, ...]

    @property
    def regions(self) -> set[str]:
        return {each.region for each in self.machines}

    @property
    def access(self) -> tuple[str, str]:
        """Profile and region of the controller's own access to the account of AWS that the network is in."""
        owned = [entry for entry in self.secrets.values() if is_owned(entry)]
        return (str(owned[0].get('profile') or ''), str(owned[0].get('region') or '')) if owned else ('', '')


def aws_problems(known: Iterable[KnownProject], agents: Sequence[Host]) -> Iterator[Problem]:
    """All that AWS says. Nothing is asked, and boto3 not needed, unless a network wants it, or has a key that is looked after."""
    client_for = cache(AwsClient)
    may_ask = cache(lambda profile, region: client_for(profile, region).has_credentials())
    there: dict[tuple[str, str], list[Looked]] = {}
    for network, machines in _busy(known):
        looked = Looked(network, _secrets(network, agents), machines)
        wanted = network[CHECK] == 'always' or (any(is_owned(entry) for entry in looked.secrets.values()) and may_ask(*looked.access))
        if wanted:
            there.setdefault(looked.access, []).append(looked)
    for access, members in there.items():
        yield from _asked(client_for(*access), members)


def _asked(client: AwsClient, members: Sequence[Looked]) -> Iterator[Problem]:
    """What cannot be asked stops only networks that want to be checked always."""
    found, refused = _instances(client, [each for looked in members for each in looked.machines])
    for region, failure in refused.items():
        yield from _softened(failure, [looked for looked in members if region in looked.regions])
    for looked in members:
        if looked.regions.isdisjoint(refused):
            yield from _machine_problems(looked, found)
    for name, entry in sorted({name: entry for looked in members for name, entry in looked.secrets.items()}.items()):
        try:
            yield from _key_problems(client, name, entry)
        except Failure as failure:
            yield from _softened(failure, members)


def _softened(failure: Failure, members: Iterable[Looked]) -> Iterator[Problem]:
    always = any(looked.network[CHECK] == 'always' for looked in members)
    missing = failure.extra.get('aws_code') == 'NoSuchEntity'
    for problem in failure.problems:
        yield problem if always or missing else replace(problem, severity='warning')


def _busy(known: Iterable[KnownProject]) -> Iterator[tuple[Network, tuple[Ec2Machine, ...]]]:
    for project in known:
        pending = project.pending
        at_rest = project.at_rest or {}
        for network in project.project.chosen:
            if network.name not in at_rest and network.sound(*SOURCE, CHECK, 'nixops_secrets_map') and network[CHECK] != 'never':
                yield network, tuple(_machines(project, network, network.name in pending))


def _machines(known: KnownProject, network: Network, pending: bool) -> Iterator[Ec2Machine]:
    """Those of the state that is going to be deployed; of a state that cannot be read, others tell."""
    versions = (known.versions or {}).get(network.state_name)
    try:
        with hidden_file() as file:
            if pending:
                state = read_source(network.source(), file).state
            elif versions and known.files:
                state = from_server(known.files, network.state_name, versions[-1], file)
            else:
                return
            for entry in state.entries():
                attributes = entry.attributes
                if entry.resource is not None and attributes.get('type') == 'ec2' and attributes.get('vmId'):
                    each = machine(entry.deployment, entry.resource, attributes)
                    if each.region and not each.obsolete:
                        yield Ec2Machine(each.name, attributes['vmId'], each.region, attributes.get('publicIpv4', ''))
    except Failure:
        return


def _secrets(network: Network, agents: Iterable[Host]) -> dict[str, Mapping[str, Any]]:
    """The secrets with keys of AWS that the network uses, of the first agent that has each."""
    found: dict[str, Mapping[str, Any]] = {}
    for agent in agents:
        secrets = agent['nixops_agent_secrets'] if agent.sound('nixops_agent_secrets') else None
        for name in network.secrets.values():
            entry = (secrets or {}).get(name)
            if isinstance(entry, Mapping) and (is_owned(entry) or KEY_ID.match(_key_id(entry))):
                found.setdefault(name, entry)
    return found


def _key_id(entry: Mapping[str, Any]) -> str:
    data = entry.get('data')
    return str(data.get(ID_FIELD, '')) if isinstance(data, Mapping) else ''


def _instances(client: AwsClient, machines: Iterable[Ec2Machine]) -> tuple[dict[str, Mapping[str, Any]], dict[str, Failure]]:
    """What AWS has of these machines, by ID, and why it does not tell of a region: a request for each region and hundred machines."""
    by_region: dict[str, list[str]] = {}
    for each in machines:
        by_region.setdefault(each.region, []).append(each.id)
    found: dict[str, Mapping[str, Any]] = {}
    refused: dict[str, Failure] = {}
    for region, ids in sorted(by_region.items()):
        try:
            for start in range(0, len(ids), AT_ONCE):
                answer = client.instances(region, ids[start:start + AT_ONCE])
                found.update((each['InstanceId'], each) for each in answer if each['State']['Name'] not in GONE)
        except Failure as failure:
            refused[region] = failure
    return found, refused


def _machine_problems(looked: Looked, found: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    where = '%s, %s' % (looked.network.name, looked.network.state_name)
    gone = [each.name for each in looked.machines if each.id not in found]
    if gone and len(gone) == len(looked.machines):
        yield Problem(
            'None of the machines of the state exists any more, and a deployment would make all of them anew.', where=where,
            expected='the state of what is there', found='%d machines that AWS does not have: %s' % (len(gone), listed(gone, 5)),
            remedy='Look for the newer state of this network. Where the machines were really removed, or another account of AWS has them, '
                   'set %s: never' % CHECK)
    elif gone:
        yield Problem(
            'Machines of the state do not exist any more, and a deployment would make them anew.', where=where, found=listed(gone, 5),
            remedy='Look at who has removed them', severity='warning')
    moved = [
        each for each in looked.machines
        if each.id in found and each.public_ipv4 and found[each.id].get('PublicIpAddress', '') not in ('', each.public_ipv4)
    ]
    if moved:
        yield Problem(
            'Machines have other addresses than the state says.', where=where, expected=', '.join(each.public_ipv4 for each in moved[:5]),
            found=', '.join(str(found[each.id]['PublicIpAddress']) for each in moved[:5]),
            remedy='Nothing, where NixOps may look for them itself: it does so when it deploys', severity='warning')


def _key_problems(client: AwsClient, name: str, entry: Mapping[str, Any]) -> Iterator[Problem]:
    """Whether the user exists, and a key that the inventory has is active."""
    if is_owned(entry):
        client.user(str(entry[USER]))
        return
    key = _key_id(entry)
    user = client.user_of(key)
    known = {each.id: each for each in client.user(user).keys} if user else {}
    if user and not (key in known and known[key].active):
        yield Problem(
            'The AWS access key of the agents does not work.', where='secret %s' % name, expected='an active key',
            found='%s of %s, which is %s' % (shown(key), user, 'switched off' if key in known else 'deleted'),
            remedy='Give the secret a key that is active, or aws_user in place of it')
