# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write hosts for the deployments that there are into an inventory. Documented in the module of the same name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ansible.errors import AnsibleError

from ..module_utils._argspec import CONNECTION_OPTIONS, ArgumentSpec
from ..module_utils._hercules_ci.client import connect
from ..module_utils._hercules_ci.state import StateFiles
from ..module_utils._nixops.database import default_database
from ..module_utils._problems import Problem
from ..module_utils._project import ProjectPath
from ..plugin_utils._adopt.deployments import FoundNetwork, in_database, in_export, in_project
from ..plugin_utils._adopt.file import FromFile, from_file, with_state
from ..plugin_utils._adopt.hosts import Setting, hosts_for, merged, questions, state_of
from ..plugin_utils._adopt.inventory import DeclaredHost, changes, declared_in, deployments_in, effect_changes, is_known, is_same
from ..plugin_utils._adopt.secrets import VARIABLE, adopt_secrets
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._networks.preflight import AGENTS, NETWORKS
from ..plugin_utils._networks.variables import variables_of
from ..plugin_utils._variables import as_json
from ..plugin_utils._yaml_edits import file
from ..plugin_utils._yaml_edits.edit import edited
from ..plugin_utils._yaml_edits.reading import read


class ActionModule(ControllerAction):
    """Reads the variables of all networks that the inventory has already."""

    SPEC = ArgumentSpec({
        **CONNECTION_OPTIONS,
        'path': {'type': 'path', 'required': True},
        'databases': {'type': 'list', 'elements': 'path', 'default': []},
        'exports': {'type': 'list', 'elements': 'path', 'default': []},
        'projects': {'type': 'list', 'elements': 'str', 'default': []},
        'project': {'type': 'str'},
        'checkout': {'type': 'path'},
        'branches': {'type': 'list', 'elements': 'str'},
        'ci_nix': {'type': 'bool', 'default': False},
        'secrets': {'type': 'dict', 'default': {}},
    })

    def work(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """The hosts that are written, and what is asked of each."""
        found, problems = found_in(options)
        path = os.path.join(options['path'], '%s.yml' % NETWORKS) if os.path.isdir(options['path']) else options['path']
        before = file.content_of(path)
        inventory = read((before or b'').decode('utf-8-sig', 'replace'), path)
        declared = [*self._declared(variables), *declared_in(inventory)]
        unique = {name for name, number in Counter(known.name for known in found).items() if number == 1}
        setting = Setting(options['project'], options['checkout'], options['branches'], default_database())
        taken = {*variables.get('groups', {}).get('all', []), *(name for name, _variables in deployments_in(inventory))}
        new = [known for known in found if not is_known(known, declared, known.name in unique, setting)]
        written = from_file(setting) if options['ci_nix'] else FromFile()
        written, new = with_deployments(written, new, unique, setting)
        groups = set(variables.get('groups', {}))
        of_file = effect_changes(inventory, written, declared, options['project'], taken | groups)
        hosts = hosts_for(new, setting, {*taken, *of_file.hosts}, found)
        secrets = adopt_secrets(inventory, as_json(options['secrets'], 'secrets'), secrets_declared(variables))
        after = edited(before or b'', [*of_file.edits, *changes(inventory, hosts, of_file, options['project']), *secrets.edits], path)
        changed = after != (before or b'')
        if changed and not self._task.check_mode:
            file.write(path, before, after)
        result: dict[str, Any] = {
            'changed': changed, 'path': path, 'hosts': [*of_file.hosts, *hosts],
            'questions': questions({**of_file.group, **of_file.hosts, **hosts}), 'vault': secrets.vault, 'secrets_left': secrets.left,
            'ci_nix': written.name or None,
        }
        if self._task.diff:
            result['diff'] = file.diff(path, before, after)
        if problems:
            result['warnings'] = [str(problem) for problem in problems]
        return result

    def _declared(self, variables: Mapping[str, Any]) -> Iterator[DeclaredHost]:
        """The networks that the inventory has, as far as Ansible can evaluate them."""
        for host in variables.get('groups', {}).get(NETWORKS, []):
            found = variables_of(host, variables['hostvars'], self._loader)
            if not isinstance(found, Problem):
                with suppress(AnsibleError):
                    project, deployment = (str(found.get('nixops_' + name) or '') for name in ('project', 'deployment'))
                    yield DeclaredHost(host, project, deployment, frozenset(found))


def secrets_declared(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The secrets of each agent whose inventory has any, as they were written. No value is evaluated."""
    raw = {host: variables['hostvars'].raw_get(host) for host in variables.get('groups', {}).get(AGENTS, [])}
    return {host: found[VARIABLE] for host, found in raw.items() if found.get(VARIABLE) is not None}


def with_deployments(
    written: FromFile, new: Sequence[FoundNetwork], unique: Collection[str | None], setting: Setting,
) -> tuple[FromFile, list[FoundNetwork]]:
    """The effects of a file with what is known of the deployments that they work on, and the other deployments."""
    effects, left = [], list(new)
    for effect in written.effects:
        known = next((each for each in left if effect.deployment and is_same(effect.deployment, each, each.name in unique)), None)
        left = [each for each in left if each is not known]
        effects.append(with_state(effect, state_of(known, str(effect.deployment), setting) if known else {}))
    return replace(written, effects=tuple(effects)), left


def found_in(options: Mapping[str, Any]) -> tuple[list[FoundNetwork], list[Problem]]:
    """What the sources hold; without any, NixOps' own database is the source."""
    sources = [*options['databases'], *options['exports'], *options['projects']]
    by_itself = not sources and not ((options['secrets'] or options['ci_nix']) and not os.path.lexists(default_database()))
    databases = [default_database()] if by_itself else options['databases']
    found = [known for path in databases for known in in_database(path)]
    found += [known for path in options['exports'] for known in in_export(path)]
    problems: list[Problem] = []
    for project in options['projects']:
        known, wrong = in_project(StateFiles(connect(options), ProjectPath.parse(project)))
        found += known
        problems += wrong
    return merged(found), problems
