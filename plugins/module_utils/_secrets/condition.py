# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The condition of a secret: which jobs may use it.

A condition is a boolean, `"isDefaultBranch"`, `"isTag"`, or an object of one field: `and` or `or` with a list of conditions,
`isBranch`, `isRepo` or `isOwner` with a string. The source of the grammar, of its evaluation and of its error messages is
Hercules.Formats.Secret and Hercules.Secrets of hercules-ci-agent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Union

from .._json_text import Number, Path
from .._refs import TAGS, branch_ref

Condition = Union[bool, str, dict[str, Any]]

DEEPEST = 300
"""Parts of a path. What follows takes more frames of the stack for each than reading does, and must not fail after a file was written."""

_FIELDS = ('and', 'or', 'isBranch', 'isRepo', 'isOwner')
_WORDS = {'isDefaultBranch': 'the default branch', 'isTag': 'any tag'}


class JobContext(NamedTuple):
    """What a condition can ask about a job. ref: a full Git ref. default_branch: the repository's, a bare name."""

    owner: str
    repository: str
    ref: str
    default_branch: str


def problems_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where `value` is not a condition, and what the agent's parser says about it. RecursionError if it is nested too deeply."""
    if len(path) > DEEPEST:
        raise RecursionError
    if isinstance(value, bool) or value in ('isDefaultBranch', 'isTag'):
        return
    if not isinstance(value, dict):
        yield path, 'Expected Object, String or true.'
    elif not value:
        yield path, 'The empty object does not represent a Condition.'
    elif len(value) > 1:
        yield path, 'A Condition object must contain a single field.'
    else:
        (field, argument), = value.items()
        if field not in _FIELDS:
            yield path, 'The field name in a Condition object must be one of [%s]' % ','.join('"%s"' % name for name in _FIELDS)
        elif field in ('and', 'or'):
            if isinstance(argument, list):
                for index, part in enumerate(argument):
                    yield from problems_in(part, (*path, field, index))
            else:
                yield (*path, field), 'parsing [] failed, expected Array, but encountered %s' % type_name(argument)
        elif not isinstance(argument, str):
            yield (*path, field), 'parsing Text failed, expected String, but encountered %s' % type_name(argument)


def allows(condition: Condition | None, job: JobContext) -> bool:
    """Whether the agent hands the secret out to `job`. No condition (None): agents from 0.9 on deny."""
    if condition is None or isinstance(condition, bool):
        return bool(condition)
    if isinstance(condition, str):
        return job.ref.startswith(TAGS) if condition == 'isTag' else job.ref == branch_ref(job.default_branch)
    (field, argument), = condition.items()
    if field in ('and', 'or'):
        return (all if field == 'and' else any)(allows(part, job) for part in argument)
    if field == 'isBranch':
        return job.ref == branch_ref(argument)
    return bool(argument == (job.repository if field == 'isRepo' else job.owner))


def in_words(condition: Condition | None) -> str:
    """Who may use the secret, for people: `owner neat-org and repository neat-repo and branch production`."""
    if condition is None:
        return 'nobody, as it has no condition'
    return _words(condition, '')


def _words(condition: Condition, outer: str) -> str:
    if isinstance(condition, bool):
        return 'anybody' if condition else 'nobody'
    if isinstance(condition, str):
        return _WORDS[condition]
    (field, argument), = condition.items()
    if field not in ('and', 'or'):
        return '%s %s' % ({'isBranch': 'branch', 'isRepo': 'repository', 'isOwner': 'owner'}[field], argument)
    if not argument:
        return _words(field == 'and', outer)
    text = (' %s ' % field).join(_words(part, field if len(argument) > 1 else outer) for part in argument)
    return '(%s)' % text if outer not in ('', field) and len(argument) > 1 else text


def for_users(users: Iterable[tuple[str, str, Condition]]) -> Condition:
    """The narrowest condition that lets all `users` in: owner, repository and what has to hold for the ref.

    One repository with one branch reads as `hci secret add` would write it. Nobody gives `{"or": []}`, which denies.
    """
    repositories: dict[tuple[str, str], list[Condition]] = {}
    for owner, repository, ref in users:
        repositories.setdefault((owner, repository), []).append(ref)
    return _either([
        {'and': [{'isOwner': owner}, {'isRepo': repository}, *([] if True in refs else [_either(_distinct(refs))])]}
        for (owner, repository), refs in sorted(repositories.items())
    ])


def _distinct(conditions: list[Condition]) -> list[Condition]:
    return [condition for _text, condition in sorted({str(condition): condition for condition in conditions}.items())]


def _either(conditions: list[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else {'or': conditions}


def type_name(value: Any) -> str:
    """What the agent's parser calls the type of a JSON value."""
    if value is None:
        return 'Null'
    names = {bool: 'Boolean', str: 'String', dict: 'Object', list: 'Array', Number: 'Number', int: 'Number', float: 'Number'}
    return next((name for kind, name in names.items() if isinstance(value, kind)), type(value).__name__)
