# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks after a play in which an agent did not get what it needs."""

from __future__ import annotations

from tests.integration.test_jobs import row
from tests.support.repository import git
from tests.support.world import SECRETS, World


def test_a_failed_agent_stops_the_networks_that_need_its_secrets(world: World) -> None:
    world.agent_secrets('agent-2').mkdir()
    world.inventory['hercules_agents']['vars']['nixops_agent_secrets'] = {'neat-aws': SECRETS['neat-aws']}
    staging = world.inventory['nixops_networks']['children']['staging']['hosts']['neat-staging']
    del staging['nixops_secrets_map'], staging['nixops_user_setup_script']
    played = world.play()
    assert played.code == 2, played.output
    assert played.recap['agent-2']['failed'] == 1
    assert row(played, 'neat-network')[-1] == 'failed'
    assert 'The agent agent-2 may run the effect, and did not get its secrets in this run.' in played.output
    assert git(world.bare, 'diff', '--name-only', 'main', 'production') == ''
    assert row(played, 'neat-staging')[-1] == 'deployed'
    # Where agents are not part of the run, somebody else has seen to them.
    again = world.play(playbook='networks')
    assert again.code == 0, again.output
    assert row(again, 'neat-network')[-1] == 'deployed'
