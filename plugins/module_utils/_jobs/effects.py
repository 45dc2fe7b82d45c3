# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What is inside a job: attributes, builds, effects and their logs, as plain values that modules can return."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._hercules_ci.answers import Maybe
from .._hercules_ci.client import Client
from .._hercules_ci.jobs import Job, job_page
from .._hercules_ci.logs import tail_of_log
from .._project import segment
from .log_endings import LINES_TO_READ, reason

FINAL = ('Failed', 'DependencyFailed', 'Successful', 'Cancelled')
STATUSES = ('BuildSuccess', 'BuildFailure', 'DependencyFailure', 'Cancelled', 'Waiting', 'Building')
COUNTS = ['derivations%sCount' % status for status in STATUSES]
EVALUATION = {
    'attributes': [
        {
            'path': [str],
            'typ': Maybe(str),
            'value': {'Error': Maybe({'errorMessage': str}), 'Ok': Maybe({'status': Maybe(str), 'derivationPath': Maybe(str)})},
        }
    ],
    'messages': Maybe([{'typ': str, 'message': str}]),
    'unmetAgentRequirements': Maybe([{'platform': str, 'requiredSystemFeatures': Maybe([str])}]),
    'evaluationLog': Maybe(str),
    **dict.fromkeys(COUNTS, Maybe(int)),
}
STARTED = {'logId': Maybe(str), 'agentHostname': Maybe(str)}
NAMED = {'name': str}
EFFECT = {
    'status': str,
    'events': Maybe([[{'Started': Maybe(STARTED), 'Failed': Maybe({'technicalError': Maybe(str)})}]]),
    'waitingForJobs': Maybe([{'index': int, 'project': {**NAMED, 'owner': {**NAMED, 'site': NAMED}}}]),
    'waitingForEffects': Maybe([{'attributePath': [str]}]),
}
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*")


@dataclass(frozen=True)
class Effect:
    """One effect of a job, with its status in the service's words.

    waiting_for: pages of the jobs whose effects must end first, and attributes of effects of this job.
    log: the last lines of its newest run, where they were asked for. reason: why it failed, from more of these lines.
    technical_error: what the agent reports, where it was not the effect itself that failed.
    """

    attribute: str
    status: str
    agent: str | None = None
    log_id: str | None = None
    technical_error: str | None = None
    waiting_for: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    reason: str = ''

    @property
    def ended(self) -> bool:
        return self.status in FINAL

    @property
    def message(self) -> str:
        """Why it failed, in its own words: what the agent reports, else what its log says."""
        return self.technical_error or self.reason

    def as_dict(self) -> dict[str, Any]:
        return {
            'attribute': self.attribute,
            'status': self.status,
            'agent': self.agent,
            'waiting_for': list(self.waiting_for),
            'message': self.message if self.status == 'Failed' else '',
            'log': list(self.log),
        }


@dataclass(frozen=True)
class Evaluation:
    """What the evaluation of a job found and what has become of its builds.

    effects: attribute paths of the effects, as text.
    errors: attribute and message where something did not evaluate; the attribute is empty for messages of the whole evaluation.
    failed_builds: attributes that could not be built.
    unmet: platforms and features that no agent of the account has.
    builds: how many derivations have been built, of how many. derivations: paths in the Nix store, by attribute.
    """

    effects: tuple[str, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    failed_builds: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()
    built: int = 0
    builds: int = 0
    derivations: Mapping[str, str] = field(default_factory=dict)
    log_id: str | None = None


def attribute_text(path: Iterable[str]) -> str:
    """An attribute path as in the service's URLs and pages. Its rule is not Nix's own: keywords stay bare, and so does `${`."""
    return '.'.join(part if IDENTIFIER.fullmatch(part) else '"%s"' % part.replace('\\', '\\\\').replace('"', '\\"') for part in path)


def read_evaluation(answer: Any) -> Evaluation:
    """From the schema EvaluationDetail of the API. Attributes that may or must fail are no failures."""
    effects, errors, failed_builds, derivations = [], [], [], {}
    for attribute in answer['attributes']:
        text, kind = attribute_text(attribute['path']), attribute.get('typ') or 'Regular'
        if kind == 'Effect':
            effects.append(text)
        error, value = attribute['value'].get('Error'), attribute['value'].get('Ok') or {}
        if value.get('derivationPath'):
            derivations[text] = value['derivationPath']
        if kind in ('MayFail', 'MustFail'):
            continue
        if error:
            errors.append((text, error['errorMessage']))
        elif value.get('status') in ('BuildFailure', 'DependencyFailure'):
            failed_builds.append(text)
    errors += [('', message['message']) for message in answer.get('messages') or () if message['typ'] == 'Error']
    counts = [answer.get(name) or 0 for name in COUNTS]
    lacks = answer.get('unmetAgentRequirements') or ()
    return Evaluation(
        effects=tuple(effects),
        errors=tuple(errors),
        failed_builds=tuple(failed_builds),
        unmet=tuple(' '.join([lack['platform'], *(lack.get('requiredSystemFeatures') or ())]) for lack in lacks),
        built=counts[0],
        builds=sum(counts),
        derivations=derivations,
        log_id=answer.get('evaluationLog'),
    )


def read_effect(attribute: str, answer: Any, base_url: str) -> Effect:
    """From the schema EffectInfo of the API, whose events are a list of runs, each a list of objects with a single field."""
    events = {name: event or {} for happened in (answer.get('events') or [[]])[-1] for name, event in happened.items()}
    started = events.get('Started', {})
    jobs = [job_page(base_url, _project_text(job['project']), job['index']) for job in answer.get('waitingForJobs') or ()]
    effects = [attribute_text(effect['attributePath']) for effect in answer.get('waitingForEffects') or ()]
    return Effect(
        attribute=attribute,
        status=answer['status'],
        agent=started.get('agentHostname'),
        log_id=started.get('logId'),
        technical_error=events.get('Failed', {}).get('technicalError') or None,
        waiting_for=tuple(jobs + effects),
    )


def _project_text(project: Any) -> str:
    return '/'.join([project['owner']['site']['name'], project['owner']['name'], project['name']])


def get_evaluation(client: Client, job: Job) -> Evaluation:
    return read_evaluation(client.get('/jobs/%s/evaluation' % segment(job.id), form=EVALUATION))


def get_effect(client: Client, job: Job, attribute: str) -> Effect:
    return read_effect(attribute, client.get(_effect_path(job, attribute), form=EFFECT), client.base_url)


def with_log(client: Client, job: Job, effect: Effect, lines: int) -> Effect:
    """The effect with the last lines of its newest run; one that never started has none."""
    if effect.log_id is None or not lines:
        return effect
    read = tail_of_log(client, _effect_path(job, effect.attribute), effect.log_id, max(lines, LINES_TO_READ))
    return replace(effect, log=tuple(read[-lines:]), reason=reason(read))


def _effect_path(job: Job, attribute: str) -> str:
    return '/jobs/%s/effects/%s' % (segment(job.id), segment(attribute))
