# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Networks by the project that they belong to: what they have to agree upon, and what is in the project's checkout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...module_utils._argspec import TLS_OPTIONS
from ...module_utils._git.repository import GitError, Repository, open_checkout, remote_default_branch, top_of_working_tree
from ...module_utils._nix import checkout as nix_checkout
from ...module_utils._nix.functions import FILES as OF_CHECKOUT
from ...module_utils._nix.functions import options_of_kind
from ...module_utils._nix.options import SPEC as EFFECTS
from ...module_utils._problems import Failure, Problem
from .network import EFFECT_OPTIONS, STATE_NAME, VARIABLES, Network, of_its_variables
from .specs import PREFIX, options_of

# The variables in which networks of a project may differ: what they deploy, and how; with which state; and how each is looked at.
OF_NETWORKS = frozenset((
    *(PREFIX + option for option in (*EFFECT_OPTIONS, *TLS_OPTIONS)), *VARIABLES.values(), 'nixops_branches', 'nixops_state',
    'nixops_allow_self_deploy', 'nixops_aws_check', 'nixops_report',
))

# One network acts for all of its project, with its own variables: the others would otherwise depend on which one it is.
SHARED = tuple(variable for variable in options_of('main') if variable not in OF_NETWORKS)

# What says of one network what becomes of its machines, beside the options of its effect.
OF_ONE = ('nixops_branches', 'nixops_state', 'nixops_state_existing', 'nixops_state_replaced_version')

# What the files that an effect needs depend on.
FILES = ('nixops_function', 'nixops_flake', *(PREFIX + option for option in sorted(options_of_kind('source', 'sources', *OF_CHECKOUT))))


@dataclass(frozen=True)
class Project:
    """networks: all of the inventory; selected: names of those that the run is about."""

    name: str
    networks: tuple[Network, ...]
    selected: frozenset[str]

    @property
    def first(self) -> Network:
        return self.networks[0]

    @property
    def options(self) -> dict[str, Any]:
        """What the networks agree upon, but for how Hercules CI is reached: by names without nixops_, what is not set left out."""
        found = {variable[len(PREFIX):]: self.first[variable] for variable in SHARED if not variable.startswith(PREFIX + 'api_')}
        return {option: value for option, value in found.items() if value is not None}

    @property
    def file_options(self) -> dict[str, Any]:
        """Those of them that are options of nixops_effect, about the file as a whole."""
        return {option: value for option, value in self.options.items() if option in EFFECTS.options}

    @property
    def chosen(self) -> list[Network]:
        return [network for network in self.networks if network.name in self.selected]

    @property
    def pushed_too(self) -> list[Network]:
        """The networks that are not selected, and that a push to the branches of the others deploys."""
        others = [network for network in self.networks if network.name not in self.selected]
        sound = [network for network in others if network.sound('nixops_branches', 'nixops_run_on')]
        return [network for network in sound if any(map(network.runs_on_branch, self.pushed_branches))]

    @property
    def pushed_branches(self) -> set[str]:
        """The branches that a run may push to."""
        return {branch for network in self.chosen if network.sound('nixops_branches') for branch in network.branches}


def projects_of(networks: Iterable[Network], selected: Iterable[str]) -> list[Project]:
    """The projects, with their networks in the order of the inventory, but for networks that do not say which they belong to."""
    found: dict[str, list[Network]] = {}
    for network in networks:
        if not network.sound('nixops_project'):
            continue
        found.setdefault(network.project, []).append(network)
    chosen = frozenset(selected)
    return [Project(name, tuple(members), chosen & {member.name for member in members}) for name, members in found.items()]


def disagreements(projects: Sequence[Project]) -> Iterator[Problem]:
    """Networks of a project that differ where they must not, and things that may exist only once."""
    checkouts: dict[str, Project] = {}
    for project in projects:
        for variable in SHARED:
            sound = [network for network in project.networks if network.sound(variable)]
            odd = next((network for network in sound if network[variable] != sound[0][variable]), None)
            if odd is not None:
                yield Problem('The networks of a project have to agree about %s.' % variable, where=odd.place(variable),
                              expected='what %s has' % sound[0].place(variable), found='another value',
                              remedy='Set it once, for a group of all networks of %s.' % project.name)
        if project.first.sound('nixops_checkout'):
            other = checkouts.setdefault(str(Path(str(project.first['nixops_checkout'])).absolute()), project)
            if other is not project:
                yield Problem('Two projects have the same checkout.', where=project.first.place('nixops_checkout'),
                              expected='a checkout of its own for each project', found='that of %s' % other.name,
                              remedy='Clone %s into another folder, or correct nixops_project.' % project.name)
        yield from _same_states(project)


def unproven(project: Project, pushes: bool) -> Iterator[Problem]:
    """What is pushed has to be evaluated: only Nix says which state an effect reads, and on which branch it runs."""
    first = project.first
    if pushes and first.sound('nixops_validate', 'nixops_push') and first['nixops_validate'] in ('none', 'parse') \
            and first['nixops_push'] != 'none':
        yield Problem('Nothing is pushed that Nix has not evaluated: a wrong state name would make all machines anew.',
                      where=first.place('nixops_validate'), expected='evaluate or prebuild', found=str(first['nixops_validate']),
                      remedy='Set nixops_validate: prebuild, or nixops_push: none.')


