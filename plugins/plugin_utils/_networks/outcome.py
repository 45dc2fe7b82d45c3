# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What became of each branch of each network, from the results of the role's tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ...module_utils._hercules_ci.state import Version
from ...module_utils._jobs.log_endings import before_tidying_up
from ...module_utils._problems import Failure, Problem

ONLY_WRITTEN = '%s has changed; a run with the tag push brings it to the branch.'
NOT_PUSHED = 'The branch does not have what the inventory declares, and nixops_push is none.'
NO_EFFECT = 'Job %d has no effect for it: look at what is declared on that branch.'
LOG_LINES = 3
"""Printed of each log: a failed run is to fit on two screens, and the link leads to the rest."""
BAD = ('failed', 'cancelled', 'timed out')
Result = Mapping[str, Any]
NONE: Result = MappingProxyType({})


@dataclass(frozen=True)
class Done:
    """What the tasks of a project returned; empty for a task that was not run.

    uploaded: results of nixops_state by network. rendered, planned, pushed: of nixops_effect, nixops_plan and nixops_push.
    watched: of hci_job, by branch.
    """

    uploaded: Mapping[str, Result] = field(default_factory=dict)
    rendered: Result = field(default_factory=dict)
    planned: Result = field(default_factory=dict)
    pushed: Result = field(default_factory=dict)
    watched: Mapping[str, Result] = field(default_factory=dict)


@dataclass(frozen=True)
class Ending:
    """How one branch of a network ended: a result of nixops_report, why in a sentence and in full, commit and job.

    log: the last lines of what failed, after a heading. blocked_by: the networks whose fault it is, where it is not this one's.
    """

    result: str
    message: str = ''
    problems: tuple[Problem, ...] = ()
    commit: str = ''
    job: int | None = None
    job_url: str = ''
    log: tuple[str, ...] = ()
    blocked_by: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """In full: what is wrong, after whose fault it is."""
        return '\n'.join([self.message] * bool(self.blocked_by) + [str(Failure(self.problems))] * bool(self.problems))


def row(project: str, network: str, branch: str, ending: Ending, **more: Any) -> dict[str, Any]:
    """An entry of option `networks` of nixops_report."""
    told = ending.problems if ending.result in BAD else ()
    return {'project': project, 'network': network, 'branch': branch, 'result': ending.result, 'message': ending.message,
            'problems': [problem.as_dict() for problem in told], 'log': list(ending.log),
            'commit': ending.commit, 'job': ending.job, 'job_url': ending.job_url, **more}


def ending_of(network: str, branch: str, branches: Mapping[str, Iterable[str]], done: Done) -> Ending:
    """The first thing that decides, in the order of the tasks.

    branches: of all networks that take part.
    """
    if _failed(done.uploaded.get(network, NONE)):
        return _failure(done.uploaded[network])
    stopped = [other for other, result in done.uploaded.items() if _failed(result) and branch in branches.get(other, ())]
    if stopped:
        return blocked(stopped, 'the branch deploys it, and its state was not uploaded.')
    if _failed(done.rendered):
        found = [(_owner(problem, branches), problem) for problem in _problems(done.rendered)]
        return _decided(network, found, 'one file declares them both.') if found else _failure(done.rendered)
    refused = _refused(network, branch, branches, done.planned)
    # What has become of the job that is there already says more than why no other one is made.
    if refused and _failed(done.watched.get(branch, NONE)):
        refused = None
    return refused or _after_push(network, branch, branches, done)


def _refused(network: str, branch: str, branches: Iterable[str], planned: Result) -> Ending | None:
    """What speaks against the branch: by itself, or because of another network that is deployed from it, too."""
    if _failed(planned) and 'networks' not in planned:
        return _failure(planned)
    errors = [
        (entry['network'], Problem(**problem))
        for entry in planned.get('networks', ()) if entry['branch'] == branch
        for problem in entry['problems'] if problem['severity'] == 'error'
    ]
    broken = [Problem(**problem) for problem in planned.get('broken', {}).get(branch, ())]
    errors += [(_owner(problem, branches), problem) for problem in broken]
    return _decided(network, errors, 'the branch deploys it, too.') if errors else None


