# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The networks that a backup is about."""

from __future__ import annotations

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._backup.options import networks_of, wanted_of

NETWORK = {
    'nixops_project': 'github/neat-org/neat-repo', 'nixops_checkout': '/nowhere', 'nixops_deployment': 'foo', 'nixops_branches': ['main'],
}


def test_a_play_without_networks_has_nothing_to_back_up() -> None:
    with pytest.raises(Failure, match=r'There is no network in the play\..*Play with hosts of the group nixops_networks'):
        networks_of({})


def test_what_is_wrong_with_any_network_is_told_once() -> None:
    with pytest.raises(Failure) as failure:
        networks_of({'good': NETWORK, 'bad': {**NETWORK, 'nixops_project': 'neat-repo'}, 'worse': {'nixops_branches': 3}})
    said = str(failure.value)
    assert 'bad' in said and 'worse' in said and 'good' not in said


@pytest.mark.parametrize('forget', [False, True])
def test_of_each_network_its_state_and_its_hosts_are_kept(forget: bool) -> None:
    """Hosts may be missing, and so may a state that is forgotten after each deployment."""
    (network,) = networks_of({'net': {**NETWORK, 'nixops_function': 'runNixOps2', 'nixops_forget_state': forget}})
    state, hosts = wanted_of(network)
    assert (state.name, state.hosts, state.optional) == (network.state_name, False, forget)
    assert (hosts.name, hosts.hosts, hosts.optional) == (network.known_hosts_name, True, True)
    assert state.file[0] == hosts.file[0] == NETWORK['nixops_project']
