# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight with AWS: the state of the guide's world, and machines that moto has, or not."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import boto3
import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.preflight import Inventory, check

from tests.aws.server import Aws
from tests.sandbox.in_process import Sandbox
from tests.support.surroundings import FIXTURES
from tests.support.world import PROJECT, TOKEN, World, running_world

EXPORT = FIXTURES / 'nixops' / 'nixops-1.7' / 'export-aws-prod.json'


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp('world'), Path('no plays here'), Sandbox) as made:
        yield made


@pytest.fixture
def inventory(world: World) -> Inventory:
    """The network of the guide alone, whose secret says aws_user, with a state on Hercules CI."""
    group = copy.deepcopy(world.inventory['nixops_networks'])
    network = {**group['vars'], **group['children']['production']['vars'], **group['children']['production']['hosts']['neat-network']}
    network.update(nixops_api_token=TOKEN, nixops_state='present', nixops_state_name='aws-check.json')
    agents = copy.deepcopy(world.inventory['hercules_agents'])
    variables = {**agents['vars'], 'nixops_agent_secrets': {'neat-aws': {'aws_user': 'neat-deployer'}}}
    return Inventory({'neat-network': network}, {host: {**variables, **own} for host, own in agents['hosts'].items()}, ['neat-network'])


def machines(aws: Aws, number: int, region: str = 'eu-west-1') -> list[Any]:
    """So many machines that exist."""
    ec2 = boto3.session.Session().client('ec2', region)
    made = ec2.run_instances(ImageId='ami-12345678', MinCount=number, MaxCount=number)['Instances']
    return [aws.ec2(region).get_instance(each['InstanceId']) for each in made]


def put_state(world: World, vms: dict[str, str], address: str = '', regions: Mapping[str, str] = MappingProxyType({})) -> None:
    """A state with these machines, by name, in eu-west-1 unless regions says otherwise."""
    state = json.loads(EXPORT.read_text())
    (deployment,) = state.values()
    model = next(each for each in deployment['resources'].values() if each['type'] == 'ec2' and 'vmId' in each)
    others = {name: each for name, each in deployment['resources'].items() if each['type'] != 'ec2'}
    made = {name: {**model, 'vmId': vm, 'ec2.region': regions.get(name, 'eu-west-1'), 'publicIpv4': address or model.get('publicIpv4', '')}
            for name, vm in vms.items()}
    deployment['resources'] = {**others, **made}
    world.sandbox.put_state(PROJECT, 'aws-check.json', json.dumps(state).encode())


def said(inventory: Inventory) -> list[str]:
    """Warnings and errors about AWS."""
    try:
        problems = list(check(inventory)[1])
    except Failure as failure:
        problems = list(failure.problems)
    text = [str(problem) for problem in problems]
    return [line for line in text if 'achine' in line or 'AWS' in line or 'boto3' in line]


def test_machines_that_are_there(world: World, aws: Aws, inventory: Inventory) -> None:
    made = machines(aws, 120)
    put_state(world, {'web-%d' % number: each.id for number, each in enumerate(made)}, made[0].public_ip)
    found = said(inventory)
    assert [line for line in found if 'have other addresses than the state says' not in line] == []
    assert aws.requests.count('DescribeInstances') == 2, 'one for each hundred'


def test_a_state_of_which_no_machine_exists_is_refused(world: World, aws: Aws, inventory: Inventory) -> None:
    put_state(world, {'web-1': 'i-00000000000000001', 'web-2': 'i-00000000000000002'})
    (line,) = said(inventory)
    assert line.startswith('None of the machines of the state exists any more, and a deployment would make all of them anew.')
    assert 'web-1, web-2' in line and 'nixops_aws_check: never' in line
    inventory.networks['neat-network']['nixops_aws_check'] = 'never'
    aws.requests.clear()
    assert said(inventory) == [] and aws.requests == []


def test_some_machines_that_are_gone(world: World, aws: Aws, inventory: Inventory) -> None:
    (web,) = machines(aws, 1)
    put_state(world, {'web-1': web.id, 'web-2': 'i-00000000000000002'}, web.public_ip)
    (line,) = said(inventory)
    assert line.startswith('Machines of the state do not exist any more') and 'Found: web-2.' in line


def test_a_user_that_does_not_exist(world: World, aws: Aws, inventory: Inventory) -> None:
    (web,) = machines(aws, 1)
    put_state(world, {'web-1': web.id}, web.public_ip)
    aws.iam.delete_user('neat-deployer')
    (line,) = said(inventory)
    assert line.startswith('AWS knows no such user, or no such key.') and 'GetUser of neat-deployer' in line


