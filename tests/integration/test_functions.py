# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks of several functions of hercules-ci-effects, in two projects: NixOps beside a NixOS machine, Docker Compose and a branch."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from tests.integration.test_jobs import row
from tests.support.functions import FILES, MORE, WEB, add
from tests.support.marks import SLOW
from tests.support.repository import make_repository
from tests.support.world import PROJECT, World

OTHER = 'github/neat-org/other-repo'
FLEET = '{ network.storage.hercules-ci.stateName = "fleet.nixops"; web.deployment.targetEnv = "none"; }\n'


def mixed(world: World) -> dict[str, Any]:
    """The world with more networks; the hosts of its branch production."""
    add(world.checkout, FILES, 'production', 'staging')
    networks = world.inventory['nixops_networks']
    production = networks['children']['production']
    hosts: dict[str, Any] = production['hosts']
    # What a group says for its networks of NixOps is no slip of the others.
    production['vars'].update(nixops_action='switch', nixops_state_name='nixops-{{ nixops_deployment }}.json', nixops_deployment='aws-prod')
    hosts.update(copy.deepcopy(MORE))
    bare, checkout = world.folder / 'other.git', world.folder / 'other-repo'
    make_repository(bare, checkout, ())
    add(checkout, {'nixops.nix': FLEET})
    world.sandbox.add_project(OTHER, bare)
    networks['children']['other'] = {
        'vars': {'nixops_branches': ['main'], 'nixops_project': OTHER, 'nixops_checkout': str(checkout)},
        'hosts': {'fleet': {'nixops_function': 'runNixOps2', 'nixops_deployment': 'fleet', 'nixops_state': 'new',
                            'nixops_state_name': 'fleet.nixops', 'nixops_network_files': ['nixops.nix']}},
    }
    return hosts


def effects(world: World, project: str) -> dict[str, str]:
    """The effects that ran, and how they ended."""
    found = next(each for each in world.sandbox.summary()['projects'] if each['path'] == project)
    return {effect['attribute']: effect['status'] for job in found['jobs'] for effect in job.get('effects', ())}


@pytest.mark.parametrize('form', ['auto', SLOW('herculesCI')])
def test_networks_of_several_functions(world: World, form: str) -> None:
    mixed(world)
    world.inventory['nixops_networks']['vars']['nixops_form'] = form
    first = world.play()
    assert first.code == 0, first.output
    assert re.search(r'Runs runNixOS at root@web\.example\.net: /\S+-nixos-system-web-', first.output)
    assert 'Runs gitWriteBranch.' in first.output
    assert first.changes['nixcd.hercules_ci.nixops : Upload the state where Hercules CI has none'] == ['neat-network', 'neat-staging']
    ran = {**effects(world, OTHER), **effects(world, PROJECT)}
    assert {attribute.partition('effects.')[2] or attribute for attribute in ran} == {
        '%s%s' % (name, '.run') for name in ('fleet', 'neat-network', 'neat-staging', 'web', 'services', 'pages')}
    assert set(ran.values()) == {'Successful'}
    second = world.play()
    assert second.code == 0, second.output
    assert second.changes == {}


def plan_of_web(world: World) -> str:
    """What the playbook plan says of the machine."""
    shown = world.play('--limit', 'web', playbook='plan')
    assert shown.code == 0, shown.output
    (line,) = re.findall(r'Runs runNixOS at \S+: \S+-nixos-system-web\S*\. (.+)', shown.output)
    return str(line)


def test_the_plan_says_whether_a_machine_changes(world: World) -> None:
    """Against what its last job has deployed: before any, after that, with another configuration, and after a job that failed."""
    add(world.checkout, {**FILES, 'new.nix': FILES['web.nix'].replace('"web"', '"web2"')}, 'production')
    networks = world.inventory['nixops_networks']['children']
    networks['production']['hosts'] = {'web': WEB}
    del networks['staging']
    del world.inventory['hercules_agents']['vars']['nixops_agent_secrets']['neat-aws']
    assert plan_of_web(world) == 'Whether that changes anything is not known: no job has deployed it yet.'
    first = world.play()
    assert first.code == 0, first.output
    assert row(first, 'web')[-4:] == ['+0', '~?', '-0', 'deployed']
    assert plan_of_web(world) == 'No change: job 4 has deployed the same.'
    networks['production']['hosts']['web'] = {**WEB, 'nixops_configuration': 'new.nix', 'nixops_effect_script': 'exit 1'}
    assert plan_of_web(world) == 'Changed: job 4 has deployed another one.'
    failed = world.play()
    assert 'Changed: job 4 has deployed another one.' in failed.output
    assert row(failed, 'web')[-4:] == ['+0', '~1', '-0', 'failed']
    assert plan_of_web(world) == 'Whether that changes anything is not known: job 6, which was the last to deploy it, did not end well.'
