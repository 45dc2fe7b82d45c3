# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The machines in a state: what they are called, where they are, and how they prove who they are. No value here is secret."""

from __future__ import annotations

import functools
import ipaddress
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .document import Entry

STATES = ('Unknown', 'Missing', 'Starting', 'Up', 'Stopping', 'Stopped', 'Unreachable', 'Rescue')
"""NixOps' own words, by number (class MachineState)."""


@dataclass(frozen=True)
class Backend:
    """Where a type of machine keeps its facts: names of attributes; and the number of the state that is not written down."""

    public_ipv4: str = 'publicIpv4'
    private_ipv4: str = ''
    host_key: str = ''
    region: str = ''
    default_state: int = 0


BACKENDS = {
    'none': Backend(),
    'ec2': Backend(private_ipv4='privateIpv4', host_key='ec2.publicHostKey', region='ec2.region', default_state=1),
    'hetzner': Backend('hetzner.mainIPv4'),
    'hetznercloud': Backend(
        private_ipv4='privateIpv4', host_key='hetznerCloud.publicHostKey', region='hetznerCloud.location', default_state=1
    ),
    'gce': Backend(private_ipv4='privateIpv4', host_key='gce.publicHostKey', region='gce.region'),
    'droplet': Backend(region='droplet.region'),
    'digitalOcean': Backend(region='digitalOcean.region', default_state=1),
    'libvirtd': Backend('', 'privateIpv4', region='libvirtd.URI'),
    'virtualbox': Backend('', 'privateIpv4', 'virtualbox.publicHostKey', default_state=1),
    'container': Backend('', 'privateIpv4', 'container.publicHostKey', default_state=1),
    'azure': Backend(private_ipv4='privateIpv4', host_key='azure.publicHostKey', region='azure.location', default_state=1),
}
"""The types of machines of NixOps 1.7 and of the plugins of NixOps 2."""

RESOURCES = frozenset((
    'aws-data-lifecycle-manager', 'aws-route53-health-check', 'aws-route53-hosted-zone', 'aws-route53-recordset', 'aws-vpn-connection',
    'aws-vpn-connection-route', 'aws-vpn-gateway', 'azure-availability-set', 'azure-blob', 'azure-blob-container', 'azure-directory',
    'azure-dns-record-set', 'azure-dns-zone', 'azure-express-route-circuit', 'azure-file', 'azure-gateway-connection',
    'azure-load-balancer', 'azure-local-network-gateway', 'azure-network-security-group', 'azure-queue', 'azure-reserved-ip-address',
    'azure-resource-group', 'azure-share', 'azure-storage', 'azure-table', 'azure-traffic-manager-profile', 'azure-virtual-network',
    'azure-virtual-network-gateway', 'cloudwatch-log-group', 'cloudwatch-log-stream', 'cloudwatch-metric-alarm', 'command-output',
    'datadog-monitor', 'datadog-screenboard', 'datadog-timeboard', 'ebs-volume', 'ec2-keypair', 'ec2-placement-group',
    'ec2-rds-dbinstance', 'ec2-rds-dbsecurity-group', 'ec2-security-group', 'elastic-file-system', 'elastic-file-system-mount-target',
    'elastic-ip', 'gce-disk', 'gce-forwarding-rule', 'gce-http-health-check', 'gce-image', 'gce-network', 'gce-route', 'gce-static-ip',
    'gce-target-pool', 'gse-bucket', 'hetznercloud-certificate', 'hetznercloud-floating-ip', 'hetznercloud-network',
    'hetznercloud-ssh-key', 'hetznercloud-volume', 'iam-role', 'rds-subnet-group', 's3-bucket', 'sns-topic', 'sqs-queue', 'ssh-keypair',
    'vault-approle', 'vpc', 'vpc-customer-gateway', 'vpc-dhcp-options', 'vpc-egress-only-internet-gateway', 'vpc-endpoint',
    'vpc-internet-gateway', 'vpc-nat-gateway', 'vpc-network-acl', 'vpc-network-interface', 'vpc-network-interface-attachment',
    'vpc-route', 'vpc-route-table', 'vpc-route-table-association', 'vpc-subnet',
))
"""The types of what is no machine there."""

