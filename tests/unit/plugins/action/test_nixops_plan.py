# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin nixops_plan: which agents it takes for such that may not have their secrets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.action.nixops_plan import failed_agents

AGENTS = {'agent-1': {'neat-aws': {'fields': []}}, 'agent-2': {'neat-aws': {'fields': []}, 'neat-ssh': {'fields': []}}}
BOTH = {'neat-aws', 'neat-ssh'}


@pytest.mark.parametrize('registered, lost, failed', [
    ({}, [], {}),  # nothing was provided in this run
    ({'_nixops_secrets_provided': {'changed': True, 'failed': False}}, [], {}),
    ({'_nixops_secrets_provided': {'failed': True, 'msg': 'No space is left.'}}, [], {'agent-2': BOTH}),
    ({'_nixops_secrets_provided': {'unreachable': True, 'msg': 'Nobody is at home.'}}, [], {'agent-2': BOTH}),
    ({'_nixops_secrets_provided': {'failed': False}, '_nixops_agent_files_provided': {'failed': True}}, [], {'agent-2': BOTH}),
    ({'_nixops_secrets_provided': {'failed': False}, '_nixops_agent_files_provided': {'skipped': True}}, [], {}),
    ({}, ['agent-2'], {'agent-2': BOTH}),
    ({}, ['agent-3'], {}),  # of which nothing is declared
])
def test_agents_that_may_lack_their_secrets(registered: dict[str, Any], lost: list[str], failed: dict[str, set[str]]) -> None:
    hostvars = {'agent-1': {'_nixops_secrets_provided': {'failed': False}}, 'agent-2': registered}
    assert failed_agents(AGENTS, SimpleNamespace(raw_get=hostvars.__getitem__), lost) == failed
