# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What to change in secrets.json, and how to show it: pure functions from the document before to the document after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._problems import Problem, fail, require_none
from . import condition, document
from .aws import keys_in
from .document import Document
from .module_file import diff_of


@dataclass(frozen=True)
class Wish:
    """What shall be true of a document.

    secrets: name → data and condition, either of which may be absent: then the document's own stays. `kept`: the fields of an
    AWS access key that stay as they are; a secret that does not have them yet is left out.
    present: False removes these names. extend: fields of data that are not named stay. exclusive: names that are not listed go;
    allow_empty: also where none is listed.
    conditions_required: refuse secrets that the agent would hand to nobody, because they have no condition.
    """

    secrets: Mapping[str, Mapping[str, Any]]
    present: bool = True
    extend: bool = False
    exclusive: bool = False
    allow_empty: bool = False
    conditions_required: bool = True

    @property
    def is_nothing(self) -> bool:
        """Whether any document fulfils it."""
        return self.present and not self.secrets and not self.exclusive


def fulfilled(wish: Wish, before: Document) -> Document:
    """The document after `wish`; `before` itself if it is so already. Entries and fields that the wish does not name stay."""
    if not wish.present:
        return {name: entry for name, entry in before.items() if name not in wish.secrets}
    named = {
        name: _entry(before.get(name, {}), wanted, wish.extend) for name, wanted in wish.secrets.items() if not _lacks(before, name, wanted)
    }
    _check(named, wish.conditions_required)
    if wish.exclusive and before and not wish.secrets and not wish.allow_empty:
        raise fail(
            'This would remove all secrets of the file.', expected='at least one secret', found='none, and exclusive',
            remedy='Give the secrets; most likely a variable was not found. Where none is to be left, set allow_empty: true, in the role '
            'nixops_agent_secrets_allow_empty: true.',
        )
    return {**({} if wish.exclusive else before), **named}


def _entry(before: Mapping[str, Any], wanted: Mapping[str, Any], extend: bool) -> dict[str, Any]:
    kept = {field: before['data'][field] for field in wanted.get('kept', ())}
    entry = {'kind': 'Secret', **before, **{part: value for part, value in wanted.items() if part != 'kept'}}
    if 'data' in wanted:
        entry['data'] = {**(before.get('data', {}) if extend else kept), **wanted['data']}
    return entry


def _lacks(before: Document, name: str, wanted: Mapping[str, Any]) -> bool:
    """Whether a secret is yet to get fields that somebody else puts there: half a secret is worse than none, which an agent tells."""
    return not all(field in before.get(name, {}).get('data', {}) for field in wanted.get('kept', ()))


def _check(secrets: Document, conditions_required: bool) -> None:
    require_none([
        Problem('A new secret needs data.', where='secret %s' % name, remedy='Give its data.')
        for name, entry in secrets.items() if 'data' not in entry
    ] + [
        Problem(
            'Agents from version 0.9 on give a secret without a condition to nobody.', where='secret %s' % name,
            remedy='Say which jobs may use it, for instance with the filter nixcd.hercules_ci.least_privilege.',
        )
        for name, entry in secrets.items() if conditions_required and entry.get('condition') is None
    ])


def outline(document: Document, names: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """What may be shown of secrets: names, fields of the data, conditions, and the conditions in words. Never a value."""
    return {
        name: {
            'fields': sorted(document[name]['data']),
            'condition': document[name].get('condition'),
            'usable_by': condition.in_words(document[name].get('condition')),
        }
        for name in sorted(document if names is None else names) if name in document
    }


def changed_names(before: Document, after: Document) -> dict[str, list[str]]:
    """Names of the secrets that are `added`, `updated` and `removed`."""
    return {
        'added': sorted(after.keys() - before.keys()),
        'updated': sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
        'removed': sorted(before.keys() - after.keys()),
    }


def difference(before: Document, after: Document) -> tuple[dict[str, Any], dict[str, Any]]:
    """Before and after for a reviewer: entries that change, with a mark for every value instead of it."""
    names = [name for names in changed_names(before, after).values() for name in names]
    return (
        {name: _hidden(before[name], None) for name in names if name in before},
        {name: _hidden(after[name], before.get(name)) for name in names if name in after},
    )


def _hidden(entry: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    before = before or {}
    return {
        **marks({field: value for field, value in entry.items() if field != 'kind'}, before),
        'condition': entry.get('condition'),
        'data': marks(entry['data'], before.get('data', {})),
    }


def marks(fields: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, str]:
    """Something to show instead of values, so that a diff tells which of them change."""
    return {field: 'another value' if field in before and before[field] != value else 'a value' for field, value in fields.items()}


class Rewrite:
    """A wish as a transformation of the file's bytes, and what to tell about it afterwards."""

    def __init__(self, path: str, wish: Wish) -> None:
        self.path = path
        self.wish = wish
        self.before: Document = {}
        self.after: Document = {}

    def __call__(self, content: bytes | None) -> bytes | None:
        """The new bytes; the old ones where nothing changes in meaning."""
        try:
            self.before = {} if content is None else document.parse(content, self.path)
            self.after = fulfilled(self.wish, self.before)
            # An agent without a file fails every effect that has a secretsMap, whatever is in that.
            same = self.after == self.before and not (content is None and self.wish.present)
            return content if same else document.render(self.after)
        except RecursionError:
            raise fail('A secret is nested too deeply.', where=self.path) from None

    def loses(self) -> bool:
        """Whether secrets are gone that the wish did not name."""
        return self.wish.exclusive and bool(self.before.keys() - self.after.keys())

    def result(self, about_the_file: dict[str, Any]) -> dict[str, Any]:
        """The module's result: what has been done, and the diff, without a value."""
        content = [diff_of(self.path, *difference(self.before, self.after))] if self.after != self.before else []
        names = changed_names(self.before, self.after)
        of_aws = [name for name, wanted in self.wish.secrets.items() if 'kept' in wanted]
        return {
            **about_the_file,
            **names,
            **({'aws_keys': keys_in(self.after, of_aws)} if of_aws else {}),
            'secrets': outline(self.after, names['added'] + names['updated']),
            'diff': content + about_the_file['diff'],
        }
