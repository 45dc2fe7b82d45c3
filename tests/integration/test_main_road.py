# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From nothing to two deployed networks, with the collection installed from its tarball: what is there then, and what was shown."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import sqlite3
import stat
from pathlib import Path

from tests.support.repository import git, head
from tests.support.surroundings import ROOT
from tests.support.world import PROJECT, SECRETS, TOKEN, Played, World

EXPORTS = ROOT / 'tests' / 'fixtures' / 'nixops' / 'nixops-1.7'
# What must not be shown of a state: attributes of deployments, machines and other resources of NixOps 1.7.
SECRET_ATTRIBUTES = (
    'args', 'keys', 'passphrase', 'generatedKey', 'privateKey', 'apiToken', 'robotPass', 'robotUser', 'rescuePasswd', 'partitions',
    'metadata', 'sshPrivateKey', 'privateHostKey', 'privateClientKey', 'clientPrivateKey', 'authToken', 'rdsMasterPassword',
)


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and bytes of every file of the world, without what Ansible keeps for itself in its home.

    Without the Nix store either, in which evaluating puts what it reads, and SQLite's own notes about readers.
    """
    own = ('home/.ansible', 'inventory.yml', 'sandbox/nix/', 'sandbox/sandbox.sqlite-shm')
    files = ((str(path.relative_to(folder)), path) for path in folder.rglob('*') if path.is_file())
    return {name: (path.stat().st_mode, path.read_bytes()) for name, path in files if not name.startswith(own)}


def secret_values(world: World) -> set[str]:
    """Every line of every secret that could have been shown: those of agents, the token, and those in NixOps' states."""
    values = {value for secret in SECRETS.values() for name, value in secret['data'].items() if name != 'publicKey'} | {TOKEN}
    with contextlib.closing(sqlite3.connect(world.database)) as connection:
        for table in ('ResourceAttrs', 'DeploymentAttrs'):
            for name, value in connection.execute('select name, value from %s' % table):
                if name.split('.')[-1] in SECRET_ATTRIBUTES or 'PRIVATE KEY-----' in value:
                    values.add(value)
    lines = {line for value in values for line in value.splitlines() if not line.startswith('-----')}
    return {line for line in lines if len(line) > 5}


def assert_nothing_leaks(world: World, played: Played) -> None:
    shown = [value for value in secret_values(world) if value in played.output]
    assert shown == []


def test_the_main_road(world: World) -> None:
    before = snapshot(world.folder)
    predicted = world.play('--check', '--diff', '-vvvv')
    assert predicted.code == 0, predicted.output
    after = snapshot(world.folder)
    assert sorted(after) == sorted(before)
    assert after == before

    first = world.play('--diff', '-vvvv')
    assert first.code == 0, first.output
    assert predicted.changes == first.changes
    assert first.changes['nixcd.hercules_ci.nixops : Upload the state where Hercules CI has none'] == ['neat-network', 'neat-staging']
    assert first.changes['nixcd.hercules_ci.nixops : Tell networks what another one has changed for them'] == ['neat-staging']
    agents_are_provisioned(world)
    states_are_uploaded(world)
    branches_are_deployed(world)

    second = world.play('-vvvv')
    assert second.code == 0, second.output
    assert second.changes == {}
    assert set(second.recap) == {'agent-1', 'agent-2', 'neat-network'}  # networks at rest have no task, but for the first, which reports
    assert all(counts['changed'] == counts['failed'] == counts['unreachable'] == 0 for counts in second.recap.values())
    for agent in ('agent-1', 'agent-2'):
        executed = [line for line in second.output.splitlines() if line.startswith('<203.0.113.1%s> EXEC ' % agent[-1])]
        assert len(executed) == 1, executed
    for played in (predicted, first, second):
        assert_nothing_leaks(world, played)


def test_a_network_that_needs_its_stub(world: World) -> None:
    """Without the stub it cannot be prebuilt, and what is missing is said, also by a run that would go no further."""
    network = world.inventory['nixops_networks']['children']['production']['hosts']['neat-network']
    stub = network.pop('nixops_prebuild_only_network_files')
    refused = world.play('--tags', 'prebuild', playbook='networks')
    assert refused.code == 2, refused.output
    for words in ('The option networking.privateIPv4 has no value when the network is prebuilt.', 'effect neat-network: ',
                  'Give it a value in network-stub.nix, which only prebuilding reads'):
        assert words in refused.output
    assert not (world.checkout / 'ci.nix').exists()
    skipping = world.play('--skip-tags', 'state,push,watch', playbook='networks')
    assert skipping.code == 2, skipping.output
    assert [skipping.recap[host]['failed'] for host in ('neat-network', 'neat-staging')] == [1, 0]
    assert 'Blocked by neat-network: one file declares them both.' in skipping.output

    network['nixops_prebuild_only_network_files'] = stub
    proved = world.play('--tags', 'prebuild', playbook='networks')
    assert proved.code == 0, proved.output
    assert (world.checkout / 'ci.nix').exists()


def agents_are_provisioned(world: World) -> None:
    for agent in ('agent-1', 'agent-2'):
        path = world.agent_secrets(agent)
        status = path.stat()
        assert stat.S_IMODE(status.st_mode) == 0o400
        assert (path.owner(), status.st_gid) == (getpass.getuser(), os.getgid())
        document = json.loads(path.read_text())
        assert {name: secret['data'] for name, secret in document.items()} == {name: secret['data'] for name, secret in SECRETS.items()}
        assert document['neat-aws']['condition'] == {'and': [{'isOwner': 'neat-org'}, {'isRepo': 'neat-repo'}, {'isBranch': 'production'}]}
        assert os.listdir(path.parent) == ['secrets.json']


def states_are_uploaded(world: World) -> None:
    versions = world.sandbox.states(PROJECT, 'nixops-aws-prod.json')
    assert versions[0] == (EXPORTS / 'export-aws-prod.json').read_bytes()
    assert len(versions) == 2
    # The fixture without the address that is taken out in the world, byte for byte.
    lines = (EXPORTS / 'export-webfarm.json').read_bytes().splitlines(keepends=True)
    assert world.sandbox.states(PROJECT, 'nixops-webfarm.json')[0] == b''.join(line for line in lines if b'publicIpv4' not in line)


def branches_are_deployed(world: World) -> None:
    """On each branch only its own network's effect ran, on a commit that changes ci.nix and nothing else."""
    (project,) = world.sandbox.summary()['projects']
    for branch, network, other in (('production', 'neat-network', 'neat-staging'), ('staging', 'neat-staging', 'neat-network')):
        assert git(world.bare, 'diff', '--name-status', 'main', branch) == 'A\tci.nix'
        assert git(world.bare, 'show', '%s:ci.nix' % branch) == (world.checkout / 'ci.nix').read_text().strip()
        jobs = [job for job in project['jobs'] if job['ref'] == 'refs/heads/%s' % branch]
        assert [job['jobType'] for job in jobs] == ['Config', 'Legacy']
        assert {job['rev'] for job in jobs} == {head(world.bare, branch)}
        assert [(effect['attribute'], effect['status']) for effect in jobs[1]['effects']] == [('%s.run' % network, 'Successful')]
        assert '%s.run' % other not in str(jobs)
