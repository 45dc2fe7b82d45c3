# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a service may write a hash. State files as such are tested with the modules for states."""

from __future__ import annotations

import base64
import hashlib

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.state import hexadecimal

DIGEST = hashlib.sha256(b'state').digest()
HEX, BASE64 = DIGEST.hex(), base64.b64encode(DIGEST).decode()
URL = base64.urlsafe_b64encode(DIGEST).decode()
NIX = {'0' * 52: '00' * 32, '0' * 51 + '1': '01' + '00' * 31, '1' + '0' * 51: '00' * 31 + '80'}


@pytest.mark.parametrize('prefix', ['', 'sha256:', 'sha256-', ' '])
@pytest.mark.parametrize('text', [HEX, HEX.upper(), BASE64, BASE64.rstrip('='), URL, URL.rstrip('=')])
def test_a_hash_in_each_of_its_forms(prefix: str, text: str) -> None:
    assert hexadecimal(prefix + text) == HEX


@pytest.mark.parametrize(('text', 'expected'), NIX.items())
def test_base_32_as_nix_writes_it(text: str, expected: str) -> None:
    assert hexadecimal(text) == expected


@pytest.mark.parametrize('text', [
    '', HEX[:-1], HEX + '0', 'e' * 52, 'z' * 52, 'A' * 41 + '===', 'A' * 42 + '=', 'A' * 44, '*' * 43,
], ids=lambda text: text[:3] + text[-3:])
def test_what_is_no_hash_says_nothing(text: str) -> None:
    assert hexadecimal(text) is None
