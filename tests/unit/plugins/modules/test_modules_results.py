# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fault of the sandbox at every request of every module: what was done is told, in a sentence and in time, and no lock stays."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.failures import LONGEST_PAUSE

from tests.sandbox import jobs
from tests.sandbox.in_process import Sandbox, Time
from tests.sandbox.repository import Commit
from tests.support.surroundings import FIXTURES

COLLECTION = 'ansible_collections.nixcd.hercules_ci.plugins.'
LOGIC = COLLECTION + 'module_utils.'
EXPORT = FIXTURES / 'nixops' / 'nixops-1.7' / 'export-aws-prod.json'
NAME = 'nixops-aws-prod.json'
HOSTS = 'nixops-aws-prod.known_hosts'
OLD = b'{"cccccccc-1700-11e7-8000-000000000003": {"name": "aws-prod", "resources": {}}}'
REVISION = 'a' * 40
TIMEOUT = 4
WAIT = 20
PYTHON = re.compile(r'Traceback|\w+Error: |NoneType')

STATUSES = (401, 403, 404, 408, 409, 413, 429, 500, 501, 502, 503, 504)
BODIES = ('{"items": [', '[]', '{}', 'null', '<html>', '{"items": [{}], "more": false}', '{"stateFiles": {"x": []}}')
FAULTS: dict[str, dict[str, Any]] = {
    **{str(status): {'kind': 'status', 'status': status} for status in STATUSES},
    **{'done, then %d' % status: {'kind': 'garbage', 'status': status, 'body': 'sorry'} for status in (403, 502)},
    **{'garbage %s' % body: {'kind': 'garbage', 'body': body} for body in BODIES},
    **{kind: {'kind': kind} for kind in ('reset', 'reset-in-reply', 'truncate', 'short-length', 'lost-answer', 'empty')},
    'silent': {'kind': 'slow', 'first': 1000},
    'slow': {'kind': 'slow', 'seconds': 1},
    'wait a little': {'kind': 'status', 'status': 429, 'headers': {'Retry-After': '1'}},
    'wait long': {'kind': 'status', 'status': 429, 'headers': {'Retry-After': '3600'}},
    'wait until a date': {'kind': 'status', 'status': 503, 'headers': {'Retry-After': 'Wed, 01 Jan 2031 00:00:00 GMT'}},
    'redirect': {'kind': 'redirect', 'location': 'http://ci.example/api/v1/elsewhere'},
    'redirect elsewhere': {'kind': 'redirect', 'location': 'ftp://ci.example/', 'status': 307},
    'lost lock': {'kind': 'lost-lock'},
    'race before': {'kind': 'race', 'data': '{"x": {"name": "foreign", "resources": {}}}'},
    'race after': {'kind': 'race', 'when': 'after', 'data': '{"x": {"name": "foreign", "resources": {}}}'},
}


