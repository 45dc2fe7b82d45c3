# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test sets up in the sandbox, and what it looks at, wherever the sandbox is."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.sandbox import admin_api, jobs, pins, settings, wire
from tests.sandbox.faults import Fault
from tests.sandbox.service import Service

DEFAULT_TIMEOUT = 300.0
Entered = TypeVar('Entered', bound='Controls')


class Controls:
    """A local Hercules CI, which begins to answer when it is entered.

    data: folder for all that it keeps; an earlier one is continued.
    changes: settings that differ from their defaults, see `settings.Settings`.
    """

    def __init__(self, data: Path, token: str | None = None, **changes: Any) -> None:
        self.data = Path(data)
        self.service = Service(self.data)
        self.token = self.service.personal_token(token)
        settings.change(self.service.store, changes)

    def __enter__(self: Entered) -> Entered:
        self.listen()
        self.service.runner.start_unfinished()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.service.runner.stop()
        self.hang_up()
        self.service.store.close()

    @property
    def url(self) -> str:
        return self.service.base_url

    def listen(self) -> None:
        """Begin to answer, at the same address as before if there was one."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Refuse connections until `listen` is called. Jobs go on."""
        raise NotImplementedError

    # What a test sets up

    def add_project(self, path: str = 'github/neat-org/neat-repo', repository: Path | None = None, default_branch: str = 'main',
                    **options: bool) -> wire.Json:
        """Register a project and return it as the service does. Options: public, enabled."""
        return wire.project(self.service.store, self.service.add_project(path, repository, default_branch, **options))

    def add_agent(self, name: str, secrets: Path | None = None) -> None:
        self.service.add_agent(name, secrets)

    def pins(self) -> dict[str, dict[str, str]]:
        return pins.make(self.data)

    def settings(self, **changes: Any) -> settings.Settings:
        """Change settings, if any are given; all of them."""
        return settings.change(self.service.store, changes)

    def fault(self, kind: str, method: str = '.*', path: str = '.*', skip: int = 0, times: int = 1, **options: Any) -> None:
        """Queue misbehaviour, see `faults.KINDS`."""
        self.service.faults.add(Fault(kind, method, path, skip, times, options))

    def when_asked_for(self, url: str, action: Callable[[], object]) -> None:
        """Do something once, before the next request is answered whose URL contains a match of the regular expression."""
        self.service.actions.append((re.compile(url), action))

    def fail_effects(self, messages: dict[str, str]) -> None:
        """Let deploys fail with a message in the effects whose whole attribute path matches a regular expression; only in those."""
        self.service.set_failing_effects(messages)

    def hold_effects(self, held: bool = True) -> None:
        """Let effects wait before they start."""
        gate = self.service.runner.effects_may_start
        (gate.clear if held else gate.set)()
        self.service.runner.notify()

    # What a test looks at

    def put_state(self, project: str, name: str, data: bytes) -> int:
        """Upload a state file behind everybody's back; its version."""
        return self.service.put_state(self._project(project)['id'], name, data)

    def states(self, project: str, name: str) -> list[bytes]:
        """Contents of all versions of a state file, oldest first."""
        rows = self.service.store.all('SELECT data FROM state WHERE project = ? AND name = ? ORDER BY version',
                                      self._project(project)['id'], name)
        return [row['data'] for row in rows]

    def leases(self, project: str, name: str) -> list[wire.Json]:
        """Leases of a lock that have not ended."""
        rows = self.service.store.all('SELECT * FROM lease WHERE project = ? AND name = ? AND expires > ?', self._project(project)['id'],
                                      name, self.service.clock.text())
        return [wire.lease(self.service.store, self.service.settings, row) for row in rows]

    def push(self, project: str, ref: str, rev: str) -> wire.Json | None:
        """Report a push as the hook does; the Config job."""
        job = self.service.pushed(self._project(project), ref, rev)
        return self._job(job) if job else None

    def jobs(self, project: str) -> list[wire.Json]:
        """Jobs of a project, oldest first."""
        rows = self.service.store.all('SELECT * FROM job WHERE project = ? ORDER BY number', self._project(project)['id'])
        return [self._job(row) for row in rows]

    def deployed(self, project: str, *actions: str) -> list[wire.Json]:
        """What NixOps did to machines and resources in all effects of a project, or just some actions: see `nixops/bin/record.py`."""
        found = admin_api.deployed(self.service, self._project(project))
        return [item for item in found if not actions or item['action'] in actions]

    def wait_for_phase(self, job: str, phase: str, timeout: float = DEFAULT_TIMEOUT) -> wire.Json:
        """Wait until a job is in a phase; TimeoutError."""
        self.service.runner.wait_for(lambda: jobs.found(self.service.store, job)['phase'] == phase, timeout)
        return self._job(jobs.found(self.service.store, job))

    def wait_until_idle(self, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Wait until no job is left to do; TimeoutError."""
        self.service.runner.wait_for(lambda: not self.service.store.all("SELECT 1 FROM job WHERE phase != 'Done'"), timeout)

    def summary(self) -> dict[str, Any]:
        return self.service.summary()

    def _project(self, path: str) -> sqlite3.Row:
        return self.service.find_project(*path.split('/'))

    def _job(self, row: sqlite3.Row) -> wire.Json:
        return wire.job(self.service.store, self.service.settings, row)
