# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The last look before a push: what would the effects that Nix says run on a branch find, and what would NixOps do with it?

NixOps makes all machines of a network anew where it does not find them in its state. So a branch is pushed only if each effect that
runs there reads a state that is on the server, that it can use, and that is the one that the inventory means.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ...module_utils._nix.deployments import EvaluatedEffect
from ...module_utils._nix.functions import nixops_of
from ...module_utils._nixops.access_keys import key_problems, keys_recorded, keys_used
from ...module_utils._nixops.importable import unusable
from ...module_utils._nixops.plan import Plan, arguments_in, plan_of, recorded_in
from ...module_utils._nixops.state import State
from ...module_utils._problems import Failure, Problem, errors_of, listed
from ...module_utils._refs import branch_of
from ...module_utils._secrets.scripts import Profiles
from .destinations import in_two_networks
from .last import Last, changes_of
from .service import NO_UPLOAD

Read = Callable[[str], AbstractContextManager['State | None']]
"""Opens the state that an effect will find under a name when it starts; `None` where there is none."""
Earlier = Callable[[str], Iterable[State]]
"""Where nobody has deployed with that state yet: what it hides, newest first, up to what the last deployment has stored."""
NOT_ASKED = Last(unknown='Hercules CI was not asked')
MAKES_NOTHING = ('dry-run', 'plan', 'build')
"""The actions with which NixOps deploys nothing."""


@dataclass(frozen=True)
class Declared:
    """What the inventory says of a network, as result `projects.networks` of nixops_preflight has it."""

    state: str
    state_name: str
    effect_deployment: str
    function: str
    forget_state: bool = False
    destination: str = ''
    project: str = ''
    network_args: frozenset[str] = frozenset()
    aws_profiles: Mapping[str, str | None] | None = None
    aws_key_ids: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, network: Mapping[str, Any]) -> Declared:
        """From what preflight returned."""
        named = {name: network[name] for name in ('state', 'state_name', 'effect_deployment', 'function', 'forget_state')}
        return cls(**named, project=network.get('project', ''), destination=network.get('destination', ''),
                   network_args=frozenset(network.get('network_args', ())),
                   aws_profiles=network.get('aws_profiles'), aws_key_ids=network.get('aws_key_ids') or {})


@dataclass(frozen=True)
class NetworkPlan:
    """What a push to a branch does to one network. state_name: the file that the effect reads, empty for none. action: of NixOps."""

    name: str
    branch: str
    state_name: str
    plan: Plan
    problems: tuple[Problem, ...] = ()
    action: str | None = None

    @property
    def refused(self) -> bool:
        return bool(errors_of(self.problems))

    def as_dict(self) -> dict[str, Any]:
        return {
            'network': self.name, 'branch': self.branch, 'state': self.state_name, **self.plan.as_dict(),
            'problems': [problem.as_dict() for problem in self.problems], 'lines': list(self.lines()),
        }

    def lines(self) -> Iterator[str]:
        """The plan to read."""
        yield from self.plan.lines()
        if self.action in MAKES_NOTHING:
            yield 'With the action %s, NixOps makes none of this.' % self.action


def nothing_earlier(_name: str) -> Iterable[State]:
    """For a state that hides no other."""
    return ()


def plan_branch(
    branch: str, evaluated: Sequence[EvaluatedEffect], declared: Mapping[str, Declared], read: Read, earlier: Earlier = nothing_earlier,
    as_deployed: Container[str] = (), last: Mapping[str, Last] = MappingProxyType({}),
) -> list[NetworkPlan]:
    """What a push to the branch does, network by network, with every reason not to push.

    evaluated: the effects on that branch. declared: the networks of the project by name; an effect that the inventory does not have is
    somebody's own, and has to find its state all the same. as_deployed: the networks whose last deployment was that of the same commit.
    last: the last deployments of networks that have no state.
    """
    running = [effect for effect in evaluated if effect.runs and effect.function is not None]
    others = [effect for effect in evaluated if effect.runs and effect.function is None and _needs_no_state(declared.get(effect.name))]
    project = next((network.project for network in declared.values()), '')
    plans = [_without_state(branch, effect, declared[effect.name], last.get(effect.name, NOT_ASKED)) for effect in others]
    destinations = {effect.name: declared[effect.name].destination for effect in others if declared[effect.name].destination}
    for effect in running:
        plan = _plan_network(branch, effect, declared.get(effect.name), read, earlier, destinations, same=effect.name in as_deployed)
        where = '%s, branch %s' % (effect.name, branch)
        more = (*_state_elsewhere(effect, project, where), *_shared_file(effect, running, where))
        plans.append(replace(plan, problems=(*plan.problems, *more)))
    return plans


