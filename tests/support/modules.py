# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module's real main() as Ansible would, and read what it prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils import basic


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """run_module(main, options, check=False, diff=False) returns the module's result."""
    def run(main: Callable[[], None], options: dict[str, Any], *, check: bool = False, diff: bool = False) -> dict[str, Any]:
        # no_log: nothing for the machine's log, which on Python 3.12 and newer refuses a null character before the module can
        internal = {'_ansible_check_mode': check, '_ansible_diff': diff, '_ansible_no_log': True}
        monkeypatch.setattr(basic, '_ANSIBLE_ARGS', json.dumps({'ANSIBLE_MODULE_ARGS': {**options, **internal}}).encode())
        monkeypatch.setattr(basic, '_ANSIBLE_PROFILE', 'legacy', raising=False)
        on_controller = sys.modules.get('ansible.module_utils._internal')
        # ansible-core 2.19 and newer: tests of plugins that ran before have told it that this is no module
        if hasattr(on_controller, 'is_controller'):
            monkeypatch.setattr(on_controller, 'is_controller', False)
        capsys.readouterr()
        with pytest.raises(SystemExit):
            main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert 'deprecations' not in result, result['deprecations']
        return result
    return run
