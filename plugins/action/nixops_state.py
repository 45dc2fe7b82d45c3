# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run nixops_state in the controller itself when that is where the task belongs anyway: starting a module costs more than what it does."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from ..module_utils._problems import Failure
from ..modules.nixops_state import ARGUMENTS, run
from ..plugin_utils._local_action import LocalAction
from ..plugin_utils._networks.network import in_terms_of_the_role

ROLE = 'nixcd.hercules_ci.nixops'


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


class ActionModule(LocalAction):
    """The action plugin."""

    MODULE = 'nixcd.hercules_ci.nixops_state'
    ARGUMENTS = ARGUMENTS

    def work(self, options: dict[str, Any]) -> dict[str, Any]:
        """The result of the module's code, with its warnings."""
        invocation = Invocation(options, self._task.check_mode, self._task.diff)
        with ExitStack() as files_open:
            try:
                result = run(invocation, files_open)
            except Failure as failure:
                role = getattr(self._task, '_role', None)
                if role and role.get_name() == ROLE:
                    failure.problems = tuple(map(in_terms_of_the_role, failure.problems))
                raise
        return {**result, 'warnings': invocation.warnings}
