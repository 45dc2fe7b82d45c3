# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What reaches which branch, with a checkout that somebody works in, and remotes with rules and users of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_jobs import row
from tests.support.repository import FILES, commit, git, head
from tests.support.world import Played, World, running_world

PUSH = 'nixcd.hercules_ci.nixops : Push it to the branches of the selected networks'


@pytest.fixture(scope='module')
def first(tmp_path_factory: pytest.TempPathFactory, collections: Path) -> Iterator[tuple[World, Played]]:
    """A world in which production alone has been deployed, and that play."""
    with running_world(tmp_path_factory.mktemp('production') / 'world', collections) as made:
        played = made.play('--limit', 'agent-1,agent-2,production')
        assert played.code == 0, played.output
        yield made, played


@pytest.fixture(scope='module')
def deployed_world(first: tuple[World, Played]) -> World:
    """Here it is that one."""
    return first[0]


def test_only_the_selected_branch_is_pushed_and_the_file_has_all_networks(first: tuple[World, Played]) -> None:
    """Looked at before other tests push more."""
    world, played = first
    assert 'neat-staging' not in played.recap
    assert git(world.bare, 'diff', '--name-only', 'main', 'production') == 'ci.nix'
    assert git(world.bare, 'diff', '--name-only', 'main', 'staging') == ''
    assert 'neat-staging = runIf' in git(world.bare, 'show', 'production:ci.nix')
    assert [job['ref'] for job in world.sandbox.summary()['projects'][0]['jobs']] == ['refs/heads/production'] * 2


@pytest.mark.slow
def test_uncommitted_work_is_warned_about_and_left_alone(deployed: World) -> None:
    """A changed option reaches the branch; what else is modified, staged or new in the checkout does not."""
    (deployed.checkout / 'network.nix').write_text(FILES['network.nix'] + '# work in progress\n')
    (deployed.checkout / 'notes').write_text('staged')
    git(deployed.checkout, 'add', 'notes')
    before = checkout_state(deployed.checkout)
    production(deployed)['nixops_user_setup_script'] = 'writeAWSSecret aws default\nexport STAGE=production'
    played = deployed.play('--limit', 'production', playbook='networks')
    after = checkout_state(deployed.checkout)
    git(deployed.checkout, 'rm', '--quiet', '--force', 'notes')
    (deployed.checkout / 'network.nix').write_text(FILES['network.nix'])
    assert played.code == 0, played.output
    assert played.changes[PUSH] == ['neat-network']
    assert re.search(r'\[WARNING\]: .*changes that are not committed.*network\.nix, notes', played.output.replace('\n', ' '))
    assert git(deployed.bare, 'show', '--name-status', '--format=', 'production') == 'M\tci.nix'
    assert 'export STAGE=production' in git(deployed.bare, 'show', 'production:ci.nix')
    assert after == before


def test_a_network_file_that_is_only_committed_here_is_missed_before_anything_is_changed(deployed: World) -> None:
    (deployed.checkout / 'network-new.nix').write_text('{ }\n')
    git(deployed.checkout, 'add', 'network-new.nix')
    git(deployed.checkout, '-c', 'user.name=A', '-c', 'user.email=a@example.org', 'commit', '--quiet', '--message', 'Not pushed')
    production(deployed)['nixops_network_files'] = ['network.nix', 'network-aws.nix', 'network-new.nix']
    before = head(deployed.bare, 'production')
    played = deployed.play('--limit', 'production', playbook='networks')
    git(deployed.checkout, 'reset', '--quiet', '--hard', 'HEAD^')
    assert played.code == 2, played.output
    assert 'The branch does not have files that ci.nix refers to' in played.output
    assert 'Found: nothing at network-new.nix' in played.output
    assert played.changes == {}
    assert head(deployed.bare, 'production') == before


@pytest.mark.slow
def test_a_remote_that_has_moved_is_built_upon(deployed: World) -> None:
    theirs = commit(deployed.bare, 'production', 'README', 'by somebody else')
    production(deployed)['nixops_user_setup_script'] = 'writeAWSSecret aws default\nexport STAGE=other'
    played = deployed.play('--limit', 'production', playbook='networks')
    assert played.code == 0, played.output
    assert git(deployed.bare, 'rev-parse', 'production^') == theirs
    assert git(deployed.bare, 'show', 'production:README') == 'by somebody else'


