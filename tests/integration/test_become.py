# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every action plugin as whoever a task becomes, on a machine that is reached over SSH. It needs root here, to boot that machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.surroundings import ROOT

HOSTS_SH = ROOT / 'tests' / 'hosts' / 'hosts.sh'
USERS = """set -e
useradd --create-home somebody; useradd --create-home agent
printf '%s\\n' root:word somebody:word agent:word | chpasswd
echo 'somebody ALL=(ALL) ALL' > /etc/sudoers.d/somebody
install -d -o somebody -m 700 /home/somebody/.ssh; install -o somebody -m 600 /root/.ssh/authorized_keys /home/somebody/.ssh/authorized_keys
"""
PASSWORD = {'ansible_become_password': 'word'}
SUDO, SU = ({'ansible_become': True, 'ansible_become_method': method} for method in ('sudo', 'su'))
SOMEBODY = {'ansible_user': 'somebody'}
WAYS: dict[str, dict[str, Any]] = {
    'root': {}, 'somebody': SOMEBODY,
    'sudo': {**SOMEBODY, **SUDO, **PASSWORD}, 'sudo-agent': {**SOMEBODY, **SUDO, **PASSWORD, 'ansible_become_user': 'agent'},
    'su': {**SOMEBODY, **SU, **PASSWORD}, 'root-sudo-agent': {**SUDO, 'ansible_become_user': 'agent'},
    'pipelining': {**SOMEBODY, **SUDO, **PASSWORD, 'ansible_pipelining': True}, 'delegated': {'ansible_connection': 'local'},
}
OWNERS = {'somebody': 'somebody', 'sudo-agent': 'agent', 'root-sudo-agent': 'agent'}
REFUSED: dict[str, dict[str, Any]] = {
    'su-agent': {**SOMEBODY, **SU, **PASSWORD, 'ansible_become_user': 'agent'}, 'root-su-agent': {**SU, 'ansible_become_user': 'agent'},
}
NAME = 'nixcd.hercules_ci.'
PRIVATE: list[dict[str, Any]] = [
    {NAME + 'hci_secret': {'path': '{{ folder }}/secrets.json', 'name': 'a', 'data': {'x': 'CANARY'}, 'condition': True}},
    {NAME + 'hci_agent': {'path': '{{ folder }}', 'cluster_join_token': 'CANARY'}},
]
# Each finds fault with its options on the machine, without asking Hercules CI for anything.
TOKEN = {'api_token': 'CANARY', 'project': 'no-project'}
MODULES: list[dict[str, Any]] = [
    {NAME + 'hci_effect': {**TOKEN, 'checkout': '/', 'command': 'list'}}, {NAME + 'hci_job': {**TOKEN, 'branch': 'main'}},
    {NAME + 'hci_job_info': TOKEN}, {NAME + 'nixops_state_info': TOKEN}, {NAME + 'nixops_state': {**TOKEN, 'deployment': 'a'}},
    {NAME + 'nixops_state_fetch': {**TOKEN, 'name': 'a', 'path': '/nowhere'}},
]
HERE: list[dict[str, Any]] = [
    {NAME + 'nixops_report': {'networks': []}}, {NAME + 'nixops_report': {'projects': {}}},
    {NAME + 'nixops_preflight': {}, 'register': 'checked', 'failed_when': '"There is no network in the inventory" not in checked.msg'},
]
FINDS_FAULT = {'register': 'asked', 'failed_when': '"no-project" not in asked.msg or "problems" not in asked'}
IS_REFUSED = {'register': 'asked', 'failed_when': '"Use become_method: sudo, or become root" not in asked.msg'}


