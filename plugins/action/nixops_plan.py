# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show what a push would do to each network, and refuse what would make machines anew. Documented in the module of the same name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..module_utils._argspec import CONNECTION_OPTIONS, ArgumentSpec
from ..module_utils._files import hidden_file
from ..module_utils._hercules_ci.client import connect
from ..module_utils._hercules_ci.state import StateFiles, Version
from ..module_utils._nix.deployments import EvaluatedEffect
from ..module_utils._nix.functions import nixops_of
from ..module_utils._nixops.plan import Plan
from ..module_utils._nixops.sources import from_server, read_source
from ..module_utils._nixops.state import State
from ..module_utils._problems import Failure, Problem, errors_of, require_none
from ..module_utils._project import ProjectPath
from ..module_utils._refs import branch_ref
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._networks.guard import Declared, NetworkPlan, not_uploaded, plan_branch, plan_text, without_secrets
from ..plugin_utils._networks.last import last_deployments, refs_of
from ..plugin_utils._networks.network import SOURCE_OPTIONS

OF_AGENTS = ('_nixops_secrets_provided', '_nixops_agent_files_provided', '_nixops_aws_failed')
"""What the role's tasks for agents have registered, in an earlier play of the run."""


class ActionModule(ControllerAction):
    """Asks Hercules CI from the controller."""

    SPEC = ArgumentSpec({
        **CONNECTION_OPTIONS,
        'project': {'type': 'str', 'required': True},
        'networks': {'type': 'dict', 'required': True},
        'uploads': {'type': 'dict', 'default': {}},
        'branches': {'type': 'list', 'elements': 'str', 'required': True},
        'deployments': {'type': 'list', 'elements': 'dict', 'required': True},
        'broken': {'type': 'dict', 'default': {}},
        'agents': {'type': 'dict', 'default': {}},
        'lost_agents': {'type': 'list', 'elements': 'str', 'default': []},
        'at_rest': {'type': 'dict', 'default': {}},
        'heads': {'type': 'dict', 'default': {}},
        'form': {'type': 'str', 'default': 'legacy'},
    })

    def work(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """The plan, printed, and what speaks against it."""
        try:
            plans, lacking = self._plans(options, variables['hostvars'])
        except Failure as failure:
            raise Failure(failure.problems, {'ready': [], **failure.extra}) from failure
        text = plan_text(plans, options['project'], options['branches'], options['broken'])
        self._display.display('\n'.join(text))
        broken = broken_branches(options, lacking)
        result = result_of(plans, broken, options['branches'])
        warnings = [problem for plan in plans for problem in plan.problems if problem.severity == 'warning']
        if warnings:
            result['warnings'] = [str(problem) for problem in dict.fromkeys(warnings)]
        refused = [problem for plan in plans for problem in errors_of(plan.problems)]
        require_none([*refused, *(problem for _branch, problems in broken for problem in problems)], **result)
        return {**result, 'msg': '\n'.join(text)}

    def _plans(self, options: Mapping[str, Any], hostvars: Any) -> tuple[list[NetworkPlan], dict[str, Any]]:
        """The plan of each network and branch, and by branch what is wrong with secrets."""
        evaluated = [EvaluatedEffect.from_dict(effect) for effect in options['deployments']]
        plans = plans_of(options, evaluated, check_mode=self._task.check_mode)
        missing = not_uploaded_of(options['uploads'], hostvars, check_mode=self._task.check_mode)
        plans += switched_off(plans, missing, options)
        failed = failed_agents(options['agents'], hostvars, options['lost_agents'])
        lacking = without_secrets(evaluated, failed)
        return [not_uploaded(plan, missing) for plan in plans], lacking


def not_uploaded_of(uploads: Mapping[str, Any], hostvars: Any, *, check_mode: bool) -> set[str]:
    """The networks whose upload did not succeed, however that came about: it failed, was skipped, or was never reached.

    Where a plan is only shown there has been none, and none is missed.
    """
    results = {name: hostvars.raw_get(name).get('_nixops_uploaded') for name in uploads}
    return {
        name for name, result in results.items()
        if (result is None and not check_mode) or (result and (result.get('failed') or result.get('skipped') or result.get('unreachable')))
    }


def broken_branches(options: Mapping[str, Any], lacking: Mapping[str, Sequence[Problem]]) -> list[tuple[str, list[Problem]]]:
    """What speaks against branches beside the plans. lacking: secrets, by branch."""
    found = [
        (branch, [*(Problem(**each) for each in options['broken'].get(branch, ())), *lacking.get(branch, ())])
        for branch in options['branches']
    ]
    return [(branch, problems) for branch, problems in found if problems]


def failed_agents(agents: Mapping[str, Mapping[str, Any]], hostvars: Any, lost: Sequence[str]) -> dict[str, set[str]]:
    """The secrets that agents should have and may not have, as a task for them failed, or could not reach them, in this run.

    agents: what each should have. lost: those that failed before anything was provided. Where no task was run for an agent, as without
    the tag agents, somebody has provided it before.
    """
    def failed(name: str) -> bool:
        results = (hostvars.raw_get(name).get(variable) for variable in OF_AGENTS)
        return name in lost or any(isinstance(each, Mapping) and (each.get('failed') or each.get('unreachable')) for each in results)

    return {name: set(secrets) for name, secrets in agents.items() if failed(name)}


def switched_off(plans: list[NetworkPlan], missing: set[str], options: Mapping[str, Any]) -> list[NetworkPlan]:
    """Of networks without a state on their branches, where nothing is planned as the file has their effects run nowhere."""
    planned = {(plan.name, plan.branch) for plan in plans}
    return [
        NetworkPlan(name, branch, options['networks'][name]['state_name'], Plan(known=False))
        for branch in options['branches'] for name in sorted(missing)
        if branch in options['networks'][name]['branches'] and (name, branch) not in planned
    ]


def plans_of(options: Mapping[str, Any], evaluated: Sequence[EvaluatedEffect], *, check_mode: bool) -> list[NetworkPlan]:
    """What a push to each branch does, network by network."""
    client, project = connect(options), ProjectPath.parse(options['project'])
    files = StateFiles(client, project)
    versions = files.files()
    declared = {name: Declared.of(network) for name, network in options['networks'].items()}
    # In check mode nothing was uploaded, so what would be there is read where it would come from.
    coming = {
        upload['name']: {**dict.fromkeys(SOURCE_OPTIONS), **upload} for upload in options['uploads'].values()
        if check_mode and (upload['existing'] == 'replace' or not versions.get(upload['name']))
    }

    @contextmanager
    def read(name: str) -> Iterator[State | None]:
        with hidden_file() as file:
            if name in coming:
                yield read_source(coming[name], file).state
            elif versions.get(name):
                yield from_server(files, name, versions[name][-1], file)
            else:
                yield None

    def earlier(name: str) -> Iterator[State]:
        hidden = versions.get(name, ())
        if name not in coming:
            hidden = () if not hidden or hidden[-1].job else hidden[:-1]
        for version in reversed(hidden):
            with hidden_file() as file:
                yield from_server(files, name, version, file)
            if version.job:
                return

    def on(branch: str) -> list[EvaluatedEffect]:
        return [effect for effect in evaluated if effect.ref == branch_ref(branch)]

    stateless = {name: options['networks'][name]['branches'] for name, network in declared.items() if not nixops_of(network.function)}
    asked = {effect.name for branch in options['branches'] for effect in on(branch) if effect.runs}
    refs = refs_of(sorted(asked & stateless.keys()), evaluated, stateless)
    last = last_deployments(client, project, refs, imported=options['form'] == 'effects')
    return [
        plan for branch in options['branches']
        for plan in plan_branch(branch, on(branch), declared, read, earlier, as_deployed(options, versions, branch), last)
    ]


def as_deployed(options: Mapping[str, Any], versions: Mapping[str, Sequence[Version]], branch: str) -> set[str]:
    """The networks that have nothing to do on a branch, if that was evaluated, and whose newest state is from the job that deployed it."""
    newest = {name: known[-1].job for name, known in versions.items() if known}
    standing = {name: branches[branch] for name, branches in options['at_rest'].items() if branch in branches}
    return {
        name for name, deployed in standing.items()
        if deployed['revision'] == options['heads'].get(branch)
        and deployed['job_url'] == newest.get(options['networks'][name]['state_name'])
    }


def result_of(plans: list[NetworkPlan], broken: list[tuple[str, list[Problem]]], branches: list[str]) -> dict[str, Any]:
    """Which branches may be pushed, and the plans."""
    refused = {plan.branch for plan in plans if plan.refused} | {branch for branch, _problems in broken}
    return {
        'ready': [branch for branch in branches if branch not in refused], 'networks': [plan.as_dict() for plan in plans],
        'broken': {branch: [problem.as_dict() for problem in problems] for branch, problems in broken},
    }
