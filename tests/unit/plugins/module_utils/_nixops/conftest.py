# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""NixOps databases to test with: those that NixOps wrote, and ones made here."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.surroundings import FIXTURES

NIXOPS = FIXTURES / 'nixops'
SCHEMA = (NIXOPS / 'nixops-2.x' / 'schema.sql').read_text().replace('CREATE TABLE sqlite_sequence(name,seq);', '')


@pytest.fixture
def fixtures() -> Path:
    return NIXOPS


@pytest.fixture
def database(tmp_path: Path) -> Callable[[str], Path]:
    """database('1.7') copies the database that this NixOps wrote."""

    def copy(version: str) -> Path:
        return Path(shutil.copy(NIXOPS / ('nixops-%s' % version) / 'deployments.nixops', tmp_path / ('%s.nixops' % version)))

    return copy


@pytest.fixture
def make_database(tmp_path: Path) -> Callable[..., Path]:
    """make_database(deployments, name=…, text=…) writes deployments in the shape of an export, resources as lists of (name, attributes).

    Text goes in as UTF-8 with surrogates, as Python 2 wrote it.
    """

    def text(value: str) -> bytes:
        return value.encode('utf-8', 'surrogatepass')

    def make(deployments: dict[str, dict[str, Any]], name: str = 'made.nixops') -> Path:
        path = tmp_path / name
        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path)
        connection.executescript('pragma synchronous = off;' + SCHEMA + 'insert into SchemaVersion values (3);')
        for uuid, attributes in deployments.items():
            connection.execute('insert into Deployments values (?)', (uuid,))
            rows = [(uuid, text(attribute), text(value)) for attribute, value in attributes.items() if attribute != 'resources']
            connection.executemany('insert into DeploymentAttrs values (?, cast(? as text), cast(? as text))', rows)
            for resource, values in attributes.get('resources', []):
                row = connection.execute(
                    'insert into Resources (deployment, name, type) values (?, cast(? as text), cast(? as text))',
                    (uuid, text(resource), text(values['type'])),
                ).lastrowid
                of_resource = [(row, text(attribute), text(value)) for attribute, value in values.items() if attribute != 'type']
                connection.executemany('insert into ResourceAttrs values (?, cast(? as text), cast(? as text))', of_resource)
        connection.commit()
        connection.close()
        return path

    return make


@pytest.fixture
def export_bytes() -> Callable[[Any], bytes]:
    """The bytes of an export with one deployment, from its attributes."""
    return lambda attributes: json.dumps({'bbbbbbbb-0000-11ee-8000-000000000002': attributes}).encode()
