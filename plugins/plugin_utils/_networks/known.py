# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What is known of projects before anything is changed: from their checkouts, from Hercules CI, and from the states of their networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ...module_utils._nixops.elsewhere import Place
from ...module_utils._problems import Failure, Problem, errors_of
from . import projects as rules
from . import service
from .branches import Heads, branch_problems, remote_problems
from .destinations import destination_problems, pushes_that_deploy, shared_destinations
from .network import Network, in_terms_of_the_role, of_its_variables
from .projects import Project
from .rest import declared, deployed_branches, replaced_since, runs_with_each_push
from .states import SOURCE, AgentHost, UploadTask, look_at_state, only_here
from .stored import CachedFiles, Held, Versions, held_by, other_states
from .surroundings import nix_problems

PHASES = ('state', 'ci_nix', 'prebuild', 'push', 'watch')
"""Those of the role, by their tags, in their order."""


@dataclass(frozen=True)
class Run:
    """What a run is about.

    phases: those that its tags select. agents: those of the inventory. extra_vars: names of the variables of the command line.
    left_out: the networks that a limit leaves out. folder: a private one for what is downloaded meanwhile.
    """

    phases: tuple[str, ...]
    agents: tuple[AgentHost, ...]
    extra_vars: frozenset[str]
    left_out: frozenset[str]
    folder: str

    @property
    def pushes(self) -> bool:
        return 'push' in self.phases

    def evaluates(self, project: Project) -> bool:
        """Whether Nix is asked about the file of a project."""
        return self.reruns(project) or not {'ci_nix', 'prebuild', 'push'}.isdisjoint(self.phases)

    def reruns(self, project: Project) -> bool:
        """Whether jobs of a project that have failed are run again."""
        return 'watch' in self.phases and bool(project.first['nixops_rerun_failed'])

    @property
    def deploys(self) -> bool:
        """Whether anything may be deployed: pushed, or run again."""
        return not {'push', 'watch'}.isdisjoint(self.phases)

    def uploads(self, project: Project) -> bool:
        """Whether states are uploaded: a run that neither pushes nor runs anything again may leave them missing."""
        return 'state' in self.phases or not (self.pushes or self.reruns(project))


@dataclass(frozen=True)
class KnownProject:
    """What is known of a project.

    files, versions: the state files that Hercules CI has, and their versions; None where it does not answer, or was not asked.
    uploads: what there is to upload. at_rest: how the branches of those selected networks stand that have nothing to do.
    """

    project: Project
    files: CachedFiles | None = None
    versions: Versions | None = None
    uploads: tuple[UploadTask, ...] = ()
    at_rest: Mapping[str, Any] | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def has_work(self) -> bool:
        """Whether any selected network has something to do."""
        return bool(self.project.selected - (self.at_rest or {}).keys())

    @property
    def pending(self) -> frozenset[str]:
        """The networks that have something to upload."""
        return frozenset(upload.network for upload in self.uploads)

    def effects(self) -> list[dict[str, Any]]:
        """The effects that deploy the networks of the project, as the file declares them when all is uploaded that can be."""
        pending = self.pending
        return [
            network.effect if network.name in pending or self._finds_its_state(network) else _switched_off(network)
            for network in self.project.networks
        ]

    def effects_without_state(self) -> dict[str, dict[str, Any]]:
        """The effects of the networks that get their first state now, as they are declared if that fails."""
        pending = self.pending
        return {
            network.name: _switched_off(network)
            for network in self.project.networks if network.name in pending and not self._finds_its_state(network)
        }

    def _finds_its_state(self, network: Network) -> bool:
        """Whether the effect of a network has what it needs on Hercules CI now."""
        needs_none = not network.nixops or network.state == 'new' or network.action == service.NO_UPLOAD or network['nixops_forget_state']
        return needs_none or network.state_name in (self.versions or {})

    def plan(self, keys: Mapping[str, list[str]]) -> dict[str, Any]:
        """What the role goes by, when nothing is wrong. keys: what may be shown of the IDs of AWS keys, by the names of secrets."""
        project = self.project
        return {
            'declared': [network.name for network in project.networks],
            'selected': [network.name for network in project.chosen],
            'at_rest': dict(self.at_rest or {}),
            'uploads': {upload.network: upload.options for upload in self.uploads},
            'replaced': _replaced(project, self.versions or {}),
            'options': project.options,
            'effects': self.effects(),
            'effects_without_state': self.effects_without_state(),
            'networks': {network.name: network.as_dict(keys) for network in project.networks},
            'versions': {name: known[-1].number for name, known in (self.versions or {}).items() if known},
            'file': rules.written_file(project),
        }


def _switched_off(network: Network) -> dict[str, Any]:
    """The effect of a network that would not find its state: it runs nowhere, whichever branch the file is merged into."""
    why = 'Off: Hercules CI has no state %s yet, and without it all machines would be made anew.' % network.state_name
    return {**network.effect, 'run_on': {'condition': 'false'}, 'comment': '\n'.join(filter(None, (network['nixops_comment'], why)))}


def look_at_all(projects: Sequence[Project], run: Run) -> dict[str, KnownProject]:
    """What is known of the projects that something is selected of, by their names."""
    found = {project.name: _look(project, run) for project in projects if project.selected}
    busy = [known for known in found.values() if known.has_work]
    if not busy or any(errors_of(known.problems) for known in found.values()):
        return found
    held = _held_by_all(projects, found, run)
    return {name: replace(known, problems=(*known.problems, *_elsewhere(known, held))) for name, known in found.items()}


