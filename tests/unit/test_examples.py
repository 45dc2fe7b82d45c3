# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples say what they should: how they are deployed is tested in tests/integration."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.nixcd.hercules_ci.plugins.filter.nixops_effects import nixops_effects
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.effect_file import plan
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.options import SPEC

from tests.support.examples import EXAMPLES, inventory
from tests.support.repository import make_repository


def rendered(checkout: Path) -> str | None:
    """The file that the role would write for the inventory."""
    shared = inventory()['nixops_networks']['vars']
    networks = [
        {**shared, **group['vars'], **variables, 'inventory_hostname': name}
        for group in inventory()['nixops_networks']['children'].values() for name, variables in group['hosts'].items()
    ]
    options = {
        'checkout': str(checkout), 'effects': nixops_effects(networks), 'project': networks[0]['nixops_project'],
        'inventory_hosts': [network['inventory_hostname'] for network in networks],
    }
    return plan(SPEC.validator().validate(options).validated_parameters).after


def test_ci_nix_is_what_the_role_writes(tmp_path: Path) -> None:
    make_repository(tmp_path / 'repository.git', tmp_path / 'neat-repo', ('production', 'staging'))
    assert (EXAMPLES / 'ci.nix').read_text() == rendered(tmp_path / 'neat-repo')
