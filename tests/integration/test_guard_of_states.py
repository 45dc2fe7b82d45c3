# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""States and their names with which machines would be made anew or a state be lost, each tried once by way of ansible-playbook."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from tests.integration.test_guard import EXPORT, MADE_ANEW, ONLY_PRODUCTION, STATE, UUID, done, production, refused
from tests.integration.test_jobs import row
from tests.support.repository import commit, git, make_repository
from tests.support.world import PROJECT, World

pytestmark = pytest.mark.slow
NIXOPS_2 = '''{
  network.storage.hercules-ci.stateName = "elsewhere.json";
  network.lock.hercules-ci.stateName = "elsewhere.json";
  app1.deployment.targetEnv = "ec2";
  app2.deployment.targetEnv = "ec2";
}
'''


def without(machine: str, export: bytes = EXPORT) -> bytes:
    """The state without one of its machines."""
    document = json.loads(export)
    del document[UUID]['resources'][machine]
    return json.dumps(document).encode()


def forget_name(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("delete from DeploymentAttrs where name = 'name' and deployment = ?", (UUID,))
        connection.commit()


def test_a_deployment_without_a_name(world: World) -> None:
    forget_name(world.database)
    production(world)['nixops_deployment'] = 'cccccccc'
    played = world.play(*ONLY_PRODUCTION)
    assert played.code == 0, played.output
    assert (done(world, 'created'), done(world, 'kept')) == (set(), {'app1', 'app2'})


def test_a_file_of_yesterday(world: World) -> None:
    """What is pushed is what the inventory says, and not what an earlier run has written."""
    assert world.play('--tags', 'agents,state,ci_nix').code == 0
    for variables in ({'nixops_state_name': 'renamed.json'}, {'nixops_deployment': UUID}):
        inventory = dict(production(world))
        production(world).update(variables)
        assert MADE_ANEW in refused(world, '--tags', 'push', *ONLY_PRODUCTION).output
        production(world).clear()
        production(world).update(inventory)


@pytest.mark.parametrize('tags', [('--tags', 'agents,watch'), ('--skip-tags', 'state,push')])
def test_a_job_that_would_be_run_again_without_its_state(world: World, tags: tuple[str, ...]) -> None:
    """Somebody has pushed the file by hand, and the effects failed as the agents had no secrets."""
    assert world.play('--tags', 'ci_nix', playbook='networks').code == 0
    commit(world.bare, 'production', 'ci.nix', (world.checkout / 'ci.nix').read_text())
    git(world.bare, 'push', '--quiet', '.', 'production:staging')
    world.sandbox.wait_until_idle()
    world.inventory['nixops_networks']['vars']['nixops_rerun_failed'] = True
    assert MADE_ANEW in refused(world, *tags, playbook='site').output


@pytest.mark.parametrize('way', ['database', 'state file', 'command line', 'command line, database of everybody'])
def test_a_network_that_is_said_to_be_new(world: World, way: str) -> None:
    if way == 'state file':
        world.sandbox.put_state(PROJECT, 'nixops-old.json', EXPORT)
        production(world)['nixops_database'] = str(world.folder / 'none')
    if not way.startswith('command line'):
        production(world)['nixops_state'] = 'new'
    arguments = ('-e', 'nixops_state=new') if way.startswith('command line') else ()
    limit = () if way.endswith('everybody') else ONLY_PRODUCTION
    assert 'nixops_state: new would make them a second time' in refused(world, *limit, *arguments).output


def test_a_machine_that_is_only_here(world: World) -> None:
    world.sandbox.put_state(PROJECT, STATE, without('app2'))
    assert 'app2' in refused(world, *ONLY_PRODUCTION).output
    assert 'app2' in refused(world, *ONLY_PRODUCTION, '--check').output


def test_a_version_by_hand_that_knows_more_is_not_replaced(world: World) -> None:
    document = json.loads(EXPORT)
    document[UUID]['resources']['app3'] = document[UUID]['resources']['app2']
    by_hand = json.dumps(document).encode()
    world.sandbox.put_state(PROJECT, STATE, by_hand)
    production(world)['nixops_state_existing'] = 'replace'
    assert 'app3' in refused(world, *ONLY_PRODUCTION).output
    assert world.sandbox.states(PROJECT, STATE) == [by_hand]


def test_a_version_to_replace_is_not_named_for_all(world: World) -> None:
    played = refused(world, '-e', 'nixops_state_replaced_version=1')
    assert 'nixops_state_replaced_version' in played.output
    assert not world.sandbox.states(PROJECT, STATE)


def test_a_state_that_was_renamed_and_went_on_elsewhere(world: World) -> None:
    """The old name, the database and NixOps' own name are all older than what Hercules CI has."""
    assert world.play(*ONLY_PRODUCTION).code == 0
    assert done(world, 'kept') == {'app1', 'app2'}
    for variables in ({'nixops_state_name': 'renamed.json'}, {'nixops_deployment': UUID}):
        inventory = dict(production(world))
        production(world).update(variables)
        assert 'in another file' in refused(world, *ONLY_PRODUCTION).output
        production(world).clear()
        production(world).update(inventory)


def test_the_same_deployment_in_another_project(world: World) -> None:
    other = 'github/neat-org/other'
    make_repository(world.folder / 'other.git', world.folder / 'other', ('production',))
    world.sandbox.add_project(other, world.folder / 'other.git')
    world.sandbox.put_state(other, 'theirs.json', without('app2'))
    elsewhere = {**production(world), 'nixops_project': other, 'nixops_checkout': str(world.folder / 'other'), 'nixops_state': 'present',
                 'nixops_state_name': 'theirs.json'}
    world.inventory['nixops_networks']['children']['production']['hosts']['other'] = elsewhere
    assert 'theirs.json' in refused(world, *ONLY_PRODUCTION).output


def test_after_a_rollback_the_table_says_so_and_it_can_be_deployed_again(world: World) -> None:
    assert world.play(*ONLY_PRODUCTION).code == 0
    world.sandbox.put_state(PROJECT, STATE, world.sandbox.states(PROJECT, STATE)[0])
    jobs = len(world.sandbox.deployed(PROJECT))
    played = world.play(*ONLY_PRODUCTION)
    assert played.code == 0, played.output
    assert 'rolled back' in ' '.join(row(played, 'neat-network'))
    assert len(world.sandbox.deployed(PROJECT)) == jobs
    world.inventory['nixops_networks']['vars']['nixops_rerun_failed'] = True
    again = world.play(*ONLY_PRODUCTION)
    assert again.code == 0, again.output
    assert row(again, 'neat-network')[-1] == 'deployed'
    assert len(world.sandbox.deployed(PROJECT)) > jobs
    assert not done(world, 'created')


def test_a_network_of_nixops_2_that_names_another_state(world: World) -> None:
    for branch in ('main', 'production'):
        commit(world.bare, branch, 'nixops.nix', NIXOPS_2)
    git(world.checkout, 'pull', '--quiet', 'origin', 'main')
    production(world).update(nixops_function='runNixOps2', nixops_network_files=['nixops.nix'], nixops_prebuild_only_network_files=[])
    played = refused(world, *ONLY_PRODUCTION)
    assert 'The effect reads another state than the one that the inventory names' in played.output
    assert 'elsewhere.json' in played.output
