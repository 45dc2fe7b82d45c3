# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many networks of several projects on two forges, for tests and for the benchmark."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from tests.support.repository import make_repository
from tests.support.world import World


def projects(number: int) -> list[str]:
    """Names of projects, on GitHub and GitLab in turn."""
    return ['%s/neat-org/fleet-%d' % (('github', 'gitlab')[index % 2], index) for index in range(number)]


def add_fleet(world: World, names: list[str], networks: int) -> dict[str, list[str]]:
    """Add projects with so many networks in all, which share a branch and a checkout by project; host names by project.

    Each network is a deployment of NixOps' database that has no machine yet.
    """
    hosts: dict[str, Any] = {}
    found: dict[str, list[str]] = {name: [] for name in names}
    for name in names:
        repository = name.rsplit('/', 1)[1]
        make_repository(world.folder / ('%s.git' % repository), world.folder / repository, ('production',))
        world.sandbox.add_project(name, world.folder / ('%s.git' % repository))
    for index in range(networks):
        name, host = names[index % len(names)], 'net-%03d' % index
        found[name].append(host)
        hosts[host] = {
            'nixops_project': name, 'nixops_checkout': str(world.folder / name.rsplit('/', 1)[1]), 'nixops_branches': ['production'],
            'nixops_deployment': host, 'nixops_network_files': ['staging.nix'],
        }
    add_deployments(world.database, list(hosts))
    world.inventory['nixops_networks']['children'] = {'fleet': {'hosts': hosts}}
    return found


def add_deployments(database: Path, names: list[str]) -> None:
    """Deployments as NixOps makes them with `create`."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        for number, name in enumerate(names):
            uuid = 'eeeeeeee-1700-11e7-8000-%012d' % number
            connection.execute('insert into Deployments(uuid) values (?)', (uuid,))
            attributes = {'name': name, 'nixExprs': '["/srv/net/%s.nix"]' % name}
            connection.executemany('insert into DeploymentAttrs(deployment, name, value) values (?, ?, ?)',
                                   [(uuid, *attribute) for attribute in attributes.items()])
        connection.commit()
