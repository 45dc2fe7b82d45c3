# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""A network of the inventory: the one place that says what its variables mean.

What it is called, where its state lies, on which refs it is deployed, with which secrets, and the effect that deploys it. Preflight, the
upload of its state, ci.nix, the audit of secrets, the plan and the report all take this value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from ...module_utils._argspec import CONNECTION_OPTIONS
from ...module_utils._nix import functions, run_on
from ...module_utils._nix.options import EFFECT
from ...module_utils._nixops.upload import SPEC as UPLOAD
from ...module_utils._problems import Problem
from ...module_utils._project import ProjectPath
from ...module_utils._refs import branch_ref
from ...module_utils._secrets.condition import Condition
from ...module_utils._secrets.scripts import Profiles, SecretUse, profiles_in
from .host import Host
from .specs import PREFIX, variables_for

EFFECT_OPTIONS = frozenset(EFFECT) - {'name'}
SCRIPTS = tuple(sorted(PREFIX + option for option in functions.options_of_kind('script')))
SECRETS = ('nixops_function', 'nixops_secrets_map', 'nixops_arguments', *sorted(map(PREFIX.__add__, functions.options_of_secrets())))
"""The variables that say which secrets the effect of a network gets."""
USE = ('nixops_project', 'nixops_branches', 'nixops_run_on', *SECRETS, *SCRIPTS)
"""The variables that say which secrets a network uses, and where."""
OWN_REPOSITORY = re.compile(r'\b(?:src|primaryRepo|repo)\.remote(?:Http|Ssh)Url\b')
"""How code says it of the repository that the job is about."""
PLUGINS = ('nixops_plugins',)
"""The options for the package that a parameter of the kind `nixops` is."""
STATE_NAME = ('nixops_deployment', 'nixops_state_name', 'nixops_known_hosts_name', 'nixops_effect_deployment')
"""The variables that the network's names depend on."""
CONNECTION = variables_for(CONNECTION_OPTIONS, 'main', PREFIX)
"""The variables for the options of the modules that talk to Hercules CI."""
SOURCE_OPTIONS = {name: option for name, option in UPLOAD.options.items() if name not in CONNECTION_OPTIONS}
"""The options of nixops_state, but for how Hercules CI is reached."""
OF_OTHERS = ('job_timeout', 'nixops_directory')
"""Those of them that are called as variables for other modules are."""
VARIABLES = variables_for((option for option in SOURCE_OPTIONS if option not in OF_OTHERS), 'main', 'nixops_state_', PREFIX, '')
"""The variables for options of nixops_state."""


