# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Bring a state to Hercules CI: what nixops_state does."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import IO, Any, Callable

from .._argspec import CONNECTION_OPTIONS, ArgumentSpec
from .._files import hidden_file
from .._hercules_ci.client import connect
from .._hercules_ci.state import StateFiles, require_file_name
from .._hercules_ci.state_upload import Stored, Waiting
from .._nix.functions import DEFAULT, with_nixops
from .._payload import PAYLOAD_OPTION
from .._problems import Failure, errors_of, require_none
from .._processes import ending_in_order
from .._project import ProjectPath
from .difference import Comparison, compared
from .elsewhere import before_first_upload
from .guards import advice, require_nothing_new, require_seen
from .importable import unusable
from .known_hosts import host_differences, require_known_hosts
from .placement import WRITES, Placement, carry_out, default_backup_folder, place, version_with
from .sources import StateSource, effect_name, from_file, read_source, read_version

Find = Callable[[Mapping[str, Any], StateFiles, IO[bytes]], tuple[str, StateSource, str]]
SPEC = ArgumentSpec(
    {
        **CONNECTION_OPTIONS,
        **PAYLOAD_OPTION,
        'project': {'type': 'str', 'required': True},
        'deployment': {'type': 'str', 'required': True},
        'effect_deployment': {'type': 'str'},
        'function': {'type': 'str', 'choices': list(with_nixops()), 'default': DEFAULT},
        'import_check': {'type': 'bool', 'default': True},
        'name': {'type': 'str'},
        'database': {'type': 'path'},
        'nixops_program': {'type': 'path'},
        'nixops_directory': {'type': 'path'},
        'nixops_timeout': {'type': 'int', 'default': 600},
        'export_file': {'type': 'path'},
        'format': {'type': 'str', 'choices': ['auto', '1.x', '2.x'], 'default': 'auto'},
        'existing': {'type': 'str', 'choices': ['keep', 'replace', 'fail'], 'default': 'keep'},
        'replaced_version': {'type': 'int'},
        'version': {'type': 'int'},
        'known_hosts': {'type': 'path'},
        'known_hosts_name': {'type': 'str'},
        'lock_timeout': {'type': 'int', 'default': 300},
        'running_jobs': {'type': 'str', 'choices': ['fail', 'wait', 'ignore'], 'default': 'fail'},
        'job_timeout': {'type': 'int', 'default': 3600},
        'look_elsewhere': {'type': 'bool', 'default': True},
        'backup': {'type': 'bool', 'default': True},
        'backup_dir': {'type': 'path'},
    },
    mutually_exclusive=[
        *(('export_file', source, 'version') for source in ('database', 'nixops_program')),
        ('version', 'known_hosts'),
    ],
    required_by={'nixops_directory': 'nixops_program', 'known_hosts_name': 'known_hosts'},
)


def denoted(options: Mapping[str, Any], files: StateFiles, copy: IO[bytes]) -> tuple[str, StateSource, str]:
    """The name of the state file, what is to be its newest version, and what to do about another one."""
    if options['version'] is None:
        source = read_source(options, copy)
        return file_name(options['name'], 'nixops-%s.json', source.effect_deployment), source, options['existing']
    name = file_name(options['name'], 'nixops-%s.json', effect_name(options))
    return name, read_version(options, files, name, copy), 'restore'


def run(module: Any, find: Find = denoted) -> dict[str, Any]:
    """Read, check, compare, upload what differs, and say what was done.

    module: an AnsibleModule, or what the action plugin has in its place: params, check_mode, _diff and warn.
    find: says what the options denote.
    """
    with ExitStack() as files_open:
        return _run(module, find, files_open)


def _run(module: Any, find: Find, files_open: ExitStack) -> dict[str, Any]:
    options = module.params
    files_open.enter_context(ending_in_order())
    files = StateFiles(connect(options), ProjectPath.parse(options['project']))
    copy = files_open.enter_context(hidden_file())
    name, source, existing = find(options, files, copy)
    judge = partial(unusable, function=options['function'], looked_for=source.effect_deployment)
    placements = [place(files, name, source.state, existing, compared, files_open, judge, source.number)]
    require_seen(placements[0], options['replaced_version'])
    problems = [*source.problems, *require_nothing_new(placements[0], partial(version_with, files))]
    problems += advice(placements[0], source.machines)
    if placements[0].action == 'created' and options['look_elsewhere']:
        problems += before_first_upload(files, name, source.state, source.deployment.uuid)
    require_none(errors_of(problems))
    if options['known_hosts']:
        hosts_name = file_name(options['known_hosts_name'], 'nixops-%s.known_hosts', source.effect_deployment)
        hosts = from_file(options['known_hosts'], files_open.enter_context(hidden_file()))
        require_known_hosts(hosts, hosts_name, name)
        placements.append(place(files, hosts_name, hosts, existing, lambda *states: Comparison(host_differences(*states)), files_open))

    done: dict[str, Stored] = {}
    if not module.check_mode:
        folder = options['backup_dir'] or default_backup_folder() if options['backup'] else None
        try:
            problems += carry_out(files, placements, name, waiting_of(options), folder, done)
        except Failure as failure:
            raise Failure(failure.problems, {**results_of_failure(placements, done), **failure.extra}) from failure

    for problem in problems:
        module.warn(str(problem))
    results = [placement.result(done.get(placement.name)) for placement in placements]
    return {
        **results[0],
        'changed': any(placement.action in WRITES for placement in placements),
        'deployment': {'uuid': source.deployment.uuid or None, 'name': source.deployment.name},
        **({'known_hosts': results[1]} if len(results) > 1 else {}),
        **({'diff': [placement.diff() for placement in placements]} if module._diff else {}),
    }


def results_of_failure(placements: list[Placement], done: dict[str, Stored]) -> dict[str, Any]:
    """What was done before a failure, in the form of a success; only that."""
    results: list[dict[str, Any]] = []
    for placement in placements:
        stored = done.get(placement.name, Stored())
        saved = {'backup_file': stored.backup} if stored.backup else {}
        results.append(placement.result(stored) if stored.sent else saved)
    state, *hosts = results
    return {'changed': any(stored.sent for stored in done.values()), **state, **({'known_hosts': hosts[0]} if any(hosts) else {})}


def file_name(given: str | None, pattern: str, deployment: str) -> str:
    """The name of a file on the server: the one that is given, else the one that the function of NixOps 1 uses by default."""
    return require_file_name(given or pattern % deployment, 'name')


def waiting_of(options: dict[str, Any]) -> Waiting:
    """For how long to wait for whom."""
    jobs_timeout = {'fail': 0.0, 'wait': float(options['job_timeout']), 'ignore': None}[options['running_jobs']]
    return Waiting(float(options['lock_timeout']), jobs_timeout)
