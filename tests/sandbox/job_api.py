# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs, their evaluation, their effects and the logs of both."""

from __future__ import annotations

import json
import sqlite3

from tests.sandbox import jobs, wire
from tests.sandbox.account_api import project_of
from tests.sandbox.evaluation import path_text
from tests.sandbox.messages import HTTPFailure, Reply, Request, json_reply, route
from tests.sandbox.state_api import PROJECTS

TYPES = ('Config', 'Legacy', 'OnPush', 'OnSchedule')


def _job(request: Request) -> sqlite3.Row:
    row = request.service.store.get('job', request.path['jobId'])
    if row is None:
        raise HTTPFailure(404, 'There is no such job.')
    project = request.service.store.get('project', row['project'])
    if request.token is None and not (project and project['public']):
        raise HTTPFailure(request.service.settings.unauthorized, 'A valid token is needed.')
    return row


def _job_reply(request: Request, row: sqlite3.Row) -> Reply:
    return json_reply(wire.job(request.service.store, request.service.settings, row))


def _selected(request: Request, project: sqlite3.Row) -> list[sqlite3.Row]:
    """Jobs of a project that pass all filters of the query, in order."""
    query, settings = request.query, request.service.settings
    if query.get('handler') not in (None, *TYPES):
        raise HTTPFailure(400, 'Error parsing query parameter handler failed')
    if query.get('success') not in (None, 'true', 'false'):
        raise HTTPFailure(400, 'Error parsing query parameter success failed')
    ref = 'refs/heads/%s' % project['default_branch'] if query.get('ref') == 'HEAD' else query.get('ref')
    order = 'DESC' if settings.order == 'newest first' else 'ASC'
    rows = request.service.store.all('SELECT * FROM job WHERE project = ? ORDER BY number %s' % order, project['id'])
    outcome = {'true': 'Success', 'false': 'Failure', None: None}[query.get('success')]
    return [row for row in rows if ref in (None, row['ref']) and query.get('rev') in (None, row['rev'])
            and query.get('handler') in (None, row['typ']) and query.get('name') in (None, row['name'])
            and outcome in (None, wire.job_status(row, settings))]


def _list(request: Request) -> Reply:
    settings, rows = request.service.settings, _selected(request, project_of(request))
    index, limit = request.integer('offsetIndex'), request.integer('limit')
    if 'offsetId' in request.query:
        last = request.service.store.get('job', request.query['offsetId'])
        if last is None:
            raise HTTPFailure(404, 'There is no job with the id offsetId.')
        index = last['number']
    if index is not None:
        rows = [row for row in rows if (row['number'] < index if settings.order == 'newest first' else row['number'] > index)]
    size = settings.page_limit if limit is None else max(0, min(limit, settings.page_limit))
    return json_reply({'items': [wire.job(request.service.store, settings, row) for row in rows[:size]], 'more': len(rows) > size})


def _find(request: Request) -> Reply:
    store, settings, found = request.service.store, request.service.settings, []
    number = request.integer('index')
    for row in store.all('SELECT * FROM project ORDER BY name'):
        project = wire.project(store, row)
        wanted = (('site', 'siteSlug'), ('account', 'ownerSlug'), ('project', 'slug'))
        if all(request.query.get(name) in (None, project[key]) for name, key in wanted) and (request.token or row['public']):
            rows = store.all('SELECT * FROM job WHERE project = ? ORDER BY number DESC', row['id'])
            rows = [job for job in rows if number in (None, job['number'])]
            latest = None if 'project' in request.query else request.integer('latest') or 10
            found.append({'project': project, 'jobs': [wire.job(store, settings, job) for job in rows[:latest]]})
    return json_reply(found)


def _get(request: Request) -> Reply:
    return _job_reply(request, _job(request))


def _cancel(request: Request) -> Reply:
    assert request.token is not None
    request.service.runner.cancel(_job(request), request.token['account'])
    return Reply()


def _rerun(request: Request) -> Reply:
    if request.query.get('rebuildFailures') not in (None, 'true', 'false'):
        raise HTTPFailure(400, 'Error parsing query parameter rebuildFailures failed')
    assert request.token is not None
    new = jobs.rerun(request.service.store, request.service.clock, _job(request), request.token['account'])
    request.service.runner.start(new['id'])
    return _job_reply(request, new)


def _handlers(request: Request) -> Reply:
    return json_reply(wire.handlers(request.service.store, _job(request)))


