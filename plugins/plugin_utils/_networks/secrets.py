# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Do the agents of the inventory have the secrets that its networks use, and would they hand them out?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Problem, errors_of
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.condition import Condition
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.json_text import walk
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.audit import Secret, audit, secrets_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.host import Host
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import SCRIPTS, Network, least_privilege
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.projects import Project, default_branch
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._schemas import problems_in_secrets

USE = ('nixops_project', 'nixops_branches', 'nixops_run_on', 'nixops_secrets_map', 'nixops_arguments', *SCRIPTS)
"""The variables of a network that say which secrets it uses."""


def secret_problems(networks: Sequence[Network], agents: Sequence[Host], defaults: Mapping[str, str]) -> list[Problem]:
    """All problems with secrets: those of their form, and between what is of the right form those of an audit.

    defaults: the default branches of OWNER/REPOSITORY, as far as known.
    """
    hosts = {host.name: host for host in (*networks, *agents)}
    sound = [network for network in networks if network.sound(*USE)]
    held, wrong = {}, []
    derived = least_privilege(sound)
    for agent in _provided(agents):
        findings = list(problems_in_secrets(agent['nixops_agent_secrets']))
        wrong += [Problem(what, where=agent.line('nixops_agent_secrets', *path), remedy='Correct the variable.') for path, what in findings]
        held[agent.name] = _known(agent['nixops_agent_secrets'], {tuple(path[:2]) for path, _what in findings}, derived)
    found = audit(sound, held, defaults, lambda host, variable, *path: hosts[host].place(variable, *path))
    wrong += _emptied(agents)
    # Who may be let in for what is not known while something is wrong with the other networks.
    return [*wrong, *(found if len(sound) == len(networks) and not wrong else errors_of(found))]


def _emptied(agents: Sequence[Host]) -> Iterator[Problem]:
    """Agents that would lose all of their secrets, most likely because a variable is not where it should be."""
    for agent in agents:
        exclusive, allowed = agent['nixops_agent_secrets_exclusive'], agent['nixops_agent_secrets_allow_empty']
        if exclusive and not allowed and not agent['nixops_agent_secrets'] and agent.sound('nixops_agent_secrets'):
            yield Problem('All secrets of the agent would be removed.', where=agent.place('nixops_agent_secrets_exclusive'),
                          expected='secrets in nixops_agent_secrets', found='none' if 'nixops_agent_secrets' in agent.given else 'not set',
                          remedy='Set nixops_agent_secrets where this host has it, as in group_vars of its groups. Where no secret '
                          'is to be left, set nixops_agent_secrets_allow_empty: true.')


def _known(secrets: Mapping[str, Any], wrong: Set[tuple[Any, ...]], derived: Mapping[str, Condition]) -> dict[str, Secret]:
    """Secrets of which some are of the wrong form: with the right parts of those. wrong: name, or name and part."""
    entries = {
        name: {part: value for part, value in entry.items() if (name, part) not in wrong} if (name,) not in wrong else {}
        for name, entry in secrets.items()
    }
    known = secrets_of(entries, derived)
    unknown = {path[0] for path in wrong if path[1:] in ((), ('data',))}
    return {name: replace(secret, fields=None) if name in unknown else secret for name, secret in known.items()}


def default_branches(projects: Sequence[Project], agents: Sequence[Host]) -> dict[str, str]:
    """The default branches of OWNER/REPOSITORY, as their remotes say; nothing is asked where no condition depends on them."""
    conditions = [part for agent in _provided(agents) for _path, part in walk(agent['nixops_agent_secrets'])]
    if 'isDefaultBranch' not in conditions:
        return {}
    found = {project.name.split('/', 1)[1]: default_branch(project) for project in projects if project.selected}
    return {repository: branch for repository, branch in found.items() if branch}


def outlines(networks: Sequence[Network], agents: Sequence[Host]) -> dict[str, dict[str, dict[str, Any]]]:
    """What may be shown of each agent's secrets, as O(nixcd.hercules_ci.nixops_report#module:agents) takes it. Never a value."""
    return {
        agent: {name: {'fields': sorted(secret.fields or ()), 'condition': secret.condition} for name, secret in secrets.items()}
        for agent, secrets in _held(networks, agents).items()
    }


def _held(users: Sequence[Network], agents: Sequence[Host]) -> dict[str, dict[str, Secret]]:
    derived = least_privilege(users)
    return {agent.name: secrets_of(agent['nixops_agent_secrets'], derived) for agent in _provided(agents)}


def _provided(agents: Sequence[Host]) -> list[Host]:
    """Of an agent without nixops_agent_secrets nothing is known: somebody else looks after its secrets."""
    return [agent for agent in agents if 'nixops_agent_secrets' in agent.given and agent.sound('nixops_agent_secrets')]
