# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of the guides, as they stand there, given one after the other where the example is deployed.

Those of the README are in test_readme.py.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.repository import git
from tests.support.world import PROJECT, World
from tests.unit.documentation.blocks import blocks

PLAYBOOK, AD_HOC = 'ansible-playbook -i inventory nixcd.hercules_ci.', 'ansible hercules_agents -i inventory --become -m nixcd.hercules_ci.'
STATE = 'nixops-aws-prod.json'
# In an order that makes sense, with a number: then somebody else stores the state so often that it has that version.
GIVEN: tuple[str | int, ...] = (
    PLAYBOOK + 'plan',
    PLAYBOOK + 'site --check --diff',
    PLAYBOOK + 'site',
    PLAYBOOK + 'networks --tags prebuild --check',
    PLAYBOOK + 'agents --diff',
    PLAYBOOK + 'plan --limit neat-network',
    AD_HOC + 'hci_secret_info',
    "ansible localhost -m ansible.builtin.debug -a \"msg={{ [] | nixcd.hercules_ci.aws_policy(users=['neat-deployer']) }}\"",
    PLAYBOOK + 'rotate',
    PLAYBOOK + 'rotate -e nixops_rotate_now=true',
    10,
    PLAYBOOK + 'backup -e nixops_backup_folder=/var/backups/nixops',
    12,
    PLAYBOOK + 'restore --check -e nixops_backup_folder=/var/backups/nixops',
    PLAYBOOK + 'restore --limit neat-network -e nixops_backup_folder=/var/backups/nixops -e nixops_restore_version=10 '
    '-e nixops_restore_existing=replace -e nixops_restore_replaced_version=12',
    PLAYBOOK + 'rollback --limit neat-network -e nixops_state_version=6',
    PLAYBOOK + 'rerun --limit neat-network',
    PLAYBOOK + 'cancel --limit neat-network',
)
ELSEWHERE = {
    AD_HOC + "hci_secret -a 'name=old-aws state=absent'": "writes to the agent's own file: the target hci_secret",
    'ansible-playbook -i inventory --ask-vault-pass nixcd.hercules_ci.site': 'asks at the terminal; the README has a vault, too',
    'ansible-vault create inventory/group_vars/hercules_agents/vault.yml': 'opens an editor; the README has such a file encrypted',
    PLAYBOOK + 'adopt -e nixops_adopt_inventory=inventory/hosts.yml -e nixops_adopt_project=github/neat-org/neat-repo '
    '-e nixops_adopt_checkout=/srv/neat-repo -e nixops_adopt_ci_nix=true': 'of what somebody has written by hand: test_adopt.py',
    'ansible-inventory -i inventory --graph': 'of machines: test_inventory.py',
    "ansible -i inventory running -m ansible.builtin.raw -a 'systemctl --failed'": 'logs in to machines, which are not here',
    'ansible-builder build -t nixops-deploy': 'builds an image; the gate execution-environment has the file read by ansible-builder',
    'ansible-navigator run nixcd.hercules_ci.site': 'is not among the tools of tests',
    'ansible-runner run /tmp/runner --inventory $PWD/inventory -p nixcd.hercules_ci.site': 'by its Python interface: test_runner.py',
}


def documented() -> set[str]:
    """All that begin with a program of Ansible's, in guides."""
    found = [line for block in blocks() if block.language == 'console' and block.file.startswith('docs/')
             for line in block.text.replace('\\\n', ' ').splitlines()]
    return {shlex.join(shlex.split(line[2:], comments=True)) for line in found if line.startswith('$ ansible')}


def spelled(commands: Iterable[str | int]) -> set[str]:
    return {shlex.join(shlex.split(command)) for command in commands if isinstance(command, str)}


def test_each_command_is_given_or_it_is_known_where_else() -> None:
    assert documented() == spelled(GIVEN) | spelled(ELSEWHERE)


def versions(world: World) -> int:
    return len(world.sandbox.states(PROJECT, STATE))


@pytest.mark.slow
def test_the_commands_of_guides(world: World, tmp_path: Path) -> None:
    """Without --become: the agents of this world belong to whoever runs the tests. Backups go to a folder of the test's."""
    world.write_inventory().rename(world.folder / 'inventory')
    for given in GIVEN:
        if isinstance(given, int):
            while versions(world) < given:
                world.sandbox.put_state(PROJECT, STATE, world.sandbox.states(PROJECT, STATE)[-1])
            continue
        command = given.replace(' --become', '').replace('/var/backups/nixops', str(tmp_path / 'backups'))
        ran = subprocess.run(['bash', '-c', command], cwd=world.folder, env=world.environment(), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert ran.returncode == 0, '%s\n%s' % (given, ran.stdout)
    assert world.sandbox.states(PROJECT, STATE)[-2] == world.sandbox.states(PROJECT, STATE)[5]
    git(world.checkout, 'fetch', '--quiet')
    git(world.checkout, 'switch', '--quiet', 'production')
    for command in ('git revert --no-edit HEAD', 'git push origin HEAD:production'):
        git(world.checkout, *shlex.split(command)[1:])
