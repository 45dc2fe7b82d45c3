# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Action plugins that do the work of their module in the controller itself, when that is where the task belongs anyway."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.filter.core import to_json

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._problems import Failure
from ._controller_action import task_environment
from ._token_action import TOKEN, TokenAction
from ._variables import as_json


class Invocation:
    """What the code of a module needs of an AnsibleModule."""

    def __init__(self, params: dict[str, Any], check_mode: bool, diff: bool) -> None:
        self.params = params
        self.check_mode = check_mode
        self._diff = diff
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        """Keep a warning for the result."""
        self.warnings.append(text)


class LocalAction(TokenAction):
    """Works here on a local connection, where nobody else's rights are asked for; elsewhere the module of the same name does."""

    SPEC: ArgumentSpec

    _requires_connection = False

    @abstractmethod
    def work(self, module: Invocation) -> dict[str, Any]:
        """What the module would do, and its result. Raises Failure."""

    def belongs_here(self) -> bool:
        """Whether the module would be run on this machine, by this user, while Ansible waits for it."""
        return self._connection.transport == 'local' and not self._connection.become and not self._task.async_val

    def done(self, given: Mapping[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """What the module says to these options, or would say."""
        if not self.belongs_here():
            return super().done(given, task_vars)
        with task_environment(self):
            options = self._checked(as_sent(given))
            invocation = Invocation(options, self._task.check_mode, self._task.diff)
            try:
                result = self.work(invocation)
            except Failure as failure:
                result = {'failed': True, **failure.result()}
            if invocation.warnings:
                result['warnings'] = invocation.warnings
        return dict(remove_values(result, [options[TOKEN]] if options.get(TOKEN) else []))

    def _checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options as the module would have them. Ansible takes them from the task, which does not show all of them otherwise."""
        base: Any = super()  # ActionBase does not tell the types of this
        shown, self._task.args = self._task.args, dict(given)
        try:
            _validation, options = base.validate_argument_spec(**self.SPEC.arguments())
        finally:
            self._task.args = shown
        return dict(options)


def as_sent(given: Mapping[str, Any]) -> Any:
    """The options as they reach a module, as JSON by Ansible's rules: vaulted values as text, dates as text, keys as text.

    Raises Failure that names what JSON cannot hold.
    """
    try:
        return json.loads(to_json(given))
    except TypeError:
        return as_json(given, '')
