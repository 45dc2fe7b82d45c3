# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines as the table of NixOps' backends has them, checked against the attributes that NixOps itself listed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.document import Entry, entries
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.machines import BACKENDS, machine, machines, summary

UUID = 'cccccccc-1700-11e7-8000-000000000003'


@pytest.mark.parametrize('version', ['1.7', '2.x'])
def test_the_table_agrees_with_nixops(version: str, fixtures: Path) -> None:
    """Every type that NixOps calls a machine is in the table, no other is, and each attribute named there exists."""
    types = json.loads((fixtures / 'attributes' / ('attributes-%s.json' % version)).read_text())
    assert {name for name, facts in types.items() if facts['machine']} == set(BACKENDS) & set(types)
    for name in set(BACKENDS) & set(types):
        attributes, backend = types[name]['attrs'], BACKENDS[name]
        named = {backend.public_ipv4, backend.private_ipv4, backend.host_key, backend.region} - {'', 'libvirtd.URI'}
        assert named <= set(attributes), name
        assert attributes['state']['default'] == backend.default_state, name


@pytest.mark.parametrize(
    ('attributes', 'expected'),
    [
        ({'type': 'none', 'targetHost': 'web1.example.net', 'state': '3'},
         {'target_host': 'web1.example.net', 'state': 'Up', 'addresses': ('web1.example.net',), 'target_port': 22, 'target_user': 'root'}),
        ({'type': 'none', 'targetHost': 'h', 'targetPort': '2222', 'targetUser': 'admin', 'publicIpv4': '192.0.2.1', 'obsolete': '1'},
         {'target_port': 2222, 'target_user': 'admin', 'addresses': ('h', '192.0.2.1'), 'obsolete': True, 'state': 'Unknown'}),
        ({'type': 'ec2', 'publicIpv4': '192.0.2.1', 'privateIpv4': '10.0.0.1', 'publicDnsName': 'e.example',
          'ec2.publicHostKey': 'ssh-rsa A', 'ec2.region': 'eu-west-1'},
         {'target_host': '192.0.2.1', 'addresses': ('192.0.2.1', 'e.example', '10.0.0.1'), 'host_key': 'ssh-rsa A', 'region': 'eu-west-1',
          'state': 'Missing', 'breaks_import_of_keys': False}),
        ({'type': 'ec2', 'publicIpv4': '192.0.2.1', 'privateIpv4': '10.0.0.1', 'ec2.usePrivateIpAddress': '1'},
         {'target_host': '10.0.0.1'}),
        ({'type': 'ec2', 'ec2.elasticIpv4': '192.0.2.9'}, {'public_ipv4': '192.0.2.9'}),
        ({'type': 'hetzner', 'hetzner.mainIPv4': '192.0.2.1', 'privateIpv4': 'x'},
         {'public_ipv4': '192.0.2.1', 'private_ipv4': '', 'breaks_import_of_keys': True}),
        ({'type': 'droplet', 'publicIpv4': '192.0.2.1', 'publicIpv6': '{"ip_address": "2001:db8::1"}'}, {'public_ipv6': '2001:db8::1'}),
        ({'type': 'hetznercloud', 'publicIpv6': '2001:db8::1'}, {'public_ipv6': '2001:db8::1', 'state': 'Missing'}),
        ({'type': 'libvirtd', 'privateIpv4': '10.0.0.1', 'publicIpv4': 'x'},
         {'public_ipv4': '', 'target_host': '10.0.0.1', 'breaks_import_of_keys': True}),
        ({'type': 'container', 'privateIpv4': '10.0.0.1', 'container.publicHostKey': 'k'},
         {'host_key': 'k', 'breaks_import_of_keys': False}),
        ({'type': 'none', 'publicIpv4': '192.0.2.1'}, {'breaks_import_of_keys': True}),
        ({'type': 'none', 'publicIpv4': '192.0.2.1', 'obsolete': '1'}, {'breaks_import_of_keys': False}),
        ({'type': 'droplet', 'publicIpv6': 'not an address {', 'state': '99'}, {'state': 'Unknown'}),
        ({'type': 'droplet', 'publicIpv6': '{broken'}, {'public_ipv6': ''}),
        ({'type': 'droplet', 'publicIpv6': '{"a":' * 100000}, {'public_ipv6': ''}),
        ({'type': 'none', 'targetPort': '²', 'state': '9' * 5000}, {'target_port': 22, 'state': 'Unknown'}),
    ],
)
def test_what_is_recorded_of_a_machine(attributes: dict[str, str], expected: dict[str, Any]) -> None:
    found = machine(UUID, 'm', attributes)
    assert {name: getattr(found, name) for name in expected} == expected


def test_types_that_are_not_known_are_machines_when_they_run_a_system() -> None:
    found = list(machines([
        Entry(UUID, 'a', {'type': 'proxmox', 'toplevel': '/nix/store/x', 'publicIpv4': '192.0.2.1'}),
        Entry(UUID, 'b', {'type': 'elastic-file-system-mount-target', 'privateIpv4': '10.0.0.1'}),
        Entry(UUID, None, {'name': 'x'}),
    ]))
    assert [(each.name, each.public_ipv4) for each in found] == [('a', '192.0.2.1')]


def test_no_secret_is_in_a_machine(fixtures: Path) -> None:
    for version in ('1.7', '2.x'):
        with open(fixtures / ('nixops-%s' % version) / 'export-all.json', 'rb') as file:
            text = repr(list(machines(entries(file, 'here')))) + repr(summary(entries(file, 'here')))
        assert 'PRIVATE' not in text
        assert 'FAKE-' not in text
        assert 'aws-prod' in text