def _decided(network: str, found: Sequence[tuple[str, Problem]], because: str) -> Ending:
    """What is wrong with the network itself, or with nobody that is known, is its failure; else it is blocked. found: by network."""
    own = [problem for name, problem in found if name in (network, '')]
    if own:
        return Ending('failed', own[0].what, tuple(own))
    return blocked([name for name, _problem in found], because, [problem for _name, problem in found])


def blocked(others: Iterable[str], because: str, problems: Iterable[Problem] = ()) -> Ending:
    """How a network ends that could be deployed, but for others. problems: what is wrong with those."""
    names = tuple(sorted(set(others)))
    return Ending('skipped', 'Blocked by %s: %s' % (', '.join(names), because), tuple(problems), blocked_by=names)


def blamed(ending: Ending, selected: Iterable[str]) -> Ending:
    """Where what blocks a network is not part of the run, nobody else would fail for it."""
    if ending.blocked_by and not set(ending.blocked_by) & set(selected):
        return replace(ending, result='failed')
    return ending


def _owner(problem: Problem, networks: Iterable[str]) -> str:
    """The network that a problem is about, by the effect that it names; empty where it names none, or one that is no network."""
    named = re.match(r'effect (.+?)(?:: |$)', problem.where)
    attribute = re.search(r'\b(?:effect|attribute) (\S+) of ', problem.what)
    return next((name for name in networks if (named and named[1] == name) or (attribute and is_effect_of(attribute[1], name))), '')


def at_rest(standing: Mapping[str, Any]) -> Ending:
    """How a branch ends that had nothing to do: its newest job has deployed it. standing: as preflight has it."""
    return Ending('deployed', commit=standing['revision'], job=standing['job'], job_url=standing['job_url'])


def replaced_since(ending: Ending, version: Version | None) -> Ending:
    """A deployment that succeeded is not what is there any longer where somebody replaced its state. version: what it was replaced by."""
    if version is None or ending.result not in ('deployed', 'unchanged'):
        return ending
    by = ' by %s' % version.uploader if version.uploader else ''
    return replace(ending, result='rolled back', message='Version %d of the state was uploaded%s after the deployment; nixops_rerun_failed '
                   'deploys with it.' % (version.number, by))


def with_action(ending: Ending, action: str) -> Ending:
    """Where NixOps was asked for anything but `switch`, a job that succeeded is no deployment."""
    if action == 'switch' or ending.result not in ('deployed', 'would deploy'):
        return ending
    message = 'nixops_action is %s, for later pushes to this branch, too, until it is switch again.' % action
    return replace(ending, result='tried' if ending.result == 'deployed' else 'would try', message=message)


def _after_push(network: str, branch: str, branches: Iterable[str], done: Done) -> Ending:
    pushed = next((entry for entry in done.pushed.get('branches', ()) if entry['branch'] == branch), None)
    if _failed(done.pushed) and (pushed is None or pushed.get('msg')):
        return Ending('failed', _sentence(pushed['msg']), (Problem(pushed['msg']),)) if pushed else _failure(done.pushed)
    if pushed and pushed['pushed_to'] != branch:
        return _beside(branch, pushed)
    if pushed and pushed['changed'] and not pushed['revision']:
        return Ending('would deploy')
    commit = str(pushed['revision']) if pushed else ''
    if branch in done.watched:
        return _after_watch(network, branches, done.watched[branch], commit)
    if pushed and pushed['changed']:
        return Ending('pushed', commit=commit)
    return Ending('unchanged', '' if pushed or not done.rendered.get('changed') else ONLY_WRITTEN % done.rendered['file'], commit=commit)


def _beside(branch: str, pushed: Result) -> Ending:
    """Where a side branch has the file, or none."""
    side, commit = pushed['pushed_to'], pushed['revision'] or ''
    if not side:
        return Ending('skipped', NOT_PUSHED, commit=commit)
    if pushed['changed'] and not commit:
        return Ending('would push', 'Then merge %s into %s to deploy it.' % (side, branch))
    return Ending('pushed', 'Merge %s into %s to deploy it.' % (side, branch), commit=commit)


