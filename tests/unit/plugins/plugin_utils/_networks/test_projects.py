# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the networks of a project may not do together, and the default branch of its repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import Network
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.projects import (
    Project,
    default_branch,
    overridden,
    projects_of,
    unproven,
)
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import read_network

from tests.support.repository import git, make_repository
from tests.support.world import PROJECT


def project(*selected: str, **variables: Any) -> Project:
    """One of the networks a and b."""
    given = {'nixops_project': PROJECT, 'nixops_checkout': '/srv/neat', 'nixops_branches': ['production'],
             'nixops_network_files': ['network.nix'], **variables}
    networks = [read_network(name, {**given, 'nixops_deployment': name})[0] for name in 'ab']
    assert all(isinstance(network, Network) for network in networks)
    (found,) = projects_of(networks, selected)
    return found


@pytest.mark.parametrize(('variables', 'pushes', 'refused'), [
    ({'nixops_validate': 'none'}, True, True), ({'nixops_validate': 'parse'}, True, True), ({'nixops_validate': 'evaluate'}, True, False),
    ({}, True, False), ({'nixops_validate': 'none'}, False, False), ({'nixops_validate': 'none', 'nixops_push': 'none'}, True, False),
    ({'nixops_validate': 'parse', 'nixops_push': 'branch'}, True, True), ({'nixops_validate': 'nothing'}, True, False),
])
def test_what_is_pushed_has_to_be_evaluated(variables: dict[str, Any], pushes: bool, refused: bool) -> None:
    found = list(unproven(project('a', **variables), pushes))
    assert [(problem.where, problem.found) for problem in found] == [
        ('nixops_validate of a', variables.get('nixops_validate'))] * refused


@pytest.mark.parametrize(('selected', 'extra_vars', 'refused'), [
    ('ab', {'nixops_state_replaced_version', 'other'}, True), ('a', {'nixops_state_replaced_version'}, False), ('ab', {'other'}, False),
])
def test_a_version_that_may_be_replaced_is_one_of_one_network(selected: str, extra_vars: set[str], refused: bool) -> None:
    found = list(overridden(project(*selected), frozenset(extra_vars), frozenset()))
    assert [(problem.where, problem.expected, problem.found) for problem in found] == [(PROJECT, 'one selected network', 'a, b')] * refused


def test_the_default_branch_is_that_of_the_remote_and_nothing_where_it_cannot_be_known(tmp_path: Path) -> None:
    make_repository(tmp_path / 'bare.git', tmp_path / 'checkout', ('production',))
    checkout = {'nixops_checkout': str(tmp_path / 'checkout')}
    assert default_branch(project('a', **checkout)) == 'main'
    git(tmp_path / 'bare.git', 'symbolic-ref', 'HEAD', 'refs/heads/production')
    assert default_branch(project('a', **checkout)) == 'production'
    for variables in ({'nixops_checkout': str(tmp_path / 'nowhere')}, {'nixops_remote': ['origin']}, {'nixops_remote': 'nowhere'}):
        assert default_branch(project('a', **{**checkout, **variables})) == ''
