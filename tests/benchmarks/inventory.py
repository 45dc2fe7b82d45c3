# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hosts of a large NixOps database cost, in seconds of CPU: to parse an inventory file, and to run all of ansible-inventory.

Run from the repository's root: python -m tests.benchmarks.inventory [MACHINES]
It fails if parsing a file without constructed groups, each of which costs Ansible itself about 0.3 ms a host, takes too long.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader

from tests.benchmarks.state import make_database
from tests.support.collection import make_importable

PLUGIN = 'nixcd.hercules_ci.nixops'
LONGEST = 3.0
"""Seconds of CPU for 10,000 machines."""


def parse(file: Path, options: dict[str, Any]) -> tuple[int, float]:
    """How many hosts a file with these options has, and the seconds of CPU to find out."""
    file.write_text(json.dumps({'plugin': PLUGIN, **options}))
    plugin, inventory = inventory_loader.get(PLUGIN), InventoryData()
    started = time.process_time()
    plugin.parse(inventory, DataLoader(), str(file))
    taken = time.process_time() - started
    if plugin.get_option('cache'):
        plugin.update_cache_if_changed()
    return len(inventory.hosts), taken


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    make_importable()
    with tempfile.TemporaryDirectory() as scratch:
        database, file = Path(scratch) / 'state.nixops', Path(scratch) / 'nixops.yml'
        make_database(database, count)
        plain = {'database': str(database)}
        cached = {**plain, 'cache': True, 'cache_plugin': 'ansible.builtin.jsonfile', 'cache_connection': str(Path(scratch) / 'cache')}
        grouped = {**plain, 'keyed_groups': [{'key': 'nixops_machine.region', 'prefix': 'region'}]}
        taken = {}
        for name, options in {'to the cache': cached, 'from the cache': cached, 'a keyed group': grouped, 'plain': plain}.items():
            hosts, taken[name] = parse(file, options)
            print('%-18s %6d hosts %6.2f s' % (name, hosts, taken[name]))
        environment = {**os.environ, 'ANSIBLE_COLLECTIONS_PATH': sys.path[0], 'ANSIBLE_INVENTORY_ENABLED': PLUGIN}
        command = [str(Path(sys.executable).with_name('ansible-inventory')), '-i', str(file), '--list']
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        print('%-18s %19.2f s' % ('ansible-inventory', spent.ru_utime + spent.ru_stime))
    if taken['plain'] > LONGEST * count / 10_000:
        sys.exit('plain: more than %.1f s for each 10,000 machines' % LONGEST)


if __name__ == '__main__':
    main()