OF_MACHINES_ONLY = frozenset((
    'configsPath', 'hasFastConnection', 'publicVpnKey', 'sshPinged', 'stateVersion', 'targetPort', 'toplevel', 'vmId',
))
"""Attributes that every type of machine has and no other resource."""

IDENTITIES = {
    'aws-route53-hosted-zone': 'route53.zoneId',
    'digitalOcean': 'digitalOcean.dropletId',
    'droplet': 'droplet.dropletId',
    'ebs-volume': 'ec2.volumeId',
    'ec2-rds-dbinstance': 'ec2.rdsDbInstanceID',
    'ec2-security-group': 'ec2.securityGroupId',
    'elastic-file-system': 'ec2.fsId',
    'elastic-ip': 'allocationId',
    'gce-disk': 'gce.disk_name',
    'hetzner': 'hetzner.mainIPv4',
    'hetznercloud-floating-ip': 'resourceId',
    'hetznercloud-network': 'resourceId',
    'hetznercloud-volume': 'resourceId',
    's3-bucket': 'ec2.bucketName',
    'vpc': 'vpcId',
    'vpc-subnet': 'subnetId',
}
"""The attribute that tells which one a resource is, where that is not `vmId`, by type."""


@dataclass(frozen=True)
class Machine:
    """A machine; what is not recorded is empty.

    state: one of STATES. addresses: all under which it may be known, DNS names among them, without duplicates.
    ipv6_network: of which it has every address, where a provider gives it a whole one.
    host_key: in the form of known_hosts, without the address. target_host, target_port, target_user: how NixOps logs in.
    private_key_file: with which key, where that is a file. container_host: the machine, or its address, that a container runs on.
    """

    deployment: str
    name: str
    type: str
    state: str
    obsolete: bool
    public_ipv4: str
    private_ipv4: str
    public_ipv6: str
    ipv6_network: str
    dns_name: str
    host_key: str
    target_host: str
    target_port: int
    target_user: str
    private_key_file: str
    container_host: str
    region: str

    @property
    def addresses(self) -> tuple[str, ...]:
        candidates = (self.target_host, self.dns_name, self.public_ipv4, self.public_ipv6, self.private_ipv4)
        return tuple(dict.fromkeys(address for address in candidates if address))

    @property
    def breaks_import_of_keys(self) -> bool:
        """Whether `nixops import --include-keys` ends with a traceback at it: at an address, but no host key to record for it."""
        return not self.obsolete and bool(self.public_ipv4 or self.private_ipv4) and not self.host_key

    def known_as(self, names: Iterable[str]) -> list[str]:
        """Those of the names and addresses that are the machine's, however they are spelled."""
        own = {_spelled(name) for name in (self.name, *self.addresses)}
        return sorted(name for name in names if _spelled(name) in own or _is_within(_spelled(name), self.ipv6_network))


@functools.lru_cache(maxsize=10_000)
def _spelled(name: str) -> str:
    """An address in the one way in which Python spells it, a name in small letters."""
    try:
        return str(ipaddress.ip_address(name.strip('[]')))
    except ValueError:
        return name.lower().rstrip('.')


def _is_within(address: str, network: str) -> bool:
    try:
        return bool(network) and ipaddress.ip_address(address) in ipaddress.ip_network(network)
    except ValueError:
        return False


def machines(entries: Iterable[Entry]) -> Iterator[Machine]:
    """The machines among the entries of a state, obsolete ones included."""
    for entry in entries:
        if entry.resource is not None and is_machine(entry.attributes):
            yield machine(entry.deployment, entry.resource, entry.attributes)


def is_machine(attributes: Mapping[str, str]) -> bool:
    """Whether a resource is a machine; one of a type that is not known here is, when something is recorded that only machines have."""
    return attributes['type'] in BACKENDS or not OF_MACHINES_ONLY.isdisjoint(attributes)


def may_be_machine(attributes: Mapping[str, str]) -> bool:
    """Whether nobody here can tell: a type that is not known, and nothing recorded that would decide."""
    return attributes['type'] not in RESOURCES and not is_machine(attributes)


