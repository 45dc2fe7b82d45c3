# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What NixOps would create, keep, make obsolete or refuse."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import BuiltMachine, BuiltNetwork, Resource
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.plan import Item, Plan, Recorded, arguments_in, plan_of, recorded_in
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.resource_types import RESOURCE_TYPES
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import copy_state
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure

UUID, OTHER = 'bbbbbbbb-0000-11ee-8000-000000000002', 'bbbbbbbb-0000-11ee-8000-000000000003'
OLD, NEW = '/nix/store/1-nixos-system-x', '/nix/store/2-nixos-system-x'


def network(known: bool = True, **types: str) -> BuiltNetwork:
    """web='ec2' is a machine, key='ec2KeyPairs' another resource; web='ec2 PATH' has a configuration."""
    machines = {name: BuiltMachine(*text.split()) for name, text in types.items() if text.split()[0] in ('none', 'ec2', 'hetzner', 'azure')}
    resources = {name: Resource(kind) for name, kind in types.items() if name not in machines}
    return BuiltNetwork(machines, resources, known)


def made(**types: str) -> dict[str, Recorded]:
    """web='ec2', web='ec2 PATH' as what was deployed, gone='none obsolete'."""
    found = {}
    for name, text in types.items():
        kind, *more = text.split()
        path = next((word for word in more if word.startswith('/')), None)
        found[name] = Recorded(kind, kind in ('none', 'ec2', 'hetzner', 'azure'), 'missing' not in more, 'obsolete' in more, path)
    return found


@pytest.mark.parametrize(('wanted', 'known', 'short', 'lines'), [
    (network(), made(), '+0 ~0 -0', ['Plan: 0 to create, 0 to change, 0 to become obsolete.']),
    (network(web='ec2', key='ec2KeyPairs'), made(), '+2 ~0 -0', [
        '  + key (ec2-keypair)', '  + web (ec2)', 'Plan: 2 to create, 0 to change, 0 to become obsolete.',
    ]),
    (network(web='ec2'), made(web='ec2 ' + OLD), '+0 ~? -0', [
        '  ? whether the configuration changes is known after the deployment: web',
        'Plan: 0 to create, an unknown number to change, 0 to become obsolete.',
    ]),
    (network(web='ec2 ' + OLD), made(web='ec2 ' + OLD), '+0 ~0 -0', [
        'Plan: 0 to create, 0 to change, 0 to become obsolete, 1 unchanged.',
    ]),
    # What NixOps adds to one machine, such as addresses, it may not add to another.
    (network(web='ec2 ' + NEW, db='none ' + OLD), made(web='ec2 ' + OLD, db='none ' + OLD), '+0 ~? -0', [
        '  ? whether the configuration changes is known after the deployment: web',
        'Plan: 0 to create, an unknown number to change, 0 to become obsolete, 1 unchanged.',
    ]),
    # A machine that was made and never got a configuration.
    (network(web='ec2 ' + OLD, db='none ' + NEW), made(web='ec2 ' + OLD, db='none'), '+0 ~1 -0', [
        '  ~ db (none), another configuration', 'Plan: 0 to create, 1 to change, 0 to become obsolete, 1 unchanged.',
    ]),
    (network(), made(web='ec2', key='ec2-keypair', gone='none obsolete'), '+0 ~0 -2', [
        '  - key (ec2-keypair) becomes obsolete: NixOps leaves it alone from now on',
        '  - web (ec2) becomes obsolete: NixOps leaves it alone from now on',
        'Plan: 0 to create, 0 to change, 2 to become obsolete, 1 obsolete as before.',
    ]),
    (network(new='none'), made(old='none'), '+1 ~0 -1', [
        '  + new (none)', '  - old (none) becomes obsolete: NixOps leaves it alone from now on',
        'Plan: 1 to create, 0 to change, 1 to become obsolete.',
    ]),
    (network(web='hetzner'), made(web='ec2'), '+0 ~0 -0 !1', [
        '  ! web (hetzner) was of type ec2: NixOps refuses to deploy', 'Plan: 0 to create, 0 to change, 0 to become obsolete, 1 refused.',
    ]),
    (network(web='vpc'), made(web='ec2'), '+0 ~0 -0 !1', [
        '  ! web (vpc) was of type ec2: NixOps refuses to deploy', 'Plan: 0 to create, 0 to change, 0 to become obsolete, 1 refused.',
    ]),
    (network(web='none ' + OLD), made(web='none obsolete ' + OLD), '+0 ~1 -0', [
        '  ~ web (none), no longer obsolete', 'Plan: 0 to create, 1 to change, 0 to become obsolete.',
    ]),
    (
        network(web='none', db='none', key='ec2KeyPairs', one='none'),
        made(web='none obsolete ' + OLD, db='none ' + OLD, key='ec2-keypair obsolete', one='none obsolete'), '+0 ~3? -0', [
            '  ~ key (ec2-keypair), no longer obsolete', '  ~ one (none), no longer obsolete, another configuration',
            '  ~ web (none), no longer obsolete', '  ? whether the configuration changes is known after the deployment: db, web',
            'Plan: 0 to create, at least 3 to change, 0 to become obsolete.',
        ],
    ),
    (network(ip='elasticIPs'), made(ip='elastic-ip'), '+0 ~0 -0', ['Plan: 0 to create, 0 to change, 0 to become obsolete, 1 unchanged.']),
    # A plugin that is not known here may have another word.
    (network(ip='superIPs'), made(ip='super-ip'), '+0 ~0 -0', ['Plan: 0 to create, 0 to change, 0 to become obsolete, 1 unchanged.']),
    (network(web='ec2'), made(web='ec2 missing'), '+1 ~0 -0', [
        '  + web (ec2), which the state knows as planned or missing', 'Plan: 1 to create, 0 to change, 0 to become obsolete.',
    ]),
    # Not all of the network could be evaluated: its machines are known, its resources are not.
    (network(known=False, web='ec2 ' + OLD), made(web='ec2 ' + OLD, db='none', key='ec2-keypair'), '+0 ~0 -1', [
        '  - db (none) becomes obsolete: NixOps leaves it alone from now on', '  ? key (ec2-keypair), which the network may have or not',
        'Plan: 0 to create, 0 to change, 1 to become obsolete, 1 unchanged.',
    ]),
    (None, made(web='ec2'), '?', ['Not known: the network is not prebuilt, or does not evaluate.']),
])
def test_a_plan(wanted: BuiltNetwork | None, known: dict[str, Recorded], short: str, lines: list[str]) -> None:
    plan = plan_of(wanted, known)
    assert plan.short == short
    assert list(plan.lines()) == lines
    assert json.loads(json.dumps(plan.as_dict()))['short'] == short


