# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a run of the site playbook: the table that it prints and the page that it writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.repository import head
from tests.support.world import PROJECT, SECRETS, TOKEN, Played, World


def table(played: Played) -> list[list[str]]:
    """The cells of the table's lines for networks, without the plan: network, branch, commit, versions of the state, job, result."""
    lines = [line for line in played.output.splitlines() if re.match(r'  neat-(network|staging) ', line)]
    return [re.split(r' {2,}', re.sub(r' \+\S+ ~\S+ -\S+ ', ' ', line).strip())[:6] for line in lines]


def secret_lines() -> set[str]:
    values = [value for secret in SECRETS.values() for name, value in secret['data'].items() if name != 'publicKey']
    return {line for value in (*values, TOKEN) for line in value.splitlines() if not line.startswith('-----')}


@pytest.mark.slow
def test_the_run_ends_with_a_table_and_a_page(world: World, tmp_path: Path) -> None:
    page = tmp_path / 'report.html'
    world.inventory['nixops_networks']['vars']['nixops_report'] = str(page)

    predicted = world.play('--check')
    assert predicted.code == 0, predicted.output
    assert [cells[0] for cells in table(predicted)] == ['neat-network', 'neat-staging']
    assert {cells[-1] for cells in table(predicted)} == {'would deploy'}
    assert not page.exists()

    first = world.play()
    assert first.code == 0, first.output
    (project,) = world.sandbox.summary()['projects']
    jobs = {job['ref'][len('refs/heads/'):]: job['index'] for job in project['jobs'] if job['jobType'] != 'Config'}
    expected = [[network, branch, head(world.bare, branch)[:8], '1 → 2', '#%d' % jobs[branch], 'deployed']
                for network, branch in (('neat-network', 'production'), ('neat-staging', 'staging'))]
    assert table(first) == expected
    assert '2 networks: 2 deployed' in first.output
    for branch, index in jobs.items():
        link = '%s/%s/jobs/%d' % (world.sandbox.url, PROJECT, index)
        assert link in first.output, branch
        assert 'href="%s"' % link in page.read_text('utf-8'), branch

    written = page.read_text('utf-8')
    for name in ('neat-network', 'neat-staging', 'agent-1', 'agent-2', 'neat-aws', 'neat-ssh', 'aws_secret_access_key', 'privateKey',
                 'owner neat-org and repository neat-repo and branch production'):
        assert name in written
    assert 'on no agent' not in written
    assert [value for value in secret_lines() if value in written or value in json.dumps(written)] == []

    second = world.play()
    assert second.code == 0, second.output
    assert table(second) == [[*cells[:3], '2', *cells[4:]] for cells in expected]  # the change was one of the first run
    assert second.changes == {}
    assert page.read_text('utf-8') == written

    key = SECRETS['neat-aws']['data']['aws_secret_access_key']
    world.sandbox.fail_effects({r'neat-network\.run': 'the cloud does not know %s' % key})
    production = world.inventory['nixops_networks']['children']['production']['hosts']['neat-network']
    production['nixops_user_setup_script'] = 'writeAWSSecret aws other'
    third = world.play()
    assert third.code != 0, third.output
    assert {cells[0]: cells[-1] for cells in table(third)} == {'neat-network': 'failed', 'neat-staging': 'deployed'}
    written = page.read_text('utf-8')
    for shown in ('neat-network on production: failed', 'neat-staging on staging: deployed', 'Plan: 0 to create', 'What failed, and why'):
        assert shown in written
    for shown in (third.output, written):
        assert 'the cloud does not know ********' in shown
        assert key not in shown
