# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What a state is about, in names: its deployments, machines and other resources, of what type they are, and which they are.

No value here is secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from .machines import is_machine
from .state import State


class MachineOutline(TypedDict):
    """vm_id: what the provider calls the machine, None as long as there is none. toplevel: the system that was deployed last."""

    type: str
    vm_id: str | None
    toplevel: str | None
    obsolete: bool


class ResourceOutline(TypedDict):
    """A resource that is no machine; the type is NixOps' own word, for example `ebs-volume`."""

    type: str


class DeploymentOutline(TypedDict):
    """What a state holds of a deployment."""

    name: str | None
    machines: dict[str, MachineOutline]
    resources: dict[str, ResourceOutline]


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
"""The attribute that tells which one it is, where that is not `vmId`, by type."""


def identity(attributes: Mapping[str, str]) -> str | None:
    """Which machine or other resource of its type a record stands for; None where it has not been made, or that is not recorded."""
    return attributes.get(IDENTITIES.get(attributes['type'], 'vmId')) or attributes.get('vmId') or None


def outline_of(state: State) -> dict[str, DeploymentOutline]:
    """The deployments of a state by their UUIDs. The state is read once, piece by piece. Raises Failure when it is none."""
    found: dict[str, DeploymentOutline] = {}
    for entry in state.entries():
        deployment = found.setdefault(entry.deployment, {'name': None, 'machines': {}, 'resources': {}})
        if entry.resource is None:
            deployment['name'] = entry.attributes.get('name')
        elif is_machine(entry.attributes):
            deployment['machines'][entry.resource] = {
                'type': entry.attributes['type'],
                'vm_id': identity(entry.attributes),
                'toplevel': entry.attributes.get('toplevel'),
                'obsolete': entry.attributes.get('obsolete') == '1',
            }
        else:
            deployment['resources'][entry.resource] = {'type': entry.attributes['type']}
    return found