class World:
    """A project of its own for each run, on one sandbox, in a time that is only counted.

    uploads: name and version of each state file that was stored by an upload of the module.
    """

    def __init__(self, sandbox: Sandbox, time: Time, folder: Path) -> None:
        self.sandbox, self.time, self.folder = sandbox, time, folder
        self.project = ''
        self.uploads: list[tuple[str, int]] = []
        self.warned: list[str] = []
        self._number = 0
        self._put_state = sandbox.service.put_state

    def put_state(self, project: str, name: str, data: bytes, token: Any = None) -> int:
        """In place of the service's own."""
        version = self._put_state(project, name, data, token)
        if token is not None:
            self.uploads.append((name, version))
        return version

    def begin(self) -> None:
        self._number += 1
        self.project = 'github/neat-org/p%d' % self._number
        self.sandbox.add_project(self.project)
        self.sandbox.service.faults.clear()
        self.sandbox.service.calls.clear()
        self.uploads.clear()
        self.warned.clear()

    def put(self, data: bytes, name: str = NAME) -> None:
        self.sandbox.put_state(self.project, name, data)

    def job(self, typ: str = 'Legacy', status: str = 'Success', phase: str = 'Done') -> str:
        """A job of the commit, with an effect that has a log."""
        store, clock = self.sandbox.service.store, self.sandbox.service.clock
        project = self.sandbox.service.find_project(*self.project.split('/'))
        job = str(jobs.create(store, clock, project, typ=typ, ref='refs/heads/main', commit=Commit(REVISION, 'm', 'c'))['id'])
        store.update('job', job, phase=phase, evaluation='Success', derivations='Success', effects=status)
        path, log = '["x", "run"]', jobs.open_log(store, clock, job)
        store.insert('attribute', job=job, path=path, typ='Effect', drv='/nix/store/x.drv', status='Success')
        jobs.add_lines(store, log, 0, 'one\ntwo\nlast words')
        store.update('log', log, done=1)
        end = 'Failed' if status == 'Failure' else 'Succeeded'
        for kind, columns in (('Queued', {}), ('Started', {'log': log, 'agent': 'a'}), (end, {})):
            jobs.add_event(store, clock, job, path, kind, **columns)
        return job

    def jobs(self) -> list[dict[str, Any]]:
        return self.sandbox.jobs(self.project)


@dataclass(frozen=True)
class Scenario:
    """A run of a module. prepare: makes what there is before. check: compares what the result tells with what was done; it also gets how
    many requests had a good answer before the first fault."""

    module: str
    options: dict[str, Any]
    prepare: Callable[[World], Any]
    check: Callable[[World, dict[str, Any], int], None]
    sha256: str = 'hex'


def state_is_told(world: World, result: dict[str, Any], _good: int) -> None:
    assert len({name for name, _version in world.uploads}) == len(world.uploads), 'uploaded twice'
    for name, version in world.uploads:
        told = result if name == NAME else result['known_hosts']
        assert result['changed'] is True
        assert (told['name'], told['action'] in ('created', 'replaced', 'restored')) == (name, True)
        if told['version'] is None:
            assert re.search('uploaded|accepted|cannot be found out', result['msg'])
        else:
            assert told['version'] >= version
        assert told['previous_version'] in (None, 'backup_file' in told and told['previous_version'])
    if not world.uploads:
        assert result.get('changed', False) is False or 'cannot be found out' in result['msg']
        assert result.get('failed') or result['action'] == 'unchanged'


def file_is_told(world: World, result: dict[str, Any], _good: int) -> None:
    content = (world.folder / 'copy.json').read_bytes()
    assert content == (b'before' if result.get('failed') else OLD)
    if not result.get('failed'):
        assert result['changed'] is True
        assert Path(result['backup_file']).read_bytes() == b'before'


def listing_is_told(_world: World, result: dict[str, Any], _good: int) -> None:
    assert result.get('failed') or [file['name'] for file in result['files']] == [NAME]


def job_is_told(status: str) -> Callable[[World, dict[str, Any], int], None]:
    def check(_world: World, result: dict[str, Any], good: int) -> None:
        assert result.get('changed', False) is False
        if good:  # then its outcome is known
            assert (bool(result.get('failed')), result['job']['status']) == (status == 'Failure', status)
    return check


def new_job_is_told(world: World, result: dict[str, Any], _good: int) -> None:
    made = world.jobs()[1:]
    assert len(made) <= 1, 'two jobs were made'
    if made:
        assert result['changed'] is True
        assert 'cannot be found out' in result.get('msg', '') or result['job']['index'] == made[0]['index']
    else:
        assert result.get('changed', False) is False or 'cannot be found out' in result['msg']
        assert result['failed'] is True


def cancellation_is_told(world: World, result: dict[str, Any], _good: int) -> None:
    if world.jobs()[0]['isCancelled']:
        assert (result['changed'], result['job']['index']) == (True, 1)
    else:
        assert result['failed'] is True