def _after_watch(network: str, networks: Iterable[str], watched: Result, commit: str) -> Ending:
    """The network's own effect decides where there is one, else the job: one network's failure is not another's."""
    job = watched.get('job') or {}

    def effects_in(jobs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [effect for each in jobs for effect in each.get('effects', ()) if is_effect_of(effect['attribute'], network)]

    def ending(result: str, problems: Sequence[Problem] = ()) -> Ending:
        message = problems[0].what if problems else _sentence(_message(watched)) if result in BAD else ''
        told = tuple(problems) or (Problem(_message(watched)),) * (result in BAD)
        return Ending(result, message, told, str(watched.get('revision') or commit), job.get('index'), job.get('url') or '',
                      _log(job, effects_in([job, *watched.get('jobs', ())])) if result == 'failed' else ())

    effects = effects_in(watched.get('jobs', ()))
    if not _failed(watched) and effects:
        return ending('deployed')
    if not _failed(watched):
        succeeded = job and all(each['status'] == 'Success' for each in watched['jobs'])
        return replace(ending('skipped'), message=NO_EFFECT % job['index']) if succeeded else ending('would deploy' if job else 'unchanged')
    statuses = {effect['status'] for effect in effects}
    if statuses == {'Successful'}:
        return ending('deployed')
    if job.get('cancelled') or 'Cancelled' in statuses:
        result = 'cancelled'
    elif job and job['phase'] != 'Done':
        result = 'timed out'
    else:
        result = 'failed'
    reasons = [(_owner(problem, networks), problem) for problem in _problems(watched)]
    own = [problem for name, problem in reasons if name == network]
    nobodys = [problem for name, problem in reasons if not name]
    if result == 'failed' and reasons and not own and not nobodys:
        because = '%s failed.' % ('job %s' % job['index'] if job else 'a job')
        told = blocked([name for name, _problem in reasons], because, [problem for _name, problem in reasons])
        return replace(ending('skipped'), message=told.message, problems=told.problems, blocked_by=told.blocked_by)
    return ending(result, own or nobodys)


def _log(job: Mapping[str, Any], effects: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The end of the log of the network's own effect, without what that did when it had failed; else of the evaluation."""
    logs = [('The effect %s' % effect['attribute'], before_tidying_up(effect.get('log') or ())) for effect in effects]
    logs.append(('The evaluation', job.get('evaluation_log') or []))
    for writer, log in logs:
        if log:
            return ('%s of job %s wrote at the end:' % (writer, job.get('index')), *('  ' + line for line in log[-LOG_LINES:]))
    return ()


def _problems(result: Result) -> list[Problem]:
    return [Problem(**problem) for problem in result.get('problems', ())]


def is_effect_of(attribute: str, network: str) -> bool:
    """Whether an attribute path, as Hercules CI writes it, goes through the attribute with the network's name."""
    parts = re.findall(r'"(?:[^"\\]|\\.)*"|[^.]+', attribute)
    return network in (re.sub(r'\\(.)', r'\1', part[1:-1]) if part.startswith('"') else part for part in parts)


def failures(endings: Iterable[tuple[str, str, Ending]]) -> dict[str, str]:
    """For each network that did not get where it should, why; what is the same for several, in full for the first.

    endings: network, branch, and how it ended.
    """
    found: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    for network, branch, ending in endings:
        if ending.result not in BAD:
            continue
        why = ending.why or ending.result
        teller = first.setdefault(why, network)
        if teller != network and why != ending.message:
            why = '%s It is the same as for %s, where all of it is told.' % (ending.message, teller)
        found.setdefault(network, []).append('%s: %s' % (branch, why))
    return {network: '\n'.join(reasons) for network, reasons in found.items()}


def _failed(result: Result) -> bool:
    """The role lets problems pass, so that they are told once, in the end. Unreachable: a module was not even started."""
    return bool(result.get('failed') or result.get('unreachable') or result.get('problems'))


def _failure(result: Result) -> Ending:
    problems = tuple(_problems(result))
    return Ending('failed', problems[0].what if problems else _sentence(_message(result)), problems or (Problem(_message(result)),))


def _message(result: Result) -> str:
    return str(result.get('msg') or 'The task failed and did not say why.')


def _sentence(text: str) -> str:
    """The first one, which is about what is wrong, before what was found."""
    return re.split(r'(?<=[.!?])\s', text, maxsplit=1)[0]
