# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines and other resources in a state. New ones are invented, with addresses from ranges for documentation."""

import base64
import hashlib
import os
import time

KNOWN_HOSTS = os.path.expanduser('~/.ssh/known_hosts')
MACHINE_TYPES = ('none', 'ec2', 'hetzner', 'hetznercloud', 'gce', 'droplet', 'digitalOcean', 'libvirtd', 'virtualbox', 'container', 'azure')
# Attributes of a network's resources, and the types that NixOps keeps in its state.
RESOURCE_TYPES = {'ec2KeyPairs': 'ec2-keypair', 'ec2SecurityGroups': 'ec2-security-group', 'ebsVolumes': 'ebs-volume',
                  'elasticIPs': 'elastic-ip', 's3Buckets': 's3-bucket', 'sqsQueues': 'sqs-queue', 'iamRoles': 'iam-role',
                  'rdsDbInstances': 'ec2-rds-dbinstance', 'sshKeyPairs': 'ssh-keypair', 'vpc': 'vpc', 'vpcSubnets': 'vpc-subnet'}
STATES = ('Unknown', 'Missing', 'Starting', 'Up', 'Stopping', 'Stopped', 'Unreachable', 'Rescue')
STARTS_AS_MISSING = ('ec2', 'virtualbox', 'container', 'digitalOcean', 'hetznercloud')
HOST_KEYS = ('ec2.publicHostKey', 'gce.publicHostKey', 'hetznerCloud.publicHostKey', 'virtualbox.publicHostKey', 'container.publicHostKey',
             'azure.publicHostKey')


def machines_of(deployment):
    return {name: item for name, item in deployment['resources'].items() if item['type'] in MACHINE_TYPES and not item.get('obsolete')}


def status(machine):
    return STATES[int(machine.get('state', machine['type'] in STARTS_AS_MISSING))]


def remember_host(machine):
    """Like NixOps, which fails on a machine that has an address but no host key."""
    key = next((machine[name] for name in HOST_KEYS if name in machine), None)
    addresses = [machine[name] for name in ('publicIpv4', 'privateIpv4') if machine.get(name)]
    if machine['type'] not in MACHINE_TYPES or not addresses:
        return
    if key is None:
        raise SystemExit('TypeError: coercing to Unicode: need string or buffer, NoneType found')
    os.makedirs(os.path.dirname(KNOWN_HOSTS), exist_ok=True)
    with open(KNOWN_HOSTS, 'a+', encoding='utf-8') as file:
        file.seek(0)
        lines = file.read().splitlines()
        file.writelines('%s %s\n' % (address, key) for address in addresses if '%s %s' % (address, key) not in lines)


def digest(*words):
    return hashlib.sha256(' '.join(words).encode()).hexdigest()


def created(name, kind, key, index):
    """State of a machine that has just been made."""
    machine = {'type': kind, 'index': str(index), 'state': '3', 'creationTime': str(int(time.time())), 'stateVersion': '23.05'}
    if kind == 'none':
        return dict(machine, targetHost=name)
    host_key = base64.b64encode(bytes.fromhex('0000000b7373682d6564323535313900000020' + digest(key, name))).decode()
    machine.update(publicIpv4='203.0.113.%d' % (10 + index), privateIpv4='10.0.0.%d' % (10 + index), vmId='i-%s' % digest(key, name)[:17])
    if kind == 'ec2':
        machine.update({'ec2.publicHostKey': 'ssh-ed25519 ' + host_key, 'ec2.region': 'eu-west-1'})
    return machine


def require_credentials(machines):
    """Refuse credentials that a script wrote from fields that its secret does not have."""
    path = os.path.expanduser('~/.aws/credentials')
    if any(item['targetEnv'] == 'ec2' for item in machines.values()) and os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            if any(line.strip().endswith('= null') for line in file):
                raise SystemExit('EC2ResponseError: 401 Unauthorized: AWS was not able to validate the provided access credentials')


def create_missing(key, deployment, wanted, say):
    """Make what the network has and the state has not, and mark machines that the network no longer has."""
    resources = deployment['resources']
    for kind, names in sorted(wanted['resources'].items()):
        for name in names:
            if name not in resources:
                say(name, 'creating %s' % RESOURCE_TYPES.get(kind, kind))
                resources[name] = {'type': RESOURCE_TYPES.get(kind, kind), 'index': str(len(resources)), 'state': '3'}
    for name, machine in sorted(wanted['machines'].items()):
        if name not in resources:
            say(name, 'creating machine of type \u2018%s\u2019' % machine['targetEnv'])
            resources[name] = created(name, machine['targetEnv'], key, len(resources))
            if any(host_key in resources[name] for host_key in HOST_KEYS):
                remember_host(resources[name])
    for name in sorted(set(machines_of(deployment)) - set(wanted['machines'])):
        say(name, 'is obsolete')
        resources[name]['obsolete'] = '1'
