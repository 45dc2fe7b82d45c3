# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Action plugins for modules that may get a token: it reaches the module out of sight, and the task's arguments are shown without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils._hercules_ci.transport import checked_base_url
from ..module_utils._problems import Failure
from ._unseen_action import UnseenAction
from ._variables import as_json

ADDRESS, TOKEN = 'api_base_url', 'api_token'
SWITCHES = ('', 'none', 'yes', 'no', 'true', 'false', '0', '1')  # hci_effect has an option `token`, whether to get one


class TokenAction(UnseenAction):
    """Runs the module of the same name."""

    MODULE: str

    _supports_async = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        given = self._take(hides)
        try:
            if given.get(ADDRESS):
                checked_base_url(str(given[ADDRESS]), ADDRESS)
            return self.done(given, task_vars)
        except Failure as failure:
            return {'failed': True, **failure.result()}

    def done(self, given: Mapping[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """What the module says to these options. Raises Failure."""
        token = as_json(given.get(TOKEN), TOKEN)
        if token in (None, ''):
            wrap_async = self._task.async_val and not self._connection.has_native_async
            return dict(self._execute_module(module_args=dict(given), task_vars=task_vars, wrap_async=wrap_async))
        public = {name: value for name, value in given.items() if name != TOKEN}
        return self._run_unseen(self.MODULE, public, {TOKEN: str(token)}, task_vars, hidden=TOKEN)


def hides(name: str, value: Any) -> bool:
    """Whether an option is not to be shown: a token, whatever its name has come to, or an address with a password in it."""
    if name == ADDRESS:
        try:
            return bool(value) and not checked_base_url(str(value), name)
        except Failure:
            return True
    return 'token' in name.lower() and str(value).lower() not in SWITCHES
