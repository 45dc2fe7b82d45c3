# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Characters of templates in values that are none: a password with them is an error, or loses a part, and Ansible does not say where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible import template
from ansible.errors import AnsibleError
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Problem
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.host import Evaluated
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._variables import place

# ansible-core before 2.19 has no such function, and marks what is no template.
_may_be_template = getattr(template, 'is_trusted_as_template', lambda value: not hasattr(value, '__UNSAFE__'))


UNSAFE = 'If this is a value and no template, put the tag !unsafe before it where it is written, in a vaulted file too.'
_COMMENT = re.compile(r'\{#.*?#\}', re.DOTALL)
_MARKS = ('{%', '{{', '{#')

Path = tuple[Any, ...]


def not_evaluated(host: str, name: str, variables: Evaluated) -> Iterator[tuple[Problem, AnsibleError, bool]]:
    """Of a variable that Ansible cannot evaluate: each place in it that is at fault, why, and whether it is nothing but a template."""
    for path, leaf in _leaves(variables.raw[name], ()):
        try:
            variables.evaluate(leaf)
        except AnsibleError as error:
            found, text = _place(variables, name, path, host), leaf
            for used in reversed(_used(leaf, variables.raw)):  # the innermost first
                try:
                    variables.evaluate(variables.raw[used])
                except AnsibleError:
                    inner = next((part for _path, part in _leaves(variables.raw[used], ()) if _marked(part)), '')
                    if inner:
                        found, text = '%s, in %s' % (found, place(used, variables.raw[used], ())), inner
                        break
            mark = next((mark for mark in _MARKS if mark in str(text)), '') if _marked(text) else ''
            pure = text is leaf and bool(re.fullmatch(r'\s*\{\{.*\}\}\s*', str(text), re.DOTALL)) if mark else True
            reason = '' if pure else 'text with %s in it, which Ansible takes for a template' % mark
            yield Problem('Ansible cannot evaluate the variable.', where=found, found=reason, remedy='' if pure else UNSAFE), error, pure


def comments(host: str, name: str, variables: Evaluated) -> Iterator[Problem]:
    """Warnings of text of which Ansible leaves out a part, because it looks like a comment."""
    for path, leaf in _leaves(variables.raw[name], ()):
        for used in ('', *_used(leaf, variables.raw)):
            parts = [part for _path, part in _leaves(variables.raw[used], ())] if used else [leaf]
            if any(_marked(part) and _COMMENT.search(str(part)) for part in parts):
                where = _place(variables, name, path, host)
                yield Problem(
                    'Ansible leaves out what is between {# and #}, which it takes for a comment.', severity='warning', remedy=UNSAFE,
                    where='%s, in %s' % (where, place(used, variables.raw[used], ())) if used else where,
                )


def _place(variables: Evaluated, name: str, path: Path, host: str) -> str:
    return '%s of %s' % (place(name, variables.raw[name], path), host)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """What is neither a dictionary nor a list in a value, and where."""
    if isinstance(value, (Mapping, list, tuple)):
        for key, child in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _leaves(child, (*path, key))
    else:
        yield path, value


def _marked(value: Any) -> bool:
    """Whether Ansible takes a value for a template."""
    return isinstance(value, str) and any(mark in value for mark in _MARKS) and _may_be_template(value)


def _used(value: Any, variables: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> list[str]:
    """Names of variables that a template uses, by itself and in those that it uses."""
    if not _marked(value):
        return []
    expressions = ' '.join(re.findall(r'\{[{%](.*?)[}%]\}', value, re.DOTALL))
    names = [name for name in dict.fromkeys(re.findall(r'[A-Za-z_]\w*', expressions)) if name in variables and name not in seen]
    found = list(names)
    for name in names:
        for _path, leaf in _leaves(variables[name], ()):
            found += _used(leaf, variables, seen | set(found))
    return list(dict.fromkeys(found))
