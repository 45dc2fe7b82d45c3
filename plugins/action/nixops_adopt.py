# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write hosts for the deployments that there are into an inventory. Documented in the module of the same name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ansible.errors import AnsibleError

from ..module_utils._argspec import CONNECTION_OPTIONS, ArgumentSpec
from ..module_utils._hercules_ci.client import connect
from ..module_utils._hercules_ci.state import StateFiles
from ..module_utils._nixops.database import default_database
from ..module_utils._problems import Problem
from ..module_utils._project import ProjectPath
from ..plugin_utils._adopt.deployments import Known, in_database, in_export, in_project
from ..plugin_utils._adopt.hosts import Setting, hosts_for, merged, questions
from ..plugin_utils._adopt.inventory import changes, deployments_in, is_known
from ..plugin_utils._adopt.secrets import VARIABLE, adopt_secrets
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._networks.preflight import AGENTS, NETWORKS
from ..plugin_utils._networks.variables import variables_of
from ..plugin_utils._variables import plain
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
        'secrets': {'type': 'dict', 'default': {}},
    })

    def work(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """The hosts that are written, and what is asked of each."""
        found, problems = found_in(options)
        path = os.path.join(options['path'], '%s.yml' % NETWORKS) if os.path.isdir(options['path']) else options['path']
        before = file.content_of(path)
        inventory = read((before or b'').decode('utf-8-sig', 'replace'), path)
        declared = [*self._declared(variables), *declared_in(inventory)]
        names = Counter(known.name for known in found)
        setting = Setting(options['project'], options['checkout'], options['branches'], default_database())
        new = [known for known in found if not is_known(known, declared, names[known.name] == 1, setting)]
        taken = {*variables.get('groups', {}).get('all', []), *(name for name, _variables in deployments_in(inventory))}
        hosts = hosts_for(new, setting, taken, found)
        secrets = adopt_secrets(inventory, plain(options['secrets'], 'secrets'), secrets_declared(variables))
        after = edited(before or b'', [*changes(inventory, hosts), *secrets.edits], path)
        changed = after != (before or b'')
        if changed and not self._task.check_mode:
            file.write(path, before, after)
        result: dict[str, Any] = {
            'changed': changed, 'path': path, 'hosts': list(hosts), 'questions': questions(hosts), 'vault': secrets.vault,
            'secrets_left': secrets.left,
        }
        if self._task.diff:
            result['diff'] = file.diff(path, before, after)
        if problems:
            result['warnings'] = [str(problem) for problem in problems]
        return result

    def _declared(self, variables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Project and deployment of each network that the inventory has, as far as Ansible can evaluate them."""
        for host in variables.get('groups', {}).get(NETWORKS, []):
            found = variables_of(host, variables['hostvars'], self._loader)
            if not isinstance(found, Problem):
                with suppress(AnsibleError):
                    yield str(found.get('nixops_project') or ''), str(found.get('nixops_deployment') or '')


def secrets_declared(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The secrets of each agent whose inventory has any, as they were written. No value is evaluated."""
    raw = {host: variables['hostvars'].raw_get(host) for host in variables.get('groups', {}).get(AGENTS, [])}
    return {host: found[VARIABLE] for host, found in raw.items() if found.get(VARIABLE) is not None}


def declared_in(inventory: Any) -> Iterator[tuple[str, str]]:
    """The same of the file, whether or not it is part of the inventory that is played with. Groups may say more; a project is left open."""
    for _name, variables in deployments_in(inventory):
        if isinstance(variables, Mapping) and variables.get('nixops_deployment'):
            yield str(variables.get('nixops_project') or ''), str(variables['nixops_deployment'])


def found_in(options: Mapping[str, Any]) -> tuple[list[Known], list[Problem]]:
    """What the sources hold; without any, NixOps' own database is the source."""
    sources = [*options['databases'], *options['exports'], *options['projects']]
    by_itself = not sources and not (options['secrets'] and not os.path.lexists(default_database()))
    databases = [default_database()] if by_itself else options['databases']
    found = [known for path in databases for known in in_database(path)]
    found += [known for path in options['exports'] for known in in_export(path)]
    problems: list[Problem] = []
    for project in options['projects']:
        known, wrong = in_project(StateFiles(connect(options), ProjectPath.parse(project)))
        found += known
        problems += wrong
    return merged(found), problems
