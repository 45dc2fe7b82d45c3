# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugins as the task executor makes them, and what they print."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import action_loader
from ansible.template import Templar
from ansible.utils.display import Display

MakeAction = Callable[..., Any]


@pytest.fixture
def make_action() -> MakeAction:
    """make_action(name, options, transport, become, **of_the_task) is the plugin of this name, ready to run."""

    def make(name: str, options: dict[str, Any], transport: str = 'local', become: Any = None, **of_task: Any) -> Any:
        task = SimpleNamespace(**{'args': options, 'async_val': 0, 'check_mode': False, 'diff': False, 'no_log': False, 'become': False,
                                  'environment': None, 'action': name, 'loop': None,
                                  'get_play': lambda: SimpleNamespace(strategy='linear'), **of_task})
        shell = SimpleNamespace(tmpdir='', env_prefix=lambda **kwargs: '')
        connection = SimpleNamespace(transport=transport, become=become, has_native_async=False, _shell=shell)
        return action_loader.get(
            'nixcd.hercules_ci.' + name, task=task, connection=connection, play_context=None, loader=DataLoader(),
            templar=Templar(DataLoader()), shared_loader_obj=None,
        )

    return make


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is printed while an action works."""
    lines: list[str] = []
    monkeypatch.setattr(Display, 'display', lambda self, text, color=None: lines.append(text))
    return lines
