# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs at once, in every order with few changes between them: where there is no lock of Hercules CI, the tag keeps them apart.

The rotations are the real ones; what they ask is answered by the model, one request at a time, as a schedule has it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, fail
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.aws import fingerprint
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws import rotation as rotations
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.declared import Owner
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.iam import NewKey, User
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.keys import Key, Maker, Use
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.rotation import Rotation, no_jobs
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.step import Kind

from tests.aws.model import AGENTS, MOST_KEYS, WISH, Fleet, rotated

SITE = replace(WISH, rotates=False)
PATIENCE = 10.0


class Schedule:
    """Lets one run do its next request at a time: `turns` says whose turn it is; then each goes on to its end."""

    def __init__(self, turns: list[int], clocks_hold: bool) -> None:
        """clocks_hold: whether a run that sleeps wakes only when the other has noted what it was about to note."""
        self._turns = turns
        self._clocks_hold = clocks_hold
        self._change = threading.Condition()
        self._waiting: dict[int, str] = {}
        self._ended: set[int] = set()
        self.taken: list[int] = []

    def request(self, run: int, what: str) -> None:
        """Wait until it is this run's turn."""
        with self._change:
            self._waiting[run] = what
            self._change.notify_all()
            assert self._change.wait_for(lambda: self._is_turn(run), PATIENCE), (self._turns, self._waiting, self._ended)
            del self._waiting[run]
            self.taken.append(run)
            if self._turns and self._turns[0] == run:
                self._turns.pop(0)

    def end(self, run: int) -> None:
        with self._change:
            self._ended.add(run)
            self._change.notify_all()

    def _is_turn(self, run: int) -> bool:
        while self._turns and self._turns[0] in self._ended:
            self._turns.pop(0)
        other = 1 - run
        if other in self._ended:
            return True
        if other not in self._waiting:  # it is at work
            return False
        chosen = self._turns[0] if self._turns else 0
        if self._clocks_hold:
            sleeping = [each for each in (run, other) if self._waiting[each] == 'sleep']
            noting = [each for each in (run, other) if self._waiting[each] == 'note']
            if sleeping and noting:
                chosen = noting[0]
        return run == chosen


class Client:
    """What a rotation asks of AWS, answered by the model."""

    region = 'eu-west-1'

    def __init__(self, fleet: Fleet, schedule: Schedule, run: int) -> None:
        self.fleet, self._schedule, self._run = fleet, schedule, run

    def request(self, what: str) -> None:
        self._schedule.request(self._run, what)
        self.fleet.tick()

    def user(self, _name: str) -> User:
        self.request('user')
        keys = tuple(replace(key, use=None, maker=None) for key in self.fleet.keys)
        return User(keys, self.fleet.tag, self.fleet.now)

    def note(self, _name: str, text: str) -> None:
        self.request('note')
        self.fleet.tag = text

    def create(self, _name: str, mark: str) -> NewKey:
        self.request('create')
        if len(self.fleet.keys) >= MOST_KEYS:
            raise fail('AWS gives the user no more of this.', where='', aws_code='LimitExceeded')
        return NewKey(self.fleet.make_key(mark), 'secret')

    def use(self, _name: str, key: str) -> Use:
        self.request('use')
        return next(each.use for each in self.fleet.keys if each.id == key) or Use()

    def maker(self, key: Key, mark: str) -> Maker:
        self.request('maker')
        return self.fleet.maker(key.id, mark)

    def delete(self, _name: str, key: str) -> None:
        self.request('delete')
        self.fleet.safe_without(key)
        self.fleet.keys = [each for each in self.fleet.keys if each.id != key]

    def sleep(self, _seconds: float) -> None:
        self.request('sleep')


def play(fleet: Fleet, schedule: Schedule, run: int) -> str:
    """A run of site without a lock; what it says in the end."""
    client: Any = Client(fleet, schedule, run)
    try:
        looks = {agent: look(fleet, agent) for agent in AGENTS}
        rotation = Rotation(Owner('neat-deployer', 'neat-aws', WISH.max_age, WISH.soak, agents=AGENTS), client, SITE, looks, no_jobs, set)
        step = rotation.advance()
        if step.kind in (Kind.CREATE, Kind.GIVE):
            key = rotation.new.id if rotation.new else step.key
            for agent in step.agents or AGENTS:
                client.request('agent')
                fleet.agents[agent] = key
                rotation.looks[agent] = look(fleet, agent)
        step = rotation.advance()
        return step.kind.value
    except Failure as failure:
        return str(failure)
    finally:
        schedule.end(run)


def look(fleet: Fleet, agent: str) -> dict[str, str]:
    return {'fingerprint': fingerprint(fleet.agents[agent])} if fleet.agents[agent] else {}


def both(turns: list[int], clocks_hold: bool) -> tuple[Fleet, list[str], list[int]]:
    """A fleet without a key, and two runs that give it one."""
    fleet, said = Fleet(), ['', '']
    schedule = Schedule(list(turns), clocks_hold)

    def work(run: int) -> None:
        said[run] = play(fleet, schedule, run)

    threads = [threading.Thread(target=work, args=(run,)) for run in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * PATIENCE)
    return fleet, said, schedule.taken


@pytest.fixture(autouse=True)
def known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS takes each new key; the trial has tests of its own."""
    monkeypatch.setattr(rotations, 'wait_until_known', lambda *_given: None)


def schedules(changes: int) -> Iterator[list[int]]:
    """With so many changes from one run to the other, before each goes on to its end."""
    requests = len(both([], clocks_hold=True)[2])
    assert requests > 12

    def grown(turns: list[int], run: int, left: int) -> Iterator[list[int]]:
        if not left:
            yield turns
            return
        for number in range(1, 14):
            yield from grown([*turns, *[run] * number], 1 - run, left - 1)

    yield from grown([], 0, changes)


@pytest.mark.parametrize('changes', [2, pytest.param(3, marks=pytest.mark.slow)])
def test_the_tag_lets_one_of_two_runs_make_a_key(changes: int) -> None:
    """As long as three seconds are longer than from a look to the note that follows from it."""
    ways: dict[str, int] = {}
    for turns in schedules(changes):
        fleet, said, _taken = both(turns, clocks_hold=True)
        refused = ['Another run is making a key' in text for text in said]
        assert len(fleet.keys) == 1 and sum(refused) <= 1, (turns, said)
        assert set(fleet.agents.values()) == {fleet.keys[0].id}, (turns, said)
        ways[str(refused)] = ways.get(str(refused), 0) + 1
        assert_end(fleet)
    assert len(ways) >= 2, 'at once, and one after the other'


@pytest.mark.parametrize('changes', [2, pytest.param(3, marks=pytest.mark.slow)])
def test_whatever_the_clocks_do_nothing_is_lost(changes: int) -> None:
    """Also where a run stands still for long between two requests: no key is deleted that an agent has, and none is disowned unsaid."""
    for turns in schedules(changes):
        fleet, said, _taken = both(turns, clocks_hold=False)
        working = {key.id for key in fleet.keys if key.active}
        assert len(working) <= MOST_KEYS and set(fleet.agents.values()) - {''} <= working, (turns, said)
        assert_end(fleet, refused=True)


def assert_end(fleet: Fleet, refused: bool = False) -> None:
    """What follows, one run after the other, ends with one key, or says which it must not touch."""
    steps = rotated(fleet)
    last = steps[-1]
    held = set(fleet.agents.values())
    assert last is not None
    if refused and last.kind is Kind.REFUSE:
        assert last.key not in held
    else:
        assert last.kind is Kind.REST and held == {key.id for key in fleet.keys}
