# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What the last deployment of a network has deployed, where no state knows: Hercules CI has the derivations of all of its jobs.

Equal derivations are the same thing. Different ones say something where both are of one Nix store, and of the same packages: a file of
effects alone is imported by another one, which may have packages of its own.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...module_utils._hercules_ci.client import Client
from ...module_utils._hercules_ci.jobs import Job, list_jobs
from ...module_utils._jobs.effects import Effect, Evaluation, get_effect, get_evaluation
from ...module_utils._nix.deployments import EvaluatedEffect
from ...module_utils._nixops.plan import CHANGED, SAME, UNKNOWN
from ...module_utils._problems import Failure
from ...module_utils._project import ProjectPath
from ...module_utils._refs import branch_ref
from .outcome import is_effect_of

MOST_JOBS = 20
"""Looked into for one network, newest first: each is a request."""
Refs = Mapping[str, 'frozenset[str] | None']
"""The refs that may deploy a network, by its name; `None` for any."""


@dataclass(frozen=True)
class Last:
    """The newest job that has deployed a network.

    effect, prebuilt: derivations. unknown: why there is nothing to compare with. imported: whether agents take the packages from elsewhere.
    """

    job: int | None = None
    effect: str | None = None
    prebuilt: str | None = None
    unknown: str = ''
    imported: bool = False


def changes_of(effect: EvaluatedEffect, last: Last) -> tuple[str, str]:
    """Whether what would be deployed is what the last job has deployed: in a word of plans, and in a sentence."""
    before = last.prebuilt if effect.system else last.effect
    why = last.unknown
    if not why and not effect.derivation:
        why = 'Nix was not asked what it is'
    elif not why and not before:
        why = 'job %s does not tell what it has deployed' % last.job
    elif not why and posixpath.dirname(str(before)) != posixpath.dirname(str(effect.derivation)):
        why = 'job %s was evaluated with another Nix store' % last.job
    elif not why and last.imported and before != effect.derivation:
        why = 'job %s took its packages from the file that imports this one' % last.job
    if why:
        return UNKNOWN, 'Whether that changes anything is not known: %s.' % why
    if before == effect.derivation:
        return SAME, 'No change: job %s has %s the same.' % (last.job, 'deployed' if effect.system else 'run')
    return CHANGED, 'Changed: job %s has %s another one.' % (last.job, 'deployed' if effect.system else 'run')


def last_deployments(client: Client, project: ProjectPath, refs: Refs, *, imported: bool = False) -> dict[str, Last]:
    """For each network the newest job that has begun to deploy it from one of its refs."""
    jobs = _Jobs(client, project)
    return {name: replace(jobs.last(name, of_network), imported=imported) for name, of_network in refs.items()}


def refs_of(names: Iterable[str], evaluated: Sequence[EvaluatedEffect], branches: Mapping[str, Iterable[str]]) -> Refs:
    """The refs that may deploy networks: their branches, and any where Nix says that others do, too."""
    own = {name: frozenset(map(branch_ref, branches[name])) for name in names}
    running = {name: {effect.ref for effect in evaluated if effect.name == name and effect.runs} for name in own}
    return {name: known if running[name] <= known else None for name, known in own.items()}


@dataclass(frozen=True)
class _Jobs:
    """The jobs of a project, each asked for once."""

    client: Client
    project: ProjectPath
    listed: dict[str | None, list[Job]] = field(default_factory=dict)
    evaluations: dict[str, Evaluation] = field(default_factory=dict)

    def last(self, name: str, refs: frozenset[str] | None) -> Last:
        try:
            jobs = self._on(refs)
            for job in jobs[:MOST_JOBS]:
                found = self._begun(job, name)
                if found:
                    return self._told(job, found)
        except Failure:  # the plan is none the worse for it
            return Last(unknown='Hercules CI does not say which jobs it has run')
        if len(jobs) > MOST_JOBS:
            return Last(unknown='none of the newest %d jobs has deployed it' % MOST_JOBS)
        return Last(unknown='no job has deployed it yet')

    def _on(self, refs: frozenset[str] | None) -> list[Job]:
        found: list[Job] = []
        for ref in [None] if refs is None else refs:
            if ref not in self.listed:
                self.listed[ref] = [job for job in list_jobs(self.client, self.project, ref=ref) if job.type != 'Config']
            found += self.listed[ref]
        return sorted(found, key=lambda job: job.index, reverse=True)

    def _begun(self, job: Job, name: str) -> Effect | None:
        """The network's effect, if the job has begun to run it."""
        if job.id not in self.evaluations:
            self.evaluations[job.id] = get_evaluation(self.client, job)
        attribute = next((each for each in self.evaluations[job.id].effects if is_effect_of(each, name)), None)
        if attribute is None:
            return None
        effect = Effect(attribute, 'Successful') if job.succeeded else get_effect(self.client, job, attribute)
        return effect if effect.status in ('Successful', 'Running') or effect.log_id else None

    def _told(self, job: Job, effect: Effect) -> Last:
        if effect.status != 'Successful':
            doing = 'is still at it' if not effect.ended else 'did not end well'
            return Last(job.index, unknown='job %d, which was the last to deploy it, %s' % (job.index, doing))
        found = self.evaluations[job.id].derivations
        prebuilt = '%s.prebuilt' % effect.attribute.rpartition('.')[0]
        return Last(job.index, found.get(effect.attribute), found.get(prebuilt))