@pytest.mark.parametrize(('status', 'gone'), [
    ('stop_instances', False), ('terminate_instances', True), ('reboot_instances', False),
])
def test_a_machine_that_was_stopped_or_terminated(world: World, aws: Aws, inventory: Inventory, status: str, gone: bool) -> None:
    """One that is stopped has no address, and keeps its disk: NixOps starts it. Of one that is terminated AWS tells for an hour."""
    web, other = machines(aws, 2)
    put_state(world, {'web-1': web.id, 'web-2': other.id})
    getattr(boto3.session.Session().client('ec2'), status)(InstanceIds=[web.id])
    found = [line for line in said(inventory) if 'addresses' not in line]
    assert [line.partition(' Where')[0] for line in found] == [
        'Machines of the state do not exist any more, and a deployment would make them anew.'] * gone
    getattr(boto3.session.Session().client('ec2'), status)(InstanceIds=[other.id])
    assert [line.startswith('None of the machines of the state exists any more') for line in said(inventory) if 'address' not in line] == (
        [True] * gone)


@pytest.mark.parametrize('elastic', [False, True])
def test_a_machine_with_another_address(world: World, aws: Aws, inventory: Inventory, elastic: bool) -> None:
    """Also one that the state does not know to have an elastic IP."""
    (web,) = machines(aws, 1)
    before = str(web.public_ip)
    put_state(world, {'web-1': web.id}, before)
    assert said(inventory) == []
    ec2 = boto3.session.Session().client('ec2')
    if elastic:
        address = ec2.allocate_address(Domain='vpc')
        ec2.associate_address(InstanceId=web.id, AllocationId=address['AllocationId'])
        now = address['PublicIp']
    else:
        ec2.stop_instances(InstanceIds=[web.id])
        assert said(inventory) == [], 'it has none now'
        ec2.start_instances(InstanceIds=[web.id])
        now = str(web.public_ip)
    (line,) = said(inventory)
    assert line.startswith('Machines have other addresses than the state says.') and before in line and 'Found: %s.' % now in line
    put_state(world, {'web-1': web.id}, now)
    assert said(inventory) == []


def test_machines_of_two_regions(world: World, aws: Aws, inventory: Inventory) -> None:
    """Each is looked for in its own region, with one request; in the other one nobody knows it."""
    (web,), (far,) = machines(aws, 1), machines(aws, 1, 'us-east-2')
    regions = {'far-1': 'us-east-2', 'far-2': 'us-east-2'}
    aws.requests.clear()
    put_state(world, {'web-1': web.id, 'far-1': far.id, 'far-2': 'i-00000000000000003'}, regions=regions)
    (line,) = [line for line in said(inventory) if 'addresses' not in line]
    assert 'do not exist any more' in line and 'Found: far-2.' in line and aws.requests.count('DescribeInstances') == 2
    put_state(world, {'web-1': far.id, 'far-1': web.id}, regions=regions)
    assert said(inventory)[0].startswith('None of the machines of the state exists any more')


def test_a_region_that_is_refused_hides_no_other(world: World, aws: Aws, inventory: Inventory) -> None:
    """An organisation may allow regions one by one. What is known of the others is said."""
    (web,) = machines(aws, 1)
    network = inventory.networks['neat-network']
    inventory.networks['neat-staging'] = {
        **network, 'nixops_state_name': 'aws-far.json', 'nixops_branches': ['staging'], 'nixops_deployment': 'bar'}
    inventory = Inventory(inventory.networks, inventory.agents, ['neat-network', 'neat-staging'])
    put_state(world, {'far-1': 'i-00000000000000001'}, regions={'far-1': 'us-east-2'})
    world.sandbox.put_state(PROJECT, 'aws-far.json', world.sandbox.states(PROJECT, 'aws-check.json')[-1])
    put_state(world, {'web-1': web.id}, web.public_ip)
    aws.errors = {'ec2 eu-west-1': 'UnauthorizedOperation'}
    found = said(inventory)
    assert sorted(line.partition('.')[0] for line in found) == [
        'None of the machines of the state exists any more, and a deployment would make all of them anew',
        'The controller may not ask AWS for DescribeInstances']
    assert 'neat-staging, aws-far.json' in str(found)


def test_what_has_no_machine_yet_is_not_looked_for(world: World, aws: Aws, inventory: Inventory) -> None:
    """A spot request that nothing came of, one of which NixOps does not know the region, and resources that are no machines."""
    for vms in ({'web-1': ''}, {'far-1': 'i-00000000000000001'}):
        put_state(world, vms, regions={'far-1': ''})
        assert said(inventory) == [] and 'DescribeInstances' not in aws.requests


