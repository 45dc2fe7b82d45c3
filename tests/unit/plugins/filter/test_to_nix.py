# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter as Ansible calls it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.nixcd.hercules_ci.plugins.filter.to_nix import FilterModule

to_nix = FilterModule().filters()['to_nix']


@pytest.mark.parametrize(('value', 'options', 'expected'), [
    ({'a': [1, 'x'], 'b': None}, {}, '{\n  a = [\n    1\n    "x"\n  ];\n  b = null;\n}'),
    (['a', 'b'], {'short_lists': True}, '[ "a" "b" ]'),
    (['a', 'b'], {'indent': 2}, '[\n    "a"\n    "b"\n  ]'),
    ({'_nix': 'pkgs.hello'}, {}, 'pkgs.hello'),
    ('${builtins.abort "x"}', {}, '"\\${builtins.abort \\"x\\"}"'),
])
def test_values(value: Any, options: dict[str, Any], expected: str) -> None:
    assert to_nix(value, **options) == expected


def test_what_nix_cannot_hold_fails_with_the_place() -> None:
    with pytest.raises(AnsibleFilterError, match=r'64 bit.*to_nix\.a'):
        to_nix({'a': 2**64})
