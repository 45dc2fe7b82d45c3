# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a network is told about its job, from a change that somebody pushes to a service that goes away while one waits.

And the playbooks that go back to an old state, deploy once more, and stop what runs. Each refuses what is not named.
"""

from __future__ import annotations

import itertools
import json
import re
import stat
import urllib.request
from typing import Any

import pytest

from tests.support.repository import FILES, commit, git, head
from tests.support.world import PROJECT, TOKEN, Played, World

WATCH = 'nixcd.hercules_ci.nixops : Wait until Hercules CI has deployed it'
STATE = 'nixops-aws-prod.json'
numbers = itertools.count(1)


def changed_network(world: World) -> str:
    """Somebody pushes a harmless change of the production network; the commit."""
    text = FILES['network.nix'].replace('Neat network', 'Neat network, edition %d' % next(numbers))
    return commit(world.bare, 'production', 'network.nix', text)


def last_job(world: World, branch: str = 'production') -> dict[str, Any]:
    return [job for job in world.sandbox.summary()['projects'][0]['jobs'] if job['ref'] == 'refs/heads/%s' % branch][-1]


def row(played: Played, network: str) -> list[str]:
    """The network's line in the table at the end."""
    table = re.split(r'Show (?:what became of|how) all networks', played.output)[1]
    return re.findall(r'^  %s +.*$' % re.escape(network), table, re.MULTILINE)[0].split()


@pytest.mark.slow
def test_a_changed_network_is_deployed_and_nothing_is_pushed(deployed: World) -> None:
    revision = changed_network(deployed)
    versions = len(deployed.sandbox.states(PROJECT, STATE))
    played = deployed.play(playbook='networks')
    assert played.code == 0, played.output
    assert played.changes == {}
    assert head(deployed.bare, 'production') == revision
    assert (last_job(deployed)['rev'], last_job(deployed)['jobStatus']) == (revision, 'Success')
    assert len(deployed.sandbox.states(PROJECT, STATE)) == versions + 1
    assert row(played, 'neat-network')[2] == revision[:8]
    assert row(played, 'neat-network')[-1] == 'deployed'


def test_a_failing_effect_is_reported_until_it_is_run_again(deployed: World) -> None:
    deployed.sandbox.fail_effects({'neat-network.run': 'app1> could not connect'})
    changed_network(deployed)
    for _run in (1, 2):
        failed = deployed.play(playbook='networks')
        assert failed.code == 2, failed.output
        assert failed.recap['neat-network']['failed'] == 1
        assert failed.recap['neat-staging']['ok'] == 0  # it has nothing to do
        assert 'The effect neat-network.run of job' in failed.output
        assert 'app1> could not connect' in failed.output
        assert (row(failed, 'neat-network')[-1], row(failed, 'neat-staging')[-1]) == ('failed', 'deployed')
    number = last_job(deployed)['index']
    deployed.sandbox.fail_effects({})
    predicted = deployed.play('--check', '-e', 'nixops_rerun_failed=true', playbook='networks')
    assert predicted.code == 0, predicted.output
    assert predicted.changes == {WATCH: ['neat-network']}
    assert last_job(deployed)['index'] == number
    again = deployed.play('-e', 'nixops_rerun_failed=true', playbook='networks')
    assert again.code == 0, again.output
    assert again.changes == predicted.changes
    assert last_job(deployed)['index'] > number
    assert row(again, 'neat-network')[-1] == 'deployed'


def test_a_try_is_not_called_a_deployment(deployed: World) -> None:
    versions = len(deployed.sandbox.states(PROJECT, STATE))
    tried = deployed.play('--limit', 'production', '-e', 'nixops_action=dry-run', playbook='networks')
    assert tried.code == 0, tried.output
    assert row(tried, 'neat-network')[-1] == 'tried'
    assert 'nixops_action is dry-run, for later pushes to this branch, too' in tried.output
    assert 'action = "dry-run"' in git(deployed.bare, 'show', 'production:ci.nix')
    assert len(deployed.sandbox.states(PROJECT, STATE)) == versions
    meant = deployed.play('--limit', 'production', playbook='networks')
    assert meant.code == 0, meant.output
    assert row(meant, 'neat-network')[-1] == 'deployed'
    assert 'dry-run' not in git(deployed.bare, 'show', 'production:ci.nix')
    assert len(deployed.sandbox.states(PROJECT, STATE)) == versions + 1


