# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the store as the JSON that the service's API description asks for."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from typing import Any

from tests.sandbox import jobs
from tests.sandbox.job_run import AGENT_VERSION
from tests.sandbox.settings import Settings
from tests.sandbox.store import Store

Json = dict[str, Any]
NIX32 = '0123456789abcdfghijklmnpqrsvwxyz'
FORGE_NAMES = {'github': 'GitHub', 'gitlab': 'GitLab'}


# Columns of state versions without their contents.
STATE_COLUMNS = 'project, name, version, created, job, uploader, size, digest'


def hash_text(digest: bytes, form: str) -> str | None:
    """A hash in one of the forms that are in use around Nix."""
    if form == 'none':
        return None
    if form == 'wrong':
        return hashlib.sha256(digest).hexdigest()
    if form == 'hex':
        return digest.hex()
    if form == 'nix32':
        return nix32(digest)
    return ('sha256-' if form == 'sri' else '') + base64.b64encode(digest).decode()


def nix32(digest: bytes) -> str:
    """Nix's base 32: the number's digits from the highest, five bits each."""
    number = int.from_bytes(digest, 'little')
    length = (len(digest) * 8 + 4) // 5
    return ''.join(NIX32[number >> (5 * position) & 31] for position in reversed(range(length)))


def forge(site: str) -> Json:
    return {'id': _site_id(site), 'slug': site, 'displayName': FORGE_NAMES.get(site, site), 'typ': site, 'newInstallationURL': None,
            'adminPermission': None}


def _site_id(site: str) -> str:
    digest = hashlib.md5(site.encode()).hexdigest()
    return '-'.join((digest[:8], digest[8:12], '4' + digest[13:16], '8' + digest[17:20], digest[20:]))


def site_by_id(store: Store, identifier: str) -> str | None:
    return next((row['site'] for row in store.all('SELECT DISTINCT site FROM account') if _site_id(row['site']) == identifier), None)


def simple_account(row: sqlite3.Row) -> Json:
    site = row['site']
    return {'id': row['id'], 'name': row['name'], 'displayName': row['name'], 'typ': row['typ'], 'imageURL': _image(row),
            'site': {'id': _site_id(site), 'name': site, 'displayName': FORGE_NAMES.get(site, site)}}


def _image(row: sqlite3.Row) -> str:
    return 'https://avatars.example/%s.png' % row['name']


def account(row: sqlite3.Row) -> Json:
    return {'id': row['id'], 'sourceHostingSiteSlug': row['site'], 'slug': row['name'], 'typ': row['typ'], 'displayName': row['name'],
            'imageURL': _image(row), 'organization': None, 'isInstalled': True, 'isInstallable': True, 'membershipRole': 'Admin',
            'sourceHostingSites': None, 'manageInstallationURL': None, 'installationIsSelection': None}


def simple_project(store: Store, row: sqlite3.Row) -> Json:
    return {'id': row['id'], 'name': row['name'], 'owner': simple_account(_get(store, 'account', row['account'])),
            'displayName': row['name'], 'imageURL': None, 'isPublic': bool(row['public'])}


def project(store: Store, row: sqlite3.Row) -> Json:
    simple = simple_project(store, row)
    return {**simple, 'ownerId': row['account'], 'repoId': row['repository_id'], 'enabled': bool(row['enabled']),
            'siteSlug': simple['owner']['site']['name'], 'ownerSlug': simple['owner']['name'], 'slug': row['name']}


def _get(store: Store, table: str, key: str) -> sqlite3.Row:
    row = store.get(table, key)
    assert row is not None
    return row


def job_status(row: sqlite3.Row, settings: Settings) -> str:
    return settings.cancelled_status if row['cancelled'] else jobs.combined((row['evaluation'], row['derivations'], row['effects']))


def simple_job(store: Store, settings: Settings, row: sqlite3.Row) -> Json:
    return {'id': row['id'], 'project': simple_project(store, _get(store, 'project', row['project'])), 'index': row['number'],
            'status': job_status(row, settings), 'phase': row['phase']}


def job(store: Store, settings: Settings, row: sqlite3.Row) -> Json:
    of = project(store, _get(store, 'project', row['project']))
    original = store.get('job', row['rerun_of'])
    return {
        'id': row['id'], 'projectId': row['project'], 'index': row['number'], 'repoName': of['name'], 'ownerName': of['ownerSlug'],
        'forgeName': of['siteSlug'], 'repoId': of['repoId'], 'startTime': row['started'], 'endTime': row['ended'], 'jobPhase': row['phase'],
        'isCancelled': bool(row['cancelled']), 'jobStatus': job_status(row, settings), 'evaluationStatus': row['evaluation'],
        'derivationStatus': row['derivations'], 'effectsStatus': row['effects'], 'evaluationId': row['evaluation_id'],
        'source': {'revision': row['rev'], 'ref': row['ref'], 'message': row['message'], 'gitCommitterName': row['committer'],
                   'committer': None, 'link': 'https://%s.com/%s/%s/commit/%s' % (of['siteSlug'], of['ownerSlug'], of['name'], row['rev'])},
        'extraInputs': {}, 'jobType': row['typ'], 'jobName': row['name'], 'rerunOf': row['rerun_of'],
        'rerunOfIndex': original['number'] if original else None, 'startedBy': row['started_by'], 'cancelledBy': row['cancelled_by'],
        'mayCancel': row['phase'] != 'Done', 'mayRerun': row['phase'] == 'Done',
    }


