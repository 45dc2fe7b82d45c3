# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What is wrong with secrets and caches that users give, by the schemas that are published with the collection."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ..module_utils._secrets import aws_user, condition
from ._json_schema import OTHER_KIND, Finding, Schema

Wrong = tuple[list[Any], str]
"""A path into the value, and what is wrong there."""
CACHE_KINDS = ('CachixCache', 'NixCache')
_schema = cache(Schema.published)


def problems_in_secrets(secrets: Any) -> Iterator[Wrong]:
    """What is wrong with `secrets`: names, each with data and condition.

    There may be thousands of secrets, which share a few forms and a few conditions: each of these is validated once.
    """
    if not isinstance(secrets, dict):
        yield [], 'This has to be a dictionary, and is not.'
        return
    forms: dict[Any, bool] = {}
    valid: dict[str, bool] = {}
    secret, condition_of = _schema('agent_secrets.json', 'secret'), _schema('agent_secrets.json', 'condition')
    for name, entry in secrets.items():
        form = tuple((field, type(value)) for field, value in entry.items()) if isinstance(entry, dict) else type(entry)
        if form not in forms:
            forms[form] = secret.is_valid(_without_condition(entry))
        if not forms[form]:
            yield from (_in_words(finding, name) for finding in secret.findings(_without_condition(entry)))
        else:
            yield from (([name, *path], what) for path, what in aws_user.problems_in(entry))
        if isinstance(entry, dict) and 'condition' in entry:
            text = json.dumps(entry['condition'], sort_keys=True)
            if text not in valid:
                valid[text] = condition_of.is_valid(entry['condition'])
            if not valid[text]:
                for place, words in condition.problems_in(entry['condition'], (name, 'condition')):
                    yield list(place), 'This is not a condition. The agent would say: %s.' % words.rstrip('.')


def _without_condition(entry: Any) -> Any:
    """A condition is told in the agent's own words."""
    return {field: value for field, value in entry.items() if field != 'condition'} if isinstance(entry, dict) else entry


def without_null(entry: Any) -> Any:
    """An entry without the parts that are null: those are not given."""
    return {part: value for part, value in entry.items() if value is not None} if isinstance(entry, Mapping) else entry


def problems_in_caches(caches: dict[str, Any]) -> Iterator[Wrong]:
    """What is wrong with `caches`, the content of binary-caches.json: names, each with the fields of its kind."""
    for name, cached in caches.items():
        kind = cached.get('kind') if isinstance(cached, dict) else None
        if kind not in CACHE_KINDS:
            yield [name, 'kind'] if kind else [name], 'A cache has a kind: %s.' % ' or '.join(CACHE_KINDS)
        else:
            yield from (_in_words(finding, name) for finding in _schema('binary_caches.json', kind).findings(cached))


def _in_words(finding: Finding, name: str) -> Wrong:
    if finding.what == OTHER_KIND:
        return [name, *finding.path], 'This has to be %s, and is not.' % finding.expected
    return [name, *finding.path], '%s Expected: %s.' % (finding.what, finding.expected)
