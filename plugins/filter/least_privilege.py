# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._problems import Failure
from ..plugin_utils._networks.conditions import with_conditions

DOCUMENTATION = r"""
name: least_privilege
short_description: Let exactly those networks use a secret that name it
version_added: 0.1.0
author: nixcd.hercules_ci contributors (@nixcd)
description:
  - Gives each secret that has no condition the narrowest one that lets in the networks whose C(nixops_secrets_map) names it. They are told
    by owner, repository and branches.
  - A condition that is there already stays. A secret that no network names gets none, and M(nixcd.hercules_ci.hci_secret) then refuses it.
positional: networks
options:
  _input:
    description: Names of secrets, each with a dictionary of C(data) and C(condition), as in O(nixcd.hercules_ci.hci_secret#module:secrets).
    type: dict
    required: true
  networks:
    description:
      - Variables of the networks. Of each the filter reads C(nixops_project), C(nixops_branches), C(nixops_run_on),
        C(nixops_secrets_map) and C(inventory_hostname).
      - A network without branches is deployed from the default branch. Conditions cannot tell one tag from another, so a network that
        runs on a tag is let in on any, nor match patterns, so one with V(release-*) is let in on any ref.
    type: list
    elements: dict
    required: true
seealso:
  - module: nixcd.hercules_ci.hci_secret
"""

EXAMPLES = r"""
- name: Provision secrets for just the networks of the inventory that name them
  nixcd.hercules_ci.hci_secret:
    secrets: "{{ my_secrets | nixcd.hercules_ci.least_privilege(groups['nixops_networks'] | map('extract', hostvars)) }}"

- name: Show which jobs may use a secret
  ansible.builtin.debug:
    # → {"and": [{"isOwner": "neat-org"}, {"isRepo": "neat-repo"}, {"isBranch": "production"}]}
    msg: "{{ ({'neat-aws': {}} | nixcd.hercules_ci.least_privilege([network]))['neat-aws'].condition }}"
  vars:
    network:
      nixops_project: github/neat-org/neat-repo
      nixops_branches: [production]
      nixops_secrets_map: {aws: neat-aws}
"""

RETURN = r"""
_value:
  description: The same secrets with conditions.
  type: dict
"""


def least_privilege(secrets: Mapping[str, Mapping[str, Any]], networks: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The secrets, with a condition for each that has none and is used."""
    try:
        return with_conditions(secrets, networks)
    except Failure as failure:
        raise AnsibleFilterError(str(failure)) from None


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {'least_privilege': least_privilege}