def identity(attributes: Mapping[str, str]) -> str | None:
    """Which machine or other resource of its type a record stands for; None where it has not been made, or that is not recorded."""
    return attributes.get(IDENTITIES.get(attributes['type'], 'vmId')) or attributes.get('vmId') or None


def machine(deployment: str, name: str, attributes: Mapping[str, str]) -> Machine:
    """A machine made from what is recorded of it."""
    backend = BACKENDS.get(attributes['type'], Backend(private_ipv4='privateIpv4'))

    def get(attribute: str) -> str:
        return attributes.get(attribute, '') if attribute else ''

    public_ipv4, private_ipv4 = get(backend.public_ipv4), get(backend.private_ipv4)
    public_ipv6, ipv6_network = _ipv6(get('publicIpv6'))
    prefers_private = 'private_ipv4' if get('ec2.usePrivateIpAddress') == '1' or get('azure.usePrivateIpAddress') == '1' else ''
    return Machine(
        deployment=deployment,
        name=name,
        type=attributes['type'],
        state=state_name(get('state'), backend.default_state),
        obsolete=get('obsolete') == '1',
        public_ipv4=public_ipv4 or get('ec2.elasticIpv4'),
        private_ipv4=private_ipv4,
        public_ipv6=public_ipv6,
        ipv6_network=ipv6_network,
        dns_name=get('publicDnsName'),
        host_key=get(backend.host_key),
        target_host=get('targetHost') or (prefers_private and private_ipv4) or public_ipv4 or get('ec2.elasticIpv4') or private_ipv4,
        target_port=_number(get('targetPort'), 22),
        target_user=get('targetUser') or 'root',
        private_key_file=get('ec2.privateKeyFile'),
        container_host=get('container.host').removeprefix('__machine-'),  # so NixOps marks a machine of the same network
        region=get(backend.region),
    )


def state_name(number: str, default: int) -> str:
    """NixOps' word for the number of a state."""
    index = _number(number, default)
    return STATES[index] if index < len(STATES) else STATES[0]


def _number(text: str, default: int) -> int:
    return int(text) if re.fullmatch('[0-9]{1,9}', text) else default


def _ipv6(text: str) -> tuple[str, str]:
    """The address, and the network where the machine has all of it.

    Hetzner Cloud gives a machine a network, `2001:db8:99::/64`, of which NixOps lets it have the first address. DigitalOcean gives an
    address; NixOps records it with `prefixLength`, as a JSON object.
    """
    try:
        recorded: Any = json.loads(text) if text.startswith('{') else text
        if isinstance(recorded, dict):
            recorded = recorded.get('address') or recorded.get('ip_address') or ''
        if not isinstance(recorded, str):
            return '', ''
        found = ipaddress.IPv6Interface(recorded)
    except (ValueError, RecursionError):
        return '', ''
    whole = recorded is text and found.network.prefixlen < found.max_prefixlen
    return str(found.ip), str(found.network) if whole else ''


def summary(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """What is in a state, in numbers: for each deployment `uuid`, `name`, `resources` (how many, machines included) and `machines`,
    a count for each type and state. Obsolete machines are those that the network no longer has."""
    deployments: dict[str, dict[str, Any]] = {}
    counts: dict[str, Counter[tuple[str, str]]] = {}
    for entry in entries:
        deployment = deployments.setdefault(entry.deployment, {'uuid': entry.deployment, 'name': None, 'resources': 0})
        count = counts.setdefault(entry.deployment, Counter())
        if entry.resource is None:
            deployment['name'] = entry.attributes.get('name')
            continue
        deployment['resources'] += 1
        if is_machine(entry.attributes):
            found = machine(entry.deployment, entry.resource, entry.attributes)
            count[found.type, 'obsolete' if found.obsolete else found.state] += 1
    for uuid, count in counts.items():
        by_type: dict[str, dict[str, int]] = {}
        for (kind, state), number in sorted(count.items()):
            by_type.setdefault(kind, {})[state] = number
        deployments[uuid]['machines'] = by_type
    return [deployments[uuid] for uuid in sorted(deployments)]
