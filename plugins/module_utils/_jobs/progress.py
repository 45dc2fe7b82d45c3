# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What happens inside jobs while one waits for them, in words; asked for with one request at a time."""

from __future__ import annotations

from collections import Counter

from .._hercules_ci.client import Client
from .._hercules_ci.jobs import Job, Situation
from .effects import Effect, Evaluation, get_effect, get_evaluation

NAMED_EFFECTS = 4
"""Up to how many effects are named one by one; of more, their numbers are told."""


class Progress:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._evaluations: dict[str, Evaluation] = {}
        self._effects: dict[tuple[str, str], Effect] = {}
        self._asked: list[tuple[str, str]] = []

    def ask(self, situation: Situation) -> bool:
        """Make the one request whose answer is oldest. Whether there was anything to ask for."""
        questions = [question for job in situation.jobs if not job.ended for question in self._questions(job)]
        if not questions:
            return False
        job, attribute = min(questions, key=lambda question: self._turn(question[0].id, question[1]))
        key = (job.id, attribute)
        self._asked = [*(other for other in self._asked if other != key), key]
        if attribute:
            self._effects[key] = get_effect(self._client, job, attribute)
        else:
            self._evaluations[job.id] = get_evaluation(self._client, job)
        return True

    def _turn(self, job_id: str, attribute: str) -> int:
        return self._asked.index((job_id, attribute)) if (job_id, attribute) in self._asked else -1

    def _questions(self, job: Job) -> list[tuple[Job, str]]:
        """Pairs of a job and an attribute of an effect, which is empty for the evaluation."""
        evaluation = self._evaluations.get(job.id)
        if job.phase == 'Building' or (job.phase == 'Effects' and evaluation is None):
            return [(job, '')]
        if job.phase == 'Effects' and evaluation is not None:
            return [(job, attribute) for attribute in evaluation.effects if not self._ended(job, attribute)]
        return []

    def _ended(self, job: Job, attribute: str) -> bool:
        effect = self._effects.get((job.id, attribute))
        return effect is not None and effect.ended

    def words(self, situation: Situation) -> list[str]:
        """One line for each job, and one for those that are still to come."""
        lines = [self._job_words(job) for job in situation.jobs]
        lines += ['no job yet for %s' % what for what in situation.missing]
        return lines or ['no job yet']

    def _job_words(self, job: Job) -> str:
        if job.ended:
            return '%s ended: %s' % (job, 'Cancelled' if job.cancelled else job.status)
        kind = ' (configuration)' if job.type == 'Config' else ''
        inside = self._inside(job)
        return '%s%s %s%s' % (job, kind, job.phase, ': ' + inside if inside else '')

    def _inside(self, job: Job) -> str:
        evaluation = self._evaluations.get(job.id, Evaluation())
        if job.phase == 'Building':
            lacks = ['no agent for %s' % unmet for unmet in evaluation.unmet]
            return ', '.join(['%d of %d builds done' % (evaluation.built, evaluation.builds)] * bool(evaluation.builds) + lacks)
        if job.phase != 'Effects':
            return ''
        effects = [self._effects[job.id, attribute] for attribute in evaluation.effects if (job.id, attribute) in self._effects]
        if len(evaluation.effects) <= NAMED_EFFECTS:
            return ', '.join(self._effect_words(effect) for effect in effects)
        numbers = Counter(effect.status for effect in effects)
        return ', '.join('%d effects %s' % (numbers[status], status) for status in sorted(numbers))

    def _effect_words(self, effect: Effect) -> str:
        waits = effect.status == 'Waiting' and effect.waiting_for
        return '%s %s%s' % (effect.attribute, effect.status, ' for ' + ', '.join(effect.waiting_for) if waits else '')
