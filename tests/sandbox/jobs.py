# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs as rows of the store: how they are made, what they wait for, and what came of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from tests.sandbox import repository
from tests.sandbox.store import Clock, Store, new_id

FINAL_EVENTS = {'Failed': 'Failed', 'Succeeded': 'Successful', 'Cancelled': 'Cancelled', 'DependencyFailed': 'DependencyFailed'}


def combined(statuses: Iterable[str]) -> str:
    """Failure beats Pending beats Success."""
    found = set(statuses)
    return next((status for status in ('Failure', 'Pending') if status in found), 'Success')


def create(store: Store, clock: Clock, project: sqlite3.Row, *, typ: str, ref: str, commit: repository.Commit,
           **columns: Any) -> sqlite3.Row:
    """A queued job with the next number of its project."""
    job = new_id()
    with store.transaction():
        last = store.one('SELECT max(number) AS number FROM job WHERE project = ?', project['id'])
        store.insert('job', id=job, project=project['id'], number=((last and last['number']) or 0) + 1, typ=typ, ref=ref, rev=commit.rev,
                     message=commit.message, committer=commit.committer, phase='Queued', evaluation='Pending', derivations='Pending',
                     effects='Pending', started=clock.text(), evaluation_id=new_id(), **{'extra_inputs': '{}', **columns})
    return found(store, job)


def found(store: Store, job: str) -> sqlite3.Row:
    row = store.get('job', job)
    assert row is not None
    return row


def commit_of(job: sqlite3.Row) -> repository.Commit:
    return repository.Commit(job['rev'], job['message'], job['committer'])


def rerun(store: Store, clock: Clock, job: sqlite3.Row, started_by: str | None) -> sqlite3.Row:
    project = store.get('project', job['project'])
    assert project is not None
    return create(store, clock, project, typ=job['typ'], ref=job['ref'], commit=commit_of(job), name=job['name'],
                  extra_inputs=job['extra_inputs'], config=job['config'], rerun_of=job['id'], started_by=started_by)


def earlier(store: Store, job: sqlite3.Row) -> list[sqlite3.Row]:
    """Jobs of the same repository whose effects must end before this job's effects start."""
    return store.all("SELECT * FROM job WHERE project = ? AND number < ? AND phase != 'Done' AND typ != 'Config' ORDER BY number",
                     job['project'], job['number'])


def effects(store: Store, job: str) -> list[sqlite3.Row]:
    return store.all("SELECT * FROM attribute WHERE job = ? AND typ = 'Effect' AND drv IS NOT NULL ORDER BY path", job)


def runs(store: Store, job: str, path: str) -> list[list[sqlite3.Row]]:
    """Events of an effect, one list for each time it was run."""
    events = store.all('SELECT * FROM event WHERE job = ? AND path = ? ORDER BY id', job, path)
    return [[event for event in events if event['run'] == number] for number in sorted({event['run'] for event in events})]


def effect_status(store: Store, job: str, path: str) -> str:
    history = runs(store, job, path)
    last = history[-1][-1]['kind'] if history else 'Queued'
    return {'Queued': 'Waiting', 'Started': 'Running', **FINAL_EVENTS}[last]


def add_event(store: Store, clock: Clock, job: str, path: str, kind: str, **columns: Any) -> None:
    """Append an event; `Queued` begins a new run."""
    with store.transaction():
        last = store.one('SELECT max(run) AS run FROM event WHERE job = ? AND path = ?', job, path)
        number = last['run'] if last and last['run'] is not None else -1
        store.insert('event', job=job, path=path, run=number + (kind == 'Queued'), kind=kind, time=clock.text(), **columns)


def add_deployed(store: Store, clock: Clock, job: str, path: str, done: Mapping[str, Any]) -> None:
    """What NixOps did to a machine or resource, or to a deployment as a whole, in an effect."""
    store.insert('deployed', job=job, path=path, time=clock.text(), action=done['action'], deployment=done['deployment'],
                 deployment_name=done['deploymentName'], resource=done['resource'], type=done['type'], vm=done['vmId'])


def deployed(store: Store, job: str, path: str) -> list[sqlite3.Row]:
    return store.all('SELECT * FROM deployed WHERE job = ? AND path = ? ORDER BY id', job, path)


def open_log(store: Store, clock: Clock, job: str) -> str:
    log = new_id()
    store.insert('log', id=log, job=job, started=clock.text(), done=0)
    return log


def add_lines(store: Store, log: str, ms: int, text: str) -> None:
    with store.transaction():
        last = store.one('SELECT max(i) AS i FROM line WHERE log = ?', log)
        first = 0 if last is None or last['i'] is None else last['i'] + 1
        for number, line in enumerate(text.split('\n')):
            store.insert('line', log=log, i=first + number, ms=ms, t=line)


def cancel(store: Store, clock: Clock, job: sqlite3.Row, cancelled_by: str | None) -> None:
    with store.transaction():
        if found(store, job['id'])['phase'] == 'Done':
            return
        for effect in effects(store, job['id']):
            if effect_status(store, job['id'], effect['path']) in ('Waiting', 'Running'):
                add_event(store, clock, job['id'], effect['path'], 'Cancelled')
        store.all('UPDATE log SET done = 1 WHERE job = ?', job['id'])
        store.update('job', job['id'], phase='Done', cancelled=1, cancelled_by=cancelled_by, ended=clock.text())


def path_of(attribute: sqlite3.Row) -> tuple[str, ...]:
    return tuple(json.loads(attribute['path']))
