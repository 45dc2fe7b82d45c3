# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exports read piece by piece hold what json.loads finds in them at once."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops import document
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.document import NotAState, entries
from hypothesis import given, settings
from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
ATTRIBUTES = st.dictionaries(TEXTS, TEXTS, max_size=4)
RESOURCES = st.dictionaries(TEXTS, ATTRIBUTES.map(lambda attributes: {'type': 'none', **attributes}), max_size=4)
DEPLOYMENTS = st.builds(lambda attributes, resources: {**attributes, 'resources': resources}, ATTRIBUTES, RESOURCES)
DOCUMENTS = st.dictionaries(TEXTS, DEPLOYMENTS, max_size=3)


def together(content: bytes) -> Any:
    """The document that the entries make up."""
    found: dict[str, Any] = {}
    for entry in entries(io.BytesIO(content), 'here'):
        deployment = found.setdefault(entry.deployment, {'resources': {}})
        (deployment if entry.resource is None else deployment['resources'].setdefault(entry.resource, {})).update(entry.attributes)
    return found


@settings(deadline=None)
@given(content=DOCUMENTS, indent=st.sampled_from([None, 0, 3]), sort=st.booleans(), block=st.integers(1, 40), ascii_only=st.booleans())
def test_nothing_is_lost_whatever_the_format_and_the_blocks(
    content: dict[str, Any], indent: int | None, sort: bool, block: int, ascii_only: bool
) -> None:
    """Blocks are so small that every token is cut somewhere."""
    text = json.dumps(content, indent=indent, sort_keys=sort, ensure_ascii=ascii_only).encode('utf-8', 'surrogatepass')
    original, document.BLOCK = document.BLOCK, block
    try:
        assert together(text) == json.loads(json.dumps(content))
    finally:
        document.BLOCK = original


@settings(deadline=None)
@given(content=DOCUMENTS, data=st.data())
def test_every_beginning_of_an_export_is_refused(content: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(content, indent=2)
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(NotAState, match=r'breaks off|is empty'):
        together(text[:cut].encode())


@pytest.mark.parametrize('version', ['1.7', '2.x'])
def test_real_exports(version: str, fixtures: Path) -> None:
    content = (fixtures / ('nixops-%s' % version) / 'export-all.json').read_bytes()
    assert together(content) == json.loads(content)


@pytest.mark.parametrize(
    'content', [b'[' * 200_000, b'{"a": {"b": ' + b'[' * 200_000, b'{"a": {"b": "' + b'x' * 300_000, b'\xff\xfe{}', b'{} {}']
)
def test_what_is_hostile_is_refused(content: bytes) -> None:
    with pytest.raises(NotAState) as raised:
        together(content)
    assert 'xxx' not in str(raised.value)


@pytest.mark.parametrize(('content', 'expected'), [
    ('{"a": {"b": {]}}', 'valid JSON'),
    ('{"a": %s1%s}' % ('[' * 200_000, ']' * 200_000), 'an object with a key for each attribute of a deployment'),
    ('{"a": {"b": %s1%s}}' % ('[' * 200_000, ']' * 200_000), 'an export, in which nothing is nested as deeply'),
    ('{"a": {"resources": {}}} {}', 'nothing after the last brace'),
    ('{"a": {"resources": {}} "b": {}}', 'a comma or a closing brace after the deployment'),
    ('{"a": {"name" "x"}}', 'a colon after the name of the attribute of a deployment'),
    ('{7: {}}', 'the name of the next deployment'),
    ('[]', 'an object with a key for each deployment'),
    ('{"a": {"name": 7}}', "text as the value of 'name', as NixOps writes it for numbers, lists and everything else"),
    ('{"a": {"resources": {"m": {"type": "none", "index": 7}}}}', "text as the value of 'index', as NixOps writes it"),
    ('{"a": {"resources": {"m": {}}}}', "an object with a type as resource 'm'"),
    (b'{"a": {"name": "\xff"}}', 'JSON, which is text'),
])
def test_what_is_no_export_is_told_with_what_would_be(content: str | bytes, expected: str) -> None:
    """After blanks that keep the end out of sight: there it would be taken for an export that breaks off."""
    text = content.encode() if isinstance(content, str) else content
    with pytest.raises(NotAState) as raised:
        together(text + b' ' * 100)
    assert 'The state is not an export of NixOps. Where: here. Expected: %s' % expected in str(raised.value)


def test_an_export_that_breaks_off_may_be_of_a_full_disk() -> None:
    with pytest.raises(NotAState, match=r'The export breaks off.* Found: the end.* To do: .* whether the disk is full'):
        together(b'{"a": {"name": "x"')
