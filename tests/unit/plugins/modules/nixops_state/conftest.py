# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules for states, run against the sandbox in this process."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule

from tests.sandbox import jobs
from tests.sandbox.in_process import Sandbox
from tests.sandbox.repository import Commit
from tests.support.state_modules import NAME, NIXOPS, PROJECT, TOKEN, database, pauses, run, secrets, state

__all__ = ['database', 'pauses', 'run', 'secrets', 'state']

AWS_PROD = 'cccccccc-1700-11e7-8000-000000000003'


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / 'sandbox', token=TOKEN) as running:
        running.add_project(PROJECT)
        yield running


@pytest.fixture
def one_deployment(database: Path, tmp_path: Path) -> bytes:
    """A database with aws-prod alone."""
    copy = Path(shutil.copy(database, tmp_path / 'one.nixops'))
    connection = sqlite3.connect(copy)
    connection.executescript('pragma foreign_keys = on; pragma journal_mode = delete;')
    connection.execute('delete from Deployments where uuid <> ?', (AWS_PROD,))
    connection.commit()
    connection.close()
    return copy.read_bytes()


@pytest.fixture
def aws_prod() -> bytes:
    return (NIXOPS / 'nixops-1.7' / 'export-aws-prod.json').read_bytes()


@pytest.fixture
def other() -> Callable[..., bytes]:
    """other(app1={'publicIpv4': '…'}) is the state of aws-prod with attributes of resources changed; None removes one."""

    def changed(**resources: dict[str, str | None] | None) -> bytes:
        document = json.loads((NIXOPS / 'nixops-1.7' / 'export-aws-prod.json').read_text())
        (deployment,) = document.values()
        for name, attributes in resources.items():
            if attributes is None:
                del deployment['resources'][name]
                continue
            resource = deployment['resources'].setdefault(name, {'type': 'none'})
            resource.update(attributes)
            deployment['resources'][name] = {key: value for key, value in resource.items() if value is not None}
        return json.dumps(document).encode()

    return changed


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Warnings of this test; Ansible would add those of all modules that the process has run."""
    found: list[str] = []
    monkeypatch.setattr(AnsibleModule, 'warn', lambda _module, text: found.append(text))
    return found


@pytest.fixture
def make_job(sandbox: Sandbox) -> Callable[..., int]:
    """make_job('Effects') adds a job in this phase; stores=b'…' lets it store a version of the state, or of another file.

    Returns its number.
    """

    def make(phase: str, stores: bytes | None = None, name: str = NAME) -> int:
        service = sandbox.service
        project = service.find_project(*PROJECT.split('/'))
        commit = Commit('a' * 40, 'message', 'committer')
        job = jobs.create(service.store, service.clock, project, typ='Legacy', ref='refs/heads/main', commit=commit)
        service.store.update('job', job['id'], phase=phase)
        if stores is not None:
            service.put_state(project['id'], name, stores, {'job': job['id'], 'account': None})
        return int(job['number'])

    return make
