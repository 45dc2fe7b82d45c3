# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines as the table of NixOps' backends has them, checked against the attributes that NixOps itself listed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.document import Entry, entries
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.machines import (
    BACKENDS,
    OF_MACHINES_ONLY,
    RESOURCES,
    is_machine,
    machine,
    machines,
    may_be_machine,
    summary,
)

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
        *[({'type': kind, 'publicIpv6': '{"address": "2001:db8::1", "prefixLength": 64}'},
           {'public_ipv6': '2001:db8::1', 'ipv6_network': ''})
          for kind in ('droplet', 'digitalOcean')],
        ({'type': 'hetznercloud', 'publicIpv6': '2001:db8::1'}, {'public_ipv6': '2001:db8::1', 'ipv6_network': '', 'state': 'Missing'}),
        ({'type': 'hetznercloud', 'publicIpv6': '2001:db8:99::/64'},
         {'public_ipv6': '2001:db8:99::', 'ipv6_network': '2001:db8:99::/64', 'addresses': ('2001:db8:99::',)}),
        ({'type': 'hetznercloud', 'publicIpv6': '2001:DB8:0:0::/64'}, {'public_ipv6': '2001:db8::', 'ipv6_network': '2001:db8::/64'}),
        *[({'type': 'droplet', 'publicIpv6': text}, {'public_ipv6': '', 'addresses': ()})
          for text in ('{}', '{"address": null}', '{"address": 6}', '{"address": "192.0.2.1"}', 'nonsense', '::/999', '[]', '192.0.2.1')],
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


@pytest.mark.parametrize(('names', 'expected'), [
    (('2001:db8:99::1', '2001:0DB8:99::2', '2001:db8:98::1', 'agent-1'), ['2001:0DB8:99::2', '2001:db8:99::1']),
    (('[2001:db8:99:0:0::5]',), ['[2001:db8:99:0:0::5]']),
    (('WEB1', '192.0.2.1', 'web1.example.net.'), ['192.0.2.1', 'WEB1', 'web1.example.net.']),
    (('web10', '192.0.2.10', ''), []),
])
def test_a_machine_is_found_under_any_spelling_and_any_address_of_its_network(names: tuple[str, ...], expected: list[str]) -> None:
    attributes = {'type': 'hetznercloud', 'publicIpv6': '2001:db8:99::/64', 'publicIpv4': '192.0.2.1', 'targetHost': 'web1.example.net'}
    assert machine(UUID, 'web1', attributes).known_as(names) == expected


def test_every_resource_of_nixops_is_known_to_be_none(fixtures: Path) -> None:
    for version in ('1.7', '2.x'):
        types = json.loads((fixtures / 'attributes' / ('attributes-%s.json' % version)).read_text())
        others = {name: set(facts['attrs']) for name, facts in types.items() if not facts['machine']}
        assert set(others) <= RESOURCES
        assert not any(attributes & OF_MACHINES_ONLY for attributes in others.values())
        assert all(set(facts['attrs']) >= OF_MACHINES_ONLY for facts in types.values() if facts['machine'])


@pytest.mark.parametrize(('attributes', 'is_one', 'may_be_one'), [
    ({'type': 'proxmox', 'targetPort': '22'}, True, False), ({'type': 'proxmox', 'vmId': '7', 'state': '2'}, True, False),
    ({'type': 'proxmox', 'state': '2'}, False, True), ({'type': 'vpc'}, False, False), ({'type': 'ec2'}, True, False),
])
def test_a_type_that_is_not_known_is_told_by_what_is_recorded(attributes: dict[str, str], is_one: bool, may_be_one: bool) -> None:
    assert (is_machine(attributes), may_be_machine(attributes)) == (is_one, may_be_one)


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
