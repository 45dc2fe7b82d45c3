# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks: leases that exclude one another and end by themselves. They are advice only, state transfers ignore them."""

from __future__ import annotations

import sqlite3
from uuid import UUID

from tests.sandbox import wire
from tests.sandbox.account_api import project_of
from tests.sandbox.messages import HTTPFailure, Reply, Request, json_reply, route
from tests.sandbox.state_api import PROJECTS
from tests.sandbox.store import Store, new_id


def _optional_id(document: wire.Json, name: str) -> str | None:
    value = document.get(name)
    try:
        return value and str(UUID(value))
    except (ValueError, AttributeError, TypeError) as error:
        raise HTTPFailure(400, 'The field %s is no UUID.' % name) from error


def _ancestors(store: Store, lease: str | None) -> set[str]:
    """A lease and those it was taken under, which do not block it."""
    found: set[str] = set()
    while lease and lease not in found:
        found.add(lease)
        row = store.get('lease', lease)
        lease = row['parent'] if row else None
    return found


def _acquired(row: sqlite3.Row) -> wire.Json:
    return {'leaseId': row['id'], 'expirationTime': row['expires']}


def _acquire(request: Request) -> Reply:
    service, store, wanted = request.service, request.service.store, request.json()
    project, name, settings = project_of(request), request.path['lockName'], request.service.settings
    if not isinstance(wanted.get('description'), str) or not isinstance(wanted.get('exclusive'), bool):
        raise HTTPFailure(400, 'The fields description and exclusive are required.')
    key, parent = _optional_id(wanted, 'idempotencyKey'), _optional_id(wanted, 'parent')
    with store.transaction():
        _expire(request)
        same = store.one('SELECT * FROM lease WHERE project = ? AND name = ? AND idempotency_key = ?', project['id'], name, key)
        if same and settings.idempotent_leases:
            return json_reply({'tag': 'Acquired', 'contents': _acquired(same)})
        held = store.all('SELECT * FROM lease WHERE project = ? AND name = ? ORDER BY started', project['id'], name)
        own = _ancestors(store, parent)
        blocking = [row for row in held if (row['exclusive'] or wanted['exclusive']) and row['id'] not in own]
        if blocking:
            return json_reply({'tag': 'Blocked', 'contents': {'blockedByLeases': [wire.lease(store, settings, row) for row in blocking]}})
        assert request.token is not None
        lease = new_id()
        store.insert('lease', id=lease, project=project['id'], name=name, description=wanted['description'], exclusive=wanted['exclusive'],
                     parent=parent, idempotency_key=key, started=service.clock.text(), expires=service.clock.text(settings.lease_seconds),
                     user=request.token['account'], job=request.token['job'])
        return json_reply({'tag': 'Acquired', 'contents': _acquired(_lease(request, lease))})


def _expire(request: Request) -> None:
    request.service.store.all('DELETE FROM lease WHERE expires <= ?', request.service.clock.text())


def _lease(request: Request, identifier: str) -> sqlite3.Row:
    _expire(request)
    row = request.service.store.get('lease', identifier)
    if row is None:
        raise HTTPFailure(404, 'There is no such lease.')
    return row


def _update(request: Request) -> Reply:
    row, description = _lease(request, request.path['lockLeaseId']), request.json().get('description')
    request.service.store.update('lease', row['id'], expires=request.service.clock.text(request.service.settings.lease_seconds),
                                 description=row['description'] if description is None else description)
    return json_reply(_acquired(_lease(request, row['id'])))


def _release(request: Request) -> Reply:
    request.service.store.all('DELETE FROM lease WHERE id = ?', _lease(request, request.path['lockLeaseId'])['id'])
    return Reply()


ROUTES = (
    *(route('POST', '%s/lock/{lockName}' % project, _acquire) for project in PROJECTS),
    route('POST', '/lock-leases/{lockLeaseId}', _update),
    route('DELETE', '/lock-leases/{lockLeaseId}', _release),
)
