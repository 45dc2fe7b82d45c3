# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run nixops_state in the controller itself when that is where the task belongs anyway: starting a module costs more than what it does."""

from __future__ import annotations

from typing import Any

from ..module_utils._nixops.upload import SPEC, run
from ..module_utils._problems import Failure
from ..plugin_utils._local_action import Invocation, LocalAction
from ..plugin_utils._networks.network import in_terms_of_the_role

ROLE = 'nixcd.hercules_ci.nixops'


class ActionModule(LocalAction):
    MODULE = 'nixcd.hercules_ci.nixops_state'
    SPEC = SPEC

    def work(self, module: Invocation) -> dict[str, Any]:
        """The result of the module's code; in the role, its problems name the role's variables."""
        try:
            return run(module)
        except Failure as failure:
            role = getattr(self._task, '_role', None)
            if role and role.get_name() == ROLE:
                failure.problems = tuple(map(in_terms_of_the_role, failure.problems))
            raise
