# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a state is about, in names, from exports and databases that NixOps wrote: what is a machine, and which one."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.machines import IDENTITIES, identity, is_machine
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import NOTHING, State, state_of
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure

UUID = 'cccccccc-1700-11e7-8000-000000000003'
SYSTEM = '/nix/store/11111111111111111111111111111111-nixos-system-app1-23.11.20240101.fake000'


def outline_of(state: State) -> dict[str, dict[str, Any]]:
    """The deployments of a state by their UUIDs."""
    found: dict[str, dict[str, Any]] = {}
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


def outline(content: bytes) -> dict[str, dict[str, Any]]:
    return outline_of(state_of(io.BytesIO(content), 'here'))


def test_machines_and_other_resources(fixtures: Path) -> None:
    deployment = outline_of(state_of(io.BytesIO((fixtures / 'nixops-1.7' / 'export-aws-prod.json').read_bytes()), 'here'))[UUID]
    assert deployment['name'] == 'aws-prod'
    assert list(deployment['machines']) == ['app1', 'app2']
    assert deployment['machines']['app1']['vm_id'] == 'i-0fa4e000'
    assert (deployment['machines']['app1']['toplevel'] or '').startswith('/nix/store/')
    assert deployment['resources'] == {
        'eip1': {'type': 'elastic-ip'}, 'kp': {'type': 'ec2-keypair'}, 'net': {'type': 'vpc'}, 'pg': {'type': 'ec2-rds-dbinstance'},
        'sg-ssh': {'type': 'ec2-security-group'},
    }  # fmt: skip


@pytest.mark.parametrize('version', ['1.7', '2.x'])
def test_an_export_and_the_database_say_the_same(version: str, fixtures: Path) -> None:
    folder = fixtures / ('nixops-%s' % version)
    assert outline((folder / 'export-all.json').read_bytes()) == outline((folder / 'deployments.nixops').read_bytes())


def test_a_machine_that_is_not_there_yet_and_one_that_is_obsolete() -> None:
    resources = {'a': {'type': 'ec2'}, 'b': {'type': 'ec2', 'vmId': 'i-1', 'obsolete': '1'}, 'c': {'type': 'other', 'toplevel': SYSTEM}}
    assert outline(json.dumps({'u': {'resources': resources}}).encode()) == {
        'u': {
            'name': None,
            'machines': {
                'a': {'type': 'ec2', 'vm_id': None, 'toplevel': None, 'obsolete': False},
                'b': {'type': 'ec2', 'vm_id': 'i-1', 'toplevel': None, 'obsolete': True},
                'c': {'type': 'other', 'vm_id': None, 'toplevel': SYSTEM, 'obsolete': False},
            },
            'resources': {},
        }
    }


def test_nothing_and_what_is_no_state() -> None:
    assert outline_of(NOTHING) == {}
    assert outline(b'{}') == {}
    with pytest.raises(Failure):
        outline(b'no state')


def test_no_secret_is_in_it(fixtures: Path) -> None:
    for version in ('1.7', '2.x'):
        text = json.dumps(outline((fixtures / ('nixops-%s' % version) / 'export-all.json').read_bytes()))
        assert 'PRIVATE KEY' not in text
        assert 'FAKE-' not in text


@pytest.mark.parametrize(
    ('attributes', 'expected'),
    [
        ({'type': 'ec2', 'vmId': 'i-1', 'ec2.subnetId': 's'}, 'i-1'),
        ({'type': 'droplet', 'droplet.dropletId': '7'}, '7'),
        ({'type': 'hetzner', 'hetzner.mainIPv4': '192.0.2.1', 'vmId': 'nixops-u-m'}, '192.0.2.1'),
        ({'type': 'hetzner', 'vmId': 'nixops-u-m'}, 'nixops-u-m'),
        ({'type': 'ebs-volume', 'ec2.volumeId': 'vol-1'}, 'vol-1'),
        ({'type': 'vpc-subnet', 'vpcId': 'vpc-1', 'subnetId': 'subnet-1'}, 'subnet-1'),
        ({'type': 'ec2', 'vmId': ''}, None),
        ({'type': 'sqs-queue'}, None),
    ],
)
def test_which_one_it_is(attributes: dict[str, str], expected: str | None) -> None:
    assert identity(attributes) == expected


def test_the_table_of_identities_agrees_with_nixops(fixtures: Path) -> None:
    """Types are those of NixOps 1.7 or 2, and attributes are ones that NixOps lists, or that a state it wrote has."""
    types: dict[str, set[str]] = {}
    for version in ('1.7', '2.x'):
        for name, facts in json.loads((fixtures / 'attributes' / ('attributes-%s.json' % version)).read_text()).items():
            types.setdefault(name, set()).update(facts['attrs'])
        for deployment in json.loads((fixtures / ('nixops-%s' % version) / 'export-all.json').read_text()).values():
            for resource in deployment['resources'].values():
                types[resource['type']].update(resource)
    assert {kind: name for kind, name in IDENTITIES.items() if name not in types[kind]} == {}
