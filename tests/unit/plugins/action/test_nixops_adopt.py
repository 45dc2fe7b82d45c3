# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""nixops_adopt with databases and exports of real NixOps, and with state files of the sandbox."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.yaml.loader import AnsibleLoader

from tests.sandbox.in_process import Sandbox
from tests.support.surroundings import ROOT

FIXTURES = ROOT / 'tests' / 'fixtures' / 'nixops'
PROJECT = 'github/neat-org/neat-repo'
Adopt = Callable[..., dict[str, Any]]


class HostVars(dict[str, Any]):
    """As Ansible's own, which gives the variables of a host as they were written, too."""

    def raw_get(self, host: str) -> Any:
        if isinstance(self[host], AnsibleError):
            raise self[host]
        return self[host]


@pytest.fixture
def databases(tmp_path: Path) -> dict[str, Path]:
    return {version: Path(shutil.copy(FIXTURES / ('nixops-%s' % version) / 'deployments.nixops', tmp_path / ('%s.nixops' % version)))
            for version in ('1.7', '2.x')}


@pytest.fixture
def adopt(make_action: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Adopt:
    monkeypatch.delenv('NIXOPS_STATE', raising=False)

    def run(
        *, check: bool = False, networks: dict[str, Any] | None = None, agents: dict[str, Any] | None = None, **options: Any,
    ) -> dict[str, Any]:
        found = {**(networks or {}), **(agents or {})}
        groups = {'nixops_networks': [*(networks or {})], 'hercules_agents': [*(agents or {})], 'all': [*found]}
        task_vars = {'groups': groups, 'hostvars': HostVars(found)}
        options.setdefault('path', str(tmp_path / 'hosts.yml'))
        result = dict(make_action('nixops_adopt', options, check_mode=check, diff=True).run(task_vars=task_vars))
        assert 'PRIVATE KEY' not in json.dumps(result)
        assert 'eu-west-1' not in json.dumps(result), 'a value of an argument'
        return result

    return run


def hosts(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = AnsibleLoader(path.read_text()).get_single_data()['nixops_networks']['hosts']
    return found


@pytest.mark.parametrize('version', ['1.7', '2.x'])
def test_all_deployments_of_a_database(adopt: Adopt, databases: dict[str, Path], tmp_path: Path, version: str) -> None:
    options = {'databases': [str(databases[version])], 'project': PROJECT, 'checkout': '/srv/net'}
    foreseen = adopt(check=True, **options)
    assert foreseen['changed'] and not (tmp_path / 'hosts.yml').exists(), foreseen
    done = adopt(**options)
    again = adopt(**options)
    assert (done['hosts'], done['questions'], again['changed'], again['hosts']) == (foreseen['hosts'], foreseen['questions'], False, [])
    document = json.loads((FIXTURES / ('nixops-%s' % version) / 'export-all.json').read_text())
    found = hosts(tmp_path / 'hosts.yml')
    assert len(found) == len(document) > 4
    names = [deployment.get('name') for deployment in document.values()]
    for uuid, deployment in document.items():
        name = deployment.get('name')
        called = name if name and names.count(name) == 1 else uuid
        (host,) = [variables for variables in found.values() if variables['nixops_deployment'] == called]
        assert host['nixops_function'] == {'1.7': 'runNixOps', '2.x': 'runNixOps2'}[version]
        assert (host['nixops_project'], host['nixops_checkout']) == (PROJECT, '/srv/net')
        assert host['nixops_database'] == str(databases[version])
        if 'nixExprs' in deployment:
            assert host['nixops_network_files'] == [file.replace('/srv/net/', '') for file in json.loads(deployment['nixExprs'])]
    text = (tmp_path / 'hosts.yml').read_text()
    assert text.count('# Pushes to which branches deploy it?') == len(found)
    assert 'region: …' in text
    assert 'ansible_connection: local' in text


def test_exports(adopt: Adopt, tmp_path: Path) -> None:
    folder = FIXTURES / 'nixops-1.7'
    adopt(exports=[str(folder / 'export-webfarm.json'), str(folder / 'export-all.json')])
    found = hosts(tmp_path / 'hosts.yml')
    assert found['webfarm']['nixops_export_file'] == str(folder / 'export-webfarm.json')
    assert found['webfarm']['nixops_function'] == 'runNixOps'
    assert 'nixops_export_file' not in found['aws-prod'], 'nothing could upload a file with several'


def test_state_files_of_a_project(adopt: Adopt, tmp_path: Path, databases: dict[str, Path]) -> None:
    with Sandbox(tmp_path / 'sandbox', token='a-token') as sandbox:
        sandbox.add_project(PROJECT)
        sandbox.put_state(PROJECT, 'nixops-aws-prod.json', (FIXTURES / 'nixops-1.7' / 'export-aws-prod.json').read_bytes())
        sandbox.put_state(PROJECT, 'farm.json', (FIXTURES / 'nixops-2.x' / 'export-webfarm.json').read_bytes())
        sandbox.put_state(PROJECT, 'bad.json', b'{')
        sandbox.put_state(PROJECT, 'nixops-aws-prod.known_hosts', b'')
        result = adopt(projects=[PROJECT], databases=[str(databases['1.7'])], api_base_url=sandbox.url, api_token='a-token')
    assert 'bad.json' in result['warnings'][0]
    found = hosts(tmp_path / 'hosts.yml')
    assert (found['aws-prod']['nixops_state'], found['aws-prod']['nixops_project']) == ('present', PROJECT)
    assert 'nixops_database' not in found['aws-prod'] and 'nixops_state_name' not in found['aws-prod']
    names = [(host['nixops_function'], host.get('nixops_state_name')) for host in found.values()]
    assert ('runNixOps2', 'farm.json') in names and ('runNixOps', None) in names


def test_into_an_inventory_that_somebody_likes(adopt: Adopt, databases: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / 'hosts.yml'
    before = '''# fleet
all:
    children:
        nixops_networks:
            vars: {ansible_connection: local}   # they are no machines
            hosts:
                farm:   # the old one
                    nixops_deployment: "webfarm"

    # more to come
    vars: {x: !vault "$ANSIBLE_VAULT;1.1;AES256\\n33\\n"}
'''
    path.write_text(before)
    path.chmod(0o600)
    result = adopt(databases=[str(databases['1.7'])], networks={'aws': {'nixops_deployment': 'cccccccc'}})
    assert not {'webfarm', 'aws-prod', 'aws'} & set(result['hosts'])
    text = path.read_text()
    head, tail = before.split('\n\n    # more')
    assert text.startswith(head) and text.endswith('\n\n    # more' + tail)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not adopt(databases=[str(databases['1.7'])], networks={'aws': {'nixops_deployment': 'cccccccc'}})['changed']


def test_what_ansible_cannot_evaluate_of_a_network_hides_no_other(adopt: Adopt, databases: dict[str, Path], tmp_path: Path) -> None:
    """Neither variables that cannot be decrypted, nor a deployment that is a template of what there is not, nor a group without a name."""
    (tmp_path / 'hosts.yml').write_text('1:\n  hosts:\n    a: {nixops_deployment: empty}\n')
    networks = {
        'sealed': AnsibleError('Attempting to decrypt but no vault secrets found'), 'lost': {'nixops_deployment': '{{ nowhere }}'},
        'web': {'nixops_deployment': 'webfarm', 'nixops_network_args': '{{ nowhere }}'},
    }
    result = adopt(databases=[str(databases['1.7'])], networks=networks)
    assert {'aws-prod', 'empty'} <= set(result['hosts']) and 'webfarm' not in result['hosts'], result


def test_a_folder_and_what_cannot_be_read(adopt: Adopt, databases: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / 'inventory'
    folder.mkdir()
    assert adopt(path=str(folder), databases=[str(databases['1.7'])])['path'] == str(folder / 'nixops_networks.yml')
    assert adopt(databases=[str(tmp_path / 'nowhere.nixops')])['failed']
    assert not (tmp_path / 'nowhere.nixops').exists()
    (tmp_path / 'hosts.yml').write_text('[nixops_networks]\nfoo\n')
    assert 'Ansible cannot read this file' in adopt(databases=[str(databases['1.7'])])['msg']


AWS = {'fields': ['id', 'secret-key'], 'condition': {'and': [{'isOwner': 'neat-org'}, 'isDefaultBranch']}, 'usable_by': 'somebody'}
OLD = {'fields': ['x'], 'condition': None, 'usable_by': 'nobody'}
DATA = {'id': '{{ vault_aws_id }}', 'secret-key': '{{ vault_aws_secret_key }}'}


def group_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = AnsibleLoader(path.read_text()).get_single_data()['hercules_agents']
    return found


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('HOME', str(tmp_path / 'nobody'))
    return tmp_path / 'hosts.yml'


def test_secrets_of_agents_that_have_the_same(adopt: Adopt, file: Path) -> None:
    file.write_text('hercules_agents:\n  hosts:\n    a: {ansible_host: 203.0.113.1}   # one\n    b:\n')
    secrets = {'a': {'aws': AWS, 'old': OLD}, 'b': {'aws': AWS, 'old': OLD}}
    result = adopt(agents={'a': {}, 'b': {}}, secrets=secrets)
    assert result['vault'] == ['vault_aws_id', 'vault_aws_secret_key', 'vault_old_x'], result
    expected = {'aws': {'data': DATA, 'condition': AWS['condition']}, 'old': {'data': {'x': '{{ vault_old_x }}'}}}
    assert group_of(file)['vars'] == {'nixops_agent_secrets': expected}
    assert '# condition: isDefaultBranch' in file.read_text()
    declared = {'nixops_agent_secrets': expected}
    again = adopt(agents={'a': declared, 'b': declared}, secrets=secrets)
    assert (again['changed'], again['vault'], again['secrets_left']) == (False, [], {})


def test_secrets_of_agents_that_have_others(adopt: Adopt, file: Path) -> None:
    file.write_text('hercules_agents:\n  hosts:\n    a:\n    b:\n')
    secrets = {'a': {'aws': AWS}, 'b': {'old': OLD}, 'c': {'aws': AWS, 'old': OLD}}
    result = adopt(agents={'a': {}, 'b': {}, 'c': {'nixops_agent_secrets': {'old': {}}}}, secrets=secrets)
    hosts = group_of(file)['hosts']
    assert list(hosts['a']['nixops_agent_secrets']) == ['aws'] and list(hosts['b']['nixops_agent_secrets']) == ['old']
    assert 'c' not in hosts and result['secrets_left'] == {'c': ['aws']}
    declared = {name: {'nixops_agent_secrets': variables['nixops_agent_secrets']} for name, variables in hosts.items()}
    assert not adopt(agents={**declared, 'c': {'nixops_agent_secrets': {'old': {}}}}, secrets=secrets)['changed']


@pytest.mark.parametrize('value', ['{{ vault_all }}', {'aws': {'data': {'id': 'mine'}}}])
def test_secrets_that_the_inventory_has_elsewhere(adopt: Adopt, file: Path, value: Any) -> None:
    result = adopt(agents={'a': {'nixops_agent_secrets': value}}, secrets={'a': {'aws': AWS}})
    assert (result['changed'], result['secrets_left'], file.exists()) == (False, {}, False)
