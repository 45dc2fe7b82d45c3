# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run nixops_state in the controller itself when that is where the task belongs anyway: starting a module costs more than what it does."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.modules.nixops_state import ARGUMENTS, run


class Invocation:
    """What the module's code needs of an AnsibleModule."""

    def __init__(self, params: dict[str, Any], check_mode: bool, diff: bool) -> None:
        self.params = params
        self.check_mode = check_mode
        self._diff = diff
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        """Keep a warning for the result."""
        self.warnings.append(text)


class ActionModule(ActionBase):
    """On a local connection, where nobody else's rights or environment are asked for, the work is done here, else by the module."""

    _requires_connection = False
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run by Ansible."""
        base: Any = super()  # ActionBase does not tell the types of what follows
        base.run(tmp, task_vars)
        task = self._task
        if self._connection.transport != 'local' or self._connection.become or task.async_val or any(task.environment or ()):
            wrap_async = task.async_val and not self._connection.has_native_async
            return dict(self._execute_module(task_vars=task_vars, wrap_async=wrap_async))
        _validation, options = base.validate_argument_spec(**ARGUMENTS)
        invocation = Invocation(options, task.check_mode, task.diff)
        try:
            with ExitStack() as files_open:
                result = run(invocation, files_open)
        except Failure as failure:
            result = {'failed': True, **failure.result()}
        result['warnings'] = invocation.warnings
        return dict(remove_values(result, [options['api_token']] if options['api_token'] else []))