def _look(project: Project, run: Run) -> KnownProject:
    """Everything about a project by itself that needs its checkout or Hercules CI."""
    asked, heads = _ask(project, run), Heads(str(project.first['nixops_remote']))
    problems = [
        *rules.overridden(project, run.extra_vars, run.left_out), *rules.unproven(project, run.pushes),
        *rules.checkout_problems(project, *([partial(remote_problems, asked=heads)] if run.pushes else [])), *asked.problems,
        *(() if asked.versions is None else service.missing_states(project, asked.versions, run.uploads(project))),
    ]
    problems += [wrong for network in (*project.chosen, *project.pushed_too) for wrong in destination_problems(network, run.agents)]
    problems += [*shared_destinations(project.networks), *pushes_that_deploy(project.networks)]
    uploads: list[UploadTask] = []
    left: list[Network] = []  # to be deployed with the state that Hercules CI has
    for network in project.chosen:
        pending, wrong = look_at_state(network, run.agents, asked.files, asked.versions or {})
        uploads += pending if 'state' in run.phases else ()
        problems += map(in_terms_of_the_role, wrong)
        left += [network] if pending and 'state' not in run.phases else []
    # What else the push to a branch deploys may be said to have no machines, too, or have some that only this machine knows of.
    for network in (network for network in project.pushed_too if network.sound(*SOURCE)):
        left.append(network)
        if network.state == 'new':
            problems += look_at_state(network, (), asked.files, asked.versions or {})[1]
    if asked.files and run.deploys:
        problems += [in_terms_of_the_role(wrong) for network in left for wrong in only_here(network, asked.files, asked.versions or {})]
    looked = replace(asked, uploads=tuple(uploads), problems=tuple(problems))
    looked = replace(looked, at_rest=_at_rest(looked, heads) if run.phases and not errors_of(problems) else {})
    return replace(looked, problems=(*problems, *_work_problems(looked, run, heads))) if looked.has_work else looked


def _work_problems(known: KnownProject, run: Run, heads: Heads) -> Iterator[Problem]:
    """What only those meet who have something to do, for it takes longer to find out."""
    project = known.project
    if run.evaluates(project):
        yield from nix_problems(project)
    if known.files and run.deploys:  # who says that a network has no machines may have forgotten those of NixOps on this machine
        for network in project.chosen:
            if network.state == 'new' and network.sound(*SOURCE) and network.name not in (known.at_rest or {}):
                yield from map(in_terms_of_the_role, only_here(network, known.files, known.versions or {}))
    if run.pushes and all(network.sound() for network in project.networks) and project.first['nixops_push'] != 'none':
        try:
            effects = known.effects()
            change = declared(project, effects)
        except UnicodeError:  # which the task that writes the file says
            return
        except Failure as failure:
            if not errors_of(known.problems):  # else it may be one of those in other words
                yield from (of_its_variables(problem, project.networks) for problem in failure.problems)
            return
        yield from branch_problems(project, effects, change.files, change.after or '', heads)


def _ask(project: Project, run: Run) -> KnownProject:
    """What Hercules CI has."""
    if not project.first.sound(*service.REACHED_BY):
        return KnownProject(project)
    try:
        files = service.state_files(project.first, run.folder)
        return KnownProject(project, files, files.files())
    except Failure as failure:
        return KnownProject(project, problems=failure.problems)


def _held_by_all(projects: Sequence[Project], found: Mapping[str, KnownProject], run: Run) -> dict[Place, list[Held]]:
    """The states of all projects of the inventory, of those that nothing is selected of as far as they can be reached."""
    held: dict[Place, list[Held]] = {}
    for project in projects:
        files = (found[project.name] if project.name in found else _ask(project, run)).files
        held.update(held_by(files) if files else {})
    return held


def _elsewhere(known: KnownProject, held: Mapping[Place, Sequence[Held]]) -> Iterator[Problem]:
    """Networks that have something to do, and another state somewhere."""
    networks: list[Network] = [
        network for network in (*known.project.chosen, *known.project.pushed_too)
        if network.name not in (known.at_rest or {}) and network.sound(*SOURCE)
    ]
    found = other_states(networks, {upload.network: upload.coming for upload in known.uploads if upload.coming}, held)
    yield from map(in_terms_of_the_role, found)


def _replaced(project: Project, versions: Versions) -> list[str]:
    """The branches of selected networks whose state was replaced after it had been deployed, such as by an older version."""
    replaced = [network for network in project.chosen if replaced_since(versions.get(network.state_name) or ())]
    return sorted({branch for network in replaced for branch in network.branches})


def _at_rest(known: KnownProject, heads: Heads) -> dict[str, Any]:
    """The selected networks that have nothing to do, and how their branches stand."""
    project = known.project
    if known.files is None or known.versions is None or not all(network.sound() for network in project.networks):
        return {}
    effects = known.effects()
    deployed = {each.branch: each.as_dict() for each in deployed_branches(project, effects, known.files.client, heads)}
    running = {effect['name']: runs_with_each_push(effect, project) for effect in effects}
    pending, rerun = known.pending, bool(project.first['nixops_rerun_failed'])
    return {
        network.name: {branch: deployed[branch] for branch in network.branches}
        for network in project.chosen
        if network.name not in pending and deployed.keys() >= set(network.branches) and running[network.name]
        and not (rerun and replaced_since(known.versions.get(network.state_name) or ()))
    }
