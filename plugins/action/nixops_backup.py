# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep the newest states of the play's networks in a backup. Documented in the module of the same name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from ..module_utils._hercules_ci.client import connect
from ..module_utils._hercules_ci.state import StateFiles
from ..module_utils._problems import Failure, Problem, errors_of, fail, require_none
from ..module_utils._processes import ending_in_order
from ..plugin_utils._backup.index import Index, Keep, read_index
from ..plugin_utils._backup.options import OF_WRITING, networks_of, spec_of, store_of, wanted_of
from ..plugin_utils._backup.saving import FoundFile, now, problems_of, save_project, write_down
from ..plugin_utils._backup.store import Store
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._networks.network import Network
from ..plugin_utils._networks.preflight import NETWORKS
from ..plugin_utils._networks.variables import variables_of


class ActionModule(ControllerAction):
    """Reads the variables of all networks."""

    SPEC = spec_of({**OF_WRITING, 'keep_versions': {'type': 'int'}, 'keep_days': {'type': 'float'}})

    def work(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """What has become of each file, and what is wrong with some."""
        playing = [host for host in variables['groups'].get(NETWORKS, []) if host in variables['ansible_play_batch']]
        keep, write = keep_of(options), not self._task.check_mode
        networks = networks_of({host: variables_of(host, variables['hostvars'], self._loader) for host in playing})
        with ExitStack() as held:
            held.enter_context(ending_in_order())
            store = store_of(options, write=write)
            if write:
                held.enter_context(store.alone())
            saved, before, after, problems = save(networks, store, keep, write=write)
        result: dict[str, Any] = {'changed': before.copies != after.copies, 'files': [as_dict(each) for each in saved]}
        if self._task.diff:
            result['diff'] = {'before': listing(before), 'after': listing(after), 'before_header': store.where, 'after_header': store.where}
        result['warnings'] = [str(problem) for problem in problems if problem.severity == 'warning']
        require_none(errors_of(problems), **result)
        return result


def keep_of(options: Mapping[str, Any]) -> Keep:
    for name in ('keep_versions', 'keep_days'):
        if options[name] is not None and not options[name] > 0:
            raise fail('Nothing would be kept.', where=name, expected='a number above 0', found=str(options[name]),
                       remedy='Leave it out to keep everything.')
    return Keep(options['keep_versions'], options['keep_days'])


def save(
    networks: list[Network], store: Store, keep: Keep, *, write: bool,
) -> tuple[list[FoundFile], Index, Index, list[Problem]]:
    """Fetch what is new of each project, then write the index. What is wrong with one project does not keep the others from it."""
    content, tag = store.read_index()
    before, time = read_index(content, store.where), now()
    by_project: dict[str, list[Network]] = defaultdict(list)
    for network in (network for network in networks if network.nixops):
        by_project[network.project].append(network)
    found: list[FoundFile] = []
    problems: list[Problem] = []
    for of_project in by_project.values():
        first, wanted = of_project[0], [each for network in of_project for each in wanted_of(network)]
        try:
            files = StateFiles(connect(first.connection()), first.project_path)
            saved, wrong = save_project(files, wanted, before, store, time, write=write)
        except Failure as failure:
            problems += failure.problems
            continue
        found += saved
        problems += wrong
    problems += problems_of(found, {network.name: network.state for network in networks})
    copies = [each.copy for each in found if each.copy and each.action == 'stored']
    files_saved = [each.wanted.file for each in found if each.copy]
    after = write_down(store, (before, tag), copies, (files_saved, keep), time, write=write)
    return found, before, after, problems


def as_dict(found: FoundFile) -> dict[str, Any]:
    """A file, for the result."""
    copy = found.copy
    described = {'network': found.wanted.network, 'project': found.wanted.project, 'name': found.wanted.name, 'action': found.action}
    if copy is None:
        return described
    return {**described, 'version': copy.version, 'job': copy.job or None, 'size': copy.size, 'sha256': copy.sha256 or None,
            'problem': copy.problem or None}


def listing(index: Index) -> str:
    """The copies, a line for each."""
    return ''.join('%s\n' % copy for copy in sorted(index.copies, key=lambda copy: (*copy.of, copy.version)))
