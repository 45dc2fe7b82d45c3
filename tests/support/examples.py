# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples, which are what the demo and the tests deploy."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.surroundings import ROOT

EXAMPLES = ROOT / 'examples'


def repository_files(name: str = 'neat-repo') -> dict[str, str]:
    """The files of a repository, by name."""
    return {path.name: path.read_text() for path in sorted((EXAMPLES / name).iterdir())}


def inventory() -> dict[str, Any]:
    """The inventory of the first project as one document: what is in group_vars stands with the groups."""
    folder = EXAMPLES / 'fleet' / 'inventory'
    groups: dict[str, Any] = yaml.safe_load((folder / 'hosts.yml').read_text())
    for path in sorted((folder / 'group_vars').rglob('*.yml')):
        group = path.relative_to(folder / 'group_vars').parts[0].removesuffix('.yml')
        groups[group].setdefault('vars', {}).update(yaml.safe_load(path.read_text()))
    return groups


def second_project() -> dict[str, dict[str, Any]]:
    """The hosts of the second project, all of production; they are in a file of their own."""
    groups = yaml.safe_load((EXAMPLES / 'fleet' / 'inventory' / 'wiki.yml').read_text())['nixops_networks']['children']
    hosts: dict[str, dict[str, Any]] = groups['production']['hosts']
    return hosts


def secrets(variables: dict[str, Any]) -> dict[str, Any]:
    """The agents' secrets as they are when the vault is open. variables: those of the group."""
    return {
        name: {'data': {field: variables[template.strip('{} ')] for field, template in secret['data'].items()}}
        for name, secret in variables['nixops_agent_secrets'].items()
    }