@pytest.mark.parametrize(('modes', 'fails'), [(('auto', 'auto'), False), (('auto', 'always'), True), (('always', 'auto'), True)])
def test_without_credentials_only_who_wants_it_always_is_told(
    world: World, aws: Aws, inventory: Inventory, modes: tuple[str, str], fails: bool, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever another network of the same account wants."""
    for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'):
        monkeypatch.delenv(name)
    monkeypatch.setenv('AWS_EC2_METADATA_DISABLED', 'true')
    put_state(world, {'web-1': 'i-00000000000000001'})
    world.sandbox.put_state(PROJECT, 'aws-other.json', world.sandbox.states(PROJECT, 'aws-check.json')[-1])
    other = {'nixops_state_name': 'aws-other.json', 'nixops_branches': ['staging'], 'nixops_deployment': 'aws-prod'}
    one = inventory.networks['neat-network']
    networks = {'neat-network': {**one, 'nixops_aws_check': modes[0]}, 'neat-staging': {**one, **other, 'nixops_aws_check': modes[1]}}
    found = said(Inventory(networks, inventory.agents, list(networks)))
    assert bool([line for line in found if 'credentials' in line]) is fails, found
    assert not aws.requests


@pytest.mark.parametrize(('code', 'sentence'), [
    ('AccessDenied', 'The controller may not ask AWS for DescribeInstances.'),
    ('UnauthorizedOperation', 'The controller may not ask AWS for DescribeInstances.'),
    ('RequestLimitExceeded', 'AWS has put DescribeInstances off for 20 seconds'),
    ('RequestExpired', "The controller's credentials for AWS have expired."),
    ('AuthFailure', "AWS does not know the controller's own access key."),
    ('InternalError', 'AWS refuses DescribeInstances.'),
])
@pytest.mark.parametrize(('mode', 'fails'), [('auto', False), ('always', True)])
def test_what_aws_refuses(
    world: World, aws: Aws, inventory: Inventory, mode: str, fails: bool, code: str, sentence: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('time.sleep', bool)
    put_state(world, {'web-1': 'i-00000000000000001'})
    aws.errors = {'DescribeInstances': code}
    inventory.networks['neat-network']['nixops_aws_check'] = mode
    (line,) = said(inventory)
    assert line.startswith(sentence)
    with pytest.raises(Failure) if fails else _nothing():
        check(inventory)


@pytest.mark.parametrize(('status', 'word'), [('Active', ''), ('Inactive', 'which is switched off'), ('', 'AWS knows no such user')])
def test_a_key_that_the_inventory_has(world: World, aws: Aws, inventory: Inventory, status: str, word: str) -> None:
    (web,) = machines(aws, 1)
    put_state(world, {'web-1': web.id}, web.public_ip)
    key = aws.make_key('neat-deployer')
    data = {'aws_access_key_id': key.access_key_id, 'aws_secret_access_key': 'x'}
    for variables in inventory.agents.values():
        variables['nixops_agent_secrets'] = {'neat-aws': {'data': data}}
    inventory.networks['neat-network']['nixops_aws_check'] = 'always'
    key.status = status
    if not status:
        aws.iam.delete_access_key(key.access_key_id, 'neat-deployer')
    found = said(inventory)
    assert [word in line for line in found] == [True] * bool(word)
    assert key.access_key_id not in str(found)


@pytest.mark.parametrize('code', ['AccessDenied', 'ExpiredToken', 'InvalidClientTokenId', 'SignatureDoesNotMatch'])
@pytest.mark.parametrize(('owned', 'actions'), [
    (True, ('GetUser', 'ListAccessKeys')), (False, ('GetAccessKeyLastUsed', 'GetUser', 'ListAccessKeys')),
])
def test_each_action_refused(world: World, aws: Aws, inventory: Inventory, owned: bool, actions: tuple[str, ...], code: str) -> None:
    """With always it is an error of that network; what is known of machines is said all the same."""
    put_state(world, {'web-1': 'i-00000000000000001'})
    inventory.networks['neat-network']['nixops_aws_check'] = 'always'
    if not owned:
        key = aws.make_key('neat-deployer')
        data = {'aws_access_key_id': key.access_key_id, 'aws_secret_access_key': 'x'}
        for variables in inventory.agents.values():
            variables['nixops_agent_secrets'] = {'neat-aws': {'data': data}}
    for action in actions:
        aws.errors = {action: code}
        found = said(inventory)
        assert ['None of the machines' in line for line in found] == [True, False]
        assert 'Where: %s of ' % action in found[1] and 'Found: %s.' % code in found[1] and 'AKIA' not in found[1]


def _nothing() -> Any:
    return pytest.MonkeyPatch.context()
