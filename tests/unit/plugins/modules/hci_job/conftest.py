# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service that follows a script, and time that passes only when somebody sleeps."""

from __future__ import annotations

import importlib
import io
import json
import urllib.error
from collections.abc import Callable, Iterator
from email.message import Message
from typing import Any

import pytest

COLLECTION = 'ansible_collections.nixcd.hercules_ci.plugins.'
LOGIC = COLLECTION + 'module_utils._hercules_ci.'

TOKEN = 'eyJ-a-token'
BASE = 'https://ci.example.org'
PROJECT = '/site/github/account/neat-org/project/neat-repo'
REVISION = '0a1b2c3d4e5f60718293a4b5c6d7e8f901234567'
UUID = '%08d-0000-4000-8000-000000000000'


class Answers:
    """Answers of the service as its API describes them."""

    jobs_path = PROJECT + '/jobs?ref=refs%%2Fheads%%2Fmain&rev=%s&limit=50' % REVISION
    revision = REVISION

    @staticmethod
    def id(index: int) -> str:
        return UUID % index

    @classmethod
    def job(cls, index: int = 42, phase: str = 'Done', status: str = 'Success', kind: str = 'Legacy', **fields: Any) -> dict[str, Any]:
        done = {'Evaluating': 1, 'Building': 2, 'Effects': 3, 'Done': 4}.get(phase, 0)
        source = {
            'revision': fields.pop('revision', REVISION),
            'ref': fields.pop('ref', 'refs/heads/main'),
            'message': 'Bump web host',
            'gitCommitterName': 'Alice A',
            'committer': None,
            'link': 'https://github.com/neat-org/neat-repo/commit/' + REVISION,
        }
        return {
            'id': cls.id(index), 'index': index, 'projectId': UUID % 4, 'repoName': 'neat-repo', 'ownerName': 'neat-org',
            'forgeName': 'github', 'repoId': UUID % 5, 'startTime': '2026-01-21T13:00:15Z', 'endTime': None, 'jobPhase': phase,
            'isCancelled': False, 'jobStatus': status, 'evaluationStatus': 'Success' if done > 1 else 'Pending',
            'derivationStatus': 'Success' if done > 2 else 'Pending', 'effectsStatus': status, 'evaluationId': UUID % 7,
            'source': source, 'extraInputs': {}, 'jobType': kind, 'jobName': None, 'rerunOf': None, 'rerunOfIndex': None,
            'startedBy': None, 'cancelledBy': None, 'mayCancel': True, 'mayRerun': True, **fields,
        }

    @staticmethod
    def jobs(*jobs: dict[str, Any], more: bool = False) -> dict[str, Any]:
        return {'items': list(jobs), 'more': more}

    @staticmethod
    def handlers(*on_push: str, schedules: tuple[str, ...] = ()) -> dict[str, Any]:
        when = {'minute': 5, 'hour': [2], 'dayOfWeek': None, 'dayOfMonth': None}
        return {
            'jobId': UUID % 40,
            'onPush': {name: {'name': name, 'isFlake': False} for name in on_push},
            'onSchedule': {name: {'name': name, 'isFlake': False, 'when': when, 'mainExists': True} for name in schedules},
        }

    @staticmethod
    def evaluation(*effects: list[str], attributes: tuple[Any, ...] = (), counts: tuple[int, int, int] = (0, 0, 0), **fields: Any) -> Any:
        """counts: derivations that wait, are being built, have been built."""
        derivation = {'Ok': {'status': 'NotPlanned', 'derivationPath': '/nix/store/e.drv'}}
        found = [{'path': path, 'value': derivation, 'typ': 'Effect'} for path in effects]
        return {
            'id': UUID % 7, 'agentHostname': 'agent-1', 'agentVersion': '0.10.6', 'messages': [], 'attributes': [*found, *attributes],
            'ifdAttributes': [], 'evaluationDependencies': [], 'evaluationLog': None, 'derivations': {},
            'derivationsWaitingCount': counts[0], 'derivationsBuildingCount': counts[1], 'derivationsBuildFailureCount': 0,
            'derivationsDependencyFailureCount': 0, 'derivationsBuildSuccessCount': counts[2], 'derivationsCancelledCount': 0,
            'unmetAgentRequirements': [], **fields,
        }

    @staticmethod
    def effect(status: str, **fields: Any) -> dict[str, Any]:
        started = {'time': '2026-01-21T13:04:41.250137Z', 'logId': UUID % 11, 'agentHostname': 'agent-1', 'agentVersion': '0.10.6'}
        first_run = [{'Queued': {'time': '2026-01-21T13:00:15Z'}}, {'Started': {**started, 'logId': UUID % 10}}]
        return {
            'status': status, 'jobId': UUID % 42, 'projectId': UUID % 4, 'platform': 'x86_64-linux', 'requiredSystemFeatures': [],
            'inputDerivations': [], 'events': [first_run, [{'Queued': {'time': '2026-01-21T13:00:15Z'}}, {'Started': started}]],
            'waitingForEffects': [], 'waitingForJobs': [], 'mayCancel': True, 'dummy': None, **fields,
        }

    @classmethod
    def waiting(cls, index: int) -> dict[str, Any]:
        """An effect that waits for those of an earlier job."""
        site = {'id': UUID % 1, 'name': 'github', 'displayName': 'GitHub'}
        owner = {'id': UUID % 2, 'name': 'neat-org', 'displayName': 'Neat', 'typ': 'Organization', 'imageURL': '', 'site': site}
        project = {'id': UUID % 4, 'name': 'neat-repo', 'owner': owner, 'displayName': 'neat-repo', 'imageURL': None, 'isPublic': False}
        job = {'id': cls.id(index), 'project': project, 'index': index, 'status': 'Pending', 'phase': 'Effects'}
        return cls.effect('Waiting', events=[], waitingForJobs=[job])

    @staticmethod
    def log(first: int, *lines: str, done: bool = False) -> dict[str, Any]:
        numbered = [{'i': number, 'ms': number, 't': text} for number, text in enumerate(lines, first)]
        return {'id': UUID % 11, 'lines': numbered, 'done': done}

    @staticmethod
    def log_path(attribute: str = 'neat-network.run', after: int | None = None, job: int = 42) -> str:
        path = '/jobs/%s/effects/%s/log/lines?logId=%s' % (UUID % job, attribute, UUID % 11)
        return path if after is None else '%s&iMin=%d' % (path, after)