@pytest.mark.slow
def test_a_protected_branch_and_the_side_branch_that_is_merged(deployed: World) -> None:
    hook = deployed.bare / 'hooks' / 'update'
    hook.write_text('#!/bin/sh\n[ "$1" != refs/heads/production ] || { echo "production is protected" >&2; exit 1; }\n')
    hook.chmod(0o755)
    before = head(deployed.bare, 'production')
    production(deployed)['nixops_user_setup_script'] = 'writeAWSSecret aws default\nexport STAGE=side'
    refused = deployed.play(playbook='networks')
    assert refused.code == 2, refused.output
    assert 'production is protected' in refused.output
    assert 'nixops_push: branch' in refused.output
    assert (row(refused, 'neat-network')[-1], row(refused, 'neat-staging')[-1]) == ('failed', 'deployed')
    assert head(deployed.bare, 'production') == before

    deployed.inventory['nixops_networks']['vars']['nixops_push'] = 'branch'
    side = deployed.play('--limit', 'production', playbook='networks')
    assert side.code == 0, side.output
    assert row(side, 'neat-network')[-1] == 'pushed'
    assert 'Merge nixops/production into production' in side.output
    assert git(deployed.bare, 'rev-parse', 'nixops/production^') == before
    again = deployed.play('--limit', 'production', playbook='networks')
    assert again.changes == {}

    hook.unlink()
    git(deployed.checkout, 'fetch', '--quiet', 'origin', 'nixops/production')
    git(deployed.checkout, 'push', '--quiet', 'origin', 'FETCH_HEAD:refs/heads/production')
    merged = deployed.play('--limit', 'production', playbook='networks')
    assert merged.code == 0, merged.output
    assert merged.changes == {}
    assert row(merged, 'neat-network')[-1] == 'deployed'


def test_nothing_is_pushed_and_nothing_called_deployed(deployed: World) -> None:
    deployed.inventory['nixops_networks']['vars']['nixops_push'] = 'none'
    production(deployed)['nixops_user_setup_script'] = 'writeAWSSecret aws default\nexport STAGE=none'
    before = head(deployed.bare, 'production')
    for mode in (['--check'], []):
        played = deployed.play('--limit', 'production', *mode, playbook='networks')
        assert played.code == 0, played.output
        assert row(played, 'neat-network')[-1] == 'skipped'
        assert 'Branch production of origin has other content in ci.nix' in played.output
    assert head(deployed.bare, 'production') == before


def test_tags_choose_phases(deployed: World) -> None:
    production(deployed)['nixops_user_setup_script'] = 'writeAWSSecret aws default\nexport STAGE=tags'
    before = head(deployed.bare, 'production')
    written = deployed.play('--tags', 'ci_nix', playbook='networks')
    assert written.code == 0, written.output
    assert list(written.changes) == ['nixcd.hercules_ci.nixops : Write the file that declares the deployments']
    assert 'STAGE=tags' in (deployed.checkout / 'ci.nix').read_text()
    assert 'ci.nix has changed; a run with the tag push brings it to the branch.' in written.output
    assert head(deployed.bare, 'production') == before
    pushed = deployed.play('--tags', 'push', '--limit', 'production', playbook='networks')
    assert pushed.changes == {PUSH: ['neat-network']}
    assert row(pushed, 'neat-network')[-1] == 'pushed'
    watched = deployed.play('--tags', 'watch', '--limit', 'production', playbook='networks')
    assert watched.code == 0, watched.output
    assert row(watched, 'neat-network')[-1] == 'deployed'
    assert row(watched, 'neat-network')[2] == head(deployed.bare, 'production')[:8]


def production(world: World) -> dict[str, object]:
    """The variables of the network in production."""
    variables: dict[str, object] = world.inventory['nixops_networks']['children']['production']['hosts']['neat-network']
    return variables


def checkout_state(checkout: Path) -> tuple[str, str]:
    """Branch and commit, and what is modified, staged or new."""
    return git(checkout, 'log', '-1', '--format=%D %H'), git(checkout, 'status', '--porcelain')
