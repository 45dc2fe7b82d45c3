# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts there are, and what is known of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.inventory.data import InventoryData
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from ansible.template import Templar
from ansible.utils.display import Display
from ansible.vars.manager import VariableManager

from tests.support.surroundings import FIXTURES

NIXOPS = FIXTURES / 'nixops'
WEBFARM = ['db1', 'web1', 'web2']
CONSTRUCTED = {
    'compose': {'address': 'nixops_machine.private_ipv4 or ansible_host'},
    'groups': {'running': "nixops_machine.state == 'Up'"},
    'keyed_groups': [{'key': 'nixops_machine.region', 'prefix': 'region', 'default_value': 'none'}],
}
Parse = Callable[..., InventoryData]
Export = Callable[..., str]


def variables(inventory: InventoryData, host: str) -> dict[str, Any]:
    return {name: value for name, value in inventory.hosts[host].vars.items() if name not in ('inventory_file', 'inventory_dir')}


def content(inventory: InventoryData) -> dict[str, Any]:
    return {
        'hosts': {name: variables(inventory, name) for name in inventory.hosts},
        'groups': {name: sorted(host.name for host in group.hosts) for name, group in inventory.groups.items() if group.hosts},
    }


@pytest.mark.parametrize('version', ['1.7', '2.x'])
@pytest.mark.parametrize('source', ['database', 'export_file'])
def test_is_what_nixops_recorded(parse: Parse, database: Callable[[str], str], version: str, source: str) -> None:
    path = database(version) if source == 'database' else str(NIXOPS / ('nixops-%s' % version) / 'export-all.json')
    found = content(parse(**{source: path}, **CONSTRUCTED))
    assert found == json.loads(Path(__file__).with_name('nixops-%s.json' % version).read_text())


def test_no_secret_gets_out(parse: Parse, database: Callable[[str], str]) -> None:
    text = json.dumps(content(parse(database=database('2.x'))))
    everything = (NIXOPS / 'nixops-2.x' / 'export-all.json').read_text()
    for mark in ('PRIVATE KEY', 'RkFLRS', 'FAKE-'):  # the keys in the fixtures are sentences in base 64 that begin with FAKE
        assert mark in everything
        assert mark not in text


@pytest.mark.parametrize('wanted', ['webfarm', 'bbbbbbbb-0000-11ee-8000-000000000002', 'bbbb'])
@pytest.mark.parametrize('source', ['database', 'export_file'])
def test_takes_one_deployment(parse: Parse, database: Callable[[str], str], wanted: str, source: str) -> None:
    path = database('2.x') if source == 'database' else str(NIXOPS / 'nixops-2.x' / 'export-all.json')
    assert sorted(parse(**{source: path}, deployment=wanted).hosts) == WEBFARM


