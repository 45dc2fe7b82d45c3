# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same deployment in several state files: which of them would be passed over."""

from __future__ import annotations

import io

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.elsewhere import (
    BLOCK,
    Newest,
    _mentions,
    later,
    same_deployment_elsewhere,
)

P, Q = 'github/neat-org/p', 'github/neat-org/q'
UUID = 'cccccccc-1700-11e7-8000-000000000003'
EARLY, MIDDLE, LATE = '2026-01-01T00:00:00Z', '2026-01-02T00:00:00.5Z', '2026-01-02T00:00:01Z'


def newest(created: str, sha256: str | None = 'aa', *uuids: str) -> Newest:
    return Newest(uuids or (UUID,), created, sha256, 3)


def found(known: dict[tuple[str, str], Newest], uploaded: str | None = None, own: tuple[str, str] = (P, 'own')) -> list[str]:
    return [problem.found for problem in same_deployment_elsewhere(known, own, UUID, uploaded)]


@pytest.mark.parametrize('place', [(P, 'other'), (Q, 'own'), (Q, 'other')])
def test_a_newer_state_in_another_file_or_project(place: tuple[str, str]) -> None:
    assert found({(P, 'own'): newest(MIDDLE), place: newest(LATE, 'bb')}) == ['%s, %s, version 3, stored at %s' % (*place, LATE)]
    assert found({(P, 'own'): newest(MIDDLE), place: newest(EARLY, 'bb')}) == []
    assert found({(P, 'own'): newest(MIDDLE), place: newest(LATE, 'aa')}) == []  # a copy of it
    assert len(found({(P, 'own'): newest(MIDDLE), place: newest(LATE, None)})) == 1
    assert found({(P, 'own'): newest(MIDDLE), place: newest(LATE, 'bb', 'another')}) == []
    assert len(found({(P, 'own'): newest(MIDDLE), place: newest(LATE, 'bb', 'another', UUID)})) == 1


@pytest.mark.parametrize('created', [EARLY, LATE])
def test_a_file_that_is_not_there_yet(created: str) -> None:
    known = {(P, 'old'): newest(created, 'bb')}
    assert found(known, 'bb') == []
    assert len(found(known, 'aa')) == 1
    assert len(found(known)) == 1  # nothing is going to be uploaded: the effect would find nothing
    assert len(found({(P, 'old'): newest(created, None)}, 'aa')) == 1
    assert found({}, 'aa') == []


def test_each_file_is_told_with_a_way_out() -> None:
    problems = same_deployment_elsewhere({(P, 'b'): newest(LATE, 'b'), (Q, 'a'): newest(EARLY, 'b')}, (P, 'own'), UUID, 'aa')
    assert [problem.where for problem in problems] == ['%s, own' % P] * 2
    assert ['name=b' in problems[0].remedy, 'name=a' in problems[1].remedy] == [True, True]
    assert [problem.severity for problem in problems] == ['error', 'error']


@pytest.mark.parametrize(
    ('newer', 'older'),
    [
        (LATE, MIDDLE),
        (MIDDLE, EARLY),
        ('2026-01-02T00:00:00.5Z', '2026-01-02T00:00:00Z'),
        ('2026-01-02T00:00:00.51Z', '2026-01-02T00:00:00.5Z'),
        ('not a time', LATE), ('2026-99-99T00:00:00Z', LATE),
    ],
)  # fmt: skip
def test_which_is_later(newer: str, older: str) -> None:
    assert later(newer, older)
    assert not later(older, newer)
    assert not later(newer, newer)


@pytest.mark.parametrize('position', [0, 10, BLOCK - 1, BLOCK - len(UUID), BLOCK, BLOCK + 5, 2 * BLOCK - 3])
def test_what_a_file_mentions_is_found_wherever_it_is(position: int) -> None:
    text = UUID.encode()
    assert _mentions(io.BytesIO(b'x' * position + text + b'x' * 7), text)
    assert not _mentions(io.BytesIO(b'x' * position + text[:-1]), text)
