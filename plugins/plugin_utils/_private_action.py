# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Action plugins for modules whose options hold secrets: validate here, send the values out of sight, show only what is no secret."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.common.validation import check_type_dict
from ansible.module_utils.errors import UnsupportedError

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._problems import Failure, Problem, require_none
from ._templates import comments
from ._unseen_action import UnseenAction
from ._variables import leaves, where_in

NOTHING: Mapping[str, Any] = MappingProxyType({})
CLASS = re.compile(r" is of type (?:<class '[^']*'>|\w+) and we were unable to convert to")
"""Of Python, in messages of Ansible's."""
EXTENDED = ('allitems', 'previtem', 'nextitem')


class PrivateAction(UnseenAction):
    """Runs the module of the same name exactly once, with the options in `PRIVATE` as one opaque payload.

    Marked no_log, the values would be masks over unrelated text.

    SECRET: those of the private options that hold values, beside names and the like.
    """

    MODULE: str
    SPEC: ArgumentSpec
    PRIVATE: tuple[str, ...]
    SECRET: tuple[str, ...]

    _supports_async = True  # so that run() is called, and can say what is wrong without showing the arguments
    _given: dict[str, Any]
    _variables: Mapping[str, Any] = NOTHING

    @abstractmethod
    def payload(self, options: Mapping[str, Any]) -> Any:
        """What the module gets of the private options: JSON types only. Raises Failure, with no value in it."""

    @abstractmethod
    def resolved(self, given: dict[str, Any]) -> dict[str, Any] | None:
        """The options as they are meant: an action plugin may take the name of a variable instead of a value. Raises Failure.

        None where there is nothing to do.
        """

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        self._given = self._take(lambda name, _value: name in self.PRIVATE or name not in self.SPEC.options)
        shown = self._task.args
        hidden = self._item_may_hold_a_value(task_vars or {})
        if hidden:  # of an exception, too, and before ansible-core 2.19 for the results of the whole loop, which hold all items
            self._task.no_log = True
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            self._variables = task_vars or {}
            given = self.resolved(self._given)
            if given is None:
                result.update(skipped=True, skip_reason='Nothing of it is set.')
            else:
                self._given = given
                self._warn_of_comments()
                result.update(self._answer(self.payload(self._validated(given)), task_vars))
        except Failure as failure:
            result.update(failed=True, **failure.result())
        except AnsibleConnectionFailure as error:
            if not hidden:
                raise
            result.update(unreachable=True, msg=str(error))  # as Ansible would, which before 2.19 would show the item
        result['invocation'] = {'module_args': shown}
        return self._hidden(result) if hidden else result

    def _answer(self, payload: Any, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        public = {name: value for name, value in self._given.items() if name not in self.PRIVATE}
        return self._run_unseen(self.MODULE, public, payload, task_vars)

    def _warn_of_comments(self) -> None:
        """Warn of values that Ansible has left out a part of, before this could see them."""
        for name, value in self._written():
            for problem in comments(self._variables.get('inventory_hostname', 'the task'), name, value, self._variables):
                self._display.warning(str(problem))

    def _written(self) -> Iterator[tuple[str, Any]]:
        """Options that hold values, as somebody wrote them in the task or in the variable that one of them names."""
        task: Mapping[str, Any] = getattr(self._task, '_ds', None) or {}
        places = (task.get(key) for key in (self.MODULE, self.MODULE.rpartition('.')[2], 'args', 'action', 'local_action'))
        options = next((found for found in places if isinstance(found, Mapping)), NOTHING)
        for option in self.SECRET:
            value = options.get(option)
            name = value if isinstance(value, str) and value in self._variables else None
            yield (name, self._variables[name]) if name else (option, value)

    def _item_may_hold_a_value(self, task_vars: Mapping[str, Any]) -> bool:
        """Whether there is an item of a loop, which Ansible would show, of which not all is in options that are shown anyway.

        What a task makes of its item can be any text, so that the values cannot be looked for.
        """
        if self._task.loop is None:
            return False
        # With loop_control: extended, results show items before and after this one as well.
        extended = task_vars.get('ansible_loop') or {}
        item = [task_vars.get(task_vars.get('ansible_loop_var', '')), *(extended.get(name) for name in EXTENDED)]
        parts = {str(part) for part in _parts(item) if not isinstance(part, bool)} - {'None', ''}
        shown = list(self._shown())
        return not all(any(part in text for text in shown) for part in parts)

    def _hidden(self, result: dict[str, Any]) -> dict[str, Any]:
        """The result, marked so that Ansible does not show it, and a warning that says so."""
        self._display.warning(' '.join((
            'This is a loop whose items may hold values of secrets, so nothing is shown of them.',
            'Without a loop, the option secrets takes any number of them.' if 'secrets' in self.SPEC.options else '',
            result['msg'] if 'problems' in result or 'unreachable' in result else '',
        )).strip())
        return {**result, '_ansible_no_log': True}

    def _shown(self) -> Iterator[str]:
        """What results may show of the options: the names of what holds values, and all of the others."""
        for option, value in self._given.items():
            if option in self.SPEC.options and option not in self.SECRET:
                yield from (str(leaf) for leaf in _parts(value))
            elif isinstance(value, Mapping):
                yield from (str(name) for name in value)

    def _validated(self, given: dict[str, Any]) -> dict[str, Any]:
        # A whole option with the tag !vault is not text before ansible-core 2.19, and the validator would not know its type.
        given = {name: str(value) if getattr(value, '__ENCRYPTED__', False) else value for name, value in given.items()}
        # An empty dictionary stands in for each: the validator makes a deep copy, which takes long of many values with Ansible's tags.
        # It does so for what is no dictionary, too: the validator's message would speak of Python's classes.
        mappings = {name: value for name, value in given.items() if isinstance(value, Mapping)}
        others = {
            name: value for name, value in given.items()
            if self.SPEC.options.get(name, {}).get('type') == 'dict' and value is not None and not _is_dictionary(value)
        }
        found = self.SPEC.validator().validate({**given, **{name: {} for name in (*mappings, *others)}})
        unknown = sorted(given.keys() - self.SPEC.options.keys())
        problems = [Problem('There is no option %s.' % name, where=self.MODULE, remedy='Correct the name.') for name in unknown]
        problems += [Problem('This has to be a dictionary, and is not.', where=where_in(name, value, ())) for name, value in others.items()]
        problems += [
            Problem('%s.' % CLASS.sub(' cannot be converted to', error.msg).rstrip('.'), where=self.MODULE)
            for error in found.errors.errors if not isinstance(error, UnsupportedError)
        ]
        require_none(problems)
        return {**found.validated_parameters, **mappings}


def _is_dictionary(value: Any) -> bool:
    """Whether a module takes it for one: text with JSON, or with names and values, counts."""
    if isinstance(value, str):
        try:
            check_type_dict(value)
        except TypeError:
            return False
    return isinstance(value, (Mapping, str))


def _parts(value: Any) -> Iterator[Any]:
    """What is neither a dictionary nor a list in a value."""
    return (part for _path, part in leaves(value))