def test_finds_the_database_like_nixops(parse: Parse, database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('NIXOPS_STATE', database('2.x'))
    assert sorted(parse(deployment='webfarm').hosts) == WEBFARM


def test_leaves_out_what_is_obsolete(parse: Parse, export: Export) -> None:
    assert list(parse(export_file=export(old={'obsolete': '1'}, new={})).hosts) == ['new']


def test_warns_of_a_network_without_machines(parse: Parse, database: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    assert not parse(database=database('2.x'), deployment='empty').hosts
    assert 'the state has no machines' in ' '.join(capsys.readouterr().err.split())


def test_names_hosts_by_an_expression(parse: Parse, export: Export) -> None:
    inventory = parse(export_file=export(web1={}), hostname="nixops_machine.name ~ '.' ~ nixops_machine.deployment")
    assert list(inventory.hosts) == ['web1.webfarm']


def test_refuses_two_machines_of_one_name(parse: Parse, export: Export) -> None:
    with pytest.raises(AnsibleError, match=r'Two machines would be the same host.*web1 of deployment .* and web2 of deployment .*hostname'):
        parse(export_file=export(web1={}, web2={}), hostname='nixops_machine.deployment')


@pytest.fixture
def beside() -> InventoryData:
    """What another inventory file has: the group web with the host other."""
    inventory = InventoryData()
    inventory.add_group('web')
    inventory.add_host('other', 'web')
    return inventory


@pytest.mark.parametrize('name, taken', [
    ('web', 'a group of that name'), ('all', 'a group of that name'), ('ungrouped', 'a group of that name'),
    ('localhost', 'the machine that Ansible runs on'), ('127.0.0.1', 'the machine that Ansible runs on'),
])
def test_refuses_a_machine_with_the_name_of_something_else(
    parse: Parse, export: Export, beside: InventoryData, name: str, taken: str,
) -> None:
    """Ansible would set the variables of the group, or could not go on at all."""
    machines = {name: {'publicIpv4': '192.0.2.1'}, 'web2': {}}
    with pytest.raises(AnsibleError, match=r'have the name of something else\..*host %s.*%s.*hostname' % (name, taken)):
        parse(beside=beside, export_file=export(**machines))
    assert not beside.groups['web'].vars and not beside.groups['all'].vars
    named = parse(beside=beside, export_file=export(**machines), hostname="nixops_machine.name ~ '.farm'")
    assert sorted(named.hosts) == sorted(['other', name + '.farm', 'web2.farm'])


@pytest.mark.parametrize('options', [
    {'groups': {'web1': 'true'}}, {'groups': {'other': 'true'}}, {'keyed_groups': [{'key': 'nixops_machine.name', 'separator': ''}]},
    {'keyed_groups': [{'key': 'nixops_machine.type', 'prefix': 'type', 'parent_group': 'web2'}]},
])
def test_refuses_a_group_with_the_name_of_a_host(parse: Parse, export: Export, beside: InventoryData, options: dict[str, Any]) -> None:
    with pytest.raises(AnsibleError, match=r'A group would have the name of a host\..*prefix'):
        parse(beside=beside, export_file=export(web1={}, web2={}), **options)


def test_refuses_machines_of_one_name_in_two_files(parse: Parse, export: Export) -> None:
    """The same state may be read by two files, or again."""
    first = parse(export_file=export(web1={}))
    assert list(parse(beside=first, export_file=export(web1={'publicIpv4': '192.0.2.1'})).hosts) == ['web1']
    with pytest.raises(AnsibleError, match=r'have the name of something else\..*host web1.*Found: web1 of deployment bbbbbbbb'):
        parse(beside=first, export_file=export(web2={}), hostname="'web1'")


def test_names_resources_that_might_be_machines(
    parse: Parse, export: Export, cached: dict[str, Any], monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A type that is not known, of which nothing is recorded yet that only machines have; with a cache, too."""
    said: list[str] = []
    monkeypatch.setattr(Display, 'warning', lambda _display, message, **_more: said.append(message))
    resources = {'new': {'type': 'proxmox', 'state': '1'}, 'old': {'type': 'proxmox', 'obsolete': '1'}, 'net': {'type': 'vpc'},
                 'up': {'type': 'proxmox', 'vmId': '7', 'publicIpv4': '192.0.2.7'}}
    for _time in range(2):
        assert list(parse(export_file=export(**resources), **cached).hosts) == ['up']
        assert 'no hosts are made of new (proxmox). These types are not known' in said.pop()
        assert not said


@pytest.mark.parametrize('expression, found', [
    ('nixops_machine.dns_name', 'nothing'), ("''", 'nothing'), ('nixops_machine.nope.x', 'nope'), ('nixops_machine.', '.'),
])
def test_refuses_an_expression_that_names_nobody(parse: Parse, export: Export, expression: str, found: str) -> None:
    with pytest.raises(AnsibleError, match='hostname gives no name for a machine.*machine web1 of deployment .*Found: .*' + found):
        parse(export_file=export(web1={}), hostname=expression)


def test_leaves_no_hosts_when_one_of_them_cannot_be_grouped(parse: Parse, export: Export) -> None:
    with pytest.raises(AnsibleError, match='web2'):  # the fixture looks that web1 is gone again
        parse(export_file=export(web1={'publicIpv4': '192.0.2.1'}, web2={}), strict=True, groups={'first': 'ansible_host != ""'})


def test_tells_by_which_machine_a_container_is_reached(parse: Parse, export: Export) -> None:
    containers = {'box': {'type': 'container', 'container.host': 'host.example.net', 'privateIpv4': '10.233.1.2'},
                  'cell': {'type': 'container', 'container.host': '__machine-web1', 'privateIpv4': '10.233.1.3'}}
    inventory = parse(export_file=export(web1={'publicIpv4': '192.0.2.1'}, **containers))
    assert [variables(inventory, name)['nixops_machine']['container_host'] for name in ('box', 'cell', 'web1')] == [
        'host.example.net', 'web1', None]


def test_tells_the_file_of_a_private_key(parse: Parse, export: Export) -> None:
    machine = {'type': 'ec2', 'ec2.privateKeyFile': '/root/.ssh/neat'}
    inventory = parse(export_file=export(web1=machine), compose={'ansible_ssh_private_key_file': 'nixops_machine.private_key_file'})
    assert variables(inventory, 'web1')['ansible_ssh_private_key_file'] == '/root/.ssh/neat'


@pytest.mark.parametrize('port, line', [
    ('22', 'web.example.net,192.0.2.1 ssh-ed25519 AAAA'), ('2222', '[web.example.net]:2222,[192.0.2.1]:2222 ssh-ed25519 AAAA'),
])
def test_prints_known_hosts(parse: Parse, export: Export, port: str, line: str) -> None:
    machine = {'type': 'ec2', 'targetHost': 'web.example.net', 'targetPort': port, 'publicIpv4': '192.0.2.1', 'publicIpv6': '*'}
    machine['ec2.publicHostKey'] = 'ssh-ed25519 AAAA a comment\n* ssh-ed25519 BBBB'
    found = variables(parse(export_file=export(web=machine)), 'web')
    assert found['nixops_machine']['known_hosts'] == line, 'neither patterns nor further lines'
    assert found['ansible_port'] == int(port)


@pytest.mark.parametrize('attribute', ['targetHost', 'targetUser'])
@pytest.mark.parametrize('value', ['-oProxyCommand=id', 'a b', 'a\nb', 'a"b', "a'b", '$(id)'])
def test_refuses_what_ssh_must_not_see(parse: Parse, export: Export, attribute: str, value: str) -> None:
    with pytest.raises(AnsibleError, match=r'would be dangerous.*machine web2 .*To do'):
        parse(export_file=export(web1={}, web2={attribute: value}))


@pytest.mark.parametrize('attribute, value', [
    ('targetHost', 'web-1.example.net'), ('targetHost', 'fe80::1%eth0'), ('targetHost', 'my_alias'), ('targetUser', 'deploy-user'),
])
def test_takes_unusual_addresses_and_users(parse: Parse, export: Export, attribute: str, value: str) -> None:
    found = variables(parse(export_file=export(web={attribute: value})), 'web')
    assert found[{'targetHost': 'ansible_host', 'targetUser': 'ansible_user'}[attribute]] == value


def test_text_of_the_state_is_no_template(tmp_path: Path, export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('ansible.constants.INVENTORY_ENABLED', ['nixcd.hercules_ci.nixops'])
    hostile = '{{ 6 * 7 }}'
    path = tmp_path / 'nixops.yml'
    path.write_text(json.dumps({
        'plugin': 'nixcd.hercules_ci.nixops', 'compose': {'copied': 'nixops_machine.region', 'control': '6 * 7'}, 'strict': True,
        'export_file': export(**{hostile: {'type': 'droplet', 'droplet.region': hostile}}),
    }))
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=[str(path)])
    (host,) = inventory.get_hosts()
    known = VariableManager(loader, inventory).get_vars(host=host)
    assert str(known['control']) == '42', 'a number since ansible-core 2.19'
    for name in ('copied', 'inventory_hostname'):
        assert Templar(loader, variables=known).template(known[name]) == hostile
    assert Templar(loader, variables=known).template(known['nixops_machine'])['region'] == hostile


@pytest.mark.parametrize('name, ours', [
    ('nixops.yml', True), ('foo.nixops.yaml', True), ('nixops.json', False), ('hosts.yml', False), ('missing.nixops.yml', False),
])
def test_takes_only_its_own_files(tmp_path: Path, name: str, ours: bool) -> None:
    if not name.startswith('missing'):
        (tmp_path / name).touch()
    assert inventory_loader.get('nixcd.hercules_ci.nixops').verify_file(str(tmp_path / name)) is ours