def handlers(store: Store, row: sqlite3.Row) -> Json:
    found: Json = {'jobId': row['id'], 'onPush': {}, 'onSchedule': {}}
    for item in store.all('SELECT * FROM handler WHERE job = ?', row['id']):
        entry: Json = {'name': item['name'], 'isFlake': bool(item['is_flake'])}
        if item['kind'] == 'onSchedule':
            entry.update(when=_time_constraints(item), mainExists=True)
        found[item['kind']][item['name']] = entry
    return found


def _time_constraints(item: sqlite3.Row) -> Json:
    """What the handler says; the service chooses what it leaves open."""
    when = json.loads(item['conditions'] or '{}') or {}
    hour = when.get('hour')
    return {'minute': when.get('minute') if when.get('minute') is not None else len(item['name']) % 60,
            'hour': [hour] if isinstance(hour, int) else hour or list(range(24)),
            'dayOfWeek': when.get('dayOfWeek') and [day.capitalize() for day in when['dayOfWeek']], 'dayOfMonth': when.get('dayOfMonth')}


def evaluation(store: Store, row: sqlite3.Row) -> Json:
    attributes = store.all('SELECT * FROM attribute WHERE job = ? ORDER BY path', row['id'])
    derivations = {item['drv']: item['status'] for item in attributes if item['drv'] and item['typ'] != 'Effect'}
    counts = {'derivations%sCount' % name: list(derivations.values()).count(status) for name, status in (
        ('Waiting', 'Waiting'), ('Building', 'Building'), ('BuildFailure', 'BuildFailure'), ('DependencyFailure', 'DependencyFailure'),
        ('BuildSuccess', 'BuildSuccess'), ('Cancelled', 'Cancelled'))}
    return {
        'id': row['evaluation_id'], 'agentHostname': row['agent'] or '', 'agentVersion': AGENT_VERSION, 'messages': [],
        'attributes': [{'path': json.loads(item['path']), 'value': _attribute_value(item), 'typ': item['typ']} for item in attributes],
        'ifdAttributes': [], 'evaluationDependencies': [], 'evaluationLog': row['evaluation_log'], 'derivations': derivations, **counts,
        'unmetAgentRequirements': [],
    }


def _attribute_value(item: sqlite3.Row) -> Json:
    if item['error']:
        return {'Error': {'errorMessage': item['error'], 'errorType': None, 'errorDerivation': None, 'trace': None}}
    return {'Ok': {'status': item['status'], 'derivationPath': item['drv']}}


def effect(store: Store, settings: Settings, row: sqlite3.Row, attribute: sqlite3.Row) -> Json:
    status = jobs.effect_status(store, row['id'], attribute['path'])
    waiting = status == 'Waiting' and row['phase'] == 'Effects'
    return {
        'status': status, 'jobId': row['id'], 'projectId': row['project'], 'platform': 'x86_64-linux', 'requiredSystemFeatures': [],
        'inputDerivations': [], 'events': [[_event(event) for event in run] for run in jobs.runs(store, row['id'], attribute['path'])],
        'waitingForEffects': [], 'waitingForJobs': [simple_job(store, settings, other) for other in jobs.earlier(store, row) if waiting],
        'mayCancel': status in ('Waiting', 'Running'), 'dummy': None,
    }


def _event(event: sqlite3.Row) -> Json:
    content = {'time': event['time']}
    if event['kind'] == 'Started':
        content.update(logId=event['log'], agentHostname=event['agent'], agentVersion=AGENT_VERSION)
    if event['kind'] == 'Failed':
        content['technicalError'] = event['error']
    return {event['kind']: content}


def state_version(store: Store, settings: Settings, row: sqlite3.Row) -> Json:
    uploader, by = store.get('account', row['uploader']), store.get('job', row['job'])
    return {'projectId': row['project'], 'name': row['name'], 'version': row['version'], 'creationTime': row['created'],
            'job': by and job(store, settings, by), 'uploader': uploader and account(uploader),
            'sha256': hash_text(row['digest'], settings.sha256), 'size': row['size'] if settings.size else None}


def lease(store: Store, settings: Settings, row: sqlite3.Row) -> Json:
    user, by = store.get('account', row['user']), store.get('job', row['job'])
    return {'id': row['id'], 'startTime': row['started'], 'expirationTime': row['expires'], 'user': user and simple_account(user),
            'job': by and simple_job(store, settings, by), 'description': row['description'], 'parent': row['parent'],
            'exclusive': bool(row['exclusive'])}


def agent_session(row: sqlite3.Row) -> Json:
    return {'id': row['id'], 'clusterJoinTokenId': row['id'], 'description': '', 'hostname': row['name'],
            'agentVersion': AGENT_VERSION, 'nixVersion': '2.8.0', 'platforms': ['x86_64-linux'], 'systemFeatures': [],
            'cachixPushCaches': [], 'pushCaches': [], 'substituters': [], 'creation': row['created'],
            'lastSeen': row['created'], 'revocation': None, 'available': True, 'concurrentTasks': 4, 'labels': {}}
