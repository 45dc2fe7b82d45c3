# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Do the agents of the inventory have the secrets that its networks use, and would they hand them out?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Problem
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.audit import Secret, audit
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.condition import Condition
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.networks import Network, least_privilege
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import Host
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._schemas import problems_in_secrets


def secret_problems(networks: Sequence[Host], agents: Sequence[Host]) -> list[Problem]:
    """All problems with secrets; those of their form first, as the others need it to be right."""
    hosts = {host.name: host for host in (*networks, *agents)}
    wrong = [
        Problem(what, where=agent.line('nixops_agent_secrets', *path), remedy='Correct the variable.')
        for agent in agents for path, what in problems_in_secrets(agent['nixops_agent_secrets'])
    ]
    if wrong:
        return wrong
    users = [Network.from_variables(network.name, network.values) for network in networks]
    derived = least_privilege(users)
    held = {agent.name: {name: _secret(name, entry, derived) for name, entry in agent['nixops_agent_secrets'].items()} for agent in agents}
    return audit(users, held, {}, lambda host, variable, *path: hosts[host].place(variable, *path))


def _secret(name: str, entry: Mapping[str, Any], derived: Mapping[str, Condition]) -> Secret:
    condition = entry.get('condition')
    return Secret(frozenset(entry.get('data') or {}), derived.get(name) if condition is None else condition)
