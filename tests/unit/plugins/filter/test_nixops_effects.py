# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter nixops_effects."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.nixcd.hercules_ci.plugins.filter.nixops_effects import nixops_effects

NETWORK = {'inventory_hostname': 'neat-network', 'nixops_deployment': 'foo', 'nixops_branches': ['production']}
EFFECT = {'name': 'neat-network', 'deployment': 'foo', 'run_on': {'branches': ['production']}}


def test_an_effect_is_what_the_variables_say() -> None:
    assert nixops_effects([{**NETWORK, 'nixops_inputs': ['awscli2'], 'nixops_project': 'a/b/c', 'nixops_src': None}]) == [
        {**EFFECT, 'inputs': ['awscli2']}]


def test_the_names_of_state_files_are_parameters_of_nixops_1_alone() -> None:
    """NixOps 2 has the name from the network; for the role the variable says where the state has to be uploaded."""
    named = {**NETWORK, 'nixops_state_name': 'default.nixops', 'nixops_known_hosts_name': 'hosts'}
    assert nixops_effects([named]) == [{**EFFECT, 'state_name': 'default.nixops', 'known_hosts_name': 'hosts'}]
    assert nixops_effects([{**named, 'nixops_function': 'runNixOps2'}]) == [{**EFFECT, 'function': 'runNixOps2'}]


@pytest.mark.parametrize('networks', [[{}], 7, [None]])
def test_anything_else_is_refused(networks: Any) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        nixops_effects(networks)
    assert str(caught.value) == 'nixops_effects needs a list of the variables of hosts, with inventory_hostname among them.'