def test_nothing_is_in_two_groups_or_in_none() -> None:
    wanted = network(a='ec2', b='none', c='vpc', d='hetzner', e='ec2KeyPairs')
    known = made(b='none', c='vpc obsolete', d='ec2', f='none', g='elastic-ip obsolete')
    plan = plan_of(wanted, known)
    groups = (plan.creates, plan.keeps, plan.obsolete, plan.replaces, plan.leftover, plan.unclear)
    assert [[item.name for item in group] for group in groups] == [['a', 'e'], ['b', 'c'], ['f'], ['d'], ['g'], []]


def test_a_network_that_was_deployed_as_it_is_has_the_same_configurations() -> None:
    plan = plan_of(network(web='ec2 ' + NEW, db='none ' + NEW), made(web='ec2 ' + OLD, db='none'), same=True)
    assert [item.configuration for item in plan.keeps] == ['changed', 'same']


def test_what_is_obsolete_is_destroyed_where_nixops_is_told_to() -> None:
    plan = plan_of(network(web='ec2 ' + OLD), made(web='ec2 ' + OLD, db='none', old='ec2 obsolete'), destroys=True)
    assert plan.short == '+0 ~0 -2'
    assert list(plan.lines()) == [
        '  - db (none) becomes obsolete: NixOps destroys it (--kill-obsolete)',
        '  - old (ec2) is obsolete already: NixOps destroys it (--kill-obsolete)',
        'Plan: 0 to create, 0 to change, 2 to be destroyed, 1 unchanged.']


