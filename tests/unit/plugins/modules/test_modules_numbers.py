# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module refuses numbers that nobody can wait for or count to, before it does anything."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._numbers import BOUNDS
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._payload import packed

from tests.support.surroundings import ROOT

COLLECTION = 'ansible_collections.nixcd.hercules_ci.plugins.'
PROJECT = {'project': 'github/neat-org/neat-repo', 'api_base_url': 'http://127.0.0.1:1'}
REQUIRED: dict[str, dict[str, Any]] = {
    'hci_agent': {'path': '/nonexistent', '_payload': packed({'binary_caches': None, 'cluster_join_token': 'x'})},
    'hci_effect': {'checkout': '/', 'project': PROJECT['project'], 'command': 'list'},
    'hci_job': {**PROJECT, 'branch': 'main'},
    'hci_job_info': PROJECT,
    'hci_secret': {'path': '/nonexistent/secrets.json', '_payload': packed({})},
    'nixops_effect': {'checkout': '/nonexistent', 'state': 'absent'},
    'nixops_state': {**PROJECT, 'deployment': 'aws-prod'},
    'nixops_state_fetch': {**PROJECT, 'name': 'x', 'path': '/nonexistent/x'},
    'nixops_state_info': PROJECT,
}


def numbers_of(module: str) -> set[str]:
    """The options of a module that have bounds, as it documents them."""
    plugin = importlib.import_module(COLLECTION + 'modules.' + module)
    documented = yaml.safe_load(plugin.DOCUMENTATION)
    names = set(documented.get('options', ()))
    for fragment in documented.get('extends_documentation_fragment', ()):
        name, _dot, part = fragment.removeprefix('nixcd.hercules_ci.').partition('.')
        found = importlib.import_module(COLLECTION + 'doc_fragments.' + name).ModuleDocFragment
        names |= set(yaml.safe_load(getattr(found, part.upper() or 'DOCUMENTATION')).get('options', ()))
    return names & set(BOUNDS)


# Those that only document an action plugin have no code of their own to run.
FILES = (ROOT / 'plugins' / 'modules').glob('*.py')
MODULES = [file.stem for file in FILES if 'def main' in file.read_text(encoding='utf-8')]
CASES = [(module, name) for module in sorted(MODULES) for name in sorted(numbers_of(module))]


@pytest.mark.parametrize(('module', 'name'), CASES)
def test_what_is_out_of_bounds_is_refused(module: str, name: str, run_module: Callable[..., dict[str, Any]]) -> None:
    main = importlib.import_module(COLLECTION + 'modules.' + module).main
    for number in (-1, 10**30):
        result = run_module(main, {**REQUIRED[module], name: number})
        assert result.get('msg', '').startswith('The number is out of bounds. Where: %s.' % name), result
