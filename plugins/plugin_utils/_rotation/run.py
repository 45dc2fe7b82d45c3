# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""All users' keys in one run, while locks of Hercules CI keep other runs out. It lives in the process that plays the items of a loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any

from ...module_utils._hercules_ci.client import connect
from ...module_utils._hercules_ci.locks import locked
from ...module_utils._problems import Failure, fail
from ...module_utils._secrets.aws import PAD, fingerprint, from_pad
from .._aws.declared import Owner
from .._aws.iam import AwsClient, NewKey
from .._aws.rotation import Look, Rotation, no_jobs
from .._aws.step import ENDS, Answer, Kind, RotationPolicy
from .fleet import Fleet
from .service import jobs_of, regions_of

WAITED = 300.0
"""Seconds, for another run to end."""


@dataclass
class Turn:
    """A rotation, and why it cannot go on. targets: the agents that are to get its key. source: the one that has it."""

    rotation: Rotation
    failure: Failure | None = None
    targets: tuple[str, ...] = ()
    source: str = ''
    pad: str = ''

    def attempt(self, work: Callable[[], Any]) -> Any:
        """Do something. What goes wrong with one user's keys concerns no other user."""
        if self.failure:
            return None
        try:
            return work()
        except Failure as failure:
            self.failure = failure
            self.targets = ()
            return None

    def row(self) -> dict[str, Any]:
        return self.rotation.row(self.failure)


@dataclass
class RotationRun:
    """turns: in order. said: what agents have answered that did not get what they should, by agent."""

    turns: list[Turn]
    said: dict[str, str] = field(default_factory=dict)
    changed: bool = False
    _locks: ExitStack = field(default_factory=ExitStack)

    def begin(self, fleet: Fleet) -> None:
        """Keep other runs out; nothing is known of agents yet."""
        for turn in self.turns:
            turn.rotation.looks = {}
            turn.attempt(partial(self._lock, turn, fleet))

    def looked(self, agent: str, keys: Mapping[str, Look]) -> None:
        """What an agent has now."""
        for turn in self.turns:
            if agent in turn.rotation.owner.agents:
                turn.rotation.looks[agent] = keys.get(turn.rotation.owner.secret, {})

    def lost(self, agent: str, why: str) -> None:
        """An agent does not answer."""
        self.said[agent] = why
        for turn in self.turns:
            turn.rotation.looks.pop(agent, None)

    def decide(self) -> None:
        """Take the steps that need no agent, and find out which agents are to get a key."""
        for turn in self.turns:
            step = turn.attempt(turn.rotation.advance)
            if step and step.kind is Kind.GIVE:
                turn.source, turn.targets, turn.pad = step.source, step.agents, os.urandom(PAD).hex()
            elif step and step.kind is Kind.CREATE:
                turn.targets = tuple(sorted(turn.rotation.looks))

    def pads(self, agent: str) -> dict[str, str]:
        """The secrets whose keys this agent is to hand over, with a pad for each."""
        return {turn.rotation.owner.secret: turn.pad for turn in self.turns if turn.source == agent and turn.targets}

    def taken(self, noise: Mapping[str, str], keys: Mapping[str, Look]) -> None:
        """What an agent has handed over."""
        for turn in self.turns:
            name, step = turn.rotation.owner.secret, turn.rotation.last
            if name in noise and step is not None and keys.get(name, {}).get('fingerprint') == fingerprint(step.key):
                turn.rotation.new = NewKey(step.key, from_pad(noise[name], turn.pad))

    def keys_for(self, agent: str) -> list[tuple[Owner, NewKey]]:
        return [
            (turn.rotation.owner, turn.rotation.new) for turn in self.turns
            if agent in turn.targets and turn.rotation.new and not turn.failure
        ]

    def given(self, agent: str, keys: Mapping[str, Look]) -> None:
        """What an agent has after it got keys. That is its own answer, read from what it has written."""
        for turn in self.turns:
            if agent in turn.targets:
                turn.rotation.looks[agent] = keys.get(turn.rotation.owner.secret, {})

    def end(self) -> None:
        """Look again, and take the steps that were waiting for agents; then let others in."""
        try:
            for turn in self.turns:
                turn.rotation.new = None
                step = turn.attempt(turn.rotation.advance)
                for agent in step.agents if step else ():
                    self.said.setdefault(agent, '%s: %s Run this again.' % (turn.rotation.owner, step.why))
        finally:
            self._locks.close()

    def _lock(self, turn: Turn, fleet: Fleet) -> None:
        """In each project, in the same order as everybody, so that no two runs whose inventories share a network are there at once."""
        owner = turn.rotation.owner
        projects = {network.project: network for network in fleet.networks(owner)}
        leases = [
            self._locks.enter_context(locked(
                connect(network.connection()), network.project_path, 'aws-key-%s' % owner.user, 'AWS access key of %s' % owner.user,
                WAITED, guards='the access keys of %s' % owner,
            )) for _project, network in sorted(projects.items(), key=itemgetter(0))
        ]

        def require_alone() -> None:
            for lease in leases:
                lease.require_held()

        turn.rotation.require_alone = require_alone