def test_a_refused_secret_fails_the_job_in_the_agents_own_words(deployed: World) -> None:
    """Behind the back of the inventory, which preflight would have refused."""
    paths = [deployed.agent_secrets(agent) for agent in ('agent-1', 'agent-2')]
    kept = [path.read_bytes() for path in paths]
    for path in paths:
        document = json.loads(path.read_text())
        document['neat-aws']['condition'] = {'isBranch': 'another'}
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        path.write_text(json.dumps(document))
    changed_network(deployed)
    played = deployed.play(playbook='networks')
    assert played.code == 2, played.output
    assert 'Secret neat-aws does not exist or access was denied' in played.output
    assert played.recap['neat-network']['failed'] == 1
    assert last_job(deployed)['jobStatus'] == 'Failure'
    for path, data in zip(paths, kept):
        path.write_bytes(data)


def test_a_network_that_does_not_evaluate(deployed: World) -> None:
    commit(deployed.bare, 'production', 'network.nix', '{ app1 = { ... }: { nonsense = oops; }; }\n')
    played = deployed.play(playbook='networks')
    assert played.code == 2, played.output
    assert 'does not evaluate' in played.output
    assert "undefined variable 'oops'" in played.output
    assert row(played, 'neat-network')[-1] == 'failed'
    assert row(played, 'neat-staging')[-1] == 'deployed'


def test_a_job_that_somebody_cancels(deployed: World) -> None:
    changed_network(deployed)
    deployed.sandbox.hold_effects()
    with deployed.playing(playbook='networks') as playing:
        playing.wait_for('Effects')
        cancel(deployed, waiting_job(deployed))
        played = playing.end()
    assert played.code == 2, played.output
    assert 'was cancelled' in played.output
    assert row(played, 'neat-network')[-1] == 'cancelled'
    assert row(played, 'neat-staging')[-1] == 'deployed'


@pytest.mark.slow
def test_a_job_that_does_not_end_in_time(deployed: World) -> None:
    changed_network(deployed)
    deployed.sandbox.hold_effects()
    played = deployed.play('-e', 'nixops_job_timeout=2', playbook='networks')
    assert played.code == 2, played.output
    assert 'did not end within 2 seconds' in played.output
    assert row(played, 'neat-network')[-2:] == ['timed', 'out']


@pytest.mark.slow
def test_the_service_goes_away_while_one_waits(deployed: World) -> None:
    changed_network(deployed)
    deployed.sandbox.hold_effects()
    with deployed.playing(playbook='networks') as playing:
        playing.wait_for('Effects')
        deployed.sandbox.hang_up()
        playing.wait_for('Hercules CI does not answer')
        deployed.sandbox.listen()
        deployed.sandbox.hold_effects(False)
        played = playing.end()
    assert played.code == 0, played.output
    assert row(played, 'neat-network')[-1] == 'deployed'


def test_back_to_an_old_state_and_deployed_with_it(deployed: World) -> None:
    before = deployed.sandbox.states(PROJECT, STATE)
    newest = len(before)
    asked = deployed.play('--limit', 'neat-network', playbook='rollback')
    assert asked.code == 2, asked.output
    assert '%s has the versions %s.' % (STATE, ', '.join(map(str, range(1, newest + 1)))) in ' '.join(asked.output.split())
    assert deployed.sandbox.states(PROJECT, STATE) == before

    versions = ('-e', 'nixops_state_version=1', '-e', 'nixops_state_replaced_version=%d' % newest)
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
    assert len(deployed.sandbox.states(PROJECT, STATE)) == newest + 2


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


def cancel(world: World, job: str) -> None:
    """What the button on the job's page does."""
    address = '%s/api/v1/jobs/%s/cancel' % (world.sandbox.url, job)
    request = urllib.request.Request(address, method='POST', headers={'Authorization': 'Bearer %s' % TOKEN})
    urllib.request.urlopen(request, timeout=30).close()


def waiting_job(world: World) -> str:
    """The id of the job that deploys production."""
    revision = head(world.bare, 'production')
    (job,) = (job for job in world.sandbox.jobs(PROJECT) if job['source']['revision'] == revision and job['jobType'] != 'Config')
    return str(job['id'])
