# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Do the agents of the inventory have the secrets that its networks use, and would they hand them out?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Problem
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.audit import Secret, audit, secrets_of
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
    users = _users(networks)
    return audit(users, _held(users, agents), {}, lambda host, variable, *path: hosts[host].place(variable, *path))


def outlines(networks: Sequence[Host], agents: Sequence[Host]) -> dict[str, dict[str, dict[str, Any]]]:
    """What may be shown of each agent's secrets, as O(nixcd.hercules_ci.nixops_report#module:agents) takes it. Never a value."""
    return {
        agent: {name: {'fields': sorted(secret.fields), 'condition': secret.condition} for name, secret in secrets.items()}
        for agent, secrets in _held(_users(networks), agents).items()
    }


def _users(networks: Sequence[Host]) -> list[Network]:
    return [Network.from_variables(network.name, network.values) for network in networks]


def _held(users: Sequence[Network], agents: Sequence[Host]) -> dict[str, dict[str, Secret]]:
    """Of an agent without nixops_agent_secrets nothing is known: somebody else looks after its secrets."""
    derived = least_privilege(users)
    return {agent.name: secrets_of(agent['nixops_agent_secrets'], derived) for agent in agents if 'nixops_agent_secrets' in agent.given}
