# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines and other resources in a state. New ones are invented, with addresses from ranges for documentation."""

import base64
import hashlib
import os
import time
import uuid

import resource_types

KNOWN_HOSTS = os.path.expanduser('~/.ssh/known_hosts')
STATES = ('Unknown', 'Missing', 'Starting', 'Up', 'Stopping', 'Stopped', 'Unreachable', 'Rescue')
STARTS_AS_MISSING = ('ec2', 'virtualbox', 'container', 'digitalOcean', 'hetznercloud')
# Where the types that know their machines' host keys keep them.
HOST_KEYS = {'ec2': 'ec2.publicHostKey', 'gce': 'gce.publicHostKey', 'hetznercloud': 'hetznerCloud.publicHostKey',
             'virtualbox': 'virtualbox.publicHostKey', 'container': 'container.publicHostKey', 'azure': 'azure.publicHostKey'}
# All that is known of something that a command wanted to make and did not.
ONLY_PLANNED = {'type', 'index', 'creationTime', 'obsolete'}


def is_machine(resource):
    return resource['type'] in resource_types.MACHINES


def is_obsolete(resource):
    return resource.get('obsolete') in ('1', 'true')


def machines_of(deployment):
    """Machines that the network still has."""
    return {name: item for name, item in deployment['resources'].items() if is_machine(item) and not is_obsolete(item)}


def status(machine):
    return STATES[int(machine.get('state', machine['type'] in STARTS_AS_MISSING))]


def is_made(resource):
    """Whether something stands behind an entry of the state; NixOps makes what has not been made."""
    if is_machine(resource) and 'vmId' not in resource and resource.get('state') == '1':
        return False
    return 'index' not in resource or not set(resource) <= ONLY_PLANNED


def remember_host(machine):
    """Like NixOps, which fails on a machine that has an address but no host key."""
    key = machine.get(HOST_KEYS.get(machine['type']))
    addresses = [machine[name] for name in ('publicIpv4', 'privateIpv4') if machine.get(name)]
    if not is_machine(machine) or is_obsolete(machine) or not addresses:
        return
    if key is None:
        raise SystemExit('TypeError: coercing to Unicode: need string or buffer, NoneType found')
    os.makedirs(os.path.dirname(KNOWN_HOSTS), exist_ok=True)
    with open(KNOWN_HOSTS, 'a+', encoding='utf-8') as file:
        file.seek(0)
        lines = file.read().splitlines()
        file.writelines('%s %s\n' % (address, key) for address in addresses if '%s %s' % (address, key) not in lines)


def make(name, resource, key):
    """Let a cloud make a machine or another resource: what is known of it from then on."""
    resource.update(state='3', creationTime=resource.get('creationTime', str(int(time.time()))))
    if not is_machine(resource):
        return
    resource['stateVersion'] = '23.05'
    if resource['type'] == 'none':
        resource.update(targetHost=name, vmId='nixops-%s-%s' % (key, name))
        return
    index = int(resource['index'])
    resource.update(publicIpv4='203.0.113.%d' % (10 + index), privateIpv4='10.0.0.%d' % (10 + index), vmId='i-%s' % uuid.uuid4().hex[:17])
    if resource['type'] == 'ec2':
        resource.setdefault('ec2.region', 'eu-west-1')
    if resource['type'] in HOST_KEYS:
        digest = hashlib.sha256(resource['vmId'].encode()).hexdigest()
        host_key = base64.b64encode(bytes.fromhex('0000000b7373682d6564323535313900000020' + digest)).decode()
        resource[HOST_KEYS[resource['type']]] = 'ssh-ed25519 ' + host_key
        remember_host(resource)


def require_credentials(definitions):
    """Refuse credentials that a script wrote from fields that its secret does not have."""
    path = os.path.expanduser('~/.aws/credentials')
    if 'ec2' in definitions.values() and os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            if any(line.strip().endswith('= null') for line in file):
                raise SystemExit('EC2ResponseError: 401 Unauthorized: AWS was not able to validate the provided access credentials')
