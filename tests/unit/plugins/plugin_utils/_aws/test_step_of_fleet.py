# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever happens to a fleet in between, and wherever runs stop, what has to hold of the keys of a user does hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.keys import Use, read_note
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.step import MOST_KEYS, Kind
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.aws.model import AGENTS, DAY, NETWORKS, WISH, Fleet, RunningJob


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

    @rule(stop_after=st.integers(1, 14) | st.just(100))
    def emergency(self, stop_after: int) -> None:
        self.fleet.run(replace(WISH, urgent=True), stop_after)

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
        if agent not in self.fleet.down and key and key not in self.fleet.given_up:
            assert any(each.id == key and each.active for each in self.fleet.keys), 'a network runs with a key that does not work'
            self.fleet.jobs.append(RunningJob(network, key, self.fleet.now))
            self.fleet.change(key, use=Use(self.fleet.now, 'ec2 in eu-west-1'))
            self.fleet.now += timedelta(seconds=20)

    @rule()
    def jobs_end(self) -> None:
        for job in self.fleet.jobs:
            self.fleet.deployed[job.network] = max(filter(None, (self.fleet.deployed[job.network], job.begun)))
        self.fleet.jobs = []

    @rule(minutes=st.sampled_from([0, 2]))
    def somebody_else_makes_a_key(self, minutes: int) -> None:
        """Also in the very second in which a run was killed."""
        if len(self.fleet.keys) < MOST_KEYS:
            key = self.fleet.make_key()
            (self.fleet.foreign[key],) = (each for each in self.fleet.keys if each.id == key)
            self.fleet.now += timedelta(minutes=minutes)

    @rule(minutes=st.sampled_from([0, 10]))
    def cloudtrail_is_late(self, minutes: int) -> None:
        self.fleet.trail_late = timedelta(minutes=minutes)

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
