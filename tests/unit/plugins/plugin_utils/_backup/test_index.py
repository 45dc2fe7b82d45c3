# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as the index of a backup: what is damaged is never written over."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.index import Copy, Index, read_index

COPY = Copy('github/neat-org/neat-repo', 'nixops-a.json', 3, '2026-01-21T10:00:00Z', '', 7, 'a' * 64, '2026-01-22T10:00:00Z')
INDEX = Index((COPY,), {'b' * 64: '2026-01-20T10:00:00Z'})


def test_an_index_is_read_as_it_was_written() -> None:
    assert read_index(INDEX.to_json(), 'here') == INDEX
    assert read_index(None, 'here') == Index()


@pytest.mark.parametrize('entry', [
    {'version': '3'}, {'size': None}, {'size': 1.5}, {'file': 3}, {'problem': None},
    {'sha256': 'A' * 64}, {'sha256': 'a' * 63}, {'sha256': '../../x'},
], ids=str)
def test_an_entry_with_another_value_is_damage(entry: dict[str, Any]) -> None:
    document = json.loads(INDEX.to_json())
    document['copies'][0].update(entry)
    refuse(json.dumps(document).encode())


@pytest.mark.parametrize('name', ['project', 'sha256', 'deployment'])
def test_an_entry_without_a_value_is_damage(name: str) -> None:
    document = json.loads(INDEX.to_json())
    del document['copies'][0][name]
    refuse(json.dumps(document).encode())


@pytest.mark.parametrize('content', [
    b'', b'{', b'[]', b'{}', b'null', b'{"format": 1, "copies": [], "dropped": []}', b'{"format": 1, "copies": [1]}',
])
def test_another_file_is_no_index(content: bytes) -> None:
    refuse(content)


def refuse(content: bytes) -> None:
    with pytest.raises(Failure, match=r'This is not the index of a backup, or it is damaged\. Where: here\.'):
        read_index(content, 'here')
