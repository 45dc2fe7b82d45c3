# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check all networks and agents of the inventory before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars

from ..module_utils._argspec import ArgumentSpec
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._networks.known import PHASES
from ..plugin_utils._networks.preflight import AGENTS, NETWORKS, Inventory, check
from ..plugin_utils._networks.unasked import Sparing, Unasked
from ..plugin_utils._networks.variables import variables_of
from ..plugin_utils._report.outcome import counted


class ActionModule(ControllerAction):
    """Reads the variables of all hosts."""

    SPEC = ArgumentSpec({})

    def work(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """What can be known beforehand of all networks and agents."""
        inventory = inventory_of(variables, self._loader, load_extra_vars(self._loader), self._task.get_play().strategy)
        plan, warnings = check(replace(inventory, become=bool(self._task.become)))
        selected = [project['selected'] for project in plan['projects'].values() if project['selected']]
        numbers = counted(sum(map(len, selected)), 'network'), counted(len(selected), 'project')
        result: dict[str, Any] = {**plan, 'msg': '%s of %s can be deployed.' % numbers}
        self._display.display(result['msg'])
        if warnings:
            result['warnings'] = [str(warning) for warning in warnings]
        return result


def inventory_of(variables: Mapping[str, Any], loader: DataLoader, extra_vars: Iterable[str], strategy: str = 'linear') -> Inventory:
    """All networks and agents that there are, whatever a limit selects; which are selected is for the play to say."""
    groups, hostvars = variables['groups'], variables['hostvars']
    playing = set(variables['ansible_play_batch'])  # with serial, the others of the play come later, and their states with them
    networks, agents = groups.get(NETWORKS, []), groups.get(AGENTS, [])
    provided = playing if provides_agents(variables) else set()
    return Inventory(
        networks={host: variables_of(host, hostvars, loader) for host in networks},
        agents={host: variables_of(host, hostvars, loader, Sparing if host in provided else Unasked) for host in agents},
        selected=[host for host in networks if host in playing],
        phases=tuple(phase for phase in PHASES if runs(phase, variables)),
        extra_vars=frozenset(extra_vars),
        left_out=frozenset(networks) - frozenset(variables['ansible_play_hosts_all']),
        strategy=strategy,
        groups=frozenset(group for group, hosts in groups.items() if hosts),
        provided=frozenset(agents) & provided,
        lost=frozenset(agents) & frozenset(variables['ansible_play_hosts_all']) - frozenset(variables['ansible_play_hosts']),
    )


def runs(phase: str, variables: Mapping[str, Any]) -> bool:
    """Whether this run includes a phase of the role, as its tags say."""
    return _selected(variables, {'networks', phase}, {'networks', phase})


def provides_agents(variables: Mapping[str, Any]) -> bool:
    """Whether this run gives agents their secrets, or is about nothing but checks, as its tags say."""
    return _selected(variables, {'agents', 'preflight'}, {'agents'})


def _selected(variables: Mapping[str, Any], tags: set[str], own: set[str]) -> bool:
    """Whether the run has any of these tags, and skips none of its own."""
    run, skipped = set(variables.get('ansible_run_tags', ['all'])), set(variables.get('ansible_skip_tags', []))
    return bool(run & {'all', 'tagged', *tags}) and not skipped & {'all', 'tagged', *own}