def turns_of(fleet: Fleet, rotates: bool, urgent: bool) -> list[Turn]:
    """A turn for each IAM user. rotates: whether to go beyond the first key."""
    clients: dict[tuple[str, str], AwsClient] = {}
    turns = []
    for owner in fleet.owners():
        client = clients.setdefault((owner.profile, owner.region), AwsClient(owner.profile, owner.region))
        wish = RotationPolicy(owner.max_age, owner.soak, rotates=rotates, urgent=urgent and rotates)
        turn = Turn(Rotation(owner, client, wish, dict(fleet.looks(owner)), no_jobs, set))
        turn.attempt(partial(_find_networks, turn, fleet))
        turns.append(turn)
    return turns


def _find_networks(turn: Turn, fleet: Fleet) -> None:
    owner, wish = turn.rotation.owner, turn.rotation.wish
    networks = fleet.networks(owner)
    if not networks and wish.rotates:
        raise fail(
            'No network of the inventory uses the secret %s, so that nobody can tell when an old key is needed no more.' % owner.secret,
            where=str(owner), expected='a network whose nixops_secrets_map names it', remedy='Name it there, or remove the secret')

    def jobs(since: datetime | None, now: Callable[[], datetime]) -> Answer:
        return jobs_of(networks, since, now)

    if networks:
        turn.rotation.jobs, turn.rotation.regions, turn.rotation.locked = jobs, lambda: regions_of(networks), True


def outcome(turns: Iterable[Turn], said: Mapping[str, str], present: Iterable[str], rotates: bool) -> dict[str, Any]:
    """What a task returns: a row for each user, what is left to do for which agents, and problems that are nobody's.

    present: the agents of the play. rotates: whether it is a failure that a key cannot be rotated now.
    """
    rows: list[dict[str, Any]] = []
    problems: list[dict[str, str]] = []
    left, here = dict(said), set(present)
    for turn in turns:
        row = turn.row()
        rows.append(row)
        held_up = set(row['left']) if row['step'] != 'failed' else set()
        if row.get('problems') and not rotates:  # then it matters only to those who have no key
            held_up = {agent for agent in turn.rotation.owner.agents if not turn.rotation.looks.get(agent)}
        for agent in sorted(held_up & here):
            left[agent] = '%s: %s %s' % (turn.rotation.owner, row['next'], said.get(agent, ''))
        problems += row.get('problems', []) if rotates else []
    return {'keys': rows, 'left': {agent: text.strip() for agent, text in left.items() if agent in here}, 'key_problems': problems}


def lines_of(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What is printed of each user: age, what was done, what comes next."""
    for row in rows:
        age = '' if row['age_days'] is None else ', %d days old' % row['age_days']
        yield 'AWS access key of %s (secret %s): %s%s' % (row['user'], row['secret'], row['key'] or 'none on the agents', age)
        yield from ('  %s' % line for line in row['done'])
        yield '  %s: %s' % (row['step'], row['next']) if row['step'] != 'nothing to do' else '  %s' % row['next']


def may_begin(turns: Iterable[Turn]) -> list[Turn]:
    """Those with something to do, as far as is known with two requests each."""
    busy = []
    for turn in turns:
        step = turn.attempt(turn.rotation.first)
        if step is not None and step.kind not in ENDS:
            busy.append(turn)
    return busy


def foreseen(turns: Iterable[Turn]) -> bool:
    """Whether a run would do something, for one that changes nothing."""
    steps = [turn.attempt(turn.rotation.foreseen) for turn in turns]
    return any(step is not None and step.kind not in ENDS for step in steps)
