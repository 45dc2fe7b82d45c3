# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What modules say about jobs: as data, and in words when a job has failed or has not ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._hercules_ci.client import Client
from .._hercules_ci.failures import RequestFailed
from .._hercules_ci.jobs import Job
from .._hercules_ci.logs import tail_of_log
from .._problems import Problem
from .._project import segment
from .effects import Effect, Evaluation, get_effect, get_evaluation, with_log
from .watch import Reader

NOTHING_EVALUATED = Evaluation()
UNKNOWN = 'Unknown'
"""The status of an effect that could not be asked for; a word of ours."""
MOST_ERRORS = 10
"""How many attribute errors are told of one job; its page has them all."""


@dataclass(frozen=True)
class JobDetails:
    """A job and what is inside it.

    effects: of a job that ended before its effects could start, none.
    log: the last lines of the evaluation, where nothing else says why it failed.
    """

    job: Job
    evaluation: Evaluation = NOTHING_EVALUATED
    effects: tuple[Effect, ...] = ()
    log: tuple[str, ...] = ()

    def as_dict(self, *, logs: bool = True) -> dict[str, Any]:
        """What modules return of it. logs: whether with the logs, which are long, and of which one is enough."""
        job = self.job
        effects = [effect.as_dict() for effect in self.effects]
        return {
            'id': job.id,
            'index': job.index,
            'url': job.url,
            'type': job.type,
            'name': job.name,
            'revision': job.revision,
            'ref': job.ref,
            'phase': job.phase,
            'status': job.status,
            'cancelled': job.cancelled,
            'rerun_of': job.rerun_of,
            'start_time': job.start_time,
            'end_time': job.end_time,
            'builds': {'done': self.evaluation.built, 'all': self.evaluation.builds},
            'effects': effects if logs else [{part: effect[part] for part in effect if part != 'log'} for effect in effects],
            'attribute_errors': [{'attribute': attribute, 'message': message} for attribute, message in self.evaluation.errors],
            'failed_builds': list(self.evaluation.failed_builds),
            'unmet_requirements': list(self.evaluation.unmet),
            **({'evaluation_log': list(self.log)} if logs else {}),
        }


def details_of(read: Reader, job: Job, log_lines: int) -> JobDetails:
    """What is inside a job. One request where it succeeded, because then all of its effects have; else also some for each effect.

    read: takes care of what cannot be read.
    """
    if job.phase in ('Queued', 'Evaluating'):
        return JobDetails(job)
    evaluation = read('The evaluation of %s' % job, lambda client: _evaluation_of(client, job), NOTHING_EVALUATED)
    if job.succeeded:
        return JobDetails(job, evaluation, tuple(Effect(attribute, 'Successful') for attribute in evaluation.effects))
    effects: tuple[Effect, ...] = ()
    log: tuple[str, ...] = ()
    if job.evaluation_status == 'Success':
        effects = tuple(_effect_of(read, job, attribute) for attribute in evaluation.effects)
        effects = tuple(_with_log(read, job, effect, log_lines) if effect.status == 'Failed' else effect for effect in effects)
    elif job.ended and not evaluation.errors and evaluation.log_id and log_lines:
        log_id, path = evaluation.log_id, '/jobs/%s/evaluation' % segment(job.id)
        log = read('The log of the evaluation of %s' % job, lambda client: tuple(tail_of_log(client, path, log_id, log_lines)), ())
    return JobDetails(job, evaluation, effects, log)


def _evaluation_of(client: Client, job: Job) -> Evaluation:
    try:
        return get_evaluation(client, job)
    except RequestFailed as failure:
        if failure.status != 404 or (job.succeeded and job.type != 'Config'):
            raise
        return NOTHING_EVALUATED  # cancelled or failed before there was one, or nothing but schedules


def _effect_of(read: Reader, job: Job, attribute: str) -> Effect:
    what = 'The effect %s of %s' % (attribute, job)
    return read(what, lambda client: get_effect(client, job, attribute), Effect(attribute, UNKNOWN))


def _with_log(read: Reader, job: Job, effect: Effect, lines: int) -> Effect:
    what = 'The log of the effect %s of %s' % (effect.attribute, job)
    return read(what, lambda client: with_log(client, job, effect, lines), effect)


def problems_of(details: JobDetails) -> list[Problem]:
    """Why a job did not succeed, the cause before its consequences; never empty."""
    job, evaluation = details.job, details.evaluation
    if job.cancelled:
        return [Problem('%s was cancelled.' % _capital(job), job.url, remedy='Run it again (rerun_failed) when it is wanted after all')]
    problems = [_evaluation_problem(job, attribute, message) for attribute, message in evaluation.errors[:MOST_ERRORS]]
    problems += [
        Problem('The attribute %s of %s could not be built.' % (attribute, job), job.url, remedy='Read the log of the build on that page')
        for attribute in evaluation.failed_builds[:MOST_ERRORS]
    ]
    problems += [_effect_problem(job, effect) for effect in details.effects if effect.status in ('Failed', 'Cancelled')]
    if problems:
        return problems
    not_run = ['The effect %s was not run.' % effect.attribute for effect in details.effects if effect.status == 'DependencyFailed']
    return [Problem('%s failed.' % _capital(job), job.url, found=' '.join([*not_run, *details.log[-1:]]), remedy='Look at that page')]


def _evaluation_problem(job: Job, attribute: str, message: str) -> Problem:
    subject = 'The attribute %s of %s' % (attribute, job) if attribute else _capital(job)
    remedy = 'Correct it, try with nix-instantiate, and push'
    return Problem('%s does not evaluate.' % subject, job.url, found=message.strip(), remedy=remedy)


def _effect_problem(job: Job, effect: Effect) -> Problem:
    if effect.status == 'Cancelled':
        remedy = 'Run the job again (rerun_failed) when it is wanted after all'
        return Problem('The effect %s of %s was cancelled.' % (effect.attribute, job), job.url, remedy=remedy)
    remedy = 'Correct what it says, then push, or run the job again (rerun_failed)'
    return Problem('The effect %s of %s failed.' % (effect.attribute, job), job.url, found=effect.message, remedy=remedy)


def waiting_problem(details: JobDetails, seconds: float) -> Problem:
    """For a job that has not ended in time: what it waits for."""
    waits = ['no agent of the account has %s' % unmet for unmet in details.evaluation.unmet]
    for effect in details.effects:
        if not effect.ended:
            waits.append(', waits for '.join(['effect %s is %s' % (effect.attribute, effect.status), *effect.waiting_for]))
    longer = 'Look at that page, and wait longer with wait_timeout'
    return Problem(
        '%s did not end within %d seconds.' % (_capital(details.job), seconds),
        details.job.url,
        found='; '.join(['phase %s' % details.job.phase, *waits]),
        remedy='Start an agent with what is missing' if details.evaluation.unmet else longer,
    )


def _capital(job: Job) -> str:
    text = str(job)
    return text[0].upper() + text[1:]
