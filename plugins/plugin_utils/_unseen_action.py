# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Action plugins that send values to their module out of sight, and leave what hides them where Ansible shows the task's arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from ansible.constants import config
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ..module_utils._payload import HIDDEN, PACKED, packed
from ..module_utils._problems import fail


class Payload(str):
    """Text that Ansible's own debug messages (ANSIBLE_DEBUG) do not show when they print the arguments of a module."""

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN


class Given:
    """The arguments of a task as they were given, beside those that it shows. A copy of it, as for another process, holds none."""

    def __init__(self, options: Mapping[str, Any] | None = None, shown: Mapping[str, Any] | None = None) -> None:
        self.options = dict(options or {})
        self.shown = dict(shown or {})

    def __reduce__(self) -> tuple[Any, ...]:
        return (Given, ())


class UnseenAction(ActionBase):
    """Runs its module with a payload that nobody sees.

    A module's own option values would be in its result (`invocation`) and in the system's log on the host, and the task's arguments
    reach callbacks. Therefore both see them with the values hidden. The module goes through the connection's standard input (pipelining)
    where that can be, so that no temporary file on the host holds a value, and in one step instead of five.
    """

    def _take(self, hidden: Any) -> dict[str, Any]:
        """The options as given. From here on the task has those that `hidden(name, value)` tells with their values hidden.

        A task that is retried comes here again, with a new action plugin and the arguments that were hidden before.
        """
        task: Any = self._task
        given: Given | None = getattr(task, '_nixcd_given', None)
        if given is None or given.shown != task.args:
            options = dict(task.args)
            given = task._nixcd_given = Given(options, {name: HIDDEN if hidden(name, value) else value for name, value in options.items()})
        task.args = dict(given.shown)
        return dict(given.options)

    def _run_unseen(
        self, module: str, public: Mapping[str, Any], payload: Any, task_vars: dict[str, Any] | None, hidden: str = 'values',
    ) -> dict[str, Any]:
        """What a module says. Raises Failure where Ansible would leave it with its payload in a file on the host. hidden: what that is."""
        word = Payload(packed(payload))
        pipelined = self._pipelined()
        self._refuse_files(module.rpartition('.')[2], hidden, pipelined)
        if pipelined:
            with suppress(AnsibleError, KeyError):  # a connection plugin that lacks this option heeds the next line
                self._connection.set_option('pipelining', True)
            self._connection.always_pipeline_modules = True
        answer: dict[str, Any] = self._execute_module(module_name=module, module_args={**public, '_payload': word}, task_vars=task_vars)
        return answer

    def _pipelined(self) -> bool:
        """Whether the module can go through standard input. Since ansible-core 2.19 become plugins say so; before, only su could not."""
        become = self._connection.become
        return bool(self._connection.has_pipelining) and (become is None or getattr(become, 'pipelining', become.name != 'su'))

    def _refuse_files(self, name: str, hidden: str, pipelined: bool) -> None:
        if self._task.async_val:
            raise fail(
                '%s cannot run in the background.' % name, where='async',
                remedy='Drop async: its %s would lie in a file on the host meanwhile.' % hidden,
            )
        if config.get_config_value('DEFAULT_KEEP_REMOTE_FILES'):
            raise fail(
                '%s cannot run while Ansible keeps the files of modules: its %s would stay in one.' % (name, hidden),
                where='ANSIBLE_KEEP_REMOTE_FILES', remedy='Unset it for this run.',
            )
        this: Any = self  # ActionBase does not tell the types of this
        if not pipelined and this._is_become_unprivileged():
            raise fail(
                '%s cannot become this user this way: its %s would lie in a file that others on the host may read.' % (name, hidden),
                where='become_method: %s, become_user: %s' % (this._connection.become.name, this.get_become_option('become_user')),
                remedy='Use become_method: sudo, or become root, or log in as this user.',
            )

    def _low_level_execute_command(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Say nothing of what goes to the host and comes back: an interpreter may repeat the module with all that it holds."""
        base: Any = super()  # ActionBase does not tell the types of this
        try:
            with self._silence():
                answer: dict[str, Any] = base._low_level_execute_command(*arguments, **options)
        except AnsibleConnectionFailure as error:
            if PACKED not in str(error):
                raise
            raise AnsibleConnectionFailure(str(error).partition(PACKED)[0]) from None
        for field, text in answer.items():
            if isinstance(text, str) and PACKED in text:
                answer[field] = text.partition(PACKED)[0]
            elif isinstance(text, list):
                answer[field] = _before_packed(text)
        return answer

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Have neither ANSIBLE_DEBUG nor -vvv print what comes over a connection: connection plugins have the same display.

        Debug messages have parts of it, in which packed values cannot be told from other text.
        """
        display: Any = self._display
        print_verbosely = display.vvv

        def vvv(message: Any, *arguments: Any, **options: Any) -> None:
            print_verbosely(str(message).partition(PACKED)[0], *arguments, **options)

        display.debug, display.vvv = _nothing, vvv
        try:
            yield
        finally:
            del display.debug, display.vvv


def _nothing(*_arguments: Any, **_options: Any) -> None:
    """Print nothing."""


def _before_packed(lines: list[str]) -> list[str]:
    """Lines up to the first one that holds packed values, and what is before them in that one."""
    whole = '\n'.join(lines)
    return whole.partition(PACKED)[0].split('\n') if PACKED in whole else lines
