# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much a run prints for four networks: each problem once, and no line that fills a screen."""

from __future__ import annotations

import pytest

from tests.integration.fleet import add_deployments
from tests.integration.world import Played, World

MOST_LINES = 100
LONGEST_LINE = 4000
"""Letters: a screen of 50 lines, which is what Ansible makes one line of."""


@pytest.fixture
def four(world: World) -> World:
    """The guide's world with a network more on each branch."""
    children = world.inventory['nixops_networks']['children']
    for group, name in (('production', 'more-network'), ('staging', 'more-staging')):
        children[group]['hosts'][name] = {'nixops_deployment': name, 'nixops_network_files': ['staging.nix']}
    add_deployments(world.database, ['more-network', 'more-staging'])
    return world


def lines(played: Played) -> list[str]:
    return played.output.splitlines()


def test_what_a_network_that_does_not_evaluate_prints(four: World) -> None:
    """The problem is one of all networks of the project, and is told in full by one of them."""
    four.inventory['nixops_networks']['children']['production']['hosts']['neat-network'].pop('nixops_prebuild_only_network_files')
    refused = four.play('--tags', 'prebuild', playbook='networks')
    assert refused.code == 2, refused.output
    assert refused.output.count('which only prebuilding reads') <= 2, refused.output
    assert len(lines(refused)) <= MOST_LINES, refused.output
    assert max(map(len, lines(refused))) <= LONGEST_LINE, refused.output
