# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""NixOps' SQLite database, read without NixOps, which would change it: it upgrades old schemas, and SQLite moves rows between files."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from .._problems import fail
from .document import NotAState
from .snapshot import snapshot

MAGIC = b'SQLite format 3\0'
NEWEST_SCHEMA = 3
REMEDY = 'Point to the file that NixOps writes, usually ~/.nixops/deployments.nixops'


class NewerSchema(NotAState):
    """Raised for a database that a newer NixOps may well be able to read."""


@dataclass(frozen=True)
class Deployment:
    """A deployment; most have a name, and several may have the same."""

    uuid: str
    name: str | None

    def __str__(self) -> str:
        return '%s (%s)' % (self.uuid, 'no name' if self.name is None else self.name)


def default_database(environment: Mapping[str, str] | None = None) -> str:
    """Where NixOps 1.x and 2.x keep their state; like them this does not expand a tilde in the variables."""
    environment = os.environ if environment is None else environment
    home = environment.get('HOME') or os.path.expanduser('~')
    return environment.get('NIXOPS_STATE') or environment.get('CHARON_STATE') or os.path.join(home, '.nixops', 'deployments.nixops')


@contextmanager
def open_database(path: str, where: str = '') -> Iterator[Database]:
    """The database as it is now, whoever is writing to it. Nothing in it or beside it is changed. where: what to call it in messages."""
    where = where or path
    try:
        with closing(_connect(path)) as connection:
            yield Database(connection, where)
    except (sqlite3.DatabaseError, UnicodeDecodeError, TypeError) as error:  # the latter where text should be and is not
        raise NotAState('The database cannot be read.', where, found=str(error), remedy=REMEDY) from None


def _connect(path: str) -> sqlite3.Connection:
    with snapshot(path) as copy:
        connection = sqlite3.connect(copy, isolation_level=None)
        connection.text_factory = _text
        # Exclusive: without a file for shared memory. What takes too much memory to sort goes to files that SQLite deletes at once.
        connection.executescript('pragma locking_mode = exclusive; pragma temp_store = file; begin; select count(*) from sqlite_master;')
        return connection


def _text(data: bytes) -> str:
    # NixOps 1 runs with Python 2, which reads and writes lone surrogates; strict UTF-8 has none.
    return data.decode('utf-8', 'surrogatepass')


class Database:
    """A NixOps database of schema 1, 2 or 3 that nobody writes to."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self.query = connection.execute
        damage = self.query('pragma quick_check(1)').fetchone()[0]  # SQLite may otherwise pass over rows without a word
        if damage != 'ok':
            remedy = 'Look for a newer copy of it, or at what sqlite3 DATABASE .recover can save'
            raise NotAState('The database is damaged.', where, found=damage, remedy=remedy)
        tables = {name for (name,) in self.query("select name from sqlite_master where type = 'table'")}
        if 'Deployments' not in tables:
            raise NotAState('This is not a database of NixOps.', where, 'a table Deployments', remedy=REMEDY)
        version = self.query('select version from SchemaVersion').fetchone()[0] if 'SchemaVersion' in tables else 1
        if version > NEWEST_SCHEMA:
            raise NewerSchema(
                'The database was written by a newer NixOps than is known here.',
                where,
                expected='schema version %d or less' % NEWEST_SCHEMA,
                found='schema version %s' % version,
                remedy='Export the deployment with that NixOps and give the export as export_file',
            )
        if version < NEWEST_SCHEMA:  # what upgrading would do is to rename the tables
            self.query('create temp view Resources as select * from Machines')
            self.query('create temp view ResourceAttrs as select * from MachineAttrs')

    def deployments(self) -> list[Deployment]:
        """All deployments, in the order of their UUIDs."""
        rows: Any = self.query(
            "select uuid, value from Deployments left join DeploymentAttrs on deployment = uuid and name = 'name' "
            'where uuid is not null order by uuid'  # which SQLite allows in a key of text
        )
        return [Deployment(*row) for row in rows]

    def written_by_nixops_1(self) -> bool:
        """Whether any deployment has a list of network files: NixOps 1 records it when a deployment is created, NixOps 2 has none."""
        return self.query("select 1 from DeploymentAttrs where name = 'nixExprs'").fetchone() is not None


def find_deployment(deployments: list[Deployment], wanted: str, where: str) -> Deployment:
    """The one whose UUID or name is wanted, or whose UUID begins so: NixOps' own rule."""
    found = [each for each in deployments if wanted in (each.uuid, each.name)]
    found = found or [each for each in deployments if wanted and each.uuid.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    candidates = found or deployments
    raise fail(
        ('Several deployments match %r.' if found else 'There is no deployment %r.') % wanted,
        where=where,
        expected='exactly one deployment with that UUID or name, or whose UUID begins so',
        found='; '.join(str(each) for each in candidates) or 'no deployment at all',
        remedy='Correct the name, or give the UUID of one of these if it is meant. A network that has no machines yet needs no upload '
        '(for the role, nixops_state: new), nor one whose state Hercules CI has already (nixops_state: present)'
        if candidates
        else 'See whether this is the right file',
        candidates=[{'uuid': each.uuid, 'name': each.name} for each in candidates],
    )
