# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules that take the connection options are those of the action group, and say so."""

from __future__ import annotations

import importlib

import yaml
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._argspec import CONNECTION_OPTIONS

from tests.support.surroundings import ROOT

TEXTS = [
    (file.stem, file.read_text(encoding='utf-8'))
    for kind in ('modules', 'action') for file in (ROOT / 'plugins' / kind).glob('*.py')
]


def modules_that_connect() -> set[str]:
    """Those whose argument spec has the options of the connection, in whichever file it stands."""
    found = set()
    for kind in ('modules', 'action'):
        for file in (ROOT / 'plugins' / kind).glob('*.py'):
            module = importlib.import_module('ansible_collections.nixcd.hercules_ci.plugins.%s.%s' % (kind, file.stem))
            spec = getattr(module, 'SPEC', None) or getattr(getattr(module, 'ActionModule', None), 'SPEC', None)
            if spec and CONNECTION_OPTIONS.keys() <= spec.options.keys():
                found.add(file.stem)
    return found


def modules_with(words: str) -> set[str]:
    """By their own text, or by that of the action plugin that does their work."""
    return {name for name, text in TEXTS if words in text}


def test_the_group_has_them_all() -> None:
    runtime = yaml.safe_load((ROOT / 'meta' / 'runtime.yml').read_text(encoding='utf-8'))
    assert set(runtime['action_groups']['hercules_ci']) == modules_that_connect()


def test_their_documentation_has_the_same_options_and_names_the_group() -> None:
    fragment = (ROOT / 'plugins' / 'doc_fragments' / '_connection.py').read_text(encoding='utf-8')
    assert all('\n  %s:\n' % option in fragment for option in CONNECTION_OPTIONS)
    assert 'group/nixcd.hercules_ci.hercules_ci' in fragment
    for part in ('_connection', '_connection.module'):
        assert modules_with('  - nixcd.hercules_ci.%s\n' % part) == modules_that_connect()
