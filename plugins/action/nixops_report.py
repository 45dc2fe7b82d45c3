# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print what a run has come to, and write it as a page. Options and results are documented in the module of the same name."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._problems import Failure
from ..plugin_utils._report.show import show

# Types inside networks and agents are checked by plugin_utils/_report/outcome.py: Ansible would turn any dictionary into text.
ARGUMENT_SPEC = {
    'networks': {'type': 'list', 'elements': 'raw', 'required': True},
    'agents': {'type': 'raw', 'default': {}},
    'path': {'type': 'path'},
}


class ActionModule(ActionBase):
    """Prints and writes where Ansible runs; no connection is made."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run by Ansible."""
        base: Any = super()  # ActionBase does not tell the types of what follows
        result: dict[str, Any] = {**base.run(tmp, task_vars), 'changed': False}
        _validation, options = base.validate_argument_spec(ARGUMENT_SPEC)
        try:
            result.update(show(options['networks'], options['agents'], options['path'], dry=self._task.check_mode))
        except Failure as failure:
            result.update(failed=True, **failure.result())
        return result
