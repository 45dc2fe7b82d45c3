# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Has the module nixcd.hercules_ci.aws_key_info look for the keys of the secrets that the inventory gives the agent."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._problems import Failure
from ..plugin_utils._rotation.fleet import Fleet


class ActionModule(ActionBase):
    """Names the secrets where the task does not."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        base: Any = super()  # ActionBase does not tell the types of what follows
        result: dict[str, Any] = base.run(tmp, task_vars)
        variables = task_vars or {}
        options = dict(self._task.args)
        try:
            if options.get('names') is None:
                options['names'] = sorted(Fleet(variables, self._loader).owned(variables['inventory_hostname']))
        except Failure as failure:
            return {**result, 'failed': True, **failure.result()}
        if not options['names']:
            return {**result, 'skipped': True, 'skip_reason': 'No secret of the agent has aws_user.'}
        return {**result, **self._execute_module(module_args=options, task_vars=task_vars)}