def _needs_no_state(declared: Declared | None) -> bool:
    return declared is not None and not nixops_of(declared.function)


def _without_state(branch: str, effect: EvaluatedEffect, declared: Declared, last: Last) -> NetworkPlan:
    """What is known of a deployment without NixOps: which function it is, where it goes, what is deployed, and whether that is new."""
    to = ' at %s' % declared.destination if declared.destination else ''
    what = ': %s' % effect.system if effect.system else ''
    configuration, sentence = changes_of(effect, last)
    text = 'Runs %s%s%s. %s' % (declared.function, to, what, sentence)
    # Where no system is deployed, the same effect may well do something else the next time.
    return NetworkPlan(effect.name, branch, '', Plan(without_state=text, configuration=configuration if effect.system else ''))


def not_uploaded(plan: NetworkPlan, missing: Container[str]) -> NetworkPlan:
    """The plan, refused where the state of the network should have been uploaded in this run and was not."""
    if plan.name not in missing:
        return plan
    problem = Problem(
        'The state of the network was not uploaded, and it would be deployed with what is there, or without any.',
        '%s, branch %s' % (plan.name, plan.branch), remedy='See why the upload failed, or select the network and the tag state, too.')
    return replace(plan, problems=(*plan.problems, problem))


def without_secrets(evaluated: Iterable[EvaluatedEffect], failed: Mapping[str, Container[str]]) -> dict[str, list[Problem]]:
    """By branch, which agents should have got the secrets of an effect in this run and did not: an effect runs on any agent.

    failed: what such agents should have, by agent.
    """
    found: dict[str, list[Problem]] = {}
    for effect in evaluated:
        names = sorted({name for name in effect.secrets_map.values() if isinstance(name, str)}) if effect.runs else []
        branch = branch_of(effect.ref)
        for agent, secrets in failed.items():
            lacking = [name for name in names if name in secrets]
            if lacking:
                found.setdefault(branch, []).append(Problem(
                    'The agent %s may run the effect, and did not get its secrets in this run.' % agent,
                    'effect %s: branch %s' % (effect.name, branch), expected=', '.join(lacking), found='a task that failed for %s' % agent,
                    remedy='Put right what failed there and run the play again. Take an agent that is gone for good out of the inventory.'))
    return found


def _plan_network(
    branch: str, effect: EvaluatedEffect, declared: Declared | None, read: Read, earlier: Earlier, destinations: Mapping[str, str], *,
    same: bool,
) -> NetworkPlan:
    where = '%s, branch %s' % (effect.name, branch)
    name = effect.state_name or (declared.state_name if declared else '')
    if declared and declared.forget_state and not effect.state_name:
        plan = _plan_with(effect)
        return NetworkPlan(effect.name, branch, '', plan, tuple(_forgotten(plan, effect, declared, read, where)), action=effect.action)
    if effect.state_name == '':
        return NetworkPlan(effect.name, branch, '', Plan(known=False), (_nameless(where),))
    problems = list(_differing_names(effect, declared, where))
    with read(name) as state:
        if state is None:
            plan = _plan_with(effect)
            problems += _no_state(effect, declared, name, where)
        else:
            wrong = unusable(state, str(effect.function), effect.deployment)
            problems += [replace(problem, where='%s, %s' % (where, problem.where or name)) for problem in wrong]
            plan = _plan_with(effect, state, same) if not errors_of(problems) else Plan(known=False)
            problems += _warnings(plan, declared, where) if plan.known else ()
            problems += _arguments(effect, declared, _arguments_of(effect, state), where) if plan.known else ()
            problems += _all_new(plan, state, where) if plan.known else ()
            problems += _keys(effect, declared, state, where)
            problems += in_two_networks(state, [item.name for item in plan.keeps if item.machine], destinations, where)
            problems += _hidden(plan, effect, earlier(name), where) if plan.known else ()
    return NetworkPlan(effect.name, branch, name, plan, tuple(problems), effect.action)


def _plan_with(effect: EvaluatedEffect, state: State | None = None, same: bool = False) -> Plan:
    try:
        recorded = recorded_in(state.entries(), effect.deployment, state.where) if state is not None else {}
        network = effect.network if effect.bare is None or _arguments_of(effect, state) else effect.bare
        return plan_of(network, recorded, effect.function, same=same, destroys=effect.destroys, deploy_only=effect.deploy_only,
                       include=effect.include, exclude=effect.exclude)
    except Failure:  # of which the reasons are said above
        return Plan(known=False)


def _arguments_of(effect: EvaluatedEffect, state: State | None) -> frozenset[str]:
    """The names of the arguments that the state has for the network."""
    return arguments_in(state.entries(), effect.deployment, state.where) if state is not None else frozenset()


