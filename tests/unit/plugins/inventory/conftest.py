# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inventory files, parsed as Ansible does it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader

from tests.support.surroundings import FIXTURES

PLUGIN = 'nixcd.hercules_ci.nixops'
NIXOPS = FIXTURES / 'nixops'
UUID = 'bbbbbbbb-0000-11ee-8000-000000000002'


@pytest.fixture
def database(tmp_path: Path) -> Callable[[str], str]:
    """database('1.7') copies the database that this NixOps wrote."""
    return lambda version: str(shutil.copy(NIXOPS / ('nixops-%s' % version) / 'deployments.nixops', tmp_path))


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., str]:
    """export(web1={'publicIpv4': '…'}) writes the export of a deployment with these machines, by default of the type none."""

    def write(**machines: dict[str, str]) -> str:
        resources = {name: {'type': 'none', **attributes} for name, attributes in machines.items()}
        path = tmp_path / 'export.json'
        path.write_text(json.dumps({UUID: {'name': 'webfarm', 'resources': resources}}))
        return str(path)

    return write


@pytest.fixture
def cached(tmp_path: Path) -> dict[str, Any]:
    return {
        'cache': True, 'cache_plugin': 'ansible.builtin.jsonfile', 'cache_connection': str(tmp_path / 'cache'), 'cache_timeout': 60,
    }


@pytest.fixture
def parse(tmp_path: Path) -> Callable[..., InventoryData]:
    """parse(database=…) is the inventory of a file with these options. refresh: as `meta: refresh_inventory` has it read.

    beside: what other files have brought already.
    """

    def parsed(*, refresh: bool = False, beside: InventoryData | None = None, **options: Any) -> InventoryData:
        path = tmp_path / 'nixops.yml'
        path.write_text(json.dumps({'plugin': PLUGIN, **options}))
        plugin, inventory = inventory_loader.get(PLUGIN), beside or InventoryData()
        hosts, groups = set(inventory.hosts), set(inventory.groups)
        assert plugin.verify_file(str(path))
        try:
            plugin.parse(inventory, DataLoader(), str(path), cache=not refresh)
        except Exception:
            left = (set(inventory.hosts), set(inventory.groups))
            assert left == (hosts, groups), 'a file that cannot be used must not leave half of its hosts'
            raise
        if options.get('cache'):
            plugin.update_cache_if_changed()
        inventory.reconcile_inventory()
        return inventory

    return parsed
