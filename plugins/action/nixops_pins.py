# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring pins of an inventory up to date. Documented in the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._nix.effect_file import plan, prove
from ..module_utils._nix.options import SPEC as EFFECT_SPEC
from ..module_utils._problems import Failure, Problem, fail, require_none
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._networks.preflight import NETWORKS
from ..plugin_utils._networks.projects import Project, projects_of
from ..plugin_utils._networks.variables import read_network, variables_of
from ..plugin_utils._pins.newest import hash_of, newest_revision
from ..plugin_utils._pins.pins import changes, place_of_pins, wanted_pins
from ..plugin_utils._variables import as_json
from ..plugin_utils._yaml_edits import file
from ..plugin_utils._yaml_edits.edit import edited
from ..plugin_utils._yaml_edits.reading import at, read


class ActionModule(ControllerAction):
    """Reads the variables of all networks."""

    SPEC = ArgumentSpec({
        'path': {'type': 'path', 'required': True},
        'at': {'type': 'list', 'elements': 'raw'},
        'pins': {'type': 'dict', 'required': True},
        'validate': {'type': 'bool', 'default': True},
    })

    def work(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """What the pins become."""
        path = options['path']
        before = file.content_of(path)
        if before is None:
            raise fail('There is no such file.', where=path, expected='a file of the inventory', remedy='Correct the path.')
        value = read(before.decode('utf-8-sig', 'replace'), path)
        place = place_of_pins(value, options['at'], path)
        old = as_json(at(value, place), '.'.join(map(str, place)))
        wanted = wanted_pins(old, as_json(options['pins'], 'pins'), newest_revision, hash_of)
        after = edited(before, changes(place, wanted), path)
        if wanted and options['validate']:
            self._evaluate(old, {**old, **{name: {**(old.get(name) or {}), **pin} for name, pin in wanted.items()}}, variables)
        if after != before and not self._task.check_mode:
            file.write(path, before, after)
        result: dict[str, Any] = {'changed': after != before, 'path': path, 'pins': {
            name: {'before': {option: (old.get(name) or {}).get(option) for option in pin}, 'after': pin} for name, pin in wanted.items()
        }}
        if self._task.diff:
            result['diff'] = file.diff(path, before, after)
        return result

    def _evaluate(self, old: Mapping[str, Any], new: Mapping[str, Any], variables: Mapping[str, Any]) -> None:
        """Let Nix evaluate all networks that have the old pins with the new ones. Raises Failure with all that is wrong."""
        hosts, hostvars = variables['groups'].get(NETWORKS, []), variables['hostvars']
        networks = [read_network(host, variables_of(host, hostvars, self._loader))[0] for host in hosts]
        projects = [project for project in projects_of(networks, hosts) if (project.first['nixops_pins'] or {}) == old]
        if not projects:
            raise fail('No network of the play has these pins, so that none can be evaluated with the new ones.', where=NETWORKS,
                       remedy='Play with the inventory that the file belongs to, or set validate: false.')
        problems: list[Problem] = []
        for project in projects:
            try:
                evaluate(project, new)
            except Failure as failure:
                problems += [replace(problem, where=', '.join(filter(None, (project.name, problem.where)))) for problem in failure.problems]
        require_none(problems)


def evaluate(project: Project, pins: Mapping[str, Any]) -> None:
    """Prove the file of a project as the role would, and at least evaluate it. Raises Failure."""
    first = project.first
    level, force = str(first['nixops_validate']), bool(first['nixops_adopt'])
    options = EFFECT_SPEC.validator().validate({
        **project.file_options, 'pins': pins, 'project': project.name,
        'effects': [network.effect for network in project.networks], 'inventory_hosts': [network.name for network in project.networks],
        'validate': level if level in ('evaluate', 'prebuild') else 'evaluate',
        'adopt': False, 'force': force,  # nothing is written, and with other pins it cannot mean what the old file means
    })
    if options.error_messages:
        raise fail('The variables of the project cannot be evaluated.', found='; '.join(options.error_messages),
                   remedy='Play nixcd.hercules_ci.networks with --tags preflight.')
    prove(plan(options.validated_parameters), options.validated_parameters)