def _shared_file(effect: EvaluatedEffect, running: Sequence[EvaluatedEffect], where: str) -> Iterator[Problem]:
    """Effects of a job run at the same time: where two store the same file, one of them loses what the other one has made."""
    for other in running:
        if NO_UPLOAD in (effect.action, other.action) or not effect.state_name:
            continue
        at_once = other is not effect and other.job == effect.job
        if (at_once and other.state_name == effect.state_name) or other.known_hosts_name == effect.state_name:
            what = 'Another effect on the branch stores the same file: one of them would lose the machines that the other one makes.'
            what = what if other is not effect else 'The known hosts would be stored over the state.'
            yield Problem(what, where, expected='a state of its own', found='%s, as %s' % (effect.state_name, other.name),
                          remedy='Give each a stateName and a knownHostsName of its own.')


def _nameless(where: str) -> Problem:
    """With an empty name no state is found and none can be stored, whatever there is."""
    return Problem('The effect has an empty name for its state: it would find none, make all machines anew, and could not store theirs.',
                   where, expected='a stateName', found='""', remedy='Set nixops_state_name, or leave stateName out of the effect.')


def _differing_names(effect: EvaluatedEffect, declared: Declared | None, where: str) -> Iterator[Problem]:
    """What the inventory says of the effect, and Nix does not."""
    if declared is None:
        return
    if effect.state_name and effect.state_name != declared.state_name:
        remedy = 'Set nixops_state_name of %s to %s.' % (effect.name, effect.state_name)
        if nixops_of(effect.function) == 2:
            remedy = 'Set network.storage.hercules-ci.stateName in the network to %s, or nixops_state_name to %s.' % (
                declared.state_name, effect.state_name)
        what = 'The effect reads another state than the one that the inventory names.'
        yield Problem(what, where, declared.state_name, effect.state_name, remedy)
    if effect.deployment and effect.deployment != declared.effect_deployment:
        what = 'The effect works on another deployment than the inventory says.'
        remedy = 'Set nixops_effect_deployment of %s, or leave NIXOPS_DEPLOYMENT out of nixops_arguments.' % effect.name
        yield Problem(what, where, declared.effect_deployment, effect.deployment, remedy)


def _state_elsewhere(effect: EvaluatedEffect, project: str, where: str) -> Iterator[Problem]:
    """NixOps 2 can be told to keep its state at another project, where nothing is uploaded and nothing was looked at."""
    if effect.state_project and effect.state_project != project:
        yield Problem('The network has its state at another project of Hercules CI, of which nothing is known here.', where,
                      expected=project, found=effect.state_project,
                      remedy='Leave network.storage.hercules-ci.project out of the network, after its state was moved to this project.')


def _forgotten(plan: Plan, effect: EvaluatedEffect, declared: Declared, read: Read, where: str) -> Iterator[Problem]:
    """What an effect without a state makes anew each time: only what is not made, as machines that are there by themselves, can bear it."""
    with read(declared.state_name) as state:
        recorded = {}
        with suppress(Failure):  # another deployment, or none
            recorded = recorded_in(state.entries(), effect.deployment, state.where) if state is not None else {}
    made = sorted(item.name for item in plan.creates if item.name in recorded and recorded[item.name].made and item.type != 'none')
    if made:
        yield Problem('The effect forgets its state, and would make anew what there is.', '%s, %s' % (where, declared.state_name),
                      expected='only machines of type none', found=listed(made),
                      remedy='Drop nixops_forget_state, and set network.storage.hercules-ci.stateName in the network.')


def _no_state(effect: EvaluatedEffect, declared: Declared | None, name: str, where: str) -> Iterator[Problem]:
    """No file: NixOps makes a deployment with all machines of the network."""
    if effect.action == NO_UPLOAD or (declared and declared.state == 'new'):
        return
    if not name:
        yield Problem('Which state the effect reads is not known, and so not whether it is there.', where,
                      expected='a network whose evaluation names its state',
                      remedy='Prebuild the network (nixops_validate: prebuild), and set network.storage.hercules-ci.stateName in it.')
        return
    remedy = 'Let a run with the tag state upload it first; nixops_state: new is for a network that has no machines yet.'
    if declared and declared.state == 'present':
        remedy = 'Correct the name of the state, or set nixops_state: upload on the machine where NixOps has it.'
    yield Problem('Hercules CI has no state for a network that would be deployed; NixOps would make all of its machines anew.', where,
                  expected=name, found='no such state', remedy=remedy)


