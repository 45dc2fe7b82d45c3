# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures to run the modules for states with databases and exports of real NixOps; a fixture `sandbox` has the project PROJECT."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.controls import Controls
from tests.support.surroundings import FIXTURES

Run = Callable[..., dict[str, Any]]
COLLECTION = 'ansible_collections.nixcd.hercules_ci.plugins.'
PROJECT = 'github/neat-org/neat-repo'
NAME = 'nixops-aws-prod.json'
OLD = b'{"cccccccc-1700-11e7-8000-000000000003": {"name": "aws-prod", "resources": {}}}'
NIXOPS = FIXTURES / 'nixops'
TOKEN = 'a-token-that-must-not-be-seen'


class Pauses(list[float]):
    """How long each pause would have been. What happens in the world during the next one can be said: `pauses.meanwhile = …`."""

    meanwhile: Callable[[], Any] | None = None

    def sleep(self, seconds: float) -> None:
        self.append(seconds)
        happens, self.meanwhile = self.meanwhile, None
        if happens:
            happens()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """Pauses between tries take no time."""
    taken = Pauses()
    client = importlib.import_module(COLLECTION + 'module_utils._hercules_ci.client').Client
    original = client.__init__

    def quick(self: Any, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        self.sleep = taken.sleep

    monkeypatch.setattr(client, '__init__', quick)
    return taken


@pytest.fixture
def secrets() -> list[str]:
    """Every value in the fixtures that nobody may see: parts of private keys, and what says of itself that it is fake."""
    found = set()
    for version in ('1.7', '2.x'):
        document = json.loads((NIXOPS / ('nixops-%s' % version) / 'export-all.json').read_text())
        for deployment in document.values():
            for resource in deployment['resources'].values():
                keys = [value.splitlines()[1:-1] for value in resource.values() if 'PRIVATE KEY' in value]
                found.update(line for key in keys for line in key if len(line) > 20)
                found.update(value for value in resource.values() if value.startswith('FAKE-'))
    assert len(found) > 5
    return sorted(found)


@pytest.fixture
def run(sandbox: Controls, run_module: Any, tmp_path: Path, secrets: list[str]) -> Callable[..., dict[str, Any]]:
    """run('nixops_state', …) runs a module for the project; nothing that is secret may be in its result."""

    def module(name: str, /, *, check: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
        main = importlib.import_module(COLLECTION + 'modules.' + name).main
        connection = {'api_base_url': sandbox.url, 'api_token': TOKEN, 'timeout': 5, 'project': PROJECT}
        if name == 'nixops_state':
            connection['backup_dir'] = str(tmp_path / 'backups')
        given = {key: value for key, value in {**connection, **options}.items() if value is not None}
        result: dict[str, Any] = run_module(main, given, check=check, diff=diff)
        text = json.dumps({**result, 'invocation': {**result.get('invocation', {}), 'module_args': None}})
        assert TOKEN not in text
        assert not [secret for secret in secrets if secret in text]
        return result

    return module


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return Path(shutil.copy(NIXOPS / 'nixops-1.7' / 'deployments.nixops', tmp_path / 'deployments.nixops'))


@pytest.fixture
def state(run: Callable[..., dict[str, Any]], database: Path) -> Callable[..., dict[str, Any]]:
    """state(**options) runs nixops_state for the deployment aws-prod of the database, unless told otherwise."""

    def module(**options: Any) -> dict[str, Any]:
        source = {} if options.keys() & {'export_file', 'version', 'nixops_program'} else {'database': str(database)}
        return run('nixops_state', **{'deployment': 'aws-prod', **source, **options})

    return module


def check_convergence(state: Run, sandbox: Controls) -> None:
    """Whatever came before: the next run gets there, and the one after it changes nothing."""
    before = sandbox.states(PROJECT, NAME)
    assert sandbox.leases(PROJECT, NAME) == []
    assert state(existing='replace', lock_timeout=0)['action'] == ('replaced' if before == [OLD] else 'unchanged')
    after = sandbox.states(PROJECT, NAME)
    assert after == before if len(before) > 1 else len(after) == 2
    assert state(existing='replace', lock_timeout=0)['action'] == 'unchanged'
