# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Networks by the project that they belong to: what they have to agree upon, and what is in the project's checkout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._git.repository import GitError, open_checkout, remote_url
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.project import ProjectPath
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import checkout as nix_checkout
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, Problem
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.effect import effect_of, state_name_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import Host

# One network acts for all of its project, with its own variables: these would otherwise depend on which one it is.
SHARED = (
    'nixops_checkout', 'nixops_remote', 'nixops_form', 'nixops_file', 'nixops_pins', 'nixops_validate', 'nixops_push',
    'nixops_commit_message', 'nixops_commit_author_name', 'nixops_commit_author_email', 'nixops_rerun_failed', 'nixops_job_timeout',
    'nixops_api_base_url', 'nixops_api_token', 'nixops_credentials_file',
)


@dataclass(frozen=True)
class Project:
    """networks: all of the inventory; selected: names of those that the run is about."""

    name: str
    networks: tuple[Host, ...]
    selected: frozenset[str]

    @property
    def first(self) -> Host:
        return self.networks[0]

    @property
    def chosen(self) -> list[Host]:
        return [network for network in self.networks if network.name in self.selected]

    @property
    def pushed_branches(self) -> set[str]:
        """The branches that a run may push to."""
        return {branch for network in self.chosen for branch in network['nixops_branches']}


def projects_of(networks: Iterable[Host], selected: Iterable[str]) -> list[Project]:
    """The projects, with their networks in the order of the inventory."""
    found: dict[str, list[Host]] = {}
    for network in networks:
        found.setdefault(str(network['nixops_project']), []).append(network)
    chosen = frozenset(selected)
    return [Project(name, tuple(members), chosen & {member.name for member in members}) for name, members in found.items()]


def is_project(name: str) -> bool:
    """Whether this names a project as Hercules CI does."""
    try:
        ProjectPath.parse(name)
    except Failure:
        return False
    return True


def disagreements(projects: Sequence[Project]) -> Iterator[Problem]:
    """Names of projects that are none, networks of a project that differ where they must not, and things that may exist only once."""
    checkouts: dict[str, Project] = {}
    for project in projects:
        try:
            ProjectPath.parse(project.name)
        except Failure as failure:
            yield Problem(failure.problems[0].what, where=project.first.place('nixops_project'), expected=failure.problems[0].expected,
                          found=repr(project.name), remedy=failure.problems[0].remedy)
        for variable in SHARED:
            odd = next((network for network in project.networks if network[variable] != project.first[variable]), None)
            if odd is not None:
                yield Problem('The networks of a project have to agree about %s.' % variable, where=odd.place(variable),
                              expected='what %s has' % project.first.place(variable), found='another value',
                              remedy='Set it once, for a group of all networks of %s.' % project.name)
        other = checkouts.setdefault(str(Path(str(project.first['nixops_checkout'])).absolute()), project)
        if other is not project:
            yield Problem('Two projects have the same checkout.', where=project.first.place('nixops_checkout'),
                          expected='a checkout of its own for each project', found='that of %s' % other.name,
                          remedy='Clone %s into another folder, or correct nixops_project.' % project.name)
        yield from _same_states(project)


def _same_states(project: Project) -> Iterator[Problem]:
    states: dict[str, Host] = {}
    for network in project.networks:
        other = states.setdefault(state_name_of(network.values), network)
        if other is not network:
            yield Problem('Two networks of a project have the same state.', where=network.place('nixops_deployment'),
                          expected='a state of its own for each network', found='%s, as %s' % (state_name_of(network.values), other.name),
                          remedy='Correct nixops_deployment or nixops_state_name of one of them.')


def checkout_problems(project: Project) -> Iterator[Problem]:
    """A checkout that cannot be used, files that the networks name and Git does not have, and work that no agent would see."""
    path = Path(str(project.first['nixops_checkout']))
    where = project.first.place('nixops_checkout')
    try:
        repository = open_checkout(str(path))
        if Path(repository.path) != path.resolve():
            yield Problem('The checkout is not the top of a working tree.', where=where, expected=repository.path, found=str(path),
                          remedy='Agents read ci.nix at the top of the repository: set nixops_checkout to it.')
            return
        remote_url(repository, str(project.first['nixops_remote']))
        place = nix_checkout.place(path, project.first['nixops_file'], str(project.first['nixops_form']))
        effects = [effect_of(network.name, network.values) for network in project.networks]
        pins = {name: pin for name, pin in project.first['nixops_pins'].items() if pin}
        yield from nix_checkout.problems(path, place, effects, pins)
        status = repository.run('status', '--porcelain', '-z', '--untracked-files=no').decode('utf-8', 'replace')
    except Failure as failure:
        yield from failure.problems
    except GitError as error:
        yield Problem('Git cannot read the checkout.', where=where, found=str(error))
    else:
        dirty = sorted(entry[3:] for entry in status.split('\0') if entry[3:] and entry[3:] != place.file)
        if dirty:
            branch = repository.try_run('symbolic-ref', '--short', 'HEAD').stdout.decode('utf-8', 'replace').strip() or 'no branch'
            yield Problem('The checkout has changes that are not committed; Hercules CI deploys without them.', where=str(path),
                          found='%s, on %s' % (', '.join(dirty), branch), remedy='Commit and push them if they are meant to be deployed.',
                          severity='warning')


def written_file(project: Project) -> str:
    """The file that declares the effects, below the checkout."""
    first = project.first
    return nix_checkout.place(Path(str(first['nixops_checkout'])), first['nixops_file'], str(first['nixops_form'])).file
