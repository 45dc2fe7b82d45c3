# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""One user's keys in one run: look, take the next step, look again. What is to be brought to agents is left to who can reach them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ...module_utils._problems import Failure, Problem, fail
from ...module_utils._secrets.aws import fingerprint
from ...module_utils._secrets.key_ids import shown
from .declared import Owner
from .iam import AwsClient, NewKey
from .keys import Maker, Note, Use, read_note
from .step import ENDS, LONGEST_CREATION, Answer, Jobs, Kind, RotationPolicy, Seen, Step, next_step, noted
from .trial import wait_until_known

MOST_STEPS = 12
"""In a row; a rotation has fewer."""
APART = 3.0
"""Seconds, longer than between a look and the note that follows from it: where no lock keeps runs apart, the last note wins."""
OTHER = 'another key: '
"""Before the fingerprint of a key that an agent has and the user does not."""

Look = Mapping[str, Any]
"""What the module aws_key_info returns of one secret: `key` and `fingerprint`; empty where there is no key."""


@dataclass
class Rotation:
    """looks: by agent that answers. as_noted: whether to take the tag's word for what the agents have instead. jobs: asks Hercules CI.

    locked: whether a lock keeps other runs out while it works. require_alone: raises Failure when that is lost. regions: asks for the
    regions in which a key has to work. new: the key that was made, until all agents have it.
    """

    owner: Owner
    client: AwsClient
    wish: RotationPolicy
    looks: dict[str, Look]
    jobs: Callable[[datetime | None, Callable[[], datetime]], Answer]
    regions: Callable[[], set[str]]
    require_alone: Callable[[], None] = lambda: None
    locked: bool = False
    as_noted: bool = False
    done: list[str] = field(default_factory=list)
    new: NewKey | None = None
    last: Step | None = None
    _seen: Seen | None = None
    _uses: dict[str, Use] = field(default_factory=dict)
    _makers: dict[str, Maker] = field(default_factory=dict)
    _jobs: Answer | None = None

    def look(self) -> Seen:
        """How it stands now."""
        user = self.client.user(self.owner.user)
        note = read_note(user.tag, str(self.owner))
        ids = {fingerprint(key.id): key.id for key in user.keys}
        held = dict.fromkeys(self.owner.agents, note.made) if self.as_noted else {
            agent: ids.get(look['fingerprint'], OTHER + look['fingerprint']) if look else ''
            for agent, look in self.looks.items() if agent in self.owner.agents
        }
        return self._with_answers(
            Seen(user.now, user.keys, note, held, frozenset(self.owner.agents) - held.keys(), alone=self.locked))

    def first(self) -> Step:
        """The step that there is to do, with two requests to AWS and nothing changed; a question, where the answer would decide."""
        self.last = next_step(self.look(), self.wish)
        return self.last

    def foreseen(self) -> Step:
        """The same with the questions answered, as for a run that changes nothing."""
        seen, asked = self.look(), time.monotonic()
        step = next_step(seen, self.wish)
        while self._answer(step, seen, asked):
            seen = self._with_answers(seen)
            step = next_step(seen, self.wish)
        if self.as_noted and seen.note.given is None:
            step = Step(Kind.WAIT, why='No run has noted yet that all agents have a key.')
        self.last = step
        return step

    def advance(self) -> Step:
        """Take steps until there is nothing to do in this run, or agents have to get a key."""
        for _number in range(MOST_STEPS):
            step = self.foreseen()
            seen = self._seen
            if step.kind in ENDS or step.kind is Kind.GIVE or seen is None:
                return step
            self.require_alone()
            self._do(step, seen)
            if step.kind is Kind.CREATE:
                return step
        self.last = Step(Kind.WAIT, why='There is more to do than a run should: run this again.')
        return self.last

    def _answer(self, step: Step, seen: Seen, asked: float) -> bool:
        """Whether it was a question, which is answered now."""
        if step.kind is Kind.ASK_USE:
            self._uses[step.key] = self.client.use(self.owner.user, step.key)
        elif step.kind is Kind.ASK_MAKER:
            self._makers.update((key.id, self.client.maker(key, seen.note.mark)) for key in seen.keys if key.id == step.key)
        elif step.kind is Kind.ASK_JOBS:
            self._jobs = self.jobs(seen.note.given, lambda: seen.now + timedelta(seconds=time.monotonic() - asked))
        else:
            return False
        return True

    def _with_answers(self, seen: Seen) -> Seen:
        keys = tuple(replace(key, use=self._uses.get(key.id), maker=self._makers.get(key.id)) for key in seen.keys)
        seen = replace(seen, keys=keys)
        if self._jobs:
            seen = replace(seen, jobs=self._jobs.jobs, tolerance=self._jobs.tolerance)
        self._seen = seen
        return seen

    def _do(self, step: Step, seen: Seen) -> None:
        user, note = self.owner.user, noted(step, seen, urgent=self.wish.urgent)
        if step.kind is Kind.CREATE:
            self._create(note, seen)
        elif note != seen.note:
            self.client.note(user, str(note))
        if step.kind in (Kind.OFF, Kind.ON):
            self.client.switch(user, step.key, step.kind is Kind.ON)
        elif step.kind is Kind.DELETE:
            self.client.delete(user, step.key)
        self._tell(step)

    def _create(self, note: Note, seen: Seen) -> None:
        user, regions = self.owner.user, self.regions()  # first: what fails here has made no key, and it may take long
        note = self._announced(note, seen)
        try:
            key = self.client.create(user, note.mark)
        except Failure as failure:
            if failure.extra.get('aws_code'):  # AWS has made none, so that what comes next is not taken for one
                self.client.note(user, str(replace(seen.note, creating=None, mark='')))
            raise
        self.client.note(user, str(Note(before=note.before, made=key.id, off=note.off)))
        self.wish = replace(self.wish, replaced=True)
        wait_until_known(self.client, key, regions)
        self.new = key

    def _announced(self, note: Note, seen: Seen) -> Note:
        """The note as it stands in the tag, after a look whether another run is making a key, too. Raises Failure if one is."""
        user = self.client.user(self.owner.user)
        begun = seen.note.creating
        if read_note(user.tag, str(self.owner)) != seen.note or {key.id for key in user.keys} != {key.id for key in seen.keys} or (
            begun and not self.locked and user.now < begun + LONGEST_CREATION
        ):
            raise self._not_alone()
        note = replace(note, creating=user.now, mark=os.urandom(8).hex())
        self.client.note(self.owner.user, str(note))
        if not self.locked:
            self.client.sleep(APART)
            if self.client.user(self.owner.user).tag != str(note):
                raise self._not_alone()
        return note

    def _not_alone(self) -> Failure:
        return fail(
            'Another run is making a key for the user, or has changed its keys just now.', where=str(self.owner),
            found='the tag or the keys of the user are not as this run saw them', remedy='Wait two minutes, then run this again')

    def _tell(self, step: Step) -> None:
        words = {
            Kind.CREATE: 'The key %s was made.' % shown(self.new.id if self.new else ''),
            Kind.CONFIRM: 'All agents have the key %s.' % shown(step.key),
            Kind.OFF: 'The key %s was switched off.' % shown(step.key),
            Kind.ON: 'The key %s was switched on again.' % shown(step.key),
            Kind.DELETE: 'The key %s was deleted.' % shown(step.key),
        }
        if step.kind in words:
            skipped = ' Skipped: %s.' % '; '.join(step.skips) if step.skips else ''
            self.done.append(' '.join(filter(None, (words[step.kind], step.why))) + skipped)

    def row(self, failure: Failure | None = None) -> dict[str, Any]:
        """What a report shows."""
        seen, step = self._seen, self.last
        current = seen.current if seen else None
        row: dict[str, Any] = {
            'user': self.owner.user, 'secret': self.owner.secret, 'key': shown(current.id) if current else '',
            'age_days': (seen.now - current.created).days if seen and current else None,
            'keys': [{'key': shown(key.id), 'active': key.active, 'created': key.created.isoformat()} for key in seen.keys] if seen else [],
            'step': step.kind.value if step else '', 'next': step.why if step else '', 'done': list(self.done),
            'left': list(step.left) if step else [],
        }
        if failure:
            row.update(step='failed', next=str(failure), problems=[problem.as_dict() for problem in failure.problems])
        elif step and step.kind is Kind.REFUSE:
            problem = Problem(step.why, where=str(self.owner), expected='keys that agents have, or that the last runs have made',
                              remedy='Find out who uses it, and delete it or let this collection have another user')
            row.update(next=str(problem), problems=[problem.as_dict()])
        return row


def no_jobs(_since: datetime | None, _now: Callable[[], datetime]) -> Answer:
    """Where no network uses the key."""
    return Answer(Jobs(), timedelta(seconds=5))
