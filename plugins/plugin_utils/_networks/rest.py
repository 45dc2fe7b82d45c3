# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Which networks have nothing to do: their branches have what the inventory declares, and the jobs of these commits have succeeded.

Such a network needs no task of its own, and that is most of what a run costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...module_utils._git.push import differing, fetch
from ...module_utils._git.repository import GitError, open_checkout, private_repository
from ...module_utils._hercules_ci.client import Client
from ...module_utils._hercules_ci.jobs import Job, list_jobs, situation_of
from ...module_utils._hercules_ci.state import Version
from ...module_utils._nix import run_on
from ...module_utils._nix.ci_nix import DEFAULT_JOB
from ...module_utils._nix.effect_file import EffectFile
from ...module_utils._nix.effect_file import plan as plan_of_file
from ...module_utils._nix.options import SPEC
from ...module_utils._problems import Failure
from ...module_utils._refs import branch_ref
from .branches import Heads
from .projects import Project


@dataclass(frozen=True)
class Deployed:
    """A branch that has what the inventory declares, and the newest job of its head, which has succeeded as all of them have."""

    branch: str
    revision: str
    job: Job

    def as_dict(self) -> dict[str, Any]:
        """For the results of preflight."""
        return {'revision': self.revision, 'job': self.job.index, 'job_url': self.job.url}


def declared(project: Project, effects: Sequence[Mapping[str, Any]]) -> EffectFile:
    """The file that declares the effects, as it is in the checkout and as it should be. Raises Failure if it cannot be rendered."""
    given = {
        **project.file_options,
        'project': project.name,
        'effects': effects,
        'inventory_hosts': [network.name for network in project.networks],
    }
    return plan_of_file(SPEC.validator().validate(given).validated_parameters)


def deployed_branches(project: Project, effects: Sequence[Mapping[str, Any]], client: Client, asked: Heads) -> list[Deployed]:
    """Those branches of the selected networks on which nothing is left to do. Of what cannot be known, nothing is said."""
    try:
        change = declared(project, effects)
        branches = sorted(project.pushed_branches)
        if change.after is None or change.before != change.after or not branches:
            return []
        file = change.path.relative_to(Path(str(project.first['nixops_checkout']))).as_posix()
        heads = _heads_with(project, {file: change.after}, branches, asked)
        jobs = list_jobs(client, project.first.project_path) if heads else []
    except (Failure, GitError, UnicodeError):  # the tasks that do the work say it better
        return []
    names = {str(effect.get('job') or DEFAULT_JOB) for effect in effects} - set(project.first['nixops_schedules'] or ())
    found = []
    for branch, revision in heads.items():
        job = _newest([job for job in jobs if job.revision == revision and job.ref == branch_ref(branch)], names)
        if job:
            found.append(Deployed(branch, revision, job))
    return found


def runs_with_each_push(effect: Mapping[str, Any], project: Project) -> bool:
    """Whether it is sure that the jobs of all its branches run the effect of a network: only then has it been deployed by them.

    It is not where the effect is switched off, where only Nix knows its condition, and where its job waits for the clock.
    """
    network = next(each for each in project.networks if each.name == effect['name'])
    if effect.get('job') in (project.first['nixops_schedules'] or ()):
        return False
    return all(run_on.expected_on(effect['run_on'], branch_ref(branch)) for branch in network.branches)


def _heads_with(project: Project, contents: Mapping[str, str], branches: Sequence[str], asked: Heads) -> dict[str, str]:
    """The heads of those branches of the remote on which the files have this content."""
    remote = str(project.first['nixops_remote'])
    files = {name: text.encode() for name, text in contents.items()}
    with private_repository(open_checkout(str(project.first['nixops_checkout']))) as repository:
        heads = {branch: head for branch, head in asked.seen_from(repository).items() if branch in branches}
        fetch(repository, remote, heads)
        same = {revision: not differing(repository, revision, files) for revision in set(heads.values())}
    return {branch: revision for branch, revision in heads.items() if same[revision]}


def _newest(jobs: Sequence[Job], names: set[str]) -> Job | None:
    """The newest of the jobs of a commit, if all that are to be expected are there and have succeeded."""
    situation = situation_of(jobs, {'onPush': dict.fromkeys(names)})
    if not situation.complete or not situation.ended or situation.failed:
        return None
    return max(situation.jobs, key=lambda job: job.index)


def replaced_since(versions: Sequence[Version]) -> Version | None:
    """The newest version of a state file, if somebody uploaded it after a deployment had stored one: it may not be what is deployed."""
    newest = versions[-1] if versions else None
    return newest if newest and not newest.job and any(version.job for version in versions) else None