class Network(Host):
    """A host of the group `nixops_networks`. What it says of a variable holds where that variable is sound."""

    @cached_property
    def project(self) -> str:
        """SITE/ACCOUNT/PROJECT."""
        return str(self['nixops_project'] or '')

    @cached_property
    def project_path(self) -> ProjectPath:
        """The same, taken apart. Raises Failure if it is no project."""
        return ProjectPath.parse(self.project)

    @cached_property
    def branches(self) -> list[str]:
        """The branches that a run pushes to for this network."""
        return list(self['nixops_branches'] or ())

    @cached_property
    def run_on(self) -> dict[str, Any]:
        """The refs that the effect runs on, as in option `effects[].run_on` of nixops_effect."""
        rule = self['nixops_run_on'] or {}
        # An effect that runs on any ref names none.
        return dict(rule) if rule.get('any_ref') else {'branches': self.branches, **rule}

    def runs_on_branch(self, branch: str) -> bool:
        """Whether the variables say that a push to the branch deploys it. With a condition only Nix knows; then it may."""
        return run_on.expected_on(self.run_on, branch_ref(branch)) is not False

    @cached_property
    def function(self) -> str:
        """The function of the effects library that makes the effect."""
        return str(self['nixops_function'] or functions.DEFAULT)

    @cached_property
    def nixops(self) -> int | None:
        """The NixOps that deploys it, `None` for none: then it has no state."""
        return functions.nixops_of(self.function)

    @cached_property
    def taken(self) -> frozenset[str]:
        """The variables of the parameters of its function."""
        function = functions.of(self.function)
        return frozenset(PREFIX + option for option in (*function.options, *(PLUGINS if function.of_kind('nixops') else ())))

    @cached_property
    def foreign(self) -> frozenset[str]:
        """The variables that are set, of parameters that only other functions have. Any NixOps has a state that has names."""
        others = frozenset(PREFIX + option for option in (*functions.all_options(), *PLUGINS)) - self.taken
        return others & self.given.keys() - (frozenset(STATE_NAME) if self.nixops else frozenset())

    # What it is called.

    @cached_property
    def deployment(self) -> str:
        """The deployment in NixOps, as the user names it: its name, its UUID, or the beginning of that."""
        return str(self['nixops_deployment'] or '')

    @cached_property
    def effect_deployment(self) -> str:
        """What the effect calls it (`NIXOPS_DEPLOYMENT`). NixOps takes a name, a UUID and the beginning of one there, too."""
        return str(self['nixops_effect_deployment'] or self.deployment)

    @cached_property
    def called(self) -> frozenset[str]:
        """What it is called here and by the effect."""
        return frozenset((self.deployment, self.effect_deployment))

    @cached_property
    def state_name(self) -> str:
        """The state file on Hercules CI: what is uploaded, what the effect reads and what is compared with that. Only NixOps has one."""
        return str(self['nixops_state_name'] or 'nixops-%s.json' % self.deployment) if self.nixops else ''

    @cached_property
    def known_hosts_name(self) -> str:
        """The known_hosts file beside it."""
        return str(self['nixops_known_hosts_name'] or 'nixops-%s.known_hosts' % self.deployment) if self.nixops else ''

    def as_dict(self, keys: Mapping[str, list[str]] = MappingProxyType({})) -> dict[str, Any]:
        """What the role passes to its tasks, so that none of them reads a variable in a way of its own.

        keys: what may be shown of the IDs of AWS keys that agents hold, by the names of secrets.
        """
        return {
            'branches': self.branches, 'function': self.function, 'action': self.action, 'state': self.state,
            'state_name': self.state_name, 'known_hosts_name': self.known_hosts_name, 'effect_deployment': self.effect_deployment,
            'destination': self.destination if isinstance(self.destination, str) else '',
            'project': self.project, 'forget_state': bool(self['nixops_forget_state']), 'secrets_map': self._shown_secrets_map,
            'network_args': sorted((self['nixops_network_args' if self.nixops == 1 else 'nixops_prebuild_network_args']) or ()),
            'aws_profiles': dict(self.profiles.secrets) if self.profiles.complete else None,
            'aws_key_ids': {key: keys[name] for key, name in self.secrets.items() if name in keys},
        }

    @cached_property
    def state(self) -> str:
        """`upload`, `present` or `new`; empty where there is none, as only NixOps has one."""
        return str(self['nixops_state']) if self.nixops else ''

    @cached_property
    def action(self) -> str:
        """What NixOps does; anything else does what its function is there for."""
        return str(self['nixops_action']) if self.nixops else 'switch'

    def source(self) -> dict[str, Any]:
        """The options of nixops_state that bring the network's state to Hercules CI; where a variable is not set, its default holds."""
        given = {option: self[variable] for option, variable in VARIABLES.items()}
        found = {option: spec.get('default') if given.get(option) is None else given[option] for option, spec in SOURCE_OPTIONS.items()}
        if found['export_file']:
            found.update(database=None, nixops_program=None)
        return {
            **found, 'project': self.project, 'deployment': self.deployment, 'effect_deployment': self.effect_deployment,
            'name': self.state_name, 'known_hosts_name': self.known_hosts_name if found['known_hosts'] else None, 'version': None,
        }

    # How it is deployed.

    @cached_property
    def effect(self) -> dict[str, Any]:
        """The effect that deploys it, as nixops_effect takes it: every option whose variable the inventory sets.

        The role's defaults are those of NixOps 1, and not for every function.
        """
        # For NixOps 2 the network itself names its state; the variables still say under which name to upload one.
        elsewhere = {'state_name', 'known_hosts_name'} if self.nixops == 2 else set()
        options = {option: self[PREFIX + option] for option in sorted(EFFECT_OPTIONS - elsewhere) if PREFIX + option in self.given}
        unset = {option for option, value in options.items() if value is None or (value == '' and PREFIX + option in STATE_NAME)}
        return {**{option: value for option, value in options.items() if option not in unset}, 'name': self.name, 'run_on': self.run_on}

    @cached_property
    def destination(self) -> Any:
        """Where the effect logs in with SSH; `None` where it does not."""
        return self.described.get(functions.of(self.function).destination)

    @property
    def destination_place(self) -> tuple[str, ...]:
        """The variable that says so, and perhaps the place in it."""
        option = functions.of(self.function).destination
        if PREFIX + option in self.given:
            return (PREFIX + option,)
        return ('nixops_arguments', *functions.of(self.function).options[option].attribute.split('.'))

    @cached_property
    def pushes_to(self) -> str:
        """The branch of its own project that its effect pushes to; empty where it does not, or only Nix knows."""
        function = functions.of(self.function)
        repository, branch = function.pushes_to
        name = self.described.get(branch) or (branch and function.options[branch].default)
        return name if isinstance(name, str) and self._is_own(self.described.get(repository)) else ''

    def _is_own(self, repository: Any) -> bool:
        """Whether a URL, or code for it, is that of its project."""
        if isinstance(repository, Mapping):
            return bool(OWN_REPOSITORY.search(str(repository.get('_nix'))))
        named = re.search(r'[/:]([^/:]+)/([^/:]+?)(?:\.git)?/*\Z', str(repository or '').lower())
        return named is not None and named.groups() == (self.owner.lower(), self.repository.lower())

    def runs_on_push(self, branch: str) -> bool:
        """Whether the variables say for sure that a push to the branch runs the effect."""
        scheduled = self['nixops_job'] in (self['nixops_schedules'] or ())
        return not scheduled and run_on.expected_on(self.run_on, branch_ref(branch)) is True

    # With which secrets.

    @cached_property
    def owner(self) -> str:
        """The account that the project belongs to."""
        return self.project_path.account

    @cached_property
    def repository(self) -> str:
        """The project's name without its owner."""
        return self.project_path.project

    @cached_property
    def secrets(self) -> dict[str, str]:
        """Names in secrets.json, by the names that the effect has for them."""
        return {key: str(name) for key, name in self.secrets_map.items() if isinstance(name, str)}

    @cached_property
    def tokens(self) -> frozenset[str]:
        """The effect's names for what Hercules CI itself gives out, `{type: GitToken}`."""
        return frozenset(key for key, name in self.secrets_map.items() if not isinstance(name, str))

    @cached_property
    def described(self) -> dict[str, Any]:
        """What the inventory says by options of the effect's function and by raw arguments, under the options."""
        options = {option: self[PREFIX + option] for option in functions.of(self.function).options if PREFIX + option in self.given}
        return functions.described({**options, 'function': self.function, 'arguments': self['nixops_arguments']})

    @cached_property
    def secrets_map(self) -> dict[str, Any]:
        """What the effect gets, by its own names: what the function asks for by itself, and what the inventory adds."""
        own = {key: name for key, name, _field in functions.read_by(self.described) if name}
        return {**own, **{str(key): name for key, name in (self.described.get('secrets_map') or self['nixops_secrets_map'] or {}).items()}}

    @property
    def _shown_secrets_map(self) -> dict[str, Any]:
        """The same without what only Nix can tell."""
        return {key: name for key, name in self.secrets_map.items() if isinstance(name, str) or name == functions.GIT_TOKEN}

    @cached_property
    def own_uses(self) -> tuple[SecretUse, ...]:
        """What the function reads by itself."""
        return tuple(SecretUse(self.function, key, (field,)) for key, _name, field in functions.read_by(self.described))

    @cached_property
    def scripts(self) -> dict[str, str]:
        """Shell code of the effect, by the variable that it stands in."""
        found = {PREFIX + parameter.option: self[PREFIX + parameter.option] for parameter in functions.of(self.function).of_kind('script')}
        found.update(('nixops_arguments[%r]' % str(name), value) for name, value in (self['nixops_arguments'] or {}).items())
        return {script: text for script, text in found.items() if isinstance(text, str)}

    @cached_property
    def profiles(self) -> Profiles:
        """The profiles of AWS that its scripts write."""
        return profiles_in(self.scripts.values())

    @cached_property
    def refs(self) -> tuple[Condition, ...]:
        """Conditions on the ref, under each of which the effect runs; the narrowest that there are.

        None can tell one tag from another, or the branches that a pattern matches. Nothing said means the default branch, as
        `hci secret add` takes it.
        """
        rule = self.run_on
        refs: list[Condition] = [True if '*' in branch else {'isBranch': str(branch)} for branch in rule.get('branches') or ()]
        refs += ['isTag'] if rule.get('tags') else []
        refs += [True] if rule.get('any_ref') else []
        return tuple(refs) or ('isDefaultBranch',)

    def users(self) -> list[tuple[str, str, Condition]]:
        """Owner, repository and condition on the ref of the jobs that deploy it."""
        return [(self.owner, self.repository, ref) for ref in self.refs]

    # How Hercules CI is reached.

    def connection(self) -> dict[str, Any]:
        """The options of the modules that talk to Hercules CI, those that are set."""
        return {option: self[variable] for option, variable in CONNECTION.items() if self[variable] is not None}


