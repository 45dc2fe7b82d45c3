# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything the sandbox knows, in one SQLite file that the server and the command line share."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

SCHEMA = '''
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS account (
  id TEXT PRIMARY KEY, site TEXT NOT NULL, name TEXT NOT NULL, typ TEXT NOT NULL, UNIQUE (site, name));
CREATE TABLE IF NOT EXISTS project (
  id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account(id), name TEXT NOT NULL, repository_id TEXT NOT NULL,
  repository TEXT, default_branch TEXT NOT NULL, enabled INTEGER NOT NULL, public INTEGER NOT NULL, UNIQUE (account, name));
CREATE TABLE IF NOT EXISTS token (
  token TEXT PRIMARY KEY, account TEXT REFERENCES account(id), project TEXT REFERENCES project(id), job TEXT REFERENCES job(id));
CREATE TABLE IF NOT EXISTS agent (name TEXT PRIMARY KEY, id TEXT NOT NULL, secrets TEXT, created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS state (
  project TEXT NOT NULL REFERENCES project(id), name TEXT NOT NULL, version INTEGER NOT NULL, created TEXT NOT NULL,
  job TEXT REFERENCES job(id), uploader TEXT REFERENCES account(id), size INTEGER NOT NULL, digest BLOB NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (project, name, version));
CREATE TABLE IF NOT EXISTS lease (
  id TEXT PRIMARY KEY, project TEXT NOT NULL REFERENCES project(id), name TEXT NOT NULL, description TEXT NOT NULL,
  exclusive INTEGER NOT NULL, parent TEXT, idempotency_key TEXT, started TEXT NOT NULL, expires TEXT NOT NULL,
  user TEXT REFERENCES account(id), job TEXT REFERENCES job(id));
CREATE TABLE IF NOT EXISTS job (
  id TEXT PRIMARY KEY, project TEXT NOT NULL REFERENCES project(id), number INTEGER NOT NULL, typ TEXT NOT NULL, name TEXT,
  ref TEXT NOT NULL, rev TEXT NOT NULL, message TEXT NOT NULL, committer TEXT NOT NULL, extra_inputs TEXT NOT NULL,
  phase TEXT NOT NULL, evaluation TEXT NOT NULL, derivations TEXT NOT NULL, effects TEXT NOT NULL,
  started TEXT NOT NULL, ended TEXT, cancelled INTEGER NOT NULL DEFAULT 0, cancelled_by TEXT, started_by TEXT, rerun_of TEXT,
  config TEXT, evaluation_id TEXT NOT NULL, evaluation_log TEXT, agent TEXT, UNIQUE (project, number));
CREATE TABLE IF NOT EXISTS handler (
  job TEXT NOT NULL REFERENCES job(id), kind TEXT NOT NULL, name TEXT NOT NULL, is_flake INTEGER NOT NULL, extra_inputs TEXT NOT NULL,
  conditions TEXT, PRIMARY KEY (job, kind, name));
CREATE TABLE IF NOT EXISTS attribute (
  job TEXT NOT NULL REFERENCES job(id), path TEXT NOT NULL, typ TEXT NOT NULL, drv TEXT, status TEXT, error TEXT, trace TEXT,
  PRIMARY KEY (job, path));
CREATE TABLE IF NOT EXISTS event (
  id INTEGER PRIMARY KEY, job TEXT NOT NULL REFERENCES job(id), path TEXT NOT NULL, run INTEGER NOT NULL, kind TEXT NOT NULL,
  time TEXT NOT NULL, log TEXT, agent TEXT, error TEXT);
CREATE TABLE IF NOT EXISTS log (id TEXT PRIMARY KEY, job TEXT NOT NULL REFERENCES job(id), started TEXT NOT NULL, done INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS line (
  log TEXT NOT NULL REFERENCES log(id), i INTEGER NOT NULL, ms INTEGER NOT NULL, t TEXT NOT NULL, PRIMARY KEY (log, i));
CREATE TABLE IF NOT EXISTS deployed (
  id INTEGER PRIMARY KEY, job TEXT NOT NULL REFERENCES job(id), path TEXT NOT NULL, time TEXT NOT NULL, action TEXT NOT NULL,
  deployment TEXT NOT NULL, deployment_name TEXT, resource TEXT, type TEXT, vm TEXT);
CREATE TABLE IF NOT EXISTS failing_effect (pattern TEXT PRIMARY KEY, message TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fault (id INTEGER PRIMARY KEY, specification TEXT NOT NULL, skip INTEGER NOT NULL, times INTEGER NOT NULL);
'''


def new_id() -> str:
    return str(uuid.uuid4())


class Clock:
    """UTC that never stands still or goes back, and that tests may put forward."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead = timedelta()
        self._last = datetime.min.replace(tzinfo=timezone.utc)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._ahead += timedelta(seconds=seconds)

    def now(self) -> datetime:
        with self._lock:
            self._last = max(datetime.now(timezone.utc) + self._ahead, self._last + timedelta(microseconds=1))
            return self._last

    def text(self, seconds: float = 0) -> str:
        """The time now, or some seconds later, as it goes over the wire."""
        return (self.now() + timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S.%fZ')


class Store:
    """Thread-safe access to the file. Rows can be read by column name."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None, timeout=30)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute('PRAGMA journal_mode=WAL')
        self._connection.execute('PRAGMA synchronous=OFF')
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        rows = self.all(sql, *values)
        return rows[0] if rows else None

    def get(self, table: str, key: str | None) -> sqlite3.Row | None:
        return self.one('SELECT * FROM %s WHERE id = ?' % table, key) if key else None

    def insert(self, table: str, **columns: Any) -> None:
        names = ', '.join(columns)
        self.all('INSERT INTO %s (%s) VALUES (%s)' % (table, names, ', '.join('?' * len(columns))), *columns.values())

    def update(self, table: str, key: str, **columns: Any) -> None:
        self.all('UPDATE %s SET %s WHERE id = ?' % (table, ', '.join('%s = ?' % name for name in columns)), *columns.values(), key)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody else in between."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute('BEGIN IMMEDIATE')
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute('ROLLBACK')
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute('COMMIT')
