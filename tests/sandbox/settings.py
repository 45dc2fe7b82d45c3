# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the sandbox behaves where nobody outside the real service knows how that behaves. A client must be right either way."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from tests.sandbox.store import Store

CHOICES = {
    'sha256': ('hex', 'base64', 'sri', 'nix32', 'none', 'wrong'),
    'identical_upload': ('new version', 'no version'),
    'legacy_job': ('separate', 'converted'),
    'order': ('newest first', 'oldest first'),
    'log_minimum': ('inclusive', 'exclusive'),
    'nixops2_without_state': ('creates', 'fails'),
    'cancelled_status': ('Failure', 'Pending', 'Success'),
}


@dataclass(frozen=True)
class Settings:
    """Settings with their defaults.

    sha256: the form of hashes in listings of state versions; `none` leaves them null, `wrong` lists those of something else.
    first_version: the number of the first version of a state file.
    size: listings of state versions give the size; otherwise null.
    lease_seconds: after how long a lease ends that nobody renews.
    idempotent_leases: a repeated idempotencyKey returns the lease it got before.
    identical_upload: an upload equal to the newest version makes a version, or does not.
    legacy_job: the job of a file without herculesCI follows the Config job, or is that job with another type.
    order: of state versions, and of jobs.
    page_limit: at most so many jobs in one answer, whatever was asked for.
    log_minimum: whether iMin itself is part of the answer.
    log_page: at most so many lines of a log in one answer; 0 for all.
    cancelled_status: the status of a cancelled job.
    nixops2_without_state: where NixOps 2 finds no deployment in its state, one is created, as where a script runs "nixops create" first;
      or it fails, as it does by itself. Left alone, the worse of the two for whoever has lost a state.
    unauthorized: the HTTP status for a missing or wrong token.
    """

    sha256: str = 'hex'
    size: bool = True
    first_version: int = 1
    lease_seconds: int = 600
    idempotent_leases: bool = True
    identical_upload: str = 'new version'
    legacy_job: str = 'separate'
    order: str = 'newest first'
    page_limit: int = 50
    log_minimum: str = 'inclusive'
    log_page: int = 0
    cancelled_status: str = 'Failure'
    nixops2_without_state: str = 'creates'
    unauthorized: int = 401


def load(store: Store) -> Settings:
    known = {field.name for field in fields(Settings)}
    stored = {row['name']: json.loads(row['value']) for row in store.all('SELECT * FROM setting')}
    return Settings(**{name: value for name, value in stored.items() if name in known})


def change(store: Store, changes: dict[str, Any]) -> Settings:
    """Store changes and return all settings; ValueError for an unknown name or a value of the wrong kind."""
    before = load(store)
    for name, value in changes.items():
        if not hasattr(before, name):
            raise ValueError('There is no setting %s.' % name)
        if value not in CHOICES.get(name, (value,)) or type(value) is not type(getattr(before, name)):
            raise ValueError('%r is no value for the setting %s.' % (value, name))
        store.all('INSERT OR REPLACE INTO setting VALUES (?, ?)', name, json.dumps(value))
    return replace(before, **changes)


def as_dict(settings: Settings) -> dict[str, Any]:
    return asdict(settings)