def in_terms_of_the_role(problem: Problem) -> Problem:
    """A problem of a module with its options called as the variables of the role that somebody would set: `existing=replace` is none."""
    def variable(match: re.Match[str]) -> str:
        return '%s: %s' % (VARIABLES[match[1]], match[2])

    remedy = re.sub(r'\b(%s)=(\w+)' % '|'.join(VARIABLES), variable, problem.remedy)
    with_underscore = '|'.join(name for name in VARIABLES if '_' in name)
    return replace(problem, remedy=re.sub(r'(?<![\w/])(%s)(?!\w)' % with_underscore, lambda match: VARIABLES[match[1]], remedy))


def of_its_variables(problem: Problem, networks: Iterable[Network]) -> Problem:
    """A problem of nixops_effect with an option of an effect, told of the variable that the option comes from."""
    by_name = {network.name: network for network in networks}
    found = re.fullmatch(r'effect (.+?): (\w+)(?:\.(\S+))?', problem.where)
    if not found or found[1] not in by_name or found[2] not in EFFECT_OPTIONS:
        return problem
    where = by_name[found[1]].place(PREFIX + found[2], *((found[3],) if found[3] else ()))
    with_underscore = '|'.join(sorted(name for name in EFFECT_OPTIONS if '_' in name))
    remedy = re.sub(r'(?<!\w)(%s)(?!\w)' % with_underscore, lambda match: PREFIX + match[1], problem.remedy)
    remedy = re.sub(r'\boption (?!%s)(\w+)' % PREFIX, lambda match: 'option ' + PREFIX + match[1], remedy)
    if PREFIX + found[2] in by_name[found[1]].foreign:
        remedy += ' Where it is meant for other networks of a group, set %s: null for this one.' % (PREFIX + found[2])
    return replace(problem, where=where, remedy=remedy.replace('the option ', 'the variable '))
