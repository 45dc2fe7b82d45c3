# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run nixops_push in the controller itself when that is where the task belongs anyway: a module takes a second to start."""

from __future__ import annotations

from typing import Any

from ..module_utils._nix.push_files import SPEC, run
from ..plugin_utils._local_action import Invocation, LocalAction


class ActionModule(LocalAction):
    MODULE = 'nixcd.hercules_ci.nixops_push'
    SPEC = SPEC

    def work(self, module: Invocation) -> dict[str, Any]:
        """The result of the module's code."""
        return run(module)
