# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring the state of a network back from a backup, through nixops_state. Documented in the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import IO, Any

from ..module_utils._files import hidden_file, private_folder
from ..module_utils._hercules_ci.failures import RequestFailed
from ..module_utils._hercules_ci.state import StateFiles
from ..module_utils._nixops.sources import StateSource, old_state
from ..module_utils._nixops.upload import SPEC as STATE
from ..module_utils._nixops.upload import run as bring
from ..module_utils._problems import Failure
from ..plugin_utils._backup.index import read_index
from ..plugin_utils._backup.options import networks_of, spec_of, store_of
from ..plugin_utils._backup.restoring import choose, fetch, known_hosts_file
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._local_action import Invocation
from ..plugin_utils._networks.network import Network
from ..plugin_utils._networks.variables import variables_of


class ActionModule(ControllerAction):
    """Works for one network."""

    SPEC = spec_of({
        'version': {'type': 'int'},
        'known_hosts': {'type': 'bool', 'default': True},
        'existing': {'type': 'str', 'choices': ['keep', 'replace', 'fail']},
        'replaced_version': {'type': 'int'},
    })

    def work(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """What was brought back, or could be."""
        name = variables['inventory_hostname']
        (network,) = networks_of({name: variables_of(name, variables['hostvars'], self._loader)})
        if not network.nixops:
            return {'changed': False, 'msg': '%s has no state, as it is not deployed by NixOps.' % name}
        return restore(network, options, check_mode=self._task.check_mode, diff=self._task.diff)


def restore(network: Network, options: Mapping[str, Any], *, check_mode: bool, diff: bool) -> dict[str, Any]:
    """Take the state out of the backup, see that it is whole and usable, and let nixops_state bring it back."""
    with ExitStack() as opened:
        store = store_of(options, write=False)
        index = read_index(store.read_index()[0], store.where)
        copy = choose(index, (network.project, network.state_name), options['version'], store.where)
        state_options = options_of(network, options)
        state = fetch(store, copy, opened.enter_context(hidden_file()))
        source = old_state(state, state_options, state_options['effect_deployment'], copy.version)
        hosts = index.last_good((network.project, network.known_hosts_name)) if options['known_hosts'] else None
        if hosts:
            folder = opened.enter_context(private_folder())
            state_options.update(known_hosts=known_hosts_file(store, hosts, folder), known_hosts_name=network.known_hosts_name)

        def find(_options: Mapping[str, Any], _files: StateFiles, _copy: IO[bytes]) -> tuple[str, StateSource, str]:
            return network.state_name, source, state_options['existing']

        taken = {'version': copy.version, 'created': copy.created, 'job': copy.job or None, 'size': state.size, 'sha256': state.sha256}
        invocation = Invocation(state_options, check_mode, diff)
        try:
            result = bring(invocation, find)
        except Failure as failure:
            if options['existing'] or not check_mode or isinstance(failure, RequestFailed):
                raise Failure(failure.problems, {'backup': taken, **failure.extra}) from failure
            result = {'in_the_way': [problem.as_dict() for problem in failure.problems]}
            invocation.warnings += map(str, failure.problems)
    whole = '%s is whole: %d bytes, sha256 %s.' % (copy, state.size, state.sha256)
    return {**result, 'backup': taken, 'msg': whole, 'warnings': invocation.warnings}


def options_of(network: Network, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of nixops_state that bring the state back, whatever the inventory says of where it comes from otherwise."""
    return {
        **{option: each.get('default') for option, each in STATE.options.items()}, **network.connection(),
        'project': network.project, 'deployment': network.deployment, 'effect_deployment': network.effect_deployment,
        'function': network.function, 'name': network.state_name, 'existing': options['existing'] or 'fail',
        'replaced_version': options['replaced_version'], 'running_jobs': str(network['nixops_state_running_jobs']),
    }
