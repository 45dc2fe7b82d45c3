# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin as people call it: by ansible-inventory, from the installed collection, with each of its own examples."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.sandbox.server import Sandbox
from tests.support.surroundings import FIXTURES

TOOLS = Path(sys.executable).parent
NIXOPS_2 = FIXTURES / 'nixops' / 'nixops-2.x'


@pytest.fixture
def environment(tmp_path: Path, collections: Path) -> dict[str, str]:
    """An environment in which NixOps' database is that of the fixtures."""
    (tmp_path / '.nixops').mkdir()
    shutil.copy(NIXOPS_2 / 'deployments.nixops', tmp_path / '.nixops')
    kept = {name: value for name, value in os.environ.items() if not name.startswith(('ANSIBLE_', 'NIXOPS_', 'CHARON_', 'HERCULES_CI_'))}
    return {
        **kept, 'HOME': str(tmp_path), 'ANSIBLE_COLLECTIONS_PATH': str(collections), 'ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED': 'true',
        'ANSIBLE_INVENTORY_ENABLED': 'nixcd.hercules_ci.nixops',
    }


def call(tool: str, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(TOOLS / tool), *arguments], env=environment, capture_output=True, text=True, check=False)


def test_the_examples_are_inventories(tmp_path: Path, environment: dict[str, str]) -> None:
    described = call('ansible-doc', '-t', 'inventory', '--json', 'nixcd.hercules_ci.nixops', environment=environment)
    examples = list(yaml.safe_load_all(json.loads(described.stdout)['nixcd.hercules_ci.nixops']['examples']))
    hosts, groups = [], set()
    with Sandbox(tmp_path / 'sandbox', token='a-token') as sandbox:
        sandbox.add_project(examples[1]['project'])
        sandbox.put_state(examples[1]['project'], 'nixops-%s.json' % examples[1]['deployment'], renamed(examples[1]['deployment']))
        environment.update(HERCULES_CI_API_BASE_URL=sandbox.url, HERCULES_CI_API_TOKEN='a-token')
        for example in examples:
            if 'database' in example:
                example['database'] = str(tmp_path / '.nixops' / 'deployments.nixops')
            file = tmp_path / 'example.nixops.yml'
            file.write_text(yaml.safe_dump(example))
            listed = call('ansible-inventory', '-i', str(file), '--list', environment=environment)
            assert listed.returncode == 0, listed.stderr
            assert 'WARNING' not in listed.stderr
            content = json.loads(listed.stdout)
            hosts.append(len(content['_meta']['hostvars']))
            groups |= set(content)
    assert hosts == [9, 4, 9, 9]
    assert {'running', 'region_eu_west_1', 'region_none', 'deployment_webfarm'} <= groups


def renamed(deployment: str) -> bytes:
    return (NIXOPS_2 / 'export-aws-prod.json').read_bytes().replace(b'"name": "aws-prod"', b'"name": "%s"' % deployment.encode())


def test_a_failure_is_one(tmp_path: Path, environment: dict[str, str]) -> None:
    file = tmp_path / 'nixops.yml'
    file.write_text('plugin: nixcd.hercules_ci.nixops\ndeployment: fo\n')
    listed = call('ansible-inventory', '-i', str(file), '--list', environment=environment)
    assert listed.returncode != 0
    assert "There is no deployment 'fo'." in ' '.join(listed.stderr.split())  # ansible-core before 2.19 wraps lines
    assert 'Traceback' not in listed.stderr
