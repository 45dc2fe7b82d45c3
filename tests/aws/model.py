# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM, the tag of a user, CloudTrail, agents and Hercules CI as plain values: the world that the next step is a function of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.keys import Key, Maker, Note, Use, read_note
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.step import (
    ENDS,
    MOST_KEYS,
    Jobs,
    Kind,
    RotationPolicy,
    Seen,
    Step,
    next_step,
    noted,
)

START = datetime(2026, 11, 29, tzinfo=timezone.utc)
DAY = timedelta(days=1)
AGENTS = tuple('agent-%d' % number for number in range(1, 6))
NETWORKS = ('neat-network', 'neat-staging')
WISH = RotationPolicy(max_age=90 * DAY, soak=DAY)


class Stopped(Exception):
    """A run was killed."""


@dataclass
class RunningJob:
    """An effect that runs, with the key that its agent had when it began."""

    network: str
    key: str
    begun: datetime


class Fleet:
    """All that there is: IAM, the tag, agents and Hercules CI."""

    def __init__(self) -> None:
        self.now = START
        self.keys: list[Key] = []
        self.tag = 'nothing'
        self.agents = dict.fromkeys(AGENTS, '')
        self.down: set[str] = set()
        self.jobs: list[RunningJob] = []
        self.deployed: dict[str, datetime | None] = dict.fromkeys(NETWORKS)
        self.foreign: dict[str, Key] = {}
        self.marks: dict[str, str] = {}
        self.trail_late = timedelta()
        self.given_up: set[str] = set()  # keys that were switched off in an emergency
        self.adopted = ''
        self.number = 0
        self.left = 10**9

    def tick(self) -> None:
        """Something takes effect; the run may be killed right after."""
        self.now += timedelta(seconds=1)
        self.left -= 1
        if self.left == 0:
            raise Stopped

    def make_key(self, mark: str = '') -> str:
        """mark: of the run that does it; empty for anybody else."""
        assert len(self.keys) < MOST_KEYS, 'IAM would refuse'
        self.number += 1
        key = Key('AKIA%016d' % self.number, self.now, use=Use())
        self.keys.append(key)
        self.marks[key.id] = mark
        return key.id

    def maker(self, key_id: str, mark: str) -> Maker:
        """As CloudTrail has it."""
        (key,) = (each for each in self.keys if each.id == key_id)
        if self.now < key.created + self.trail_late:
            return Maker.UNKNOWN
        return Maker.RUN if mark and self.marks[key_id] == mark else Maker.OTHER

    def change(self, key_id: str, **fields: Any) -> None:
        self.keys = [replace(key, **fields) if key.id == key_id else key for key in self.keys]

    def safe_without(self, key_id: str) -> None:
        """No agent has the key, and nothing that runs uses it: a network may run at any time."""
        assert key_id not in self.foreign, 'somebody else made it'
        assert key_id not in self.agents.values(), 'an agent has it'
        assert key_id in self.given_up or key_id not in [job.key for job in self.jobs], 'a job uses it'

    def run(self, wish: RotationPolicy, stop_after: int = 10**9) -> Step | None:
        """One run of the playbook; None where it was killed."""
        self.left = stop_after
        asked_use, jobs, makers = set(), None, {}
        try:
            for _number in range(40):
                keys = tuple(
                    replace(key, use=key.use if key.id in asked_use else None, maker=makers.get(key.id)) for key in self.keys)
                answering = {name: key for name, key in self.agents.items() if name not in self.down}
                seen = Seen(self.now, keys, read_note(self.tag, ''), answering, frozenset(self.down), jobs)
                step = next_step(seen, wish)
                if step.kind in ENDS:
                    return step
                if step.kind is Kind.ASK_USE:
                    assert step.key not in asked_use
                    asked_use.add(step.key)
                elif step.kind is Kind.ASK_MAKER:
                    assert step.key not in makers
                    makers[step.key] = self.maker(step.key, seen.note.mark)
                elif step.kind is Kind.ASK_JOBS:
                    assert jobs is None
                    jobs = Jobs(min((job.begun for job in self.jobs), default=None), dict(self.deployed))
                else:
                    self.do(step, seen, wish)
                    wish = replace(wish, replaced=wish.replaced or step.kind is Kind.CREATE)
            raise AssertionError('the run does not end')
        except Stopped:
            return None

    def note(self, note: Note) -> None:
        self.tag = str(note)
        assert len(self.tag) <= 256
        self.tick()

    def do(self, step: Step, seen: Seen, wish: RotationPolicy) -> None:
        note = noted(step, seen, urgent=wish.urgent)
        if step.kind is Kind.CREATE:
            self.number += 1
            note = replace(note, mark='%016x' % self.number)
        if note != seen.note:
            self.note(note)
        if step.kind is Kind.CREATE:
            made = self.make_key(note.mark)
            self.tick()
            self.note(Note(before=note.before, made=made, off=note.off))
            self.change(made, use=Use(self.now, 'sts in us-east-1'))  # the run tries it
            for agent in AGENTS:
                if agent not in self.down:
                    self.agents[agent] = made
                    self.tick()
        elif step.kind is Kind.GIVE:
            assert self.agents[step.source] == step.key
            for agent in step.agents:
                assert agent not in self.down
                self.agents[agent] = step.key
                self.tick()
        elif step.kind in (Kind.OFF, Kind.DELETE):
            self.take_away(step, urgent=wish.urgent)
        elif step.kind is Kind.ON:
            assert step.key not in self.foreign
            self.change(step.key, active=True)
            self.tick()

    def take_away(self, step: Step, *, urgent: bool) -> None:
        """Switch a key off or delete it."""
        assert step.key not in self.foreign
        if urgent:
            self.given_up.add(step.key)
        else:
            self.safe_without(step.key)
        if step.kind is Kind.DELETE:
            self.keys = [key for key in self.keys if key.id != step.key]
        else:
            self.change(step.key, active=False)
        self.tick()

    def deploy_all(self) -> None:
        """Every network is deployed, and no job runs any more."""
        for network in NETWORKS:
            self.now += timedelta(minutes=1)
            self.deployed[network] = self.now
        self.jobs = []
        self.now += timedelta(minutes=1)


def fleet_with(age: timedelta) -> Fleet:
    fleet = Fleet()
    fleet.run(replace(WISH, rotates=False))
    fleet.now += age
    return fleet


def rotated(fleet: Fleet, wish: RotationPolicy = WISH) -> list[Step | None]:
    """What the runs until the end of a rotation say."""
    steps = []
    for _number in range(4):
        steps.append(fleet.run(wish))
        fleet.deploy_all()
        fleet.now += 2 * DAY
    return steps
