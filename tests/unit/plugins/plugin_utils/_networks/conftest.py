# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide's world: a real repository, a real database of NixOps, and the sandbox in this process."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.preflight import PHASES, Inventory, check

from tests.sandbox.in_process import Sandbox
from tests.support.world import TOKEN, World, running_world


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp('world'), Path('no plays here'), Sandbox) as made:
        yield made


@pytest.fixture
def networks(world: World) -> dict[str, Any]:
    """Variables of the networks by host."""
    group = copy.deepcopy(world.inventory['nixops_networks'])
    common = {**group['vars'], 'nixops_api_token': TOKEN}
    children = group['children'].values()
    return {host: {**common, **child['vars'], **variables} for child in children for host, variables in child['hosts'].items()}


@pytest.fixture
def agents(world: World) -> dict[str, Any]:
    """Variables of the agents by host."""
    group = copy.deepcopy(world.inventory['hercules_agents'])
    return {host: {**group['vars'], **variables} for host, variables in group['hosts'].items()}


def phases_of(uploads: bool) -> tuple[str, ...]:
    return tuple(phase for phase in PHASES if uploads or phase != 'state')


def refusals(networks: dict[str, Any], agents: dict[str, Any], selected: list[str] | None = None, uploads: bool = True) -> str:
    with pytest.raises(Failure) as refused:
        check(Inventory(networks, agents, list(networks) if selected is None else selected, phases_of(uploads)))
    assert 'canary' not in str(refused.value).lower()
    return str(refused.value)
