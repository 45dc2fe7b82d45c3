# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""State files and their versions."""

from __future__ import annotations

from tests.sandbox import wire
from tests.sandbox.account_api import project_of
from tests.sandbox.messages import HTTPFailure, Reply, Request, json_reply, route

PROJECTS = ('/projects/{projectId}', '/site/{site}/account/{account}/project/{project}')


def _project_id(request: Request) -> str:
    """The project of the path, or that of the effect's token."""
    if not request.path.keys() & {'projectId', 'project'}:
        assert request.token is not None
        if request.token['project'] is None:
            raise HTTPFailure(403, 'The token is not that of an effect.')
        return str(request.token['project'])
    return str(project_of(request)['id'])


def _list(request: Request) -> Reply:
    project, settings = _project_id(request), request.service.settings
    order = 'DESC' if settings.order == 'newest first' else 'ASC'
    files: dict[str, wire.Json] = {}
    rows = request.service.store.all(
        'SELECT %s FROM state WHERE project = ? ORDER BY name, version %s' % (wire.STATE_COLUMNS, order), project)
    for row in rows:
        file = files.setdefault(row['name'], {'projectId': project, 'name': row['name'], 'versions': []})
        file['versions'].append(wire.state_version(request.service.store, settings, row))
    return json_reply({'projectId': project, 'stateFiles': files})


def _get(request: Request) -> Reply:
    version = request.integer('version')
    row = request.service.store.one(
        'SELECT data FROM state WHERE project = ? AND name = ? AND coalesce(version = ?, 1) ORDER BY version DESC LIMIT 1',
        _project_id(request), request.path['stateName'], version)
    if row is None:
        raise HTTPFailure(404, 'There is no such state file or version.')
    return Reply(body=row['data'], content_type='application/octet-stream')


def _put(request: Request) -> Reply:
    request.service.put_state(_project_id(request), request.path['stateName'], request.body, request.token)
    return Reply()


ROUTES = (
    *(route('GET', '%s/states' % project, _list) for project in PROJECTS),
    *(route('GET', '%s/state/{stateName}/data' % project, _get) for project in (*PROJECTS, '/current-task')),
    *(route('PUT', '%s/state/{stateName}/data' % project, _put) for project in (*PROJECTS, '/current-task')),
)
