# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exports are compared with what NixOps printed, and with a plain reference for what NixOps was not asked to print."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.database import find_deployment, open_database
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.export import export_text
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.sources import from_database
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.surroundings import FIXTURES

VERSIONS = {'1.7': '1.x', '2.x': '2.x'}
PRINTED = sorted(
    (version, path.name)
    for version in VERSIONS
    for path in (FIXTURES / 'nixops' / ('nixops-%s' % version)).glob('export-*.json')
    if path.name != 'export-all.json'
)


@pytest.mark.parametrize(('version', 'printed'), PRINTED)
def test_every_deployment_is_exported_as_nixops_printed_it(
    version: str, printed: str, database: Callable[[str], Path], fixtures: Path, tmp_path: Path
) -> None:
    wanted = printed[len('export-') : -len('.json')]
    with open(tmp_path / 'export', 'w+b') as file:
        state = from_database(str(database(version)), wanted, 'auto', file)
        file.seek(0)
        assert file.read() == (fixtures / ('nixops-%s' % version) / printed).read_bytes()
        assert state.size == (fixtures / ('nixops-%s' % version) / printed).stat().st_size


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize(('name', 'printed'), [('deployments', 'export-all'), ('more', 'more-export-all')])
def test_all_deployments_at_once(version: str, name: str, printed: str, fixtures: Path, tmp_path: Path) -> None:
    folder = fixtures / ('nixops-%s' % version)
    with open_database(shutil.copy(folder / ('%s.nixops' % name), tmp_path / 'deployments.nixops')) as opened:
        text = ''.join(export_text(opened, [each.uuid for each in opened.deployments()], VERSIONS[version]))
    assert text.encode() == (folder / ('%s.json' % printed)).read_bytes()


def test_no_deployment(fixtures: Path) -> None:
    with open_database(str(fixtures / 'empty-db' / 'deployments.nixops')) as opened:
        assert ''.join(export_text(opened, [], '2.x')).encode() == (fixtures / 'empty-db' / 'export-all.json').read_bytes()


@pytest.mark.parametrize('version_table', [True, False])
def test_the_tables_of_schema_2_and_1_are_read_and_not_renamed(
    version_table: bool, database: Callable[[str], Path], fixtures: Path
) -> None:
    path = database('1.7')
    connection = sqlite3.connect(path)
    connection.executescript(
        'alter table Resources rename to Machines; alter table ResourceAttrs rename to MachineAttrs; update SchemaVersion set version = 2;'
        + ('' if version_table else 'drop table SchemaVersion;')
        + 'pragma journal_mode = delete;'
    )
    connection.close()
    before = path.read_bytes()
    with open_database(str(path)) as opened:
        text = ''.join(export_text(opened, ['cccccccc-1700-11e7-8000-000000000003'], '1.x'))
    assert text.encode() == (fixtures / 'nixops-1.7' / 'export-aws-prod.json').read_bytes()
    assert path.read_bytes() == before


# Text as SQLite can hold it: NUL, other control characters, lone surrogates, what the export itself uses as marks, and much of it.
ANY = st.characters(exclude_categories=())
TEXTS = st.text(ANY, max_size=30) | st.sampled_from(['\x7fa', '\x7fb', '\\u007fa', '\x7f', '"', '\\', 'a' * 200_000])
NAMES = st.text(ANY, min_size=1, max_size=6) | st.sampled_from(['type', 'resources', 'typ', 'typf', 'name'])
RESOURCES = st.builds(lambda attributes, kind: {**attributes, 'type': kind}, st.dictionaries(NAMES, TEXTS, max_size=4), TEXTS)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.data_too_large])
@given(
    attributes=st.dictionaries(NAMES.filter(lambda name: name != 'resources'), TEXTS, max_size=4),
    resources=st.lists(st.tuples(NAMES, RESOURCES), max_size=4),
    layout=st.sampled_from(['1.x', '2.x']),
)
def test_any_text_is_exported_as_json_dumps_would(
    attributes: dict[str, str], resources: list[tuple[str, dict[str, str]]], layout: str, make_database: Callable[..., Path]
) -> None:
    """Resources of the same name are among the examples: the last one counts, as it does for NixOps."""
    path = make_database({'uuid': {**attributes, 'resources': resources}})
    reference = json.dumps({'uuid': {**attributes, 'resources': dict(resources)}}, indent=2, sort_keys=True) + '\n'
    if layout == '1.x':
        reference = reference.replace(',\n', ', \n')
    with open_database(str(path)) as opened:
        assert ''.join(export_text(opened, ['uuid'], layout)) == reference


