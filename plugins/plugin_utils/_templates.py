# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Characters of templates in values that are none: a password with them is an error, or loses a part, and Ansible does not say where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible import template
from ansible.errors import AnsibleError, AnsibleParserError, AnsibleUndefinedVariable

from ..module_utils._problems import Problem
from ._variables import HostVariables, leaves, where_in

# ansible-core before 2.19 has no such function, and marks what is no template.
_may_be_template = getattr(template, 'is_trusted_as_template', lambda value: not hasattr(value, '__UNSAFE__'))


CORRECT = 'Define what it uses, or correct the expression.'
UNSAFE = 'If this is a value and no template, put the tag !unsafe before it where it is written, in a vaulted file too.'
_COMMENT = re.compile(r'\{#.*?#\}', re.DOTALL)
_NAME = re.compile(r'\s*\{\{\s*([A-Za-z_]\w*)\s*\}\}\s*')
_ASKING = re.compile(
    r"""\b(?:lookup|query|q)\s*\((?!\s*(['"])(?:ansible\.builtin\.)?(?:env|file)\1\s*[,)])|\b(?:hostvars|vars)\b""",
)
MARKS = ('{%', '{{', '{#')
"""With which templates, and comments in them, begin."""

Path = tuple[Any, ...]


def not_evaluated(host: str, name: str, variables: HostVariables) -> Iterator[Problem]:
    """Of a variable that Ansible cannot evaluate: each place in it that is at fault, and why."""
    for path, leaf in variables.leaves(name):
        try:
            variables.evaluate(leaf)
        except AnsibleError as error:
            yield at_fault(_place(variables.raw, name, path, host), leaf, error, variables)


def at_fault(where: str, value: Any, error: AnsibleError, variables: HostVariables) -> Problem:
    """Of a part of a variable that Ansible cannot evaluate. error: what Ansible says, which may quote a value."""
    text = value
    for used in [] if asks(value, variables.raw) else reversed(_used(value, variables.raw)):  # the innermost first
        try:
            variables.evaluate(variables.raw[used])
        except AnsibleError:
            inner = next((part for _path, part in leaves(variables.raw[used]) if _marked(part)), '')
            if inner:
                where, text = '%s, in %s' % (where, where_in(used, variables.raw[used], ())), inner
                break
    mark = next((mark for mark in MARKS if mark in str(text)), '') if _marked(text) else ''
    if not mark or (text is value and re.fullmatch(r'\s*\{\{.*\}\}\s*', str(text), re.DOTALL)):  # nothing but a template
        return Problem('Ansible cannot evaluate the variable.', where=where, found=reason(error), remedy=CORRECT)
    found = 'text with %s in it, which Ansible takes for a template' % mark
    return Problem('Ansible cannot evaluate the variable.', where=where, found=found, remedy=UNSAFE)


def comments(host: str, name: str, value: Any, variables: Mapping[str, Any]) -> Iterator[Problem]:
    """Warnings of text of which Ansible leaves out a part, because it looks like a comment. value: as it was written."""
    for path, leaf in leaves(value):
        for used in ('', *_used(leaf, variables)):
            parts = [part for _path, part in leaves(variables[used])] if used else [leaf]
            if any(_marked(part) and _COMMENT.search(str(part)) for part in parts):
                where = _place({name: value}, name, path, host)
                yield Problem(
                    'Ansible leaves out what is between {# and #}, which it takes for a comment.', severity='warning', remedy=UNSAFE,
                    where='%s, in %s' % (where, where_in(used, variables[used], ())) if used else where,
                )


def reason(error: AnsibleError) -> str:
    """Why there is no value. Most messages of Ansible could quote one, also that of a file that is no YAML."""
    text = str(error)
    if 'decrypt' in text:
        return 'text that none of the passwords Ansible has can decrypt'
    if isinstance(error, AnsibleUndefinedVariable):
        return text.strip().splitlines()[0].rstrip('.')
    if isinstance(error, AnsibleParserError):
        return 'a file that Ansible cannot parse'
    return type(error).__name__


def asks(value: Any, variables: Mapping[str, Any]) -> bool:
    """Whether a lookup might be asked to evaluate this, here or in variables that are used.

    Those of the environment and of files cost nothing, and do not count. What is reached through hostvars cannot be seen, so that it does.
    """
    return any(
        _marked(part) and any(_ASKING.search(expression) for expression in _expressions(part))
        for _path, leaf in leaves(value) for used in (None, *_used(leaf, variables))
        for _path, part in ([((), leaf)] if used is None else leaves(variables[used]))
    )


def written(value: Any, variables: Mapping[str, Any]) -> Any:
    """What stands where a template is nothing but the name of a variable."""
    seen = set()
    while isinstance(value, str) and (name := _NAME.fullmatch(value)) and name[1] in variables and name[1] not in seen:
        seen.add(name[1])
        value = variables[name[1]]
    return value


def leaves_of(value: Any, variables: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The parts of a value without those that ask; into variables that have such a part, too."""
    for place_of_it, leaf in leaves(value, path):
        if not asks(leaf, variables):
            yield place_of_it, leaf
        elif isinstance(found := written(leaf, variables), (Mapping, list, tuple)):
            yield from leaves_of(found, variables, place_of_it)


def _place(variables: Mapping[str, Any], name: str, path: Path, host: str) -> str:
    return '%s of %s' % (where_in(name, variables[name], path), host)


def _marked(value: Any) -> bool:
    """Whether Ansible takes a value for a template."""
    return isinstance(value, str) and any(mark in value for mark in MARKS) and _may_be_template(value)


def _used(value: Any, variables: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> list[str]:
    """Names of variables that a template uses, by itself and in those that it uses."""
    if not _marked(value):
        return []
    expressions = ' '.join(_expressions(value))
    names = [name for name in dict.fromkeys(re.findall(r'[A-Za-z_]\w*', expressions)) if name in variables and name not in seen]
    found = list(names)
    for name in names:
        for _path, leaf in leaves(variables[name]):
            found += _used(leaf, variables, seen | set(found))
    return list(dict.fromkeys(found))


def _expressions(template_text: str) -> list[str]:
    """What stands between the braces of a template."""
    found: list[str] = re.findall(r'\{[{%](.*?)[}%]\}', template_text, re.DOTALL)
    return found
