# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only a sandbox has, below /sandbox/: faults, settings, the clock, what was pushed, and a summary of everything.

No token is needed: the server listens on the loopback interface only, and holds nothing real.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.sandbox import jobs, settings, wire
from tests.sandbox.evaluation import path_text
from tests.sandbox.faults import Fault
from tests.sandbox.messages import HTTPFailure, Reply, Request, json_reply, route

if TYPE_CHECKING:
    from tests.sandbox.service import Service


def summary(service: Service) -> dict[str, Any]:
    """All that the sandbox holds: no secret values, no state contents."""
    projects = service.store.all('SELECT * FROM project ORDER BY name')
    agents = service.store.all('SELECT * FROM agent ORDER BY name')
    return {'url': service.base_url, 'projects': [_project(service, row) for row in projects],
            'agents': [{'name': row['name'], 'secretsPath': row['secrets'], **_secret_names(row['secrets'])} for row in agents]}


def _project(service: Service, project: Any) -> dict[str, Any]:
    store, now = service.store, service.settings
    path = '%s/%s/%s' % tuple(wire.project(store, project)[key] for key in ('siteSlug', 'ownerSlug', 'slug'))
    rows = store.all('SELECT %s FROM state WHERE project = ? ORDER BY name, version' % wire.STATE_COLUMNS, project['id'])
    versions = [{**wire.state_version(store, now, row), 'sha256': row['digest'].hex(), 'size': row['size']} for row in rows]
    states: dict[str, list[dict[str, Any]]] = {}
    for version in versions:
        states.setdefault(version['name'], []).append({
            'version': version['version'], 'creationTime': version['creationTime'], 'sha256': version['sha256'], 'size': version['size'],
            'job': version['job'] and version['job']['index'], 'uploader': version['uploader'] and version['uploader']['slug']})
    leases = store.all('SELECT * FROM lease WHERE project = ? AND expires > ?', project['id'], service.clock.text())
    return {'path': path, 'id': project['id'], 'repository': project['repository'], 'states': states,
            'locks': [{'name': row['name'], **wire.lease(store, now, row)} for row in leases],
            'jobs': [_job(service, row) for row in store.all('SELECT * FROM job WHERE project = ? ORDER BY number', project['id'])]}


def _job(service: Service, row: Any) -> dict[str, Any]:
    store = service.store
    keys = ('id', 'index', 'jobType', 'jobName', 'jobPhase', 'jobStatus', 'isCancelled', 'startTime', 'endTime')
    job = wire.job(store, service.settings, row)
    return {**{key: job[key] for key in keys}, 'ref': row['ref'], 'rev': row['rev'], 'agent': row['agent'],
            'evaluationLog': _lines(service, row['evaluation_log']),
            'effects': [{'attribute': path_text(jobs.path_of(effect)), 'status': jobs.effect_status(store, row['id'], effect['path']),
                         'deployed': [_deployed(item) for item in jobs.deployed(store, row['id'], effect['path'])],
                         'logs': [_lines(service, event['log']) for run in jobs.runs(store, row['id'], effect['path']) for event in run
                                  if event['log']]} for effect in jobs.effects(store, row['id'])]}


def _deployed(row: Any) -> dict[str, Any]:
    return {'action': row['action'], 'deployment': row['deployment'], 'deploymentName': row['deployment_name'], 'resource': row['resource'],
            'type': row['type'], 'vmId': row['vm'], 'time': row['time']}


def deployed(service: Service, project: Any) -> list[dict[str, Any]]:
    """What NixOps did to machines and resources in all effects of a project, in the order in which it was done."""
    rows = service.store.all('SELECT deployed.*, job.number FROM deployed JOIN job ON job.id = deployed.job WHERE job.project = ? '
                             'ORDER BY deployed.id', project['id'])
    return [{'job': row['number'], 'attribute': path_text(jobs.path_of(row)), **_deployed(row)} for row in rows]


def _lines(service: Service, log: str | None) -> list[str]:
    return [row['t'] for row in service.store.all('SELECT t FROM line WHERE log = ? ORDER BY i', log)]


def _secret_names(path: str | None) -> dict[str, Any]:
    try:
        with open(path or '', encoding='utf-8') as file:
            return {'secrets': sorted(json.load(file))}
    except (OSError, ValueError) as error:
        return {'secrets': [], 'problem': type(error).__name__}


def _summary(request: Request) -> Reply:
    return json_reply(summary(request.service))


def _deployed_of(request: Request) -> Reply:
    """What was done to machines and resources: ?project=SITE/ACCOUNT/PROJECT."""
    path = request.query.get('project', '').split('/')
    if len(path) != 3:
        raise HTTPFailure(400, 'Say which project: ?project=SITE/ACCOUNT/PROJECT.')
    return json_reply(deployed(request.service, request.service.find_project(*path)))


def _add_fault(request: Request) -> Reply:
    try:
        request.service.faults.add(Fault(**request.json()))
    except (TypeError, ValueError) as error:
        raise HTTPFailure(400, str(error)) from error
    return Reply()


def _faults(request: Request) -> Reply:
    return json_reply(request.service.faults.waiting())


def _clear_faults(request: Request) -> Reply:
    request.service.faults.clear()
    return Reply()


def _settings(request: Request) -> Reply:
    return json_reply(settings.as_dict(request.service.settings))


def _change_settings(request: Request) -> Reply:
    try:
        return json_reply(settings.as_dict(settings.change(request.service.store, request.json())))
    except ValueError as error:
        raise HTTPFailure(400, str(error)) from error


def _clock(request: Request) -> Reply:
    """Put the clock forward: {"seconds": N}."""
    request.service.clock.advance(float(request.json()['seconds']))
    return json_reply({'now': request.service.clock.text()})


def _failing_effects(request: Request) -> Reply:
    """Set the effects whose deploys fail: {attribute pattern: message}."""
    request.service.set_failing_effects(request.json())
    return Reply()


def _hold(request: Request) -> Reply:
    """Let effects wait before they start, or not: {"held": true}."""
    gate = request.service.runner.effects_may_start
    (gate.clear if request.json().get('held') else gate.set)()
    request.service.runner.notify()
    return Reply()


def _pushed(request: Request) -> Reply:
    """Report a push: {"project": SITE/ACCOUNT/PROJECT, "ref": …, "rev": …}. The new job, or null when none is due."""
    body = request.json()
    project = request.service.find_project(*body['project'].split('/'))
    job = request.service.pushed(project, body['ref'], body['rev'])
    return json_reply(job and wire.job(request.service.store, request.service.settings, job))


ROUTES = (
    route('GET', '/sandbox/summary', _summary, public=True),
    route('GET', '/sandbox/deployed', _deployed_of, public=True),
    route('GET', '/sandbox/faults', _faults, public=True),
    route('POST', '/sandbox/faults', _add_fault, public=True),
    route('DELETE', '/sandbox/faults', _clear_faults, public=True),
    route('GET', '/sandbox/settings', _settings, public=True),
    route('POST', '/sandbox/settings', _change_settings, public=True),
    route('POST', '/sandbox/clock', _clock, public=True),
    route('POST', '/sandbox/failing-effects', _failing_effects, public=True),
    route('POST', '/sandbox/hold', _hold, public=True),
    route('POST', '/sandbox/pushed', _pushed, public=True),
)