def _run_schedule(request: Request) -> Reply:
    service, config, name = request.service, _job(request), request.path['jobName']
    handler = service.store.one("SELECT * FROM handler WHERE job = ? AND kind = 'onSchedule' AND name = ?", config['id'], name)
    project = service.store.get('project', config['project'])
    if handler is None or project is None:
        raise HTTPFailure(404, 'The job has no scheduled handler of that name.')
    assert request.token is not None
    new = jobs.create(service.store, service.clock, project, typ='OnSchedule', ref=config['ref'], commit=jobs.commit_of(config), name=name,
                      config=config['id'], extra_inputs=handler['extra_inputs'], started_by=request.token['account'])
    service.runner.start(new['id'])
    return _job_reply(request, new)


def _evaluation(request: Request) -> Reply:
    return json_reply(wire.evaluation(request.service.store, _job(request)))


def _effect_row(request: Request) -> tuple[sqlite3.Row, sqlite3.Row]:
    job = _job(request)
    for row in jobs.effects(request.service.store, job['id']):
        if path_text(jobs.path_of(row)) == request.path['attribute']:
            return job, row
    raise HTTPFailure(404, 'The job has no effect %s.' % request.path['attribute'])


def _effect(request: Request) -> Reply:
    job, attribute = _effect_row(request)
    return json_reply(wire.effect(request.service.store, request.service.settings, job, attribute))


def _cancel_effect(request: Request) -> Reply:
    _effect_row(request)
    return _cancel(request)


def _log(request: Request) -> Reply:
    store, job = request.service.store, _job(request)
    log = store.get('log', request.query.get('logId'))
    if log is None or log['job'] != job['id']:
        raise HTTPFailure(404, 'There is no such log.')
    first = request.integer('iMin') or 0
    if 'iMin' in request.query and request.service.settings.log_minimum == 'exclusive':
        first += 1
    lines = [{'i': row['i'], 'ms': row['ms'], 't': row['t']}
             for row in store.all('SELECT * FROM line WHERE log = ? AND i >= ? ORDER BY i', log['id'], first)]
    page = request.service.settings.log_page or len(lines)
    return json_reply({'id': log['id'], 'lines': lines[:page], 'done': bool(log['done']) and len(lines) <= page})


def _source(request: Request) -> Reply:
    """The latest commit of a ref whose jobs, or those asked for, succeeded."""
    project = project_of(request)
    ref = request.query.get('ref', 'HEAD')
    ref = 'refs/heads/%s' % project['default_branch'] if ref == 'HEAD' else ref
    for row in request.service.store.all("SELECT * FROM job WHERE project = ? AND ref = ? AND typ != 'Config' ORDER BY number DESC",
                                         project['id'], ref):
        if wire.job_status(row, request.service.settings) == 'Success':
            whole = wire.project(request.service.store, project)
            path = '%s/%s' % (whole['ownerSlug'], whole['slug'])
            return json_reply({'rev': row['rev'], 'ref': ref, 'sshURL': 'git@%s.com:%s.git' % (whole['siteSlug'], path),
                               'httpURL': 'https://%s.com/%s.git' % (whole['siteSlug'], path), 'repo': None, 'jobs': None,
                               'historyURL': None})
    raise HTTPFailure(404, 'No commit of %s succeeded.' % json.dumps(ref))


ROUTES = (
    *(route('GET', '%s/jobs' % project, _list, public=True) for project in PROJECTS),
    *(route('GET', '%s/source' % project, _source) for project in PROJECTS),
    route('GET', '/jobs', _find, public=True),
    route('GET', '/jobs/{jobId}', _get),
    route('POST', '/jobs/{jobId}/cancel', _cancel),
    route('POST', '/jobs/{jobId}/rerun', _rerun),
    route('GET', '/jobs/{jobId}/handlers', _handlers),
    route('POST', '/jobs/{jobId}/on-schedule/{jobName}/run', _run_schedule),
    route('GET', '/jobs/{jobId}/evaluation', _evaluation, public=True),
    route('GET', '/jobs/{jobId}/evaluation/log/lines', _log),
    route('GET', '/jobs/{jobId}/effects/{attribute}', _effect),
    route('POST', '/jobs/{jobId}/effects/{attribute}/cancel', _cancel_effect),
    route('GET', '/jobs/{jobId}/effects/{attribute}/log/lines', _log),
)
