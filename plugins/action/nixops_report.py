# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print what a run has come to, and write it as a page. Options and results are documented in the module of the same name."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible.constants import config
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._files import read_if_present, real_path, write_atomically
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.outcome import result_numbers, summary
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.page import html_page, same_but_for_time
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.reading import agents_of, outcomes_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.table import text_table

# Types inside networks and agents are checked by plugin_utils/_report/outcome.py: Ansible would turn any dictionary into text.
ARGUMENT_SPEC = {
    'networks': {'type': 'list', 'elements': 'raw', 'required': True},
    'agents': {'type': 'raw', 'default': {}},
    'path': {'type': 'path'},
}
COLORS = {'bad': 'COLOR_ERROR', 'open': 'COLOR_CHANGED', 'good': 'COLOR_OK'}


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
            outcomes, agents = outcomes_of(options['networks']), agents_of(options['agents'])
            lines = text_table(outcomes, Display().columns or 79)
            for text, tone in lines:
                Display().display(text, color=config.get_config_value(COLORS[tone]) if tone else None)
            result.update(msg=summary(outcomes), table=[text for text, _tone in lines], results=dict(result_numbers(outcomes)))
            if options['path']:
                page = html_page(outcomes, agents, datetime.now(timezone.utc))
                result.update(path=options['path'], changed=write_page(options['path'], page, dry=self._task.check_mode))
        except Failure as failure:
            result.update(failed=True, **failure.result())
        return result


def write_page(path: str, page: str, *, dry: bool) -> bool:
    """Put C(page) at C(path), where it may be read by everybody. Whether that was needed, or with C(dry) would be."""
    target = real_path(path)
    before = read_if_present(target)
    if before is not None and same_but_for_time(before.decode('utf-8', 'replace'), page):
        return False
    if not dry:
        write_atomically(target, page.encode('utf-8'), mode=0o644)
    return True
