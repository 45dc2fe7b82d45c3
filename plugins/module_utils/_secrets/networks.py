# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Which secrets a NixOps network uses, as its inventory variables say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.project import ProjectPath
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, Problem
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.condition import Condition, for_users


@dataclass(frozen=True)
class Network:
    """An effect that deploys a network, as far as secrets are concerned.

    name: the inventory host. refs: conditions on the ref, under each of which the effect runs.
    secrets: names in the effect → names in secrets.json. tokens: names in the effect for what the service gives out, C({type: GitToken}).
    scripts: shell code of the effect by variable.
    """

    name: str
    owner: str
    repository: str
    refs: tuple[Condition, ...]
    secrets: Mapping[str, str]
    tokens: frozenset[str] = frozenset()
    scripts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_variables(cls, name: str, variables: Mapping[str, Any]) -> Network:
        """The network of a host of the group nixops_networks, from its variables that say which secrets it uses; without its scripts.

        A Failure says so if nixops_project is no project, or another variable not what it should be.
        """
        given = {variable: variables.get('nixops_' + variable) for variable in ('project', 'branches', 'run_on', 'secrets_map')}
        try:
            project = ProjectPath.parse(str(given['project'] or ''))
        except Failure as failure:
            raise Failure(tuple(replace(problem, where='nixops_project of %s' % name) for problem in failure.problems)) from None
        wrong = {variable: kind for variable, (kind, right) in _KINDS.items() if given[variable] is not None and not right(given[variable])}
        if wrong:
            raise Failure(tuple(
                Problem('This is not what the variable takes.', where='nixops_%s of %s' % (variable, name), expected=kind,
                        remedy='Correct the variable; ansible-doc -t role nixcd.hercules_ci.nixops describes it.')
                for variable, kind in wrong.items()
            ))
        secrets = given['secrets_map'] or {}
        return cls(
            name=name,
            owner=project.account,
            repository=project.project,
            refs=_refs({'branches': given['branches'], **(given['run_on'] or {})}),
            secrets={str(key): str(secret) for key, secret in secrets.items() if isinstance(secret, str)},
            tokens=frozenset(str(key) for key, secret in secrets.items() if not isinstance(secret, str)),
        )

    def with_scripts(self, variables: Mapping[str, Any]) -> Network:
        """The network with the shell code in its variables."""
        scripts = {script: variables.get(script) for script in SCRIPTS}
        arguments = variables.get('nixops_arguments') or {}
        scripts.update(('nixops_arguments[%r]' % str(argument), value) for argument, value in arguments.items())
        return replace(self, scripts={script: text for script, text in scripts.items() if isinstance(text, str)})

    def users(self) -> list[tuple[str, str, Condition]]:
        """Owner, repository and condition on the ref of the jobs that deploy the network."""
        return [(self.owner, self.repository, ref) for ref in self.refs]


def _are_names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)


def _is_run_on(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_are_names(value.get(refs) or []) for refs in ('branches', 'tags'))


_KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    'branches': ('a list of strings', _are_names),
    'run_on': ('a dictionary, in which branches and tags are lists of strings', _is_run_on),
    'secrets_map': ('a dictionary', lambda value: isinstance(value, Mapping)),
}

SCRIPTS = ('nixops_user_setup_script', 'nixops_prior_check_script', 'nixops_effect_check_script')


def _refs(run_on: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The narrowest conditions there are: none can tell one tag from another, or the branches that a pattern matches.

    Nothing said means the default branch, as C(hci secret add) takes it.
    """
    refs: list[Condition] = [True if '*' in branch else {'isBranch': str(branch)} for branch in run_on.get('branches') or ()]
    refs += ['isTag'] if run_on.get('tags') else []
    refs += [True] if run_on.get('any_ref') else []
    return tuple(refs) or ('isDefaultBranch',)


def least_privilege(networks: Iterable[Network]) -> dict[str, Condition]:
    """For each secret that a network names, the narrowest condition that lets all those networks use it."""
    users: dict[str, list[tuple[str, str, Condition]]] = {}
    for network in networks:
        for secret in set(network.secrets.values()):
            users.setdefault(secret, []).extend(network.users())
    return {secret: for_users(users[secret]) for secret in sorted(users)}
