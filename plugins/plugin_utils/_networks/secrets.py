# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Do the agents of the inventory have the secrets that its networks use, and would they hand them out?"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from ...module_utils._json_text import walk
from ...module_utils._problems import Problem, errors_of
from ...module_utils._secrets.condition import Condition
from ...module_utils._secrets.key_ids import KEY_ID, shown
from ...module_utils._secrets.places import secrets_file
from .._schemas import problems_in_secrets, without_null
from .audit import KnownSecret, audit, secrets_of
from .conditions import least_privilege
from .host import Host
from .network import USE, Network
from .projects import Project, default_branch
from .states import AgentHost
from .unasked import UNKNOWN, UNKNOWN_ENTRY


def secret_problems(
    networks: Sequence[Network], agents: Sequence[Host], defaults: Mapping[str, str], provided: Container[str],
) -> list[Problem]:
    """All problems with secrets: those of their form, and between what is of the right form those of an audit.

    defaults: the default branches of OWNER/REPOSITORY, as far as known. provided: the agents that get their secrets in this run.
    """
    hosts = {host.name: host for host in (*networks, *agents)}
    sound = [network for network in networks if network.sound(*USE)]
    held, wrong = {}, []
    derived = least_privilege(sound)
    for agent in _provided(agents):
        entries = _entries(agent, derived)
        findings = list(problems_in_secrets(_without_unknown(entries)))
        wrong += [Problem(what, where=agent.line('nixops_agent_secrets', *path), remedy='Correct the variable.') for path, what in findings]
        held[agent.name] = _known(entries, {tuple(path[:2]) for path, _what in findings}, derived)
    found = audit(sound, held, defaults, lambda host, variable, *path: hosts[host].place(variable, *path))
    wrong += _emptied(agents)
    # Who may be let in for what is not known while something is wrong with the other networks.
    if len(sound) < len(networks) or wrong:
        return [*wrong, *errors_of(found)]
    return [*_without_condition(held, derived, hosts, provided), *found]


def _entries(agent: Host, used: Iterable[str]) -> dict[str, Any]:
    """The agent's secrets by name, without parts that are null: those are not given, as for hci_secret.

    used: names that networks have for secrets. Where only a lookup knows the agent's, it is taken to have all of those; the task that
    provides it refuses to go on without one.
    """
    secrets: dict[str, Any] = agent['nixops_agent_secrets']
    if UNKNOWN in secrets:
        secrets = dict.fromkeys(used, UNKNOWN_ENTRY)
    return {name: without_null(entry) for name, entry in secrets.items()}


def _without_unknown(entries: Mapping[str, Any]) -> dict[str, Any]:
    """The entries without conditions that only a lookup knows."""
    return {
        name: {part: value for part, value in entry.items() if value != UNKNOWN} if isinstance(entry, dict) else entry
        for name, entry in entries.items()
    }


def _without_condition(
    held: Mapping[str, Mapping[str, KnownSecret]], used: Mapping[str, Condition], hosts: Mapping[str, Host], provided: Container[str],
) -> Iterator[Problem]:
    """Secrets for which nothing says who may use them: the task that provides them fails on each of these agents, if the run has it."""
    for name in sorted({name for secrets in held.values() for name in secrets if name not in used}):
        lacking = sorted(agent for agent, secrets in held.items() if name in secrets and secrets[name].is_open)
        if lacking:
            yield Problem('The secret %s has no condition, and no network uses it, from which one could be derived.' % name,
                          where=hosts[lacking[0]].place('nixops_agent_secrets', name), expected='a condition, or a network that uses it',
                          found='neither, on %s' % ', '.join(lacking),
                          remedy='Give it a condition, name it in nixops_secrets_map of a network, or remove it.',
                          severity='error' if any(agent in provided for agent in lacking) else 'warning')


def _emptied(agents: Sequence[Host]) -> Iterator[Problem]:
    """Agents that would lose all of their secrets, most likely because a variable is not where it should be."""
    for agent in agents:
        exclusive, allowed = agent['nixops_agent_secrets_exclusive'], agent['nixops_agent_secrets_allow_empty']
        if exclusive and not allowed and not agent['nixops_agent_secrets'] and agent.sound('nixops_agent_secrets'):
            yield Problem('All secrets of the agent would be removed.', where=agent.place('nixops_agent_secrets_exclusive'),
                          expected='secrets in nixops_agent_secrets', found='none' if 'nixops_agent_secrets' in agent.given else 'not set',
                          remedy='Set nixops_agent_secrets where this host has it, as in group_vars of its groups. Where no secret '
                          'is to be left, set nixops_agent_secrets_allow_empty: true.')


def same_file(agents: Sequence[Host], machines: Sequence[AgentHost]) -> Iterator[Problem]:
    """Two hosts of the inventory whose secrets go into one file: each run would give it those of the one, then those of the other."""
    known: list[tuple[str, Host, AgentHost]] = []
    for agent, machine in ((agent, machine) for agent in agents for machine in machines if machine.name == agent.name):
        if not agent.sound('nixops_agent_secrets_path', 'nixops_agent_name'):
            continue
        path = os.path.normpath(secrets_file(agent['nixops_agent_secrets_path'], agent['nixops_agent_name'], None).path)
        for other_path, other, other_machine in known:
            if path == other_path and (machine.machine == other_machine.machine or machine.host_keys & other_machine.host_keys):
                same = machine.machine == other_machine.machine
                yield Problem('Two hosts of the inventory are one agent, and would overwrite each other in turn.',
                              where='%s and %s' % (other.name, agent.name), expected='one host for each agent',
                              found='%s on %s' % (path, machine.machine if same else 'machines with the same host key'),
                              remedy='Drop one of the two. Where there are two agents, set nixops_agent_name or nixops_agent_secrets_path.',
                              severity='error' if same else 'warning')
                break
        known.append((path, agent, machine))


def _known(secrets: Mapping[str, Any], wrong: Set[tuple[Any, ...]], derived: Mapping[str, Condition]) -> dict[str, KnownSecret]:
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
    """What may be shown of each agent's secrets, as option `agents` of nixops_report takes it. Never a value."""
    derived = least_privilege(networks)
    return {
        agent.name: {name: _outline(secret) for name, secret in secrets_of(_entries(agent, derived), derived).items()}
        for agent in _provided(agents)
    }


def _outline(secret: KnownSecret) -> dict[str, Any]:
    known = {'condition': secret.condition} if secret.condition_known else {}
    return {'fields': sorted(secret.fields or ()), **known}


def key_ids(agents: Sequence[Host]) -> dict[str, list[str]]:
    """What may be shown of the IDs of AWS keys that agents hold, by the names of the secrets, where their values are known."""
    found: dict[str, set[str]] = {}
    for agent in _provided(agents):
        for name, entry in agent['nixops_agent_secrets'].items():
            data = entry.get('data') if isinstance(entry, Mapping) else None
            key = data.get('aws_access_key_id') if isinstance(data, Mapping) else None
            if isinstance(key, str) and KEY_ID.match(key):
                found.setdefault(name, set()).add(shown(key))
    return {name: sorted(keys) for name, keys in found.items()}


def _provided(agents: Sequence[Host]) -> list[Host]:
    """Of an agent without nixops_agent_secrets nothing is known: somebody else looks after its secrets."""
    return [agent for agent in agents if 'nixops_agent_secrets' in agent.given and agent.sound('nixops_agent_secrets')]
