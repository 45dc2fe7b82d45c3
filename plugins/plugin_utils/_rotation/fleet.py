# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The agents of the inventory that have keys looked after, and the networks that use these keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

from ...module_utils._problems import Problem, fail, require_none
from ...module_utils._secrets.aws import ID_FIELD, SECRET_FIELD
from ...module_utils._secrets.aws_user import is_owned, unknown_to_agents
from ...module_utils._secrets.options import FILE_OPTIONS, LOCATION_OPTIONS
from .._aws.declared import Owner, owners
from .._aws.iam import NewKey
from .._networks.conditions import with_conditions
from .._networks.host import variable_of
from .._networks.network import SECRETS as OF_SECRETS
from .._networks.network import Network
from .._networks.provided import evaluated
from .._networks.specs import variables_for
from .._networks.unasked import SECRETS, Sparing
from .._networks.variables import read_network, variables_of
from .._schemas import problems_in_secrets, without_null
from .._templates import reason
from .._variables import HostVariables, as_json, refuse_if_any

AGENTS, NETWORKS = 'hercules_agents', 'nixops_networks'
PLACE = variables_for(LOCATION_OPTIONS, 'agent', 'nixops_agent_secrets_', 'nixops_')
FILE = variables_for(FILE_OPTIONS, 'agent', 'nixops_agent_secrets_')
"""Variables of an agent for options of the module hci_secret."""
RELIED_ON = ('nixops_project', 'nixops_deployment', 'nixops_state_name')
REGISTERED = ('_nixops_aws_keys', '_nixops_secrets_provided')
"""What the tasks of the role have registered that looked at the keys of an agent, the newer one first."""


@dataclass(frozen=True)
class Fleet:
    """The inventory, as a task sees it."""

    variables: Mapping[str, Any]
    loader: DataLoader

    @property
    def hostvars(self) -> Any:
        return self.variables['hostvars']

    def owners(self) -> list[Owner]:
        """The IAM users whose keys agents have, in the whole inventory, whatever a limit selects. Raises Failure."""
        return owners({agent: self.owned(agent) for agent in self.variables['groups'].get(AGENTS, ())})

    def owned(self, agent: str) -> dict[str, dict[str, Any]]:
        """The secrets of an agent with `aws_user`. No lookup of a value is asked. Raises Failure."""
        try:
            given = variable_of(Sparing(agent, self.hostvars, self.loader), SECRETS)
        except AnsibleError as error:
            raise fail('Ansible cannot evaluate the variable.', where='%s of %s' % (SECRETS, agent), found=reason(error)) from None
        if not isinstance(given, Mapping):
            return {}
        entries = {str(name): entry for name, entry in given.items() if is_owned(entry)}
        found: dict[str, dict[str, Any]] = {name: without_null(entry) for name, entry in as_json(entries, SECRETS).items()}
        refuse_if_any(SECRETS, given, problems_in_secrets(found))
        return found

    def looks(self, owner: Owner) -> dict[str, Mapping[str, Any]]:
        """What is known of the key of each agent that has answered in this run."""
        found = {}
        for agent in owner.agents:
            raw = self.hostvars.raw_get(agent)
            results = (raw.get(name) for name in REGISTERED)
            keys = next((each['aws_keys'] for each in results if isinstance(each, Mapping) and 'aws_keys' in each), None)
            if keys is not None:
                found[agent] = keys.get(owner.secret, {})
        return found

    def networks(self, owner: Owner) -> list[Network]:
        """The networks that use the key. Raises Failure where the variables of a network do not tell, or cannot be relied on."""
        found = []
        problems: list[Problem] = []
        for name in self.variables['groups'].get(NETWORKS, ()):
            network, wrong = read_network(name, variables_of(name, self.hostvars, self.loader))
            if not network.sound(*OF_SECRETS):  # it may use any
                problems += wrong
            elif owner.secret in network.secrets.values():
                found.append(network)
                problems += [] if network.sound(*RELIED_ON) else wrong
        require_none(problems)
        return found

    def place(self, agent: str, *more: Mapping[str, str]) -> dict[str, Any]:
        """The options of the modules that read an agent's file, or with `FILE` write it."""
        host = HostVariables(agent, self.hostvars, self.loader)
        found = {}
        for variables in (PLACE, *more):
            for option, variable in variables.items():
                value = variable_of(host, variable)
                if value is not None:
                    found[option] = value
        return found

    def entries(self, agent: str, keys: Iterable[tuple[Owner, NewKey]]) -> dict[str, Any]:
        """Secrets of an agent as they are with these keys. Raises Failure."""
        raw = {**self.hostvars.raw_get(agent), 'hostvars': self.hostvars}
        given = as_json(evaluated(SECRETS, raw, self.loader), SECRETS)
        chosen = {owner.secret: key for owner, key in keys}
        entries = {name: without_null(entry) for name, entry in given.items() if name in chosen}
        networks = []
        for name in self.variables['groups'].get(NETWORKS, ()):
            with suppress(AnsibleError):
                networks.append(self.hostvars[name])
        opened = {name: unknown_to_agents(entry) for name, entry in with_conditions(entries, networks).items()}
        return {
            name: {**entry, 'data': {**entry['data'], ID_FIELD: chosen[name].id, SECRET_FIELD: chosen[name].secret}, 'kept': []}
            for name, entry in opened.items()
        }
