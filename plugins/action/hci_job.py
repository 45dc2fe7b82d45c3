# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run hci_job where its progress can be seen: in the controller itself, when that is where the task belongs anyway."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.client import connect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.job_states import run
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.modules.hci_job import ARGUMENTS

display = Display()

# What is told here is printed by Ansible's main process, which imports this file, too. To a pipe or a file it would print when there are
# some thousand characters of it.
if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(line_buffering=True)


class ActionModule(ActionBase):
    """A module can say something only when it ends. So on a local connection the waiting is done here, else by the module."""

    _requires_connection = False
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        base: Any = super()  # ActionBase does not tell the types of what follows
        base.run(tmp, task_vars)
        if self._connection.transport != 'local' or self._connection.become or self._task.async_val:
            wrap_async = self._task.async_val and not self._connection.has_native_async
            return dict(self._execute_module(task_vars=task_vars, wrap_async=wrap_async))
        _validation, options = base.validate_argument_spec(**ARGUMENTS)
        environment: dict[str, str] = {}
        base._compute_environment_string(environment)  # what the task's keyword of that name would set for a module
        try:
            client = connect(options, {**os.environ, **environment})
            result = run(client, options, self._task.check_mode, tell=self._tell)
        except Failure as failure:
            result = {'failed': True, **failure.result()}
        return dict(remove_values(result, [options['api_token']] if options['api_token'] else []))

    def _tell(self, line: str) -> None:
        if not self._task.no_log:
            display.display(line)