@pytest.mark.parametrize(
    ('wanted', 'uuid'),
    [
        ('webfarm', 'bbbbbbbb-1700-11e7-8000-000000000002'),
        ('bbbbbbbb-1700-11e7-8000-000000000002', 'bbbbbbbb-1700-11e7-8000-000000000002'),
        ('bbbb', 'bbbbbbbb-1700-11e7-8000-000000000002'),
        ('99999999-1701', '99999999-1701-11e7-8000-000000000009'),
        ('123', '12345678-1700-11e7-8000-000000000007'),
    ],
)
def test_a_deployment_is_found_by_name_uuid_or_prefix(wanted: str, uuid: str, database: Callable[[str], Path]) -> None:
    with open_database(str(database('1.7'))) as opened:
        assert find_deployment(opened.deployments(), wanted, 'there').uuid == uuid


@pytest.mark.parametrize(
    ('wanted', 'what', 'count'),
    [
        ('nosuch', 'no deployment', 6),
        ('', 'no deployment', 6),
        ('*', 'no deployment', 6),
        ('twin', 'Several', 2),
        ('99999999', 'Several', 2),
    ],
)
def test_unknown_and_ambiguous_deployments_are_listed(wanted: str, what: str, count: int, database: Callable[[str], Path]) -> None:
    with open_database(str(database('1.7'))) as opened, pytest.raises(Failure) as raised:
        find_deployment(opened.deployments(), wanted, 'there')
    assert what in raised.value.problems[0].what
    assert len(raised.value.extra['candidates']) == count
    assert all(candidate['uuid'] in str(raised.value) for candidate in raised.value.extra['candidates'])


@pytest.mark.parametrize(
    ('content', 'what'),
    [(b'', 'not a database of NixOps'), (b'{"uuid": {}}', 'cannot be read'), (b'SQLite format 3\0' + b'x' * 100, 'cannot be read')],
)
def test_what_is_not_a_database_is_a_sentence(content: bytes, what: str, tmp_path: Path) -> None:
    (tmp_path / 'x.nixops').write_bytes(content)
    with pytest.raises(Failure, match=what), open_database(str(tmp_path / 'x.nixops')):
        pass


def test_of_a_damaged_database_no_part_is_exported(make_database: Callable[..., Path]) -> None:
    """A page that has forgotten its last row: SQLite reads on as if there had been none."""
    path = make_database({'uuid': {'name': 'x', 'resources': [('m%d' % number, {'type': 'machine'}) for number in range(9)]}})
    content = bytearray(path.read_bytes())
    leaf = next(page for page in range(0, len(content), 4096) if content[page] == 13 and b'm8machine' in content[page : page + 4096])
    content[leaf + 4] -= 1
    path.write_bytes(content)
    with pytest.raises(Failure, match='The database is damaged'), open_database(str(path)) as opened:
        ''.join(export_text(opened, ['uuid'], '2.x'))


def test_a_newer_schema_is_refused(database: Callable[[str], Path]) -> None:
    path = database('2.x')
    connection = sqlite3.connect(path)
    connection.execute('update SchemaVersion set version = 4')
    connection.commit()
    connection.close()
    with pytest.raises(Failure, match=r'newer NixOps than is known here\..* Found: schema version 4'), open_database(str(path)):
        pass


@pytest.mark.parametrize(
    'statement',
    [
        "insert into ResourceAttrs values (1, 'bad', cast(x'80ff' as text))",
        "insert into ResourceAttrs values (1, 'bad', x'80ff')",
        "insert into DeploymentAttrs values ('uuid', 'bad', x'40')",
        'update Resources set type = null',
        'update Resources set name = null',
        'update ResourceAttrs set value = null',
        "update DeploymentAttrs set value = null where name = 'name'",
        'delete from SchemaVersion',
        "update SchemaVersion set version = 'three'",
        'drop table ResourceAttrs',
    ],
)
def test_what_is_no_text_is_a_sentence(statement: str, make_database: Callable[..., Path]) -> None:
    path = make_database({'uuid': {'name': 'x', 'resources': [('m', {'type': 'none', 'state': '3'})]}})
    connection = sqlite3.connect(path)
    connection.executescript("pragma writable_schema = on; update sqlite_master set sql = replace(sql, 'not null', '');")
    connection.close()
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(Failure, match='cannot be read'), open_database(str(path)) as opened:
        ''.join(export_text(opened, ['uuid'], '2.x'))
