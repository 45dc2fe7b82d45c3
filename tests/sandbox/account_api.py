# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts, projects, agents, forges: who there is."""

from __future__ import annotations

import re
import sqlite3

from tests.sandbox import wire
from tests.sandbox.messages import HTTPFailure, Reply, Request, json_reply, route
from tests.sandbox.store import new_id

GIT_URL = re.compile(r'(?:(?:https?|ssh|git)://(?:[^@/]+@)?|(?:[^@/]+@))([\w.-]+?)(?::\d+)?[:/]([^/]+)/([^/]+?)(?:\.git)?/?')


def project_of(request: Request) -> sqlite3.Row:
    """The project that the path names by id or by its site path; 404."""
    if 'projectId' in request.path:
        row = request.service.store.get('project', request.path['projectId'])
        if row is None:
            raise HTTPFailure(404, 'There is no such project.')
    else:
        row = request.service.find_project(request.path['site'], request.path['account'], request.path['project'])
    if request.token is None and not row['public']:
        raise HTTPFailure(request.service.settings.unauthorized, 'A valid token is needed.')
    return row


def _account(request: Request) -> sqlite3.Row:
    row = request.service.store.get('account', request.path['accountId'])
    if row is None:
        raise HTTPFailure(404, 'There is no such account.')
    return row


def _accounts(request: Request) -> Reply:
    rows = request.service.store.all('SELECT * FROM account ORDER BY name')
    return json_reply([wire.account(row) for row in rows if request.query.get('site') in (None, row['site'])
                       and request.query.get('name') in (None, row['name'])])


def _me(request: Request) -> Reply:
    assert request.token is not None
    row = request.service.store.get('account', request.token['account'])
    if row is None:
        raise HTTPFailure(403, 'The token is not that of an account.')
    return json_reply(wire.account(row))


def _account_by_id(request: Request) -> Reply:
    return json_reply(wire.account(_account(request)))


def _account_by_name(request: Request) -> Reply:
    row = request.service.store.one('SELECT * FROM account WHERE site = ? AND name = ?', request.path['site'], request.path['account'])
    if row is None:
        raise HTTPFailure(404, 'There is no such account.')
    return json_reply(wire.account(row))


def _agents(request: Request) -> Reply:
    _account(request)
    return json_reply([wire.agent_session(row) for row in request.service.store.all('SELECT * FROM agent ORDER BY name')])


def _account_projects(request: Request) -> Reply:
    rows = request.service.store.all('SELECT * FROM project WHERE account = ? ORDER BY name', _account(request)['id'])
    return json_reply([wire.project(request.service.store, row) for row in rows])


def _projects(request: Request) -> Reply:
    found = [wire.project(request.service.store, row) for row in request.service.store.all('SELECT * FROM project ORDER BY name')]
    wanted = (('site', 'siteSlug'), ('account', 'ownerSlug'), ('project', 'slug'))
    return json_reply([item for item in found if all(request.query.get(name) in (None, item[key]) for name, key in wanted)])


def _project(request: Request) -> Reply:
    return json_reply(wire.project(request.service.store, project_of(request)))


def _effect_token(request: Request) -> Reply:
    token = 'user-effect-%s' % new_id()
    request.service.store.insert('token', token=token, project=project_of(request)['id'])
    return json_reply({'token': token})


def _client_info(request: Request) -> Reply:
    store, account = request.service.store, request.token['account'] if request.token else None
    sites = [row['site'] for row in store.all('SELECT DISTINCT site FROM account')]
    mine = store.get('account', account)
    return json_reply({'apiBaseUrl': request.service.base_url, 'frontendBaseUrl': request.service.base_url, 'licensedTo': '',
                       'forges': [wire.forge(site) for site in sites], 'personalAccounts': [wire.account(mine)] if mine else []})


def _forge(request: Request) -> Reply:
    store = request.service.store
    site = request.path.get('forgeName') or wire.site_by_id(store, request.path['forgeId'])
    if not store.one('SELECT 1 FROM account WHERE site = ?', site):
        raise HTTPFailure(404, 'There is no such forge.')
    return json_reply(wire.forge(str(site)))


def _parse_git_url(request: Request) -> Reply:
    match = GIT_URL.fullmatch(request.query.get('gitURL', ''))
    if not match:
        raise HTTPFailure(400, 'This is not the address of a Git repository.')
    site, (owner, name) = match[1].split('.')[0], match.groups()[1:]
    if not request.service.store.one('SELECT 1 FROM account WHERE site = ?', site):
        raise HTTPFailure(404, 'The site is not known.')
    found = request.service.store.one('SELECT project.id FROM project JOIN account ON account.id = project.account WHERE account.site = ? '
                                      'AND account.name = ? AND project.name = ?', site, owner, name)
    return json_reply({'siteName': site, 'ownerName': owner, 'repoName': name, 'projectId': found['id'] if found else None})


ROUTES = (
    route('GET', '/accounts', _accounts),
    route('GET', '/accounts/me', _me),
    route('GET', '/accounts/{accountId}', _account_by_id),
    route('GET', '/accounts/{accountId}/agentSessions', _agents),
    route('GET', '/accounts/{accountId}/projects', _account_projects),
    route('GET', '/site/{site}/account/{account}', _account_by_name),
    route('GET', '/projects', _projects),
    route('GET', '/projects/{projectId}', _project),
    route('GET', '/site/{site}/account/{account}/project/{project}', _project),
    route('POST', '/projects/{projectId}/create-user-effect-token', _effect_token),
    route('GET', '/client/info', _client_info, public=True),
    route('GET', '/forge/{forgeName}', _forge),
    route('GET', '/forges/{forgeId}', _forge),
    route('GET', '/parse-git-url', _parse_git_url),
)
