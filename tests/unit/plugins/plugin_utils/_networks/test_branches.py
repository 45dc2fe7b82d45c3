# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What preflight tells of the branches of a remote: a real one, with files as the module writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._git.repository import Repository, remote_heads
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import ci_nix
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Problem
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.branches import (
    Heads,
    branch_problems,
    deploys_from,
    left_branches,
    remote_problems,
)
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import Network
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.projects import Project, projects_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import read_network

from tests.support.repository import commit, git, make_repository

BRANCHES = ('production', 'staging', 'old')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_repository(tmp_path / 'bare.git', tmp_path / 'checkout', BRANCHES)
    return tmp_path


def project(folder: Path, **variables: Any) -> Project:
    given = {
        'nixops_project': 'github/neat-org/neat-repo', 'nixops_checkout': str(folder / 'checkout'), 'nixops_branches': ['production'],
        'nixops_deployment': 'neat', 'nixops_network_files': ['network.nix'], **variables,
    }
    network, wrong = read_network('neat', given)
    assert not wrong and isinstance(network, Network)
    (found,) = projects_of([network], ['neat'])
    return found


def text_for(**run_on: Any) -> str:
    effect = {'name': 'neat', 'network_files': ['network.nix'], 'deployment': 'neat', 'run_on': run_on}
    return ci_nix.render([effect], 'legacy', 'ci.nix')


def told(project: Project, files: tuple[str, ...] = ('network.nix',), content: str = 'new') -> list[tuple[str, str, str]]:
    effects = [network.effect for network in project.networks]
    return [(each.severity, each.where, each.found) for each in branch_problems(project, effects, files, content, Heads('origin'))]


LEFT = [('warning', 'old of origin', 'ci.nix, written for what the inventory once said')]


def test_files_that_a_branch_does_not_have(folder: Path) -> None:
    git(folder / 'bare.git', 'update-ref', 'refs/heads/production', commit(folder / 'bare.git', 'production', 'extra.nix', '{ }'))
    both = project(folder, nixops_branches=['production', 'staging'])
    assert told(both, ('network.nix', 'extra.nix')) == [('error', 'staging of origin', 'nothing at extra.nix')]
    assert told(both, ('network.nix',)) == []
    # Behind a link there may be anything.
    commit(folder / 'bare.git', 'staging', 'link', 'elsewhere')
    assert told(both, ('link/extra.nix',)) == [('error', 'production of origin', 'nothing at link/extra.nix')]
    # Somebody else merges what a side branch has.
    side = project(folder, nixops_branches=['staging'], nixops_push='branch', nixops_network_files=['extra.nix'])
    assert told(side) == [('error', 'staging of origin', 'nothing at extra.nix')]


@pytest.mark.parametrize(('run_on', 'deploys'), [
    ({'branches': ['old']}, True), ({'branches': ['main', 'old']}, True), ({'branches': ['o*']}, True), ({'any_ref': True}, True),
    ({'branches': ['older']}, False), ({'branches': ['production']}, False), ({'branches': ['x*']}, False), ({'tags': ['old']}, False),
])
def test_a_branch_that_no_network_is_left_on(folder: Path, run_on: dict[str, Any], deploys: bool) -> None:
    text = text_for(**run_on)
    assert deploys_from(text, 'old') is deploys
    commit(folder / 'bare.git', 'old', 'ci.nix', text)
    assert told(project(folder)) == (LEFT if deploys else [])
    # One of somebody else, or one from which a network is deployed, is none of our business.
    assert told(project(folder, nixops_branches=['production', 'old'])) == []
    assert told(project(folder, nixops_branches=['*'])) == [] or deploys
    commit(folder / 'bare.git', 'old', 'ci.nix', text.partition('\n')[2])
    assert told(project(folder)) == []


def test_what_is_here_is_looked_at_without_the_remote(folder: Path) -> None:
    """As for networks that have nothing to do."""
    commit(folder / 'bare.git', 'old', 'ci.nix', text_for(branches=['old']))
    checkout = Repository(str(folder / 'checkout'))
    heads = remote_heads(checkout, 'origin', ['*'])
    assert set(heads) >= set(BRANCHES)

    def left() -> list[Problem]:
        return list(left_branches(project(folder), checkout, heads))

    assert left() == []
    git(folder / 'checkout', 'fetch', '--quiet')
    assert [problem.where for problem in left()] == ['old of origin']
    assert 'git push origin --delete old' in left()[0].remedy


def test_a_condition_that_is_no_expression_lets_no_branch_in() -> None:
    assert [deploys_from('builtins.match "%s" (toString ref)' % pattern, 'old') for pattern in ('refs/heads/old', '(')] == [True, False]


def test_credentials_in_the_address_of_the_remote_are_warned_of_and_not_shown(folder: Path) -> None:
    def said() -> list[Problem]:
        return list(remote_problems(project(folder), Repository(str(folder / 'checkout')), asked=Heads('origin')))

    assert said() == []
    git(folder / 'checkout', 'remote', 'set-url', '--push', 'origin', 'https://somebody:canary@git.example.org/neat.git')
    (problem,) = said()
    assert problem.severity == 'warning' and problem.what.startswith('The address of the remote origin has credentials in it.')
    assert 'canary' not in str(problem)