def _arguments(effect: EvaluatedEffect, declared: Declared | None, kept: Iterable[str], where: str) -> Iterator[Problem]:
    """A network is deployed with the arguments that its state has, too; with these it may have other machines. kept: their names."""
    taken = effect.network.takes if effect.network else None
    unknown = sorted(name for name in set(kept) - declared.network_args if taken is None or name in taken) if declared else []
    if declared and unknown:
        variable = 'nixops_prebuild_network_args' if nixops_of(effect.function) == 2 else 'nixops_network_args'
        yield Problem('NixOps deploys the network with arguments that it was not evaluated with: those that its state has.', where,
                      expected=listed(unknown), found=listed(sorted(declared.network_args)) or 'none', severity='warning',
                      remedy='Set %s as it is there: the plan may be that of another network.' % variable)


def _keys(effect: EvaluatedEffect, declared: Declared | None, state: State, where: str) -> Iterator[Problem]:
    """Keys of AWS that NixOps would not find, or not for long."""
    if declared is None:
        return
    with suppress(Failure):  # of which the reasons are said above
        uses = keys_used(effect.network, keys_recorded(state.entries()))
        profiles = Profiles(dict(declared.aws_profiles or {}), complete=declared.aws_profiles is not None)
        yield from key_problems(uses, profiles, declared.aws_key_ids, where)


def _all_new(plan: Plan, state: State, where: str) -> Iterator[Problem]:
    """A state with machines of which the network has none is most likely that of another network."""
    gone = [item.name for item in (*plan.obsolete, *plan.leftover, *plan.unclear) if item.machine]
    if plan.creates_every_machine and gone:
        yield Problem(
            'Every machine of the network would be made anew: the state knows none of them.', '%s, %s' % (where, state.where),
            expected='a state with machines of the network: %s' % listed([item.name for item in plan.creates if item.machine]),
            found=listed(gone),
            remedy='Correct nixops_deployment or the network files. If the network is meant to be another one, give it a deployment of its '
            'own with nixops_state: new.')


def _hidden(plan: Plan, effect: EvaluatedEffect, earlier: Iterable[State], where: str) -> Iterator[Problem]:
    """Machines that are there, and that the newest version does not know, because somebody has uploaded an older one over it."""
    created = {item.name for item in plan.creates if item.machine and not item.recorded}
    for state in earlier if created else ():
        with suppress(Failure):  # of which nothing can be said
            recorded = recorded_in(state.entries(), effect.deployment, state.where)
            hidden = sorted(name for name in created & recorded.keys() if recorded[name].machine and recorded[name].made)
            if hidden:
                yield Problem(
                    'Machines would be made anew: an earlier version of the state has them, and somebody has uploaded one without them.',
                    '%s, %s' % (where, state.where), found=listed(hidden),
                    remedy='Bring that version back (the module nixops_state with version). Where they were destroyed on purpose, push the '
                    'network once without them.')
                return


def _warnings(plan: Plan, declared: Declared | None, where: str) -> Iterator[Problem]:
    created = [item.name for item in plan.creates if item.machine]
    if created and any(item.machine for item in plan.keeps):
        yield Problem('Machines will be created beside those that are there.', where, found=listed(created), severity='warning',
                      remedy='If they exist already, the state is not the newest one.')
    obsolete = [item.name for item in plan.obsolete if item.machine]
    if plan.destroyed:
        yield Problem('What is obsolete is destroyed: the effect tells NixOps to (--kill-obsolete).', where, severity='warning',
                      found=listed([item.name for item in plan.destroyed]),
                      remedy='Put them back into the network, or leave --kill-obsolete out of the arguments.')
    elif obsolete:
        yield Problem('Machines become obsolete: NixOps leaves them running, and does not look after them any longer.', where,
                      found=listed(obsolete), severity='warning', remedy='Put them back into the network, or destroy them with nixops.')
    if plan.replaces:
        yield Problem('Machines or resources would change their type, which NixOps refuses.', where, severity='error',
                      found=', '.join('%s from %s to %s' % (item.name, item.was, item.type) for item in plan.replaces),
                      remedy='Give the new ones other names, and destroy the old ones.')
    if declared and declared.state == 'new':
        yield Problem('nixops_state is new, and Hercules CI has the state already.', where, severity='warning',
                      remedy='Set nixops_state: present, so that a state that gets lost is noticed.')


def plan_text(plans: Sequence[NetworkPlan], project: str, branches: Sequence[str], broken: Container[str] = ()) -> list[str]:
    """The plan of a project, to be printed: for each branch its networks, and what becomes of each. broken: what cannot be evaluated."""
    lines = []
    for branch in branches:
        on_branch = [plan for plan in plans if plan.branch == branch]
        nothing = ' not known, as its files cannot be evaluated.' if branch in broken else ' no network is deployed.'
        lines.append('Plan for branch %s of %s:%s' % (branch, project, '' if on_branch else nothing))
        for each in on_branch:
            lines.append('  %s, %s' % (each.name, each.state_name or 'without a state'))
            lines += ['  ' + line for line in each.lines()]
    return lines
