# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules run as Ansible would run them, on the files of an agent."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._payload import packed
from ansible_collections.nixcd.hercules_ci.plugins.modules import hci_secret

from tests.support.modules import run_module

__all__ = ['run_module']

CONDITION = {'and': [{'isOwner': 'neat-org'}, {'isRepo': 'neat-repo'}, {'isBranch': 'production'}]}
AWS = {'data': {'id': 'canary', 'key': 'canary'}, 'condition': CONDITION}
# Numbers that a careless program would change, a field that the agent ignores, and an order that is not ours.
FOREIGN = (
    '{"foreign": {"kind": "Secret", "data": {"n": 1.50, "big": 12345678901234567890123, "e": 1E400}, "comment": {"z": [0.10]},'
    ' "condition": true}}'
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='only root may give files away, and become another user')


class Agent:
    """A folder of secrets, and the modules that see to it."""

    def __init__(self, folder: Path, run: Callable[..., dict[str, Any]]) -> None:
        self.folder = folder
        self.file = folder / 'secrets.json'
        self.run = run

    def secret(self, secrets: dict[str, Any], *, check: bool = False, **options: Any) -> dict[str, Any]:
        """What hci_secret answers to these secrets, which the action plugin would have packed."""
        given = {'path': str(self.file), '_payload': packed(secrets), **options}
        result: dict[str, Any] = self.run(hci_secret.main, given, check=check, diff=True)
        assert 'canary' not in json.dumps(result)
        return result

    def written(self) -> Any:
        return json.loads(self.file.read_bytes())

    def names(self) -> list[str]:
        return sorted(os.listdir(self.folder))


def warnings_of(result: dict[str, Any]) -> str:
    """All of them, in the form that the ansible-core has for them, with those of modules that ran in this process before."""
    return json.dumps(result['warnings'])


@pytest.fixture
def agent(tmp_path: Path, run_module: Callable[..., dict[str, Any]]) -> Agent:
    return Agent(tmp_path, run_module)
