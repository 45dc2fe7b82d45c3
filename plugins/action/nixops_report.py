# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print what a run has come to, and write it as a page. Options and results are documented in the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._problems import Failure
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._networks.outcome import failures
from ..plugin_utils._networks.quoted import mask_of, without_secrets
from ..plugin_utils._networks.registered import keys_of, outcomes
from ..plugin_utils._report.show import show


class ActionModule(ControllerAction):
    """Prints and writes where Ansible runs, what it is given or what the role's tasks have registered for all networks."""

    # Types inside networks, agents and keys are checked by plugin_utils/_report/reading.py: Ansible would turn any dictionary into text.
    SPEC = ArgumentSpec({
        'networks': {'type': 'list', 'elements': 'raw'},
        'projects': {'type': 'dict'},
        'agents': {'type': 'raw', 'default': {}},
        'keys': {'type': 'list', 'elements': 'raw', 'default': []},
        'path': {'type': 'path'},
    }, required_one_of=[('networks', 'projects')], mutually_exclusive=[('networks', 'projects')])

    def work(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """The table and the page; of the role's tasks also what is to be told each network."""
        if options['projects'] is None:
            return show(options['networks'], options['agents'], options['keys'], options['path'], dry=self._task.check_mode)
        hostvars, agents = variables['hostvars'], options['agents']
        # The same for all projects: the secrets of the agents are evaluated once.
        quotable = partial(without_secrets, mask_of_agents=cache(partial(mask_of, agents, hostvars, self._loader)))
        rows, endings, changes = outcomes(options['projects'], hostvars, quotable, check_mode=self._task.check_mode)
        for log in dict.fromkeys(ending.log for _host, _branch, ending in endings if ending.log):
            self._display.display('\n'.join(log))
        alive = set(variables['ansible_play_hosts'])
        result = {'networks': rows, 'changes': changes, 'failures': failures(each for each in endings if each[0] in alive)}
        try:
            keys = options['keys'] or keys_of(agents, hostvars)
            return {**result, **(show(rows, agents, keys, options['path'], dry=self._task.check_mode) if rows else {})}
        except Failure as failure:
            raise Failure(failure.problems, {**result, **failure.extra}) from failure
