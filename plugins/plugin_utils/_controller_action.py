# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Action plugins that work where Ansible runs, on the variables of all hosts at once, so that they cannot be modules."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._problems import Failure


@contextmanager
def task_environment(action: Any) -> Iterator[None]:
    """Let the keyword `environment` of a task, its block and its play hold in this process, which works for no other task meanwhile.

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


class ControllerAction(ActionBase):
    """Checks its options and works, without a connection to the host."""

    SPEC: ArgumentSpec

    _supports_check_mode = True
    _requires_connection = False

    @abstractmethod
    def work(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """The result. Raises Failure. variables: of the task."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        base: Any = super()  # ActionBase does not tell the types of what follows
        result: dict[str, Any] = {**base.run(tmp, task_vars), 'changed': False}
        _validation, options = base.validate_argument_spec(**self.SPEC.arguments())
        try:
            with task_environment(self):
                return {**result, **self.work(options, task_vars or {})}
        except Failure as failure:
            return {**result, 'failed': True, **failure.result()}