def overridden(project: Project, extra_vars: frozenset[str], left_out: frozenset[str]) -> Iterator[Problem]:
    """Variables of the command line hold for every host: a network beside the limit would become another one by the push to its branch.

    left_out: the networks that a limit leaves out.
    """
    changed = ', '.join(sorted(extra_vars & {*OF_ONE, *(PREFIX + option for option in EFFECT_OPTIONS)}))
    if 'nixops_state_replaced_version' in extra_vars and len(project.chosen) > 1:
        yield Problem('A version that may be replaced is one of one network, and the command line gives it to all.',
                      where=project.name, expected='one selected network', found=', '.join(network.name for network in project.chosen),
                      remedy='Select the one that is meant (--limit), or set nixops_state_replaced_version for it in the inventory.')
    for network in project.networks if changed else ():
        if network.name in left_out and network.sound('nixops_branches', 'nixops_run_on'):
            shared = {branch for branch in project.pushed_branches if network.runs_on_branch(branch)}
            if shared:
                yield Problem('Variables of the command line would change a network that is not selected.',
                              where='%s, branch %s of %s' % (network.name, ', '.join(sorted(shared)), project.name),
                              expected='variables of the inventory, or a limit that selects all networks of the branch', found=changed,
                              remedy='Select it, too (--limit), or set the variable in the inventory for the networks that are meant.')


def _same_states(project: Project) -> Iterator[Problem]:
    networks = [network for network in project.networks if network.nixops and network.sound(*STATE_NAME, 'nixops_function')]
    states: dict[str, Network] = {}
    for network in networks:
        other = states.setdefault(network.state_name, network)
        if other is not network:
            yield Problem('Two networks of a project have the same state.', where=network.place('nixops_deployment'),
                          expected='a state of its own for each network', found='%s, as %s' % (network.state_name, other.name),
                          remedy='Correct nixops_deployment or nixops_state_name of one of them.')
    for network in networks:
        owner = states.get(network.known_hosts_name) if network.nixops == 1 else None
        if owner:
            yield Problem('Known hosts would be written over a state.', where=network.place('nixops_known_hosts_name'),
                          expected='a file of its own for each', found='%s, the state of %s' % (network.known_hosts_name, owner.name),
                          remedy='Correct nixops_known_hosts_name, or nixops_state_name of %s.' % owner.name)


def checkout_problems(project: Project, *more: Callable[[Project, Repository], Iterator[Problem]]) -> Iterator[Problem]:
    """A checkout that cannot be used, files that the networks name and Git does not have, and work that no agent would see.

    more: what else is to be asked of the checkout, where it can be read.
    """
    if not project.first.sound('nixops_checkout'):
        return
    path = Path(str(project.first['nixops_checkout']))
    where = project.first.place('nixops_checkout')
    try:
        repository = top_of_working_tree(str(path)) or open_checkout(str(path))
    except Failure as failure:
        yield from (replace(problem, where='%s, %s' % (where, path)) for problem in failure.problems)
        return
    for look in (*more, _file_problems, _uncommitted):
        try:
            yield from look(project, repository)
        except Failure as failure:
            yield from failure.problems
        except GitError as error:
            yield Problem('Git cannot read the checkout.', where=where, found=str(error))


def _file_problems(project: Project, repository: Repository) -> Iterator[Problem]:
    """Of the networks whose variables are sound; what else they name is not known."""
    first = project.first
    if first.sound('nixops_file', 'nixops_form', 'nixops_pins'):
        effects = [network.effect for network in project.networks if network.sound(*FILES)]
        pins = {name: pin for name, pin in first['nixops_pins'].items() if pin}
        for problem in nix_checkout.problems(Path(repository.path), _place(project), effects, pins):
            yield of_its_variables(problem, project.networks)


def _uncommitted(project: Project, repository: Repository) -> Iterator[Problem]:
    own = written_file(project) if project.first.sound('nixops_file', 'nixops_form') else ''
    status = repository.run('status', '--porcelain', '-z', '--no-renames', '--untracked-files=no').decode('utf-8', 'replace')
    dirty = sorted(entry[3:] for entry in status.split('\0') if entry[3:] and entry[3:] != own)
    if dirty:
        branch = repository.try_run('symbolic-ref', '--short', 'HEAD').stdout.decode('utf-8', 'replace').strip() or 'no branch'
        yield Problem('The checkout has changes that are not committed; Hercules CI deploys without them.', where=repository.path,
                      found='%s, on %s' % (', '.join(dirty), branch), remedy='Commit and push them if they are meant to be deployed.',
                      severity='warning')


def _place(project: Project) -> nix_checkout.Declaration:
    first = project.first
    return nix_checkout.declaration(Path(str(first['nixops_checkout'])), first['nixops_file'], str(first['nixops_form']))


def written_file(project: Project) -> str:
    """The file that declares the effects, below the checkout."""
    return _place(project).file


def default_branch(project: Project) -> str:
    """The default branch of the project's repository, as its remote says; empty where it does not."""
    if not project.first.sound('nixops_checkout', 'nixops_remote'):
        return ''
    try:
        repository = open_checkout(str(project.first['nixops_checkout']))
        return remote_default_branch(repository, str(project.first['nixops_remote']))
    except Failure:  # which checkout_problems reports
        return ''
