# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""States of any size are written in pieces of a bounded size."""

from __future__ import annotations

import hashlib
import io

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import BLOCK, State, copy_state, state_of, write_state


class Written(io.BytesIO):
    """Remembers the largest piece."""

    largest = 0

    def write(self, data: object) -> int:
        assert isinstance(data, bytes)
        self.largest = max(self.largest, len(data))
        return super().write(data)


def check(state: State, file: io.BytesIO, content: bytes) -> None:
    assert file.getvalue() == content
    assert (state.size, state.sha256, state.where) == (len(content), hashlib.sha256(content).hexdigest(), 'here')


@pytest.mark.parametrize('number', [0, 1, 1000, 7000], ids=['empty', 'small', 'less than a block', 'several blocks'])
def test_a_state_is_written_in_blocks(number: int) -> None:
    pieces = ['%0100d' % each for each in range(number)]
    content = ''.join(pieces).encode()
    assert len(content) < BLOCK or number == 7000
    file, copy = Written(), Written()
    check(write_state(pieces, file, 'here'), file, content)
    check(state_of(file, 'here'), file, content)
    file.seek(0)
    check(copy_state(file, copy, 'here'), copy, content)
    assert max(file.largest, copy.largest) < BLOCK + 100