@pytest.mark.parametrize(('told', 'short', 'lines'), [
    ({'include': ['web', 'db']}, '+1 ~? -2', [
        '  + db (none)', '  - gone (ec2) becomes obsolete: NixOps leaves it alone from now on',
        '  - key (ec2-keypair) becomes obsolete: NixOps leaves it alone from now on',
        '  ? not made, as the arguments of nixops deploy leave them out: fresh (none)',
        '  ? whether the configuration changes is known after the deployment: web',
        'Plan: 1 to create, an unknown number to change, 0 to be destroyed, 2 to become obsolete, 1 obsolete as before.']),
    ({'exclude': ['web', 'gone', 'db', 'fresh']}, '+0 ~0 -3', [
        '  - gone (ec2) becomes obsolete: NixOps leaves it alone from now on',
        '  - key (ec2-keypair) becomes obsolete: NixOps destroys it (--kill-obsolete)',
        '  - old (ec2) is obsolete already: NixOps destroys it (--kill-obsolete)',
        '  ? not made, as the arguments of nixops deploy leave them out: db (none), fresh (none)',
        'Plan: 0 to create, 0 to change, 2 to be destroyed, 1 to become obsolete, 1 unchanged.']),
])
def test_what_nixops_is_told_to_leave_out(told: dict[str, list[str]], short: str, lines: list[str]) -> None:
    known = made(web='ec2 ' + OLD, gone='ec2 ' + OLD, key='ec2-keypair', old='ec2 obsolete')
    plan = plan_of(network(web='ec2', db='none', fresh='none'), known, destroys=True, **told)
    assert (plan.short, list(plan.lines())) == (short, lines)
    assert not plan.creates_every_machine


def test_the_names_of_the_arguments_of_a_state() -> None:
    def arguments(**attributes: str) -> frozenset[str]:
        text = json.dumps({UUID: {**attributes, 'resources': {}}}).encode()
        return arguments_in(copy_state(io.BytesIO(text), io.BytesIO(), 'x.json').entries(), None, 'x.json')

    assert arguments() == arguments(args='{}') == arguments(args='no JSON') == arguments(args='3') == frozenset()
    assert arguments(args='{"more": "true", "region": "\\"eu\\""}') == {'more', 'region'}


def test_files_that_are_not_prebuilt_may_have_machines_and_their_types() -> None:
    known = made(web='ec2 ' + OLD, db='none', key='ec2-keypair', old='ec2 obsolete')
    plan = plan_of(network(web='none'), known, deploy_only=['aws.nix'])
    assert plan.short == '+0 ~? -0'
    assert list(plan.lines()) == [
        '  ? db (none), which the network may have or not', '  ? key (ec2-keypair), which the network may have or not',
        '  ? old (ec2), which the network may have or not',
        '  ? what only these files add is known after the deployment, as they are not prebuilt: aws.nix',
        '  ? whether the configuration changes is known after the deployment: web',
        'Plan: 0 to create, an unknown number to change, 0 to become obsolete.']


def test_nixops_1_skips_azure() -> None:
    wanted, known = network(web='azure', group='azureResourceGroups'), made(web='azure', group='azure-resource-group')
    assert [item.name for item in plan_of(wanted, known).obsolete] == ['group', 'web']
    assert [item.name for item in plan_of(wanted, known, 'runNixOps2').keeps] == ['group', 'web']


def test_a_machine_whose_type_does_not_evaluate_is_what_it_was() -> None:
    wanted = BuiltNetwork({'web': BuiltMachine(None), 'new': BuiltMachine(None)})
    plan = plan_of(wanted, made(web='ec2'))
    assert [str(item) for item in (*plan.keeps, *plan.creates)] == ['web (ec2)', 'new (unknown)']


@pytest.mark.parametrize(('wanted', 'known', 'every'), [
    (network(web='ec2'), made(), True), (network(web='ec2'), made(db='ec2'), True), (network(web='ec2', db='none'), made(db='none'), False),
    (network(web='ec2'), made(web='none'), False), (network(key='vpc'), made(), False), (None, made(), False),
])
def test_whether_every_machine_is_created(wanted: BuiltNetwork | None, known: dict[str, Recorded], every: bool) -> None:
    assert plan_of(wanted, known).creates_every_machine is every


def recorded(document: Mapping[str, Any], deployment: str | None) -> dict[str, Recorded]:
    data = json.dumps(document).encode()
    return recorded_in(copy_state(io.BytesIO(data), io.BytesIO(), 'x.json').entries(), deployment, 'x.json')


