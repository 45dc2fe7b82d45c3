# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter least_privilege."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._problems import Failure, Problem, fail
from ..module_utils._project import ProjectPath
from ..plugin_utils._networks.host import variable_of, without_omit
from ..plugin_utils._networks.network import Network
from ..plugin_utils._networks.network import least_privilege as conditions_for

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
        entries = secrets if isinstance(secrets, Mapping) else {'a dictionary': None}
        others = [str(name) for name, entry in entries.items() if not isinstance(entry, Mapping)]
        if others:
            raise fail('least_privilege needs a dictionary of secrets.', expected='names, each with a dictionary of data and condition',
                       found='not %s' % ', '.join(others))
        hosts = list(networks)
        if not all(isinstance(host, Mapping) for host in hosts):
            raise fail('least_privilege needs the variables of networks.', expected='a list of dictionaries',
                       remedy="Give groups['nixops_networks'] | map('extract', hostvars).")
        conditions = conditions_for([_network(host) for host in hosts])
    except Failure as failure:
        raise AnsibleFilterError(str(failure)) from None
    entries = without_omit(secrets).items()
    given = {name: {field: value for field, value in entry.items() if value is not None} for name, entry in entries}
    return {name: {**({'condition': conditions[name]} if name in conditions else {}), **entry} for name, entry in given.items()}


def _network(host: Mapping[str, Any]) -> Network:
    """The network, from just those variables that say which secrets it uses. Raises Failure if one is not what it should be."""
    name, variables = str(host.get('inventory_hostname', '')), {key: variable_of(host, key) for key in ('nixops_project', *KINDS)}
    network = Network(name, variables, variables)
    try:
        ProjectPath.parse(network.project)
    except Failure as failure:
        raise Failure(tuple(replace(problem, where='nixops_project of %s' % name) for problem in failure.problems)) from None
    wrong = {variable: kind for variable, (kind, right) in KINDS.items() if network[variable] is not None and not right(network[variable])}
    if wrong:
        raise Failure(tuple(
            Problem('This is not what the variable takes.', where='%s of %s' % (variable, name), expected=kind,
                    remedy='Correct the variable; ansible-doc -t role nixcd.hercules_ci.nixops describes it.')
            for variable, kind in wrong.items()
        ))
    return network


def _are_names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)


def _is_run_on(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_are_names(value.get(refs) or []) for refs in ('branches', 'tags'))


KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    'nixops_branches': ('a list of strings', _are_names),
    'nixops_run_on': ('a dictionary, in which branches and tags are lists of strings', _is_run_on),
    'nixops_secrets_map': ('a dictionary', lambda value: isinstance(value, Mapping)),
}


class FilterModule:
    """Ansible's interface."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file."""
        return {'least_privilege': least_privilege}
