# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From NixOps' database to a deployment by Hercules CI, with an inventory that the playbook adopt has written."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest
import yaml

from tests.support.world import PROJECT, World

FILES = {'aws-prod': ['network.nix', 'network-aws.nix'], 'webfarm': ['staging.nix']}


def as_the_checkout_has_them(database: Path, checkout: Path) -> None:
    """The deployments of the repository's networks alone, with its files."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute('pragma foreign_keys = on')
        named = "select deployment from DeploymentAttrs where name = 'name' and value in ('aws-prod', 'webfarm')"
        connection.execute('delete from Deployments where uuid not in (%s)' % named)
        for name, files in FILES.items():
            paths = json.dumps([str(checkout / file) for file in files])
            connection.execute("update DeploymentAttrs set value = ? where name = 'nixExprs' and deployment in "
                               "(select deployment from DeploymentAttrs where name = 'name' and value = ?)", (paths, name))
        connection.commit()


@pytest.mark.slow
def test_adopted_deployments_are_deployed_without_a_new_machine(world: World, tmp_path: Path) -> None:
    as_the_checkout_has_them(world.database, world.checkout)
    networks = world.inventory['nixops_networks']
    children = networks['children']
    answers = {'aws-prod': children['production']['hosts']['neat-network'], 'webfarm': children['staging']['hosts']['neat-staging']}
    del networks['children']
    file = tmp_path / 'adopted.yml'
    options = ('-e', json.dumps({
        'nixops_adopt_inventory': str(file), 'nixops_adopt_databases': [str(world.database)], 'nixops_adopt_project': PROJECT,
        'nixops_adopt_checkout': str(world.checkout), 'nixops_adopt_branches': ['production'],
    }))
    adopted = world.play(*options, playbook='adopt')
    assert adopted.code == 0, adopted.output
    networks['hosts'] = yaml.safe_load(file.read_text())['nixops_networks']['hosts']
    assert {name: host['nixops_network_files'] for name, host in networks['hosts'].items()} == FILES
    again = world.play(*options, playbook='adopt')
    assert (again.code, again.changes) == (0, {}), again.output
    for name, answer in answers.items():  # what nobody else knows
        kept = ('nixops_prebuild_only_network_files', 'nixops_secrets_map', 'nixops_user_setup_script')
        networks['hosts'][name].update({variable: answer[variable] for variable in kept if variable in answer})
    checked = world.play('--check')
    assert checked.code == 0, checked.output
    played = world.play()
    assert played.code == 0, played.output
    done = world.sandbox.deployed(PROJECT)
    machines = {item['resource'] for item in done if item['action'] == 'kept'}
    assert {'app1', 'app2', 'web1', 'web2', 'db1'} <= machines
    assert not [item for item in done if item['action'] == 'created' and item['resource'] in machines | {None}]
    assert (world.play().changes, world.play(*options, playbook='adopt').changes) == ({}, {})
