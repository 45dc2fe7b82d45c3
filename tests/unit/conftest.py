# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection of this checkout can be imported, nothing in it is deprecated, and tests take as long as a busy machine needs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.utils.display import Display
from hypothesis import settings

from tests.sandbox.evaluation import Nix
from tests.support import collection

collection.make_importable()


def pytest_configure() -> None:
    """No property has a time to keep."""
    settings.register_profile('nixcd', deadline=None)
    settings.load_profile('nixcd')


@pytest.fixture(autouse=True)
def nothing_is_deprecated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What ansible-core calls deprecated fails the test that uses it first. It says so once in a process."""
    told: list[str] = []
    display = Display.display

    def tell(self: Display, msg: str, *arguments: Any, **options: Any) -> None:
        if '[DEPRECATION WARNING]' in msg:
            told.append(msg)
        display(self, msg, *arguments, **options)

    monkeypatch.setattr(Display, 'display', tell)
    yield
    assert told == []


@pytest.fixture(scope='session')
def nix_store(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables that make Nix use a store of the tests' own, as that of the machine is not for everybody to write to.

    One for all tests, so that pins are unpacked once.
    """
    nix = Nix(tmp_path_factory.mktemp('nix'))
    nix.set_up()
    return nix.environment()


@pytest.fixture
def evaluated(tmp_path: Path, nix_store: dict[str, str]) -> Callable[[str], Any]:
    """The JSON of what an expression evaluates to."""
    def evaluate(expression: str) -> Any:
        answer = subprocess.run(
            ['nix-instantiate', '--eval', '--read-write-mode', '--strict', '--json', '-'],
            input=expression.encode(), capture_output=True, cwd=tmp_path, env={**os.environ, **nix_store}, check=False,
        )
        assert answer.returncode == 0, answer.stderr.decode()[-3000:]
        return json.loads(answer.stdout)
    return evaluate
