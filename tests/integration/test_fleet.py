# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many networks of three projects on two forges, ten at a time."""

from __future__ import annotations

import re

import pytest

from tests.integration.test_jobs import WATCH, row
from tests.support.fleet import add_fleet, projects
from tests.support.marks import SLOW
from tests.support.repository import git
from tests.support.world import World

IN_BATCHES = '''\
- hosts: nixops_networks
  gather_facts: false
  serial: 1
  roles: [nixcd.hercules_ci.nixops]
'''
UPLOAD = 'nixcd.hercules_ci.nixops : Upload the state where Hercules CI has none'
TELL = 'nixcd.hercules_ci.nixops : Tell networks what another one has changed for them'
WRITE = 'nixcd.hercules_ci.nixops : Write the file that declares the deployments'


def test_one_network_after_the_other_in_a_play_of_ones_own(world: World) -> None:
    """What the role has registered in the first batch is not in the way of the second."""
    (world.folder / 'batches.yml').write_text(IN_BATCHES)
    played = world.play('--skip-tags', 'watch', playbook=str(world.folder / 'batches.yml'))
    assert played.code == 0, played.output
    for network in ('neat-network', 'neat-staging'):
        assert re.search(r'^  %s .* pushed$' % network, played.output, re.MULTILINE)
    assert sorted(played.changes[UPLOAD]) == ['neat-network', 'neat-staging']


@pytest.mark.parametrize('networks', [SLOW(9), SLOW(30)])
def test_many_networks_of_three_projects(world: World, networks: int) -> None:
    names = projects(3)
    fleet = add_fleet(world, names, networks)
    last = 'net-%03d' % (networks - 1)
    world.sandbox.fail_effects({'net-004.run': 'no more room'})
    first = world.play('--forks', '10', playbook='networks')
    assert first.code == 2, first.output
    assert [host for host, counts in first.recap.items() if counts['failed']] == ['net-004']
    assert 'no more room' in first.output
    assert (row(first, 'net-004')[-1], row(first, last)[-1]) == ('failed', 'deployed')
    assert sum(1 for line in first.output.splitlines() if line.endswith('deployed') and line.startswith('  net-')) == networks - 1
    assert len(first.changes[WRITE]) == 3
    assert len(first.changes[UPLOAD]) == networks
    for project in (project for project in world.sandbox.summary()['projects'] if project['path'] in fleet):
        assert [job['jobType'] for job in project['jobs']] == ['Config', 'Legacy']
        effects = sorted(effect['attribute'] for effect in project['jobs'][1]['effects'])
        assert effects == ['%s.run' % host for host in fleet[project['path']]]
        assert len([name for name in project['states'] if name.endswith('.json')]) == networks / 3
        assert git(world.folder / ('%s.git' % project['path'].rsplit('/', 1)[1]), 'rev-list', '--count', 'main..production') == '1'

    world.sandbox.fail_effects({})
    again = world.play('--forks', '10', '-e', 'nixops_rerun_failed=true', playbook='networks')
    assert again.code == 0, again.output
    assert list(again.changes) == [WATCH, TELL]
