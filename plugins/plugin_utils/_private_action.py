# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Action plugins for modules whose options hold secrets: validate here, send the values out of sight, show only what is no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, Problem
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.module_file import packed

HIDDEN = 'VALUE_HIDDEN'


class Payload(str):
    """Text that Ansible's own debug messages (ANSIBLE_DEBUG) do not show when they print the arguments of a module."""

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN


class PrivateAction(ActionBase):
    """Runs the module of the same name exactly once, with the options in C(PRIVATE) as one opaque payload.

    The module's own option values would be in its result (C(invocation)) and in the system's log on the host, and as masks over unrelated
    text if they were marked no_log. The task's arguments would reach callbacks. Therefore both see them with the values hidden.
    The module goes through the connection's standard input (pipelining), so that no temporary file on the host holds a value, and in one
    step instead of five.
    """

    MODULE: str
    OPTIONS: Mapping[str, Any]
    RULES: Mapping[str, Any]
    PRIVATE: tuple[str, ...]

    _given: dict[str, Any] | None = None

    def payload(self, options: Mapping[str, Any]) -> Any:
        """What the module gets of the private options: JSON types only. Raises Failure, with no value in it."""
        raise NotImplementedError

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run by Ansible."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._given is None:  # a task that is retried comes here again, with the arguments that are hidden below
            self._given = dict(self._task.args)
        shown = {name: HIDDEN if name in self.PRIVATE or name not in self.OPTIONS else value for name, value in self._given.items()}
        self._task.args = shown
        try:
            payload = Payload(packed(self.payload(self._validated(self._given))))
        except Failure as failure:
            result.update(failed=True, **failure.result())
        else:
            connection = self._connection
            if connection.has_pipelining and (connection.become is None or connection.become.pipelining):
                connection.always_pipeline_modules = True
            public = {name: value for name, value in self._given.items() if name not in self.PRIVATE}
            result.update(self._execute_module(
                module_name=self.MODULE, module_args={**public, '_payload': payload}, task_vars=task_vars,
            ))
        result['invocation'] = {'module_args': shown}
        return result

    def _validated(self, given: dict[str, Any]) -> dict[str, Any]:
        # An empty dictionary stands in for each: the validator makes a deep copy, which takes long of many values with Ansible's tags.
        mappings = {name: value for name, value in given.items() if isinstance(value, Mapping)}
        found = ArgumentSpecValidator(dict(self.OPTIONS), **self.RULES).validate({**given, **{name: {} for name in mappings}})
        unknown = sorted(given.keys() - self.OPTIONS.keys())
        problems = [Problem('There is no option %s.' % name, where=self.MODULE, remedy='Correct the name.') for name in unknown]
        problems += [
            Problem('%s.' % error.msg.rstrip('.'), where=self.MODULE)
            for error in found.errors.errors if not isinstance(error, UnsupportedError)
        ]
        if problems:
            raise Failure(tuple(problems))
        return {**found.validated_parameters, **mappings}
