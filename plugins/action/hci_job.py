# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run hci_job where its progress can be seen: in the controller itself, when that is where the task belongs anyway."""

from __future__ import annotations

import io
import sys
from typing import Any

from ansible.utils.display import Display

from ..module_utils._jobs.states import SPEC, run
from ..plugin_utils._local_action import Invocation, LocalAction

display = Display()

# What is told here is printed by Ansible's main process, which imports this file, too. To a pipe or a file it would print when there are
# some thousand characters of it.
if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(line_buffering=True)


class ActionModule(LocalAction):
    """A module can say something only when it ends. So on a local connection the waiting is done here."""

    MODULE = 'nixcd.hercules_ci.hci_job'
    SPEC = SPEC

    def work(self, module: Invocation) -> dict[str, Any]:
        """The result of the module's code, which tells its progress meanwhile."""
        return run(module, tell=self._tell)

    def _tell(self, line: str) -> None:
        if not self._task.no_log:
            display.display(line)