def jobs_are_told(_world: World, result: dict[str, Any], good: int) -> None:
    if good or not result.get('failed'):
        assert [job['status'] for job in result['jobs']] == ['Failure', 'Success']


def old_state(world: World) -> None:
    world.put(OLD)


def two_versions(world: World) -> None:
    world.put(EXPORT.read_bytes())
    world.put(OLD)


def old_files(world: World) -> None:
    world.put(OLD)
    world.put(b'192.0.2.9 ssh-ed25519 BBBB\n', HOSTS)


def old_copy(world: World) -> None:
    world.put(OLD)
    (world.folder / 'copy.json').write_bytes(b'before')


def configured(world: World) -> None:
    job = world.job('Config')
    world.sandbox.service.store.insert('handler', job=job, kind='onSchedule', name='nightly', is_flake=0, extra_inputs='{}')


STATE = {'deployment': 'aws-prod', 'lock_timeout': 0}
EXPORTED = {**STATE, 'export_file': str(EXPORT), 'existing': 'replace'}
JOB = {'branch': 'main', 'revision': REVISION, 'wait_timeout': WAIT, 'start_timeout': 5}
SCENARIOS = {
    'create': Scenario('nixops_state', EXPORTED, lambda _world: None, state_is_told),
    'replace': Scenario('nixops_state', EXPORTED, old_state, state_is_told),
    'replace without hashes': Scenario('nixops_state', EXPORTED, old_state, state_is_told, sha256='none'),
    'replace with wrong hashes': Scenario('nixops_state', EXPORTED, lambda _world: None, state_is_told, sha256='wrong'),
    'replace two': Scenario('nixops_state', {**EXPORTED, 'known_hosts': '{folder}/known_hosts'}, old_files, state_is_told),
    'restore': Scenario('nixops_state', {**STATE, 'version': 1}, two_versions, state_is_told),
    'fetch': Scenario('nixops_state_fetch', {'name': NAME, 'path': '{folder}/copy.json', 'backup': True}, old_copy, file_is_told),
    'info': Scenario('nixops_state_info', {'summary': True}, old_state, listing_is_told),
    'failed': Scenario('hci_job', JOB, lambda world: world.job(status='Failure'), job_is_told('Failure')),
    'succeeded': Scenario('hci_job', JOB, lambda world: world.job(), job_is_told('Success')),
    'rerun': Scenario('hci_job', {**JOB, 'state': 'rerun'}, lambda world: world.job(), new_job_is_told),
    'schedule': Scenario('hci_job', {**JOB, 'state': 'scheduled', 'schedule': 'nightly'}, configured, new_job_is_told),
    'cancel': Scenario('hci_job', {**JOB, 'state': 'cancelled'}, lambda world: world.job(phase='Effects'), cancellation_is_told),
    'jobs': Scenario(
        'hci_job_info', {'effects': True, 'log_lines': 2}, lambda world: (world.job(), world.job(status='Failure')), jobs_are_told
    ),
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    sandbox = Sandbox(tmp_path / 'sandbox')
    service, time = sandbox.service, sandbox.time
    service.base_url = 'http://ci.example:80'
    service_modules = ('client', 'locks', 'logs', 'state_upload')
    job_modules = ('commit_jobs', 'states', 'watch')
    for module in (*('_hercules_ci.' + name for name in service_modules), *('_jobs.' + name for name in job_modules)):
        monkeypatch.setattr(LOGIC + module + '.time', time)
    (tmp_path / 'known_hosts').write_text('192.0.2.1 ssh-ed25519 AAAA\n')

    def start(job: str) -> None:
        service.store.update('job', job, phase='Done', evaluation='Success', derivations='Success', effects='Success')

    monkeypatch.setattr(service.runner, 'start', start)
    found = World(sandbox, time, tmp_path)
    monkeypatch.setattr(service, 'put_state', found.put_state)
    # Ansible itself would add the warnings of all modules that the process has run.
    monkeypatch.setattr(AnsibleModule, 'warn', lambda _module, text: found.warned.append(text))
    with sandbox:
        yield found


@pytest.fixture
def attempt(world: World, run_module: Any) -> Callable[..., tuple[dict[str, Any], float]]:
    """attempt(scenario, **fault) runs a module in a new world. Its result, and for how many seconds it would have run."""

    def run(scenario: Scenario, **fault: Any) -> tuple[dict[str, Any], float]:
        world.begin()
        world.sandbox.settings(sha256=scenario.sha256)
        scenario.prepare(world)
        if fault:
            world.sandbox.fault(**fault)
        common = {'api_base_url': world.sandbox.url, 'api_token': world.sandbox.token, 'timeout': TIMEOUT, 'project': world.project}
        if scenario.module == 'nixops_state':
            common['backup_dir'] = str(world.folder / 'backups')
        options = {name: value.replace('{folder}', str(world.folder)) if isinstance(value, str) else value
                   for name, value in scenario.options.items()}
        main = importlib.import_module(COLLECTION + 'modules.' + scenario.module).main
        started = world.time.now
        result: dict[str, Any] = run_module(main, {**common, **options})
        return result, world.time.now - started

    return run


LASTING = ('403', '503', 'garbage {}', 'reset', 'truncate', 'lost-answer', 'empty', 'silent', 'wait a little')


VARIANTS = ('replace without hashes', 'replace with wrong hashes', 'replace two', 'restore')
"""Much as replace."""
HOW = {'every third fault once': (1, 3), 'once': (1, 1), 'from there on': (-1, 1)}
"""How often a fault comes, and which of them do: every one, or every third at a request, and others at the next."""
CASES = [
    pytest.param(name, *HOW[how], id='%s-%s' % (name, how), marks=[pytest.mark.slow] if how == 'once' or name in VARIANTS else [])
    for name in SCENARIOS for how in HOW
]  # fmt: skip


@pytest.mark.parametrize(('name', 'times', 'step'), CASES)
def test_the_fault_matrix(name: str, times: int, step: int, attempt: Callable[..., tuple[dict[str, Any], float]], world: World) -> None:
    scenario = SCENARIOS[name]
    result, _seconds = attempt(scenario)
    scenario.check(world, result, 100)
    requests = ['%s %s' % (call.method, call.url) for call in world.sandbox.service.calls]
    assert len(requests) > 1
    wrong = []
    for number, request in enumerate(requests):
        for fault in list(FAULTS if times == 1 else LASTING)[number % step::step]:
            result, seconds = attempt(scenario, skip=number, times=times, **FAULTS[fault])
            try:
                check(world, scenario, number, result, seconds)
            except (AssertionError, KeyError) as error:
                said = str(error).splitlines()[0] or repr(error)
                wrong.append('%s at %s: %s, after %.1f s: %s' % (fault, request, said, seconds, result.get('msg')))
    assert not wrong, '%d:\n%s' % (len(wrong), '\n'.join(wrong))


def check(world: World, scenario: Scenario, good: int, result: dict[str, Any], seconds: float) -> None:
    """What holds for each module."""
    text = json.dumps([{**result, 'invocation': None}, world.warned])
    assert 'exception' not in result and not PYTHON.search(text), 'Python speaks'
    assert world.sandbox.token not in text
    if result.get('failed'):
        assert 'To do: ' in result['msg'] and result['problems'][0]['what'].endswith('.'), 'no sentence'
    scenario.check(world, result, good)
    if scenario.module == 'nixops_state' and world.sandbox.leases(world.project, NAME):
        assert 'until it expires' in text or 'The lock was lost' in text, 'a lock stays without a word'
    waits = WAIT if 'wait_timeout' in scenario.options else 0
    asked = LONGEST_PAUSE if re.search('429|503', result.get('msg', '') + text) else 0
    assert seconds <= waits + 3 * TIMEOUT + asked, 'too long'
