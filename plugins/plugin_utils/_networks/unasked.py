# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Secrets of agents that a run does not provide: names, fields and conditions without the values, which a lookup may have to fetch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.host import Evaluated

SECRETS = 'nixops_agent_secrets'
LEFT_OUT = frozenset({'nixops_agent_binary_caches', 'nixops_agent_cluster_join_token'})
UNKNOWN = 'a value that nobody has asked for'
_NAME = re.compile(r'\s*\{\{\s*([A-Za-z_]\w*)\s*\}\}\s*')


class Unasked(Evaluated):
    """The variables of an agent, in which no template is evaluated that is the value of a field.

    What has to be evaluated to know the fields is.
    """

    def __getitem__(self, name: str) -> Any:
        secrets = self._written(self.raw[name]) if name == SECRETS else None
        if not isinstance(secrets, Mapping):
            return super().__getitem__(name)
        return {secret: self._entry(entry) for secret, entry in secrets.items()}

    def __contains__(self, name: object) -> bool:
        return name not in LEFT_OUT and super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.raw if name not in LEFT_OUT)

    def _entry(self, value: Any) -> Any:
        entry = self._written(value)
        if not isinstance(entry, Mapping):
            return self.evaluate(value)
        return {part: self._data(text) if part == 'data' else self.evaluate(text) for part, text in entry.items()}

    def _data(self, value: Any) -> Any:
        data = self._written(value)
        if not isinstance(data, Mapping):
            return self.evaluate(value)
        return {field: text if _is_plain(text) else UNKNOWN for field, text in data.items()}

    def _written(self, value: Any) -> Any:
        """What stands where a template is nothing but the name of a variable."""
        seen = set()
        while isinstance(value, str) and (name := _NAME.fullmatch(value)) and name[1] in self.raw and name[1] not in seen:
            seen.add(name[1])
            value = self.raw[name[1]]
        return value


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float)) or (
        isinstance(value, str) and not any(mark in value for mark in ('{{', '{%', '{#'))
    )
