# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are killed with -9 after each request to AWS and after each write to an agent: what comes next converges."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.step import RotationPolicy

from tests.aws.fleet import AGENTS, USER, Agents, killed_child
from tests.aws.server import Aws
from tests.support.marks import SLOW

DAY = timedelta(days=1)
WISH = RotationPolicy(max_age=90 * DAY, soak=DAY)
SITE = replace(WISH, rotates=False)


class Watch:
    """Looks at everything at each request, and kills the run at one of them."""

    def __init__(self, agents: Agents, aws: Aws) -> None:
        self.agents, self.aws = agents, aws
        self.events = 0
        self.kill_at: int | str = 0
        self.child = 0
        self.wrong: list[str] = []
        aws.done = self.event

    def event(self, what: str) -> None:
        """Something has taken effect, and whoever caused it does not know yet."""
        self.events += 1
        keys = self.aws.keys(USER)
        if len(keys) > 2:
            self.wrong.append('%d keys after %s' % (len(keys), what))
        for agent in AGENTS:
            key = self.agents.key(agent)
            if key and not self.aws.works(key):
                self.wrong.append('%s has a key that does not work after %s' % (agent, what))
        if self.kill_at in (self.events, what) and self.child:
            os.kill(self.child, signal.SIGKILL)

    def killed_run(self, wish: RotationPolicy, kill_at: int | str) -> bool:
        """A run that is killed at an event, by number or action; whether it was. With 0 it is not, and its events are counted."""
        self.events, self.kill_at = 0, kill_at
        ready, go = os.pipe()

        def work() -> None:
            os.read(ready, 1)
            self.agents.run(wish)

        self.agents.written = self._by_the_child
        self.child = killed_child(work)
        os.write(go, b'g')
        _pid, status = os.waitpid(self.child, 0)
        self.child = 0
        os.close(ready)
        os.close(go)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)

    def _by_the_child(self) -> None:
        """The child has written to an agent: that is told by a request, which moto has no answer to."""
        self.agents.client._ask('iam', 'GetUser', 'written', UserName=USER)


def converge(agents: Agents, aws: Aws) -> None:
    """The next runs, with deployments between them."""
    for _number in range(5):
        agents.run(WISH)
        agents.deploy_all()
        aws.passed += 2 * DAY
    (key,) = aws.keys(USER)
    assert key.status == 'Active' and {agents.key(agent) for agent in AGENTS} == {key.access_key_id}
    assert all(agents.secret(agent) == key.secret_access_key for agent in AGENTS)


def prepared(agents: Agents, aws: Aws, runs: int) -> RotationPolicy:
    """What is to be done next: the first creation, or one of the three runs of a rotation."""
    if runs == 0:
        return SITE
    agents.run(SITE)
    aws.passed += 91 * DAY
    for _number in range(1, runs):
        agents.run(WISH)
        agents.deploy_all()
        aws.passed += 2 * DAY
    return WISH


# How many events there are in each: a run that is not killed tells.
EVENTS = {0: 27, 1: 27, 2: 11, 3: 10}
CASES = [(runs, number) for runs, events in EVENTS.items() for number in range(1, events + 1)]


@pytest.mark.parametrize('runs', EVENTS)
def test_how_many_events_there_are(aws: Aws, tmp_path: Path, runs: int) -> None:
    agents = Agents(tmp_path / 'agents', aws)
    wish = prepared(agents, aws, runs)
    watch = Watch(agents, aws)
    assert not watch.killed_run(wish, 0)
    assert (watch.events, watch.wrong) == (EVENTS[runs], [])


@pytest.mark.parametrize(('runs', 'number'), [case if case[1] % 6 == 3 else SLOW(*case) for case in CASES])
def test_killed_after_each_request_and_write(aws: Aws, tmp_path: Path, runs: int, number: int) -> None:
    agents = Agents(tmp_path / 'agents', aws)
    wish = prepared(agents, aws, runs)
    watch = Watch(agents, aws)
    assert watch.killed_run(wish, number)
    agents.written = _nothing
    converge(agents, aws)
    assert watch.wrong == []


@pytest.mark.parametrize('first', [True, False])
def test_a_key_made_by_hand_in_the_second_in_which_a_run_is_killed(aws: Aws, tmp_path: Path, first: bool) -> None:
    """CloudTrail tells it from the run's own, which is deleted."""
    agents = Agents(tmp_path / 'agents', aws)
    wish = prepared(agents, aws, 0 if first else 1)
    aws.trail_late = timedelta(minutes=5)
    watch = Watch(agents, aws)
    assert watch.killed_run(wish, 'TagUser' if not first else 'CreateAccessKey')
    agents.written = _nothing
    foreign = aws.make_key(USER)
    assert len(aws.keys(USER)) == 2
    row = agents.run(WISH)
    assert row['step'] == 'wait' and 'By whom, CloudTrail tells after some minutes.' in row['next']
    aws.passed += timedelta(minutes=6)
    for _number in range(2):
        row = agents.run(WISH)
        assert row['step'] == 'refuse' and row['next'].startswith(
            'The key …%s was made while a run was stopped, by somebody else.' % foreign.access_key_id[-4:])
    assert foreign.status == 'Active' and foreign in aws.keys(USER)
    aws.iam.delete_access_key(foreign.access_key_id, USER)
    converge(agents, aws)
    assert watch.wrong == []


_nothing: Callable[[], None] = bool
