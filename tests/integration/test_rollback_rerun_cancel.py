# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks that go back to an old state, deploy once more, and stop what runs. Each refuses what is not named."""

from __future__ import annotations

import pytest

from tests.integration.test_jobs import changed_network, last_job
from tests.support.world import PROJECT, World

STATE = 'nixops-aws-prod.json'


def test_back_to_an_old_state_and_deployed_with_it(deployed: World) -> None:
    before = deployed.sandbox.states(PROJECT, STATE)
    asked = deployed.play('--limit', 'neat-network', playbook='rollback')
    assert asked.code == 2, asked.output
    assert '%s has the versions 1, 2.' % STATE in ' '.join(asked.output.split())
    assert deployed.sandbox.states(PROJECT, STATE) == before

    versions = ('-e', 'nixops_state_version=1', '-e', 'nixops_state_replaced_version=2')
    back = deployed.play('--limit', 'neat-network', *versions, playbook='rollback')
    assert back.code == 0, back.output
    assert back.changes == {'nixcd.hercules_ci.nixops : Go back to the version': ['neat-network']}
    assert 'nixcd.hercules_ci.rerun, with --limit neat-network' in ' '.join(back.output.split())
    assert deployed.sandbox.states(PROJECT, STATE) == [*before, before[0]]

    number = last_job(deployed)['index']
    again = deployed.play('--limit', 'neat-network', playbook='rerun')
    assert again.code == 0, again.output
    assert again.changes == {'nixcd.hercules_ci.nixops : Run the newest jobs of the branches again': ['neat-network']}
    assert 'Plan for branch production of %s:' % PROJECT in again.output
    assert last_job(deployed)['index'] > number
    assert last_job(deployed)['jobStatus'] == 'Success'
    assert len(deployed.sandbox.states(PROJECT, STATE)) == len(before) + 2


def test_what_runs_is_stopped(deployed: World) -> None:
    changed_network(deployed)
    deployed.sandbox.hold_effects()
    stopped = deployed.play('--limit', 'production', playbook='cancel')
    assert stopped.code == 0, stopped.output
    assert stopped.changes == {'nixcd.hercules_ci.nixops : Cancel what runs for the newest commit of each branch': ['neat-network']}
    assert last_job(deployed)['isCancelled']
    deployed.sandbox.hold_effects(False)


@pytest.mark.slow
@pytest.mark.parametrize('playbook', ['rerun', 'cancel'])
def test_nothing_is_done_to_all_networks_unawares(deployed: World, playbook: str) -> None:
    number = last_job(deployed)['index']
    refused = deployed.play(playbook=playbook)
    assert refused.code == 2, refused.output
    assert 'Name the networks with --limit.' in refused.output
    assert refused.changes == {}
    assert last_job(deployed)['index'] == number
