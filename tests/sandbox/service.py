# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service behind the HTTP server: its store, its jobs, and who may ask for what."""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.sandbox import account_api, admin_api, job_api, jobs, lock_api, pages, repository, settings, state_api
from tests.sandbox.faults import Faults
from tests.sandbox.messages import HTTPFailure, Reply, Request, decoded, json_reply, query_of
from tests.sandbox.runner import Runner
from tests.sandbox.store import Clock, Store, new_id

API = '/api/v1'
API_ROUTES = (*account_api.ROUTES, *state_api.ROUTES, *lock_api.ROUTES, *job_api.ROUTES)
OTHER_ROUTES = (*admin_api.ROUTES, *pages.ROUTES)
ME = 'alice'


@dataclass(frozen=True)
class Call:
    """A request that came in, for tests to look at."""

    method: str
    url: str
    with_token: bool


class Service:
    def __init__(self, data: Path) -> None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data = data.resolve()
        self.store = Store(self.data / 'sandbox.sqlite')
        self.clock = Clock()
        self.faults = Faults(self.store)
        self.base_url = ''
        # Stops listening for some seconds; set by who listens.
        self.go_away: Callable[[float], None] = lambda _seconds: None
        self.runner = Runner(self.store, self.clock, self.data, lambda: self.base_url)
        self.calls: list[Call] = []
        # Set as soon as a reply is held back, which is that of a request to which the fault "slow" applies.
        self.holds_a_reply = threading.Event()
        # What is done once, as soon as a request comes in whose URL matches.
        self.actions: list[tuple[re.Pattern[str], Callable[[], object]]] = []
        self._calls_lock = threading.Lock()

    @property
    def settings(self) -> settings.Settings:
        return settings.load(self.store)

    # HTTP

    def record(self, method: str, url: str, with_token: bool) -> None:
        with self._calls_lock:
            self.calls.append(Call(method, url, with_token))
            due = [item for item in self.actions if item[0].search(url)]
            self.actions = [item for item in self.actions if item not in due]
        for _pattern, action in due:
            action()

    def handle(self, method: str, url: str, body: bytes, authorization: str) -> Reply:
        """The reply to a request; refusals become replies too."""
        path = url.partition('?')[0]
        routes, path = (API_ROUTES, path[len(API):]) if path.startswith(API + '/') else (OTHER_ROUTES, path)
        matches = [(route, match) for route in routes for match in [route.pattern.fullmatch(path)] if match]
        try:
            if not matches:
                raise HTTPFailure(404, 'There is nothing at %s.' % url)
            route, match = next(((route, match) for route, match in matches if route.method == method), (None, None))
            if route is None or match is None:
                raise HTTPFailure(405, 'The method %s is not for %s.' % (method, url))
            token = self._token(authorization)
            if token is None and not route.public:
                raise HTTPFailure(self.settings.unauthorized, 'A valid token is needed.')
            return route.handle(Request(self, decoded(match), query_of(url), body, token))
        except HTTPFailure as failure:
            return json_reply({'errorTags': [], 'message': str(failure)}, failure.status)
        except Exception as error:  # a mistake in the sandbox is answered, so that the client's test shows it
            return Reply(500, repr(error).encode(), 'text/plain;charset=utf-8')

    def _token(self, authorization: str) -> sqlite3.Row | None:
        kind, _blank, token = authorization.partition(' ')
        return self.store.one('SELECT * FROM token WHERE token = ?', token.strip()) if kind.lower() == 'bearer' else None

    # What people set up

    def personal_token(self, wanted: str | None = None) -> str:
        """The token of the account that owns everything; made with the data, or set to what is wanted."""
        with self.store.transaction():
            row = self.store.one('SELECT token FROM token WHERE account IS NOT NULL')
            if row and wanted in (None, row['token']):
                return str(row['token'])
            token = wanted or 'sandbox-%s' % secrets.token_hex(16)
            self.store.all('DELETE FROM token WHERE account IS NOT NULL')
            self.store.insert('token', token=token, account=self.account('github', ME, 'User')['id'])
        return token

    def account(self, site: str, name: str, typ: str = 'Organization') -> sqlite3.Row:
        """The account of that name, made if it is new."""
        with self.store.transaction():
            self.store.all('INSERT OR IGNORE INTO account VALUES (?, ?, ?, ?)', new_id(), site, name, typ)
            row = self.store.one('SELECT * FROM account WHERE site = ? AND name = ?', site, name)
        assert row is not None
        return row

    def add_project(self, path: str, repository_path: Path | None = None, default_branch: str = 'main', public: bool = False,
                    enabled: bool = True) -> sqlite3.Row:
        """Register SITE/ACCOUNT/PROJECT, or change its registration; a bare repository gets the hook that reports pushes."""
        parts = path.split('/')
        if len(parts) != 3 or not all(parts):
            raise ValueError('%s is not of the form SITE/ACCOUNT/PROJECT.' % path)
        place = str(repository_path.resolve()) if repository_path else None
        with self.store.transaction():
            account = self.account(parts[0], parts[1])['id']
            self.store.all('INSERT OR IGNORE INTO project VALUES (?, ?, ?, ?, ?, ?, ?, ?)', new_id(), account, parts[2], new_id(), place,
                           default_branch, enabled, public)
            row = self.find_project(*parts)
            self.store.update('project', row['id'], repository=place, default_branch=default_branch, enabled=enabled, public=public)
        if repository_path:
            repository.install_hook(repository_path, self.data, path)
        return self.find_project(*parts)

    def find_project(self, site: str, account: str, project: str) -> sqlite3.Row:
        row = self.store.one('SELECT project.* FROM project JOIN account ON account.id = project.account '
                             'WHERE account.site = ? AND account.name = ? AND project.name = ?', site, account, project)
        if row is None:
            raise HTTPFailure(404, 'There is no project %s/%s/%s.' % (site, account, project))
        return row

    def add_agent(self, name: str, secrets_path: Path | None = None) -> None:
        place = str(secrets_path.absolute()) if secrets_path else None
        self.store.all('INSERT INTO agent VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET secrets = excluded.secrets',
                       name, new_id(), place, self.clock.text())

    # What happens

    def pushed(self, project: sqlite3.Row, ref: str, rev: str) -> sqlite3.Row | None:
        """A ref of the repository was moved: make the Config job. None when no job is due."""
        if not project['enabled'] or rev == repository.DELETED or not ref.startswith(('refs/heads/', 'refs/tags/')):
            return None
        job = jobs.create(self.store, self.clock, project, typ='Config', ref=ref,
                          commit=repository.commit(project['repository'], rev))
        self.runner.start(job['id'])
        return job

    def put_state(self, project: str, name: str, data: bytes, token: sqlite3.Row | None = None) -> int:
        """Store a state file; its version."""
        digest = hashlib.sha256(data).digest()
        with self.store.transaction():
            last = self.store.one('SELECT version, digest FROM state WHERE project = ? AND name = ? ORDER BY version DESC LIMIT 1',
                                  project, name)
            if last and last['digest'] == digest and self.settings.identical_upload == 'no version':
                return int(last['version'])
            version = last['version'] + 1 if last else self.settings.first_version
            self.store.insert('state', project=project, name=name, version=version, created=self.clock.text(), data=data,
                              size=len(data), digest=digest, job=token['job'] if token else None,
                              uploader=token['account'] if token else None)
        return int(version)

    def set_failing_effects(self, messages: Mapping[str, str]) -> None:
        """Let deploys fail in the effects whose whole attribute path matches a pattern; only in those."""
        with self.store.transaction():
            self.store.all('DELETE FROM failing_effect')
            for pattern, message in messages.items():
                self.store.insert('failing_effect', pattern=re.compile(pattern).pattern, message=message)

    def sneak_in(self, url: str, data: bytes) -> None:
        """Upload a version of the state file that a URL is about, as somebody else would."""
        match = re.search(r'/site/([^/]+)/account/([^/]+)/project/([^/]+)/state/([^/]+)/data', url)
        if match:
            site, account, project, name = map(unquote, match.groups())
            self.put_state(self.find_project(site, account, project)['id'], name, data)

    def summary(self) -> dict[str, Any]:
        """All that the sandbox holds, for people and tests: no secret values, no state contents."""
        return admin_api.summary(self)
