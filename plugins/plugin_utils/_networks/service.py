# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What Hercules CI has of a project: whether it can be reached, and the states of its networks."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from ...module_utils._hercules_ci.client import connect
from ...module_utils._hercules_ci.state import Version
from ...module_utils._nixops.placement import WRITES
from ...module_utils._problems import Problem
from .network import CONNECTION, STATE_NAME, Network
from .projects import Project
from .stored import CachedFiles

NO_UPLOAD = 'dry-run'
"""The only action that leaves a missing state missing. Others make machines, or leave a state without any, which a later run would keep."""
REACHED_BY = tuple(CONNECTION.values())


def state_files(network: Network, folder: str) -> CachedFiles:
    """The state files of a network's project. folder: a private one, for what is downloaded."""
    return CachedFiles(connect(network.connection()), network.project_path, folder)


def change_by(job_url: str, versions: Sequence[Version], known: int | None) -> tuple[int | None, int | None]:
    """The version before and after a job stored a state, whenever that was; if it stored none, `known` from before the run and the newest.

    job_url: the job's page, empty for no job. versions: of the state file, in order.
    """
    stored = [index for index, version in enumerate(versions) if job_url and version.job == job_url]
    if not stored:
        return known, versions[-1].number if versions else None
    return versions[stored[0] - 1].number if stored[0] else None, versions[stored[-1]].number


def version_to_come(uploaded: Mapping[str, Any], now: int | None) -> int | None:
    """The number that a state would get, of which check mode only says that it would be uploaded; where it would not, `now`."""
    return (uploaded.get('previous_version') or 0) + 1 if uploaded.get('action') in WRITES else now


def missing_states(project: Project, versions: Container[str], uploads: bool) -> Iterator[Problem]:
    """Networks that a push would deploy without their state, which makes new machines.

    versions: names of the states that Hercules CI has. uploads: whether this run uploads states, as its tags say.
    """
    for network in project.networks:
        if not network.nixops or not network.sound(*STATE_NAME, 'nixops_branches', 'nixops_run_on', 'nixops_state', 'nixops_action'):
            continue
        name = network.state_name
        selected = network.name in project.selected
        shared = {branch for branch in project.pushed_branches if network.runs_on_branch(branch)}
        if name in versions or not shared or network.state == 'new' or network['nixops_action'] == NO_UPLOAD:
            continue
        if network.state == 'upload' and selected and uploads:
            continue
        remedy = 'Set nixops_state: upload and let a run with the tag state upload it, or nixops_state: new if there are no machines yet.'
        if not selected:
            remedy = 'Select it, too (--limit), so that its state is uploaded, or take it from that branch.'
        yield Problem('Hercules CI has no state for a network that would be deployed; NixOps would make all of its machines anew.',
                      where='%s, branch %s of %s' % (network.name, ', '.join(sorted(shared)), project.name), expected=name,
                      found='no such state', remedy=remedy)
