# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the state comes from, what the cache does, and what happens when there is no state."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.inventory.data import InventoryData

from tests.sandbox.in_process import Sandbox
from tests.support.surroundings import FIXTURES

PROJECT = 'github/neat-org/neat-repo'
TOKEN = 'a-token-that-must-not-be-seen'
NIXOPS = FIXTURES / 'nixops'
AWS_PROD = ['app1', 'app10', 'app11', 'app2']
Parse = Callable[..., InventoryData]
Export = Callable[..., str]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / 'sandbox', token=TOKEN) as running:
        running.add_project(PROJECT)
        yield running


@pytest.fixture
def on_server(sandbox: Sandbox) -> dict[str, Any]:
    return {'project': PROJECT, 'api_base_url': sandbox.url, 'api_token': TOKEN}


@pytest.mark.parametrize('stored', ['export-aws-prod.json', 'deployments.nixops'])
def test_takes_a_state_file_of_hercules_ci(parse: Parse, sandbox: Sandbox, on_server: dict[str, Any], stored: str) -> None:
    sandbox.put_state(PROJECT, 'nixops-aws-prod.json', (NIXOPS / 'nixops-2.x' / stored).read_bytes())
    assert sorted(parse(**on_server, deployment='aws-prod').hosts) == AWS_PROD


def test_takes_the_version_that_it_is_told(parse: Parse, export: Export, sandbox: Sandbox, on_server: dict[str, Any]) -> None:
    for name in ('first', 'second'):
        sandbox.put_state(PROJECT, 'network', Path(export(**{name: {}})).read_bytes())
    assert list(parse(**on_server, name='network').hosts) == ['second']
    assert list(parse(**on_server, name='network', version=1).hosts) == ['first']


def test_reads_the_cache_while_it_is_fresh(parse: Parse, export: Export, cached: dict[str, Any], tmp_path: Path) -> None:
    options = {'export_file': export(before={}), **cached}
    assert list(parse(**options).hosts) == ['before']
    export(after={})
    assert list(parse(**options).hosts) == ['before']
    assert list(parse(**options, refresh=True).hosts) == ['after']
    export(later={})
    (file,) = (tmp_path / 'cache').iterdir()
    os.utime(file, (0, 0))
    assert list(parse(**options).hosts) == ['later']


def test_reads_the_state_each_time_without_a_cache(parse: Parse, export: Export) -> None:
    assert list(parse(export_file=export(before={})).hosts) == ['before']
    assert list(parse(export_file=export(after={})).hosts) == ['after']


def test_caches_what_it_says_and_no_more(parse: Parse, cached: dict[str, Any], tmp_path: Path) -> None:
    options = {'export_file': str(NIXOPS / 'nixops-2.x' / 'export-all.json'), 'deployment': 'aws-prod', **cached}
    fresh, old = parse(**options), parse(**options)
    assert {name: host.vars for name, host in old.hosts.items()} == {name: host.vars for name, host in fresh.hosts.items()}
    (file,) = (tmp_path / 'cache').iterdir()
    text = file.read_text()
    assert 'ec2-198-51-100-10' in text
    assert not any(mark in text for mark in ('PRIVATE KEY', 'RkFLRS', 'FAKE-'))


def test_does_not_take_the_cache_of_another_deployment(parse: Parse, database: Callable[[str], str], cached: dict[str, Any]) -> None:
    path = database('2.x')
    assert sorted(parse(database=path, deployment='aws-prod', **cached).hosts) == AWS_PROD
    assert sorted(parse(database=path, deployment='webfarm', **cached).hosts) == ['db1', 'web1', 'web2']


def test_does_not_take_the_cache_of_another_default_database(
    parse: Parse, cached: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for version, hosts in (('1.7', ['app1', 'app2']), ('2.x', AWS_PROD)):
        monkeypatch.setenv('NIXOPS_STATE', str(NIXOPS / ('nixops-%s' % version) / 'deployments.nixops'))
        assert sorted(parse(deployment='aws-prod', **cached).hosts) == hosts


def test_does_not_take_the_cache_of_another_service(
    parse: Parse, export: Export, sandbox: Sandbox, cached: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HERCULES_CI_API_TOKEN', TOKEN)
    with Sandbox(Path(cached['cache_connection']).with_name('other'), token=TOKEN) as other:
        other.add_project(PROJECT)
        for running, name in ((sandbox, 'here'), (other, 'there')):
            running.put_state(PROJECT, 'network', Path(export(**{name: {}})).read_bytes())
            monkeypatch.setenv('HERCULES_CI_API_BASE_URL', running.url)
            assert list(parse(project=PROJECT, name='network', **cached).hosts) == [name]


def test_works_from_the_cache_when_the_server_is_away(
    parse: Parse, sandbox: Sandbox, on_server: dict[str, Any], cached: dict[str, Any], tmp_path: Path
) -> None:
    sandbox.put_state(PROJECT, 'nixops-aws-prod.json', (NIXOPS / 'nixops-2.x' / 'export-aws-prod.json').read_bytes())
    parse(**on_server, **cached, deployment='aws-prod')
    sandbox.hang_up()
    assert sorted(parse(**on_server, **cached, deployment='aws-prod').hosts) == AWS_PROD
    assert TOKEN not in ''.join(file.name + file.read_text() for file in (tmp_path / 'cache').iterdir())


@pytest.mark.parametrize('options, message', [
    ({'database': 'missing.nixops'}, 'database cannot be read.*missing.nixops.*No such file'),
    ({'database': str(NIXOPS / 'README.md')}, 'database cannot be read.*README.md'),
    ({'database': str(NIXOPS / 'empty-db' / 'deployments.nixops')}, 'no deployment in the state.*empty-db'),
    ({'export_file': str(NIXOPS / 'empty-db' / 'export-all.json')}, 'no deployment in the state'),
    ({'export_file': os.devnull}, 'not a regular file'),
    ({'export_file': str(NIXOPS / 'README.md')}, 'not an export of NixOps.*README.md'),
    ({'export_file': str(NIXOPS / 'nixops-2.x' / 'deployments.nixops')}, 'database, not an export.*Give it as database'),
    ({'database': str(NIXOPS / 'nixops-2.x' / 'deployments.nixops'), 'deployment': 'tiwn'}, "no deployment 'tiwn'.*webfarm"),
    ({'database': str(NIXOPS / 'nixops-2.x' / 'deployments.nixops'), 'deployment': 'twin'}, "Several deployments match 'twin'"),
    ({'database': 'a', 'export_file': 'b'}, 'only be one source.*database, export_file'),
    ({'deploymnt': 'foo'}, 'no option deploymnt.*nixops.yml.*deployment'),
    ({'export_file': os.devnull, 'wanted': True}, 'no option wanted'),
    ({'database': 'a', 'version': 3}, 'Only a state file on Hercules CI.*Where: version.*Set project'),
    ({'name': 'network'}, 'Only a state file on Hercules CI.*Where: name.*Set project'),
    ({'project': PROJECT}, 'none of them is named.*Set deployment or name'),
    ({'project': 'neat-repo', 'name': 'network'}, 'project path is not complete'),
    ({'project': PROJECT, 'name': 'network'}, 'no such state file.*network'),
    ({'project': PROJECT, 'name': 'network', 'api_token': 'wrong'}, '401|403|refuse'),
])
def test_fails_without_a_state(parse: Parse, on_server: dict[str, Any], options: dict[str, Any], message: str) -> None:
    connection = on_server if 'project' in options else {}
    with pytest.raises(AnsibleError, match='(?s)' + message) as failed:
        parse(**{**connection, **options})
    assert TOKEN not in str(failed.value)