@pytest.mark.parametrize(('attributes', 'expected'), [
    ({'type': 'ec2', 'state': '3', 'vmId': 'i-1', 'toplevel': OLD}, Recorded('ec2', machine=True, system=OLD)),
    ({'type': 'none'}, Recorded('none', machine=True)),
    ({'type': 'ec2', 'state': '1', 'vmId': 'i-1'}, Recorded('ec2', machine=True, made=False)),
    ({'type': 'ec2', 'index': '0'}, Recorded('ec2', machine=True, made=False)),
    ({'type': 'ec2', 'index': '0', 'creationTime': '1', 'ec2.clientToken': 'x'}, Recorded('ec2', machine=True, made=False)),
    ({'type': 'hetzner', 'index': '0', 'vmId': 'x'}, Recorded('hetzner', machine=True)),
    ({'type': 'ec2', 'index': '0', 'state': '5', 'obsolete': '1'}, Recorded('ec2', machine=True, obsolete=True)),
    ({'type': 'elastic-ip', 'index': '0'}, Recorded('elastic-ip', machine=False, made=False)),
    ({'type': 'elastic-ip', 'index': '0', 'state': '3'}, Recorded('elastic-ip', machine=False)),
    ({'type': 'new-cloud', 'toplevel': OLD}, Recorded('new-cloud', machine=True, system=OLD)),
])
def test_what_a_state_records(attributes: dict[str, str], expected: Recorded) -> None:
    assert recorded({UUID: {'name': 'foo', 'resources': {'web': attributes}}}, 'foo') == {'web': expected}


@pytest.mark.parametrize(('wanted', 'expected'), [
    ('foo', {'web'}), (UUID, {'web'}), (OTHER, {'db'}), (OTHER[:-1] + '3', {'db'}), ('cccc', {'x'}), ('bar', 'There is no deployment'),
    ('bbbb', 'Several deployments match'), (None, 'more than one deployment'), ('', 'more than one deployment'),
])
def test_the_deployment_is_chosen_as_nixops_does(wanted: str | None, expected: set[str] | str) -> None:
    def named(name: str, resource: str) -> dict[str, Any]:
        return {'name': name, 'resources': {resource: {'type': 'none'}}}

    document = {UUID: named('foo', 'web'), OTHER: named('other', 'db'), 'cccccccc-0': named('third', 'x')}
    if isinstance(expected, str):
        with pytest.raises(Failure, match=expected):
            recorded(document, wanted)
    else:
        assert set(recorded(document, wanted)) == expected


def test_the_only_deployment_needs_no_name() -> None:
    assert set(recorded({UUID: {'resources': {'web': {'type': 'none'}}}}, None)) == {'web'}
    assert recorded({}, 'foo') == {}


@pytest.mark.parametrize('version', ['1.7', '2.x'])
def test_states_of_real_nixops_are_read_alike_as_export_and_as_database(
    version: str, fixtures: Path, database: Callable[[str], Path],
) -> None:
    with (fixtures / ('nixops-%s' % version) / 'export-all.json').open('rb') as file:
        export = recorded_in(copy_state(file, io.BytesIO(), 'x').entries(), 'aws-prod', 'x')
    with database(version).open('rb') as file:
        assert recorded_in(copy_state(file, io.BytesIO(), 'x').entries(), 'aws-prod', 'x') == export
    assert {name for name, item in export.items() if item.machine} >= {'app1', 'app2'}
    assert all(item.made for item in export.values() if not item.machine)
    kinds = {kind: name for name, kind in RESOURCE_TYPES.items()}
    wanted = BuiltNetwork(
        {name: BuiltMachine(item.type, item.system) for name, item in export.items() if item.machine},
        {name: Resource(kinds[item.type]) for name, item in export.items() if not item.machine},
    )
    plan = plan_of(wanted, export)
    assert (plan.obsolete, plan.replaces) == ((), ())
    assert {item.name for item in plan.creates} == {name for name, item in export.items() if not item.made}


@pytest.mark.parametrize('version', ['1.7', '2.x'])
def test_every_type_of_resource_that_nixops_has_is_known(version: str, fixtures: Path) -> None:
    known = json.loads((fixtures / 'attributes' / ('attributes-%s.json' % version)).read_text())
    assert {name for name, details in known.items() if not details['machine']} <= set(RESOURCE_TYPES.values())


def test_a_plan_of_nothing_is_empty() -> None:
    assert plan_of(BuiltNetwork(), {}) == Plan()
    assert str(Item('web', 'ec2', machine=True)) == 'web (ec2)'
