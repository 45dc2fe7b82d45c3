# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Action plugins that do the work of their module in the controller itself, when that is where the task belongs anyway."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible.module_utils.common.parameters import remove_values

from ..module_utils._problems import Failure
from ._token_action import TOKEN, TokenAction


@contextmanager
def task_environment(action: Any) -> Iterator[None]:
    """Let the keyword C(environment) of a task, its block and its play hold in this process, which works for no other task meanwhile.

    Proxies and authorities are looked for in there by Python itself, so it would not do to hand the variables on.
    """
    wanted: dict[str, Any] = {}
    action._compute_environment_string(wanted)
    before = dict(os.environ)
    try:
        os.environ.update({str(name): str(value) for name, value in wanted.items()})
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class LocalAction(TokenAction):
    """Works here on a local connection, where nobody else's rights are asked for; elsewhere the module of the same name does.

    ARGUMENTS: what the module gives AnsibleModule.
    """

    ARGUMENTS: Mapping[str, Any]

    _requires_connection = False

    @abstractmethod
    def work(self, options: dict[str, Any]) -> dict[str, Any]:
        """What the module would do, and its result. Raises Failure."""

    def belongs_here(self) -> bool:
        """Whether the module would be run on this machine, by this user, while Ansible waits for it."""
        return self._connection.transport == 'local' and not self._connection.become and not self._task.async_val

    def done(self, given: Mapping[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """What the module says to these options, or would say."""
        if not self.belongs_here():
            return super().done(given, task_vars)
        with task_environment(self):
            options = self._checked(given)
            try:
                result = self.work(options)
            except Failure as failure:
                result = {'failed': True, **failure.result()}
        return dict(remove_values(result, [options[TOKEN]] if options[TOKEN] else []))

    def _checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options as the module would have them. Ansible takes them from the task, which does not show all of them otherwise."""
        base: Any = super()  # ActionBase does not tell the types of this
        shown, self._task.args = self._task.args, dict(given)
        try:
            _validation, options = base.validate_argument_spec(**self.ARGUMENTS)
        finally:
            self._task.args = shown
        return dict(options)
