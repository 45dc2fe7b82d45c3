# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils._networks.host import variable_of
from ..plugin_utils._networks.network import EFFECT_OPTIONS, Network
from ..plugin_utils._networks.specs import PREFIX

DOCUMENTATION = r"""
name: nixops_effects
short_description: Turn the variables of NixOps networks into effects
version_added: 0.1.0
author: nixcd.hercules_ci contributors (@nixcd)
description:
  - Makes the list that M(nixcd.hercules_ci.nixops_effect) takes from the variables of inventory hosts, one effect for each.
  - An effect is called as the host, and runs on C(nixops_branches). Every other option is taken from the variable of the same name with
    C(nixops_) in front, such as C(nixops_network_files). Options whose variable is not set are left to the module.
  - With V(runNixOps2), C(nixops_state_name) and C(nixops_known_hosts_name) are left out, as NixOps 2 has the name from the network.
options:
  _input:
    description: Variables of the networks, with C(inventory_hostname) among them.
    type: list
    elements: dict
    required: true
seealso:
  - module: nixcd.hercules_ci.nixops_effect
"""

EXAMPLES = r"""
- name: Declare the deployments of all networks of the inventory
  nixcd.hercules_ci.nixops_effect:
    checkout: /srv/neat-repo
    effects: "{{ groups['nixops_networks'] | map('extract', hostvars) | nixcd.hercules_ci.nixops_effects }}"

- name: Show how a network is declared
  ansible.builtin.debug:
    # → [{"name": "neat-network", "deployment": "foo", "run_on": {"branches": ["production"]}}]
    msg: "{{ [network] | nixcd.hercules_ci.nixops_effects }}"
  vars:
    network: {inventory_hostname: neat-network, nixops_deployment: foo, nixops_branches: [production]}
"""

RETURN = r"""
_value:
  description: The effects, in the order of the input.
  type: list
  elements: dict
"""


def nixops_effects(networks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    try:
        return [_network(network).effect for network in networks]
    except (KeyError, TypeError):
        raise AnsibleFilterError('nixops_effects needs a list of the variables of hosts, with inventory_hostname among them.') from None


def _network(variables: Mapping[str, Any]) -> Network:
    """The network, from just those variables that its effect is made of."""
    found = {name: variable_of(variables, name) for name in ('nixops_branches', *(PREFIX + option for option in sorted(EFFECT_OPTIONS)))}
    return Network(str(variables['inventory_hostname']), found, found)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {'nixops_effects': nixops_effects}
