# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The next step with the keys of a user: whatever happens in between, and wherever runs stop, what has to hold does hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.keys import Key, Note, Off, Use, read_note
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.step import (
    ENDS,
    MOST_KEYS,
    Jobs,
    Kind,
    Seen,
    Step,
    Wish,
    next_step,
    noted,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

START = datetime(2026, 11, 29, tzinfo=timezone.utc)
DAY = timedelta(days=1)
AGENTS = tuple('agent-%d' % number for number in range(1, 6))
NETWORKS = ('neat-network', 'neat-staging')
WISH = Wish(max_age=90 * DAY, soak=DAY)


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
        self.adopted = ''
        self.number = 0
        self.left = 10**9

    def tick(self) -> None:
        """Something takes effect; the run may be killed right after."""
        self.now += timedelta(seconds=1)
        self.left -= 1
        if self.left == 0:
            raise Stopped

    def make_key(self) -> str:
        assert len(self.keys) < MOST_KEYS, 'IAM would refuse'
        self.number += 1
        key = Key('AKIA%016d' % self.number, self.now, use=Use())
        self.keys.append(key)
        return key.id

    def change(self, key_id: str, **fields: Any) -> None:
        self.keys = [replace(key, **fields) if key.id == key_id else key for key in self.keys]

    def safe_without(self, key_id: str) -> None:
        """No agent has the key, and nothing that runs uses it: a network may run at any time."""
        assert key_id not in self.foreign, 'somebody else made it'
        assert key_id not in self.agents.values(), 'an agent has it'
        assert key_id not in [job.key for job in self.jobs], 'a job uses it'

    def run(self, wish: Wish, stop_after: int = 10**9) -> Step | None:
        """One run of the playbook; None where it was killed."""
        self.left = stop_after
        asked_use, jobs = set(), None
        try:
            for _number in range(40):
                keys = tuple(key if key.id in asked_use else replace(key, use=None) for key in self.keys)
                answering = {name: key for name, key in self.agents.items() if name not in self.down}
                seen = Seen(self.now, keys, read_note(self.tag, ''), answering, frozenset(self.down), jobs)
                step = next_step(seen, wish)
                if step.kind in ENDS:
                    return step
                if step.kind is Kind.ASK_USE:
                    assert step.key not in asked_use
                    asked_use.add(step.key)
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

    def do(self, step: Step, seen: Seen, wish: Wish) -> None:
        note = noted(step, seen, urgent=wish.urgent)
        if note != seen.note:
            self.note(note)
        if step.kind is Kind.CREATE:
            made = self.make_key()
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
            if not wish.urgent:
                self.safe_without(step.key)
            assert step.key not in self.foreign
            if step.kind is Kind.DELETE:
                self.keys = [key for key in self.keys if key.id != step.key]
            else:
                self.change(step.key, active=False)
            self.tick()
        elif step.kind is Kind.ON:
            assert step.key not in self.foreign
            self.change(step.key, active=True)
            self.tick()

    def deploy_all(self) -> None:
        """Every network is deployed, and no job runs any more."""
        for network in NETWORKS:
            self.now += timedelta(minutes=1)
            self.deployed[network] = self.now
        self.jobs = []
        self.now += timedelta(minutes=1)


class Rotation(RuleBasedStateMachine):
    """Runs, killed anywhere, and all that may happen between them."""

    @initialize(adopted=st.booleans())
    def begin(self, adopted: bool) -> None:
        self.fleet = Fleet()
        if adopted:
            key = self.fleet.adopted = self.fleet.make_key()
            self.fleet.agents = dict.fromkeys(AGENTS, key)

    @rule(stop_after=st.integers(1, 14))
    def killed_run(self, stop_after: int) -> None:
        self.fleet.run(WISH, stop_after)

    @rule(rotates=st.booleans())
    def whole_run(self, rotates: bool) -> None:
        self.fleet.run(replace(WISH, rotates=rotates))

    @rule(days=st.sampled_from([0.01, 2, 100]))
    def time_passes(self, days: float) -> None:
        self.fleet.now += days * DAY

    @rule(agent=st.sampled_from(AGENTS))
    def agent_goes_down_or_comes_up(self, agent: str) -> None:
        self.fleet.down ^= {agent}

    @rule(agent=st.sampled_from(AGENTS))
    def agent_is_rebuilt(self, agent: str) -> None:
        self.fleet.agents[agent] = ''

    @rule(agent=st.sampled_from(AGENTS), network=st.sampled_from(NETWORKS))
    def job_begins(self, agent: str, network: str) -> None:
        key = self.fleet.agents[agent]
        if agent not in self.fleet.down and key:
            assert any(each.id == key and each.active for each in self.fleet.keys), 'a network runs with a key that does not work'
            self.fleet.jobs.append(RunningJob(network, key, self.fleet.now))
            self.fleet.change(key, use=Use(self.fleet.now, 'ec2 in eu-west-1'))
            self.fleet.now += timedelta(seconds=20)

    @rule()
    def jobs_end(self) -> None:
        for job in self.fleet.jobs:
            self.fleet.deployed[job.network] = max(filter(None, (self.fleet.deployed[job.network], job.begun)))
        self.fleet.jobs = []

    @rule()
    def somebody_else_makes_a_key(self) -> None:
        note = read_note(self.fleet.tag, '')
        if note.creating and self.fleet.now < note.creating + timedelta(seconds=100):
            return  # nobody could tell the two apart
        if len(self.fleet.keys) < MOST_KEYS:
            key = self.fleet.make_key()
            (self.fleet.foreign[key],) = (each for each in self.fleet.keys if each.id == key)
            self.fleet.now += timedelta(minutes=2)

    @rule()
    def somebody_else_removes_theirs(self) -> None:
        self.fleet.keys = [key for key in self.fleet.keys if key.id not in self.fleet.foreign]
        self.fleet.foreign = {}

    @invariant()
    def foreign_keys_are_as_they_were(self) -> None:
        if hasattr(self, 'fleet'):
            there = {key.id: key for key in self.fleet.keys}
            assert all(there[name] == key for name, key in self.fleet.foreign.items())
            assert len(self.fleet.keys) <= MOST_KEYS

    def teardown(self) -> None:
        """However it stands, runs and deployments lead to one key that all agents have."""
        if not hasattr(self, 'fleet'):
            return
        fleet = self.fleet
        fleet.down = set()
        step = None
        for _number in range(8):
            step = fleet.run(WISH)
            fleet.deploy_all()
            fleet.now += 2 * DAY
        assert step is not None
        if step.kind is Kind.REFUSE:
            # A key that agents had before the first run, and lost before it, is nobody's that a run could know of.
            unknown = {fleet.adopted} - read_note(fleet.tag, '').names
            assert fleet.foreign or step.key in unknown, step
            return
        assert step.kind is Kind.REST, step
        (key,) = fleet.keys
        assert key.active and set(fleet.agents.values()) == {key.id}


Rotation.TestCase.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
TestRotation = Rotation.TestCase


def fleet_with(age: timedelta) -> Fleet:
    fleet = Fleet()
    fleet.run(replace(WISH, rotates=False))
    fleet.now += age
    return fleet


def rotated(fleet: Fleet, wish: Wish = WISH) -> list[Step | None]:
    """What the runs until the end of a rotation say."""
    steps = []
    for _number in range(4):
        steps.append(fleet.run(wish))
        fleet.deploy_all()
        fleet.now += 2 * DAY
    return steps


def test_the_whole_way() -> None:
    fleet = Fleet()
    created = fleet.run(replace(WISH, rotates=False))
    assert created and created.kind is Kind.REST
    (first,) = fleet.keys
    fleet.now += 91 * DAY
    warned = fleet.run(replace(WISH, rotates=False))
    assert warned and '91 days old; nixcd.hercules_ci.rotate replaces it' in warned.why
    kinds = [step.kind for step in rotated(fleet) if step]
    assert kinds == [Kind.WAIT, Kind.WAIT, Kind.REST, Kind.REST]
    assert [key.id == first.id for key in fleet.keys] == [False]


@pytest.mark.parametrize('stop_after', range(1, 24))
def test_killed_after_each_write(stop_after: int) -> None:
    fleet = fleet_with(91 * DAY)
    fleet.run(WISH, stop_after)
    rotated(fleet)
    (key,) = fleet.keys
    assert key.active and set(fleet.agents.values()) == {key.id}


@pytest.mark.parametrize('stop_after', [*range(1, 9), 10**9])
def test_one_agent_of_five_is_down(stop_after: int) -> None:
    fleet = fleet_with(91 * DAY)
    (old,) = fleet.keys
    fleet.run(WISH, stop_after)
    fleet.down = {'agent-3'}
    for step in rotated(fleet):
        assert step is not None and step.kind is Kind.WAIT and step.left == ('agent-3',)
    assert next(key for key in fleet.keys if key.id == old.id).active
    assert fleet.agents['agent-3'] in {key.id for key in fleet.keys if key.active}
    fleet.down = set()
    rotated(fleet)
    assert set(fleet.agents.values()) == {key.id for key in fleet.keys}


def seen(keys: list[Key], agents: str = 'A', note: Note | None = None, jobs: Jobs | None = None, **more: Any) -> Seen:
    """agents: the key that all of them have."""
    return Seen(START, tuple(keys), note or Note(), dict.fromkeys(AGENTS, agents), jobs=jobs, **more)


OLD, NEW = Key('A', START - 100 * DAY, use=Use()), Key('B', START - DAY, use=Use())
GIVEN = Note(before=frozenset('A'), made='B', given=START - timedelta(hours=2))
SINCE = START - timedelta(hours=1)
READY = Jobs(None, dict.fromkeys(NETWORKS, SINCE))


@pytest.mark.parametrize(('jobs', 'use', 'kind', 'why'), [
    (READY, Use(), Kind.OFF, 'deployed with the new one'),
    (READY, Use(SINCE - timedelta(minutes=30), 'ec2'), Kind.OFF, ''),
    (replace(READY, deployed={**READY.deployed, 'neat-staging': None}), Use(), Kind.WAIT, 'neat-staging'),
    (replace(READY, deployed={**READY.deployed, 'neat-staging': GIVEN.given}), Use(), Kind.WAIT, 'neat-staging'),
    (replace(READY, oldest=START - timedelta(hours=3)), Use(), Kind.WAIT, 'a job runs that began before'),
    (replace(READY, oldest=START - timedelta(minutes=3)), Use(), Kind.OFF, ''),
    (READY, Use(START - timedelta(minutes=1), 's3 in eu-west-1'), Kind.WAIT, 'used s3 in eu-west-1'),
])
def test_when_the_old_key_may_go(jobs: Jobs, use: Use, kind: Kind, why: str) -> None:
    step = next_step(seen([replace(OLD, use=use), NEW], 'B', GIVEN, jobs), WISH)
    assert (step.kind, why in step.why) == (kind, True)


def test_clocks_that_differ() -> None:
    """What Hercules CI calls later may be five minutes earlier, where nothing is known of its clock."""
    shortly_after = Jobs(None, dict.fromkeys(NETWORKS, START - timedelta(minutes=116)))  # the key was given two hours ago
    for minutes, kind in ((5, Kind.WAIT), (0, Kind.OFF)):
        there = seen([OLD, NEW], 'B', GIVEN, shortly_after, tolerance=timedelta(minutes=minutes))
        assert next_step(there, WISH).kind is kind


def test_a_use_that_becomes_known_late_switches_the_key_on_again() -> None:
    off = replace(GIVEN, off=Off('A', START - 2 * DAY))
    old = replace(OLD, active=False, use=Use(START - timedelta(minutes=50), 'ec2 in us-east-1'))
    assert next_step(seen([old, NEW], 'B', off, READY), WISH).kind is Kind.ON
    urgent = replace(off, off=Off('A', START - 2 * DAY, urgent=True))
    assert next_step(seen([old, NEW], 'B', urgent, READY), WISH).kind is Kind.DELETE


def test_an_agent_that_turns_up_with_the_old_key() -> None:
    note = replace(GIVEN, off=Off('A', START))
    there = replace(seen([replace(OLD, active=False), NEW], 'B', note), agents={**dict.fromkeys(AGENTS, 'B'), 'agent-4': 'A'})
    assert next_step(there, WISH).kind is Kind.ON
    step = next_step(replace(there, keys=(OLD, NEW)), WISH)
    assert (step.kind, step.source, step.agents) == (Kind.GIVE, 'agent-1', ('agent-4',))


def test_an_emergency_says_what_it_skips() -> None:
    fleet = fleet_with(DAY)
    (leaked,) = fleet.keys
    fleet.jobs = [RunningJob('neat-network', leaked.id, fleet.now)]
    fleet.down = {'agent-2'}
    step = fleet.run(replace(WISH, urgent=True))
    assert step and step.kind is Kind.WAIT and step.left == ('agent-2',)
    old, new = fleet.keys
    assert (old.id, old.active, new.active) == (leaked.id, False, True)
    off = next_step(replace(seen([OLD, NEW], 'B', GIVEN), unreachable=frozenset({'agent-2'})), replace(WISH, urgent=True, replaced=True))
    assert off.kind is Kind.OFF and 'jobs that began before it' in off.skips and 'agents that cannot be reached: agent-2' in off.skips
    fleet.down = set()
    fleet.run(WISH)
    assert not fleet.keys[0].active, 'the leaked key is not switched on again for the agent that still had it'
    assert set(fleet.agents.values()) == {new.id}


def test_an_emergency_in_the_middle_of_a_rotation_makes_room() -> None:
    fleet = fleet_with(91 * DAY)
    fleet.run(WISH)
    before = {key.id for key in fleet.keys}
    fleet.run(replace(WISH, urgent=True))
    assert [key.id in before for key in fleet.keys if key.active] == [False]


@pytest.mark.parametrize('agents', ['', 'A'])
def test_a_key_that_nobody_accounts_for_is_never_touched(agents: str) -> None:
    step = next_step(seen([OLD, NEW] if agents else [NEW], agents), WISH)
    assert step.kind is Kind.REFUSE and step.key == 'B'
    assert 'which no agent has and no run has made' in step.why


def test_site_makes_no_room() -> None:
    note = Note(before=frozenset('A'), made='B', given=START)
    used = Use(START - timedelta(hours=1), 'ec2')
    step = next_step(seen([OLD, replace(NEW, use=used)], '', note), replace(WISH, rotates=False))
    assert step.kind is Kind.REFUSE and 'nixcd.hercules_ci.rotate makes room' in step.why


TIMES = st.none() | st.integers(0, 10**7).map(lambda seconds: START + timedelta(seconds=seconds))
IDS = st.text('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', min_size=16, max_size=16).map('AKIA'.__add__)
NOTES = st.builds(
    Note, TIMES, st.frozensets(IDS, max_size=2), IDS | st.just(''), TIMES,
    st.none() | st.builds(Off, IDS, TIMES.filter(bool), st.booleans()),
)


@given(NOTES)
def test_notes_are_read_as_they_were_written(note: Note) -> None:
    text = str(note)
    assert read_note(text, 'here') == note and len(text) <= 256
    assert all(letter.isalnum() or letter in ' _.:/=+-@' for letter in text)


@pytest.mark.parametrize('text', ['somebody', 'made=', 'creating=today', 'made=A  given=', 'off=A', 'off=A@now'])
def test_a_tag_that_somebody_changed_is_refused(text: str) -> None:
    with pytest.raises(Failure, match='does not have the form'):
        read_note(text, 'the user x')
