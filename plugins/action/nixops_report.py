# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print what a run has come to, and write it as a page. Options and results are documented in the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils._argspec import ArgumentSpec
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._report.show import show


class ActionModule(ControllerAction):
    """Prints and writes where Ansible runs."""

    # Types inside networks and agents are checked by plugin_utils/_report/reading.py: Ansible would turn any dictionary into text.
    SPEC = ArgumentSpec({
        'networks': {'type': 'list', 'elements': 'raw', 'required': True},
        'agents': {'type': 'raw', 'default': {}},
        'path': {'type': 'path'},
    })

    def work(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """The table and the page."""
        return show(options['networks'], options['agents'], options['path'], dry=self._task.check_mode)
