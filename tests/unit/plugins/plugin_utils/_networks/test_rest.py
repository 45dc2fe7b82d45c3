# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which networks have been deployed by the jobs of their branches: those of which it is sure that these jobs ran their effect."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import Network
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.projects import projects_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.rest import runs_with_each_push
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import read_network

GIVEN = {
    'nixops_project': 'github/neat-org/neat-repo', 'nixops_checkout': '/srv/neat', 'nixops_branches': ['production', 'staging'],
    'nixops_deployment': 'neat', 'nixops_network_files': ['network.nix'],
}


@pytest.mark.parametrize(('variables', 'sure'), [
    ({}, True), ({'nixops_run_on': {'any_ref': True}}, True), ({'nixops_run_on': {'branches': ['*']}}, True),
    ({'nixops_run_on': {'branches': ['production']}}, False), ({'nixops_run_on': {'branches': ['prod*']}}, False),
    ({'nixops_run_on': {'condition': 'false'}}, False), ({'nixops_run_on': {'branches': [], 'condition': 'src.tag == null'}}, False),
    ({'nixops_job': 'nightly', 'nixops_form': 'herculesCI', 'nixops_schedules': {'nightly': {'hour': 3}}}, False),
    ({'nixops_job': 'other', 'nixops_form': 'herculesCI', 'nixops_schedules': {'nightly': {'hour': 3}}}, True),
])
def test_whether_a_job_of_each_branch_has_run_its_effect(variables: dict[str, Any], sure: bool) -> None:
    network, wrong = read_network('neat', {**GIVEN, **variables})
    assert not wrong and isinstance(network, Network)
    (project,) = projects_of([network], ['neat'])
    assert runs_with_each_push(network.effect, project) is sure


def test_an_effect_that_is_switched_off_has_run_nowhere() -> None:
    network, _wrong = read_network('neat', GIVEN)
    (project,) = projects_of([network], ['neat'])
    assert not runs_with_each_push({**network.effect, 'run_on': {'condition': 'false'}}, project)
