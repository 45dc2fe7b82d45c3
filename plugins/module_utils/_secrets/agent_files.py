# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The neighbours of secrets.json that an agent reads when it starts: binary-caches.json and cluster-join-token.key.

The source of the formats is Hercules.Agent.Config.BinaryCaches and Hercules.Formats.CachixCache and NixCache of hercules-ci-agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import _json_text as json_text
from .._problems import fail
from .change import marks


class BinaryCaches:
    """binary-caches.json as a whole: what it shall hold, as a transformation of the file's bytes."""

    def __init__(self, path: str, wanted: Mapping[str, Any]) -> None:
        self.path = path
        self.wanted = wanted
        self.before: Any = {}

    def __call__(self, content: bytes | None) -> bytes | None:
        """The new bytes; the old ones where they mean the same."""
        if content is not None:
            self.before = json_text.parse(content, self.path)
            if not isinstance(self.before, dict):
                raise fail('The agent cannot start with this file: it holds no object.', where=self.path, remedy='Remove the file.')
            if self.before == self.wanted:
                return content
        return json_text.render(self.wanted)

    def difference(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Before and after for a reviewer: names, kinds, public keys, and which other fields change."""
        return _shown(self.before, {}), _shown(self.wanted, self.before)


def _shown(caches: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {**marks(cache, _fields(before.get(name))), **_public(cache)}
        for name, cache in ((name, _fields(value)) for name, value in caches.items())
    }


def _public(cache: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without secrets, as far as they are of the types that the agent takes."""
    kind, keys = cache.get('kind'), cache.get('publicKeys')
    return {
        **({'kind': kind} if isinstance(kind, str) else {}),
        **({'publicKeys': keys} if isinstance(keys, list) and all(isinstance(key, str) for key in keys) else {}),
    }


def _fields(cache: Any) -> dict[str, Any]:
    return cache if isinstance(cache, dict) else {}


class ClusterJoinToken:
    """cluster-join-token.key: what it shall hold, as a transformation of the file's bytes."""

    def __init__(self, wanted: str) -> None:
        self.before: dict[str, Any] = {}
        self.wanted = {'token': wanted.strip().encode('utf-8')}

    def __call__(self, content: bytes | None) -> bytes:
        """The new bytes; the old ones, if they differ in white space only, which the agent ignores."""
        if content is not None:
            self.before = {'token': content.strip()}
        return content if content is not None and self.before == self.wanted else self.wanted['token'] + b'\n'

    def difference(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Before and after for a reviewer: whether there is a token, and whether it changes."""
        return marks(self.before, {}), marks(self.wanted, self.before)
