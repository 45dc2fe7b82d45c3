# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much a run prints, for four networks and two agents: a screen, with each problem and each log once, and the reason at the end."""

from __future__ import annotations

import pytest

from tests.support.fleet import add_deployments
from tests.support.repository import FILES, commit
from tests.support.world import Played, World

LOG = ['app1> line %d of the log' % number for number in range(15)] + ['app1> could not connect']
WITHOUT_A_CHANGE = 60
FOR_A_FAILURE = 40
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


def test_what_four_networks_and_two_agents_print(four: World) -> None:
    first = four.play()
    assert first.code == 0, first.output
    second = four.play()
    assert second.code == 0, second.output
    assert len(lines(second)) <= WITHOUT_A_CHANGE, second.output

    four.sandbox.fail_effects({'neat-network.run': '\n'.join(LOG)})
    commit(four.bare, 'production', 'network.nix', FILES['network.nix'].replace('Neat network', 'Neat network, changed'))
    failed = four.play()
    assert failed.code == 2, failed.output
    assert len(lines(failed)) <= WITHOUT_A_CHANGE + FOR_A_FAILURE, failed.output
    assert any('The effect neat-network.run of job' in line for line in lines(failed)[-10:]), failed.output
    # ansible-core 2.19 and newer says itself twice why a task fails.
    assert failed.output.count(LOG[3]) <= 2, failed.output
    assert max(map(len, lines(failed))) <= LONGEST_LINE, failed.output


def test_what_a_network_that_does_not_evaluate_prints(four: World) -> None:
    """The problem is one of all networks of the project, and is told in full by one of them."""
    four.inventory['nixops_networks']['children']['production']['hosts']['neat-network'].pop('nixops_prebuild_only_network_files')
    refused = four.play('--tags', 'prebuild', playbook='networks')
    assert refused.code == 2, refused.output
    assert refused.output.count('which only prebuilding reads') <= 2, refused.output
    assert len(lines(refused)) <= WITHOUT_A_CHANGE + FOR_A_FAILURE, refused.output
    assert max(map(len, lines(refused))) <= LONGEST_LINE, refused.output