class Machine:
    """A booted machine, at the end of an SSH connection."""

    def __init__(self, folder: Path) -> None:
        self.inventory = yaml.safe_load((folder / 'inventory.yml').read_text())['all']
        self.address = self.inventory['hosts']['agent']['ansible_host']
        self.ssh = ['ssh', '-i', str(folder / 'id'), '-o', 'UserKnownHostsFile=%s' % (folder / 'known_hosts'), 'root@%s' % self.address]

    def run(self, command: str) -> str:
        """What a command of root's prints."""
        return subprocess.run([*self.ssh, command], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout


@pytest.fixture(scope='module')
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp('hosts') / 'hosts'
    obstacle = subprocess.run([HOSTS_SH, 'possible', folder], check=False, capture_output=True, text=True)
    if obstacle.returncode:  # machines are booted by root only, and not in every container
        pytest.skip(obstacle.stdout.strip() or obstacle.stderr.strip())
    try:
        subprocess.run([HOSTS_SH, 'up', folder, 'agent'], check=True)
        made = Machine(folder)
        made.run(USERS)
        yield made
    finally:
        subprocess.run([HOSTS_SH, 'down', folder], check=True)


def play(machine: Machine, folder: Path, collections: Path, ways: dict[str, dict[str, Any]], tasks: list[dict[str, Any]]) -> str:
    """Run the tasks in all these ways at once; what is printed."""
    where = {'ansible_host': machine.address, 'folder': '/srv/{{ inventory_hostname }}'}
    hosts = {name: {**where, **variables} for name, variables in ways.items()}
    target = {**machine.inventory['hosts']['agent'], 'ansible_connection': 'ssh'}
    inventory = {'all': {'vars': machine.inventory['vars'], 'children': {'ways': {'hosts': hosts}}, 'hosts': {'target': target}}}
    if 'delegated' in hosts:
        del hosts['delegated']['ansible_host']
    (folder / 'inventory.yml').write_text(yaml.safe_dump(inventory))
    tasks = [{'delegate_to': '{{ "target" if inventory_hostname == "delegated" else inventory_hostname }}', **task} for task in tasks]
    (folder / 'play.yml').write_text(yaml.safe_dump([{'hosts': 'ways', 'gather_facts': False, 'tasks': tasks}], sort_keys=False))
    command = [str(Path(sys.executable).parent / 'ansible-playbook'), '-i', 'inventory.yml', 'play.yml', '-vvv']
    with tempfile.TemporaryDirectory() as sockets:  # a socket's path has about a hundred bytes, and tmp_path may be longer
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith('ANSIBLE_')},
            'ANSIBLE_COLLECTIONS_PATH': str(collections), 'HOME': str(folder), 'ANSIBLE_FORKS': '4', 'ANSIBLE_LOCAL_TEMP': '/tmp/.ansible',
            'ANSIBLE_SSH_CONTROL_PATH_DIR': sockets,
        }
        done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    return done.stdout


def test_it_works_as_whomever_it_becomes(machine: Machine, tmp_path: Path, collections: Path) -> None:
    machine.run('for way in %s; do install -d -m 777 "/srv/$way"; done' % ' '.join(WAYS))
    machine.run('for way in %s; do chown "${way#*:}:" "/srv/${way%%:*}"; done' % ' '.join('%s:%s' % owner for owner in OWNERS.items()))
    printed = play(machine, tmp_path, collections, WAYS, [*PRIVATE, *({**task, **FINDS_FAULT} for task in MODULES), *HERE])
    recap = printed.partition('PLAY RECAP')[2]
    assert recap.count('changed=2 ') == len(WAYS) and recap.count('ok=%d ' % (len(PRIVATE) + len(MODULES) + len(HERE))) == len(WAYS)
    assert 'CANARY' not in printed
    for way in WAYS:
        assert json.loads(machine.run('cat /srv/%s/secrets.json' % way))['a']['data'] == {'x': 'CANARY'}
        assert machine.run('cat /srv/%s/cluster-join-token.key' % way) == 'CANARY\n'
        assert machine.run('stat --format "%%U %%a" /srv/%s/secrets.json' % way).split() == [OWNERS.get(way, 'root'), '400']
    assert not machine.run('find / -xdev -name "AnsiballZ_*"')


def test_it_becomes_nobody_by_way_of_a_file_that_others_may_read(machine: Machine, tmp_path: Path, collections: Path) -> None:
    printed = play(machine, tmp_path, collections, REFUSED, [{**task, **IS_REFUSED} for task in PRIVATE + MODULES])
    assert printed.partition('PLAY RECAP')[2].count('ok=%d ' % len(PRIVATE + MODULES)) == len(REFUSED)
    assert 'CANARY' not in printed
