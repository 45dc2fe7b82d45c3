# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which secrets an agent hands to an effect, by the rules and in the words of hercules-ci-agent.

Written from the agent's behaviour alone: test equipment shares no code with what it tests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIELDS = ('isBranch', 'or', 'isOwner', 'and', 'isRepo')


class Refused(Exception):
    """The effect fails with this message. `log` has what the agent logs besides."""

    def __init__(self, message: str, *log: str) -> None:
        super().__init__(message)
        self.log = log


class _ParseError(Exception):
    pass


@dataclass(frozen=True)
class Context:
    """What conditions are about: the job that runs the effect."""

    owner: str
    repository: str
    ref: str
    is_default_branch: bool


def _keep_first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The agent keeps the first of equal keys."""
    return dict(reversed(pairs))


def _kind_of(value: Any) -> str:
    if value is None:
        return 'Null'
    kinds = ((bool, 'Boolean'), (str, 'String'), ((int, float), 'Number'), (list, 'Array'))
    return next((name for kind, name in kinds if isinstance(value, kind)), 'Object')


def _check_condition(value: Any, where: str) -> None:
    if isinstance(value, bool) or value in ('isTag', 'isDefaultBranch'):
        return
    if not isinstance(value, dict):
        raise _ParseError('Error in %s: Expected Object, String or true.' % where)
    if not value:
        raise _ParseError('Error in %s: The empty object does not represent a Condition.' % where)
    if len(value) > 1:
        raise _ParseError('Error in %s: A Condition object must contain a single field.' % where)
    (name, content), = value.items()
    if name not in FIELDS:
        names = '[%s]' % ','.join('"%s"' % field for field in FIELDS)
        raise _ParseError('Error in %s: The field name in a Condition object must be one of %s' % (where, names))
    if name in ('and', 'or'):
        if not isinstance(content, list):
            raise _ParseError('Error in %s: parsing [] failed, expected Array, but encountered %s' % (where, _kind_of(content)))
        for number, part in enumerate(content):
            _check_condition(part, '%s[%d]' % (where, number))
    elif not isinstance(content, str):
        raise _ParseError('Error in %s: parsing Text failed, expected String, but encountered %s' % (where, _kind_of(content)))


def _check_secret(name: str, value: Any) -> None:
    where = '$.%s' % name if name.isidentifier() else "$['%s']" % name
    if not isinstance(value, dict):
        raise _ParseError('Error in %s: parsing Secret failed, expected Object, but encountered %s' % (where, _kind_of(value)))
    if 'kind' not in value:
        raise _ParseError('Error in %s: key "kind" not found' % where)
    if not isinstance(value['kind'], str):
        raise _ParseError('Error in %s.kind: parsing Text failed, expected String, but encountered %s' % (where, _kind_of(value['kind'])))
    if value['kind'] != 'Secret':
        raise _ParseError('Error in %s: kind field must be "Secret", not "%s"' % (where, value['kind']))
    if value.get('apiVersion') is not None:
        raise _ParseError('Error in %s: Unexpected apiVersion field. ' % where)
    if 'data' not in value:
        raise _ParseError('Error in %s: key "data" not found' % where)
    if not isinstance(value['data'], dict):
        raise _ParseError('Error in %s.data: parsing Map failed, expected Object, but encountered %s' % (where, _kind_of(value['data'])))
    if value.get('condition') is not None:
        _check_condition(value['condition'], where + '.condition')


def parse(text: str) -> dict[str, Any]:
    """All secrets of a file by name; ValueError with the agent's words when one entry is wrong."""
    try:
        document = json.loads(text, object_pairs_hook=_keep_first)
    except ValueError as error:
        raise ValueError('Error in $: %s' % error) from error
    if not isinstance(document, dict):
        raise ValueError('Error in $: parsing Map failed, expected Object, but encountered %s' % _kind_of(document))
    for name, value in document.items():
        try:
            _check_secret(name, value)
        except _ParseError as error:
            raise ValueError(str(error)) from error
    return document


def holds(condition: Any, context: Context) -> bool:
    """Whether a condition holds; an absent one does not."""
    if condition is None or isinstance(condition, bool):
        return bool(condition)
    if condition == 'isDefaultBranch':
        return context.is_default_branch
    if condition == 'isTag':
        return context.ref.startswith('refs/tags/')
    (name, content), = condition.items()
    if name in ('and', 'or'):
        return (all if name == 'and' else any)(holds(part, context) for part in content)
    actual = {'isBranch': context.ref, 'isRepo': context.repository, 'isOwner': context.owner}[name]
    return bool(actual == ('refs/heads/' + content if name == 'isBranch' else content))


def references(secrets_map: str | None) -> dict[str, str | None]:
    """An effect's secretsMap: its names to names in secrets.json, or to None for a Git token."""
    try:
        document = json.loads(secrets_map or '{}')
    except ValueError as error:
        raise Refused('Could not parse secretsMap variable in derivation. Error: %s' % error) from error
    found: dict[str, str | None] = {}
    for name, value in document.items():
        prefix = 'Could not parse secret reference secretsMap.%s, because ' % name
        if isinstance(value, str):
            found[name] = value
        elif not isinstance(value, dict):
            raise Refused(prefix + 'it is neither a string nor an attribute set.')
        elif 'type' not in value:
            raise Refused(prefix + 'it does not have a type attribute.')
        elif value['type'] != 'GitToken':
            known = isinstance(value['type'], str)
            raise Refused(prefix + ('the type is unknown; must be "GitToken".' if known else 'the type attribute is not a string.'))
        else:
            found[name] = None
    return found


def granted(secrets_map: str | None, path: Path | None, context: Context) -> dict[str, Any]:
    """The secrets file for an effect: what it declared, by its own names. Refused when one of them is not to be had."""
    wanted = references(secrets_map)
    if not wanted:
        return {}
    available: dict[str, Any] = {}
    if path is not None:
        try:
            available = parse(path.read_text(encoding='utf-8'))
        except ValueError as error:
            log = 'Could not parse secrets file %s: %s' % (path, error)
            raise Refused('Could not parse secrets file as configured on agent.', log) from error
        except OSError as error:
            reasons = {FileNotFoundError: 'does not exist', IsADirectoryError: 'inappropriate type', PermissionError: 'permission denied'}
            raise Refused('%s: openBinaryFile: %s (%s)' % (path, reasons.get(type(error), 'failed'), error.strerror)) from error
    found = {}
    for name, source in wanted.items():
        if source is None:
            found[name] = {'kind': 'Secret', 'data': {'token': 'sandbox-git-token'}, 'condition': {'and': []}}
        elif source not in available or not holds(available[source].get('condition'), context):
            raise Refused("Secret %s does not exist or access was denied, so we can't get a secret for %s. Please make sure that the "
                          'secret name matches a secret on your agents and make sure that its condition applies.' % (source, name))
        else:
            found[name] = {'kind': 'Secret', 'data': available[source]['data']}
    return found
