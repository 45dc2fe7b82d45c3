# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print what a run has come to, and write it as a page. Options and results are documented in the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from functools import cache, partial
from typing import Any

from ansible.constants import config
from ansible.utils.display import Display

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._files import read_if_present, real_path, write_atomically
from ..module_utils._problems import Failure
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._networks.outcome import failures
from ..plugin_utils._networks.quoted import mask_of, without_secrets
from ..plugin_utils._networks.registered import keys_of, outcomes
from ..plugin_utils._report import reading
from ..plugin_utils._report.outcome import result_numbers, summary
from ..plugin_utils._report.page import html_page, same_but_for_time
from ..plugin_utils._report.table import text_table

COLORS = {'bad': 'COLOR_ERROR', 'open': 'COLOR_CHANGED', 'good': 'COLOR_OK'}


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


def show(networks: Any, agents: Any, keys: Any, path: str | None, *, dry: bool) -> dict[str, Any]:
    """Print the table and, without `dry`, write the page. The results of nixops_report. Raises Failure."""
    read, known_agents, known_keys = reading.outcomes_of(networks), reading.agents_of(agents), reading.keys_of(keys)
    lines = text_table(read, Display().columns or 79)
    for text, tone in lines:
        Display().display(text, color=config.get_config_value(COLORS[tone]) if tone else None)
    result: dict[str, Any] = {'table': [text for text, _tone in lines], 'results': dict(result_numbers(read))}
    if path:
        page = html_page(read, known_agents, datetime.now(timezone.utc), known_keys)
        try:
            result.update(path=path, changed=write_page(path, page, dry=dry))
        except Failure as failure:
            raise Failure(failure.problems, {**failure.extra, **result}) from failure
    return {'msg': summary(read), **result}


def write_page(path: str, page: str, *, dry: bool) -> bool:
    """Put `page` at `path`, where it may be read by everybody. Whether that was needed, or with `dry` would be."""
    target = real_path(path)
    before = read_if_present(target)
    if before is not None and same_but_for_time(before.decode('utf-8', 'replace'), page):
        return False
    if not dry:
        write_atomically(target, page.encode('utf-8'), mode=0o644)
    return True