class Reply(io.BytesIO):
    """What an opener returns."""

    status = 200
    length = None
    headers = Message()


class Service:
    """Expects the requests of its script, in that order, and answers each; nothing else may be asked."""

    def __init__(self) -> None:
        self.script: list[tuple[str, Any]] = []
        self.always: Callable[[str], Any] | None = None
        self.requests: list[str] = []

    def expect(self, *exchanges: tuple[str, Any]) -> None:
        """Pairs of a path, with its method in front unless it is GET, and JSON, a status, or an exception."""
        self.script += exchanges

    def open(self, request: Any, timeout: float) -> Reply:
        assert request.get_header('Authorization') == 'Bearer ' + TOKEN
        assert request.full_url.startswith(BASE + '/api/v1')
        path = request.full_url[len(BASE + '/api/v1') :]
        asked = path if request.get_method() == 'GET' else '%s %s' % (request.get_method(), path)
        self.requests.append(asked)
        if self.always is not None:
            answer = self.always(asked)
        else:
            assert self.script, 'not in the script: %s' % asked
            expected, answer = self.script.pop(0)
            assert asked == expected
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            raise urllib.error.HTTPError(request.full_url, answer, 'no', Message(), io.BytesIO(b''))
        return Reply(b'' if answer is None else json.dumps(answer).encode())


class Time:
    """Stands in for the module time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def answers() -> type[Answers]:
    return Answers


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    scripted = Service()
    monkeypatch.setattr(LOGIC + 'client.make_opener', lambda *_arguments: scripted)
    monkeypatch.setattr(LOGIC + 'client.TRIES', 1)
    monkeypatch.setattr(LOGIC + 'client.time.sleep', lambda _seconds: None)
    yield scripted
    assert not scripted.script, 'was not asked for'


@pytest.fixture
def fake_time(monkeypatch: pytest.MonkeyPatch) -> Time:
    passing = Time()
    monkeypatch.setattr(COLLECTION + 'module_utils._jobs.watch.time', passing)
    monkeypatch.setattr(COLLECTION + 'module_utils._jobs.states.time', passing)
    monkeypatch.setattr(LOGIC + 'logs.time', passing)
    return passing


@pytest.fixture
def connection() -> dict[str, Any]:
    return {'api_base_url': BASE, 'api_token': TOKEN, 'project': 'github/neat-org/neat-repo'}


@pytest.fixture
def job(run_module: Any, connection: dict[str, Any], fake_time: Time) -> Callable[..., dict[str, Any]]:
    """job(**options) runs hci_job for the commit on main."""
    main = importlib.import_module(COLLECTION + 'modules.hci_job').main

    def run(check: bool = False, **options: Any) -> dict[str, Any]:
        given = {**connection, 'branch': 'main', 'revision': REVISION, **options}
        result: dict[str, Any] = run_module(main, {name: value for name, value in given.items() if value is not None}, check=check)
        assert TOKEN not in json.dumps({**result, 'invocation': None})
        return result

    return run
