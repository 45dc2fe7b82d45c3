# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of every kind, to ask the real Nix about: many at once, as starting it costs more than one answer."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

# How many random values a property is tried with; the full measure is 10000.
EXAMPLES = int(os.environ.get('NIX_EXAMPLES', '200'))

# Text that is likely to break out of a Nix string, among text of any kind.
TRAPS = [
    '"', "''", "'", '$', '${', '$${', '\\', '\n', '\r', '\t', ' ', '  ', '}', ';', '#', '/*', "'''", "''$", "''\\", '\x01', '\x7f', 'é',
    '🐧', 'x',
]
KEYWORDS = ['if', 'then', 'else', 'assert', 'with', 'let', 'in', 'rec', 'inherit', 'or', 'true', 'null']
ODD_NAMES = ['', 'a.b', '1a', "a'", '-a', '${', '_']
texts = st.one_of(
    st.lists(st.sampled_from(TRAPS), max_size=12).map(''.join),
    st.text(st.characters(exclude_characters='\0', exclude_categories=['Cs']), max_size=12),
)
# To Nix, a set with one of these is a derivation or converts itself to text, and prints as such; _nix and _path are markers.
names = st.one_of(texts, st.sampled_from(KEYWORDS + ODD_NAMES)).filter(lambda name: name not in ('outPath', '__toString', '_nix', '_path'))
integers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([-(2**63), 2**63 - 1, -(2**63) + 1, 0, -1]))
scalars = st.one_of(st.none(), st.booleans(), integers, texts)
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)), max_leaves=12,
)


def sample(strategy: st.SearchStrategy[Any], count: int = EXAMPLES) -> list[Any]:
    """That many values of a strategy, always the same ones."""
    collected: list[Any] = []

    @settings(
        max_examples=count, phases=[Phase.generate], database=None, deadline=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        collected.append(value)

    collect()
    return collected
