# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""The next safe step with the access keys of an IAM user: a pure function of what was seen.

It only ever looks at what is there now, so that it does not matter where the run before has stopped. What holds after each step:

- An agent has no key that is switched off or deleted, but in an emergency that somebody has declared.
- A key is touched only if an agent has it, or the tag of the user accounts for it. Any other is somebody else's.
- A key is switched off only when all agents have told that they have another one, a deployment of each network has begun since, and no job
  from before is running.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from ...module_utils._secrets.key_ids import shown
from .keys import Key, Maker, Note, Off

MOST_KEYS = 2
"""That IAM lets a user have."""
LONGEST_CREATION = timedelta(seconds=90)
"""Between the note that a key is going to be made and its creation: the request is given up long before."""
TRAIL = timedelta(minutes=20)
"""After which CloudTrail knows of a creation; it mostly takes five."""
GIVING = timedelta(hours=1)
"""After its creation, while another run may be bringing a key to the agents, where no lock keeps it out."""
TRIAL = timedelta(minutes=15)
"""After its creation, while a run tries a key before any agent gets it."""


class Kind(Enum):
    REST = 'nothing to do'
    WAIT = 'wait'
    REFUSE = 'refuse'
    ASK_USE = 'ask when the key was used last'
    ASK_MAKER = 'ask who has made the key'
    ASK_JOBS = 'ask for jobs and deployments'
    CREATE = 'create a key'
    GIVE = 'bring the key to agents'
    CONFIRM = 'note that all agents have the key'
    NOTE_OFF = 'note that the key is switched off'
    OFF = 'switch the key off'
    ON = 'switch the key on again'
    DELETE = 'delete the key'


QUESTIONS = frozenset({Kind.ASK_USE, Kind.ASK_MAKER, Kind.ASK_JOBS})
ENDS = frozenset({Kind.REST, Kind.WAIT, Kind.REFUSE})
"""After which there is nothing to do in this run."""


@dataclass(frozen=True)
class Step:
    """key: which one. source, agents: from which agent, and to which, the key is brought. why: a sentence. left: agents that hold it up.

    skips: what is not waited for, in an emergency.
    """

    kind: Kind
    key: str = ''
    why: str = ''
    source: str = ''
    agents: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()


@dataclass(frozen=True)
class Jobs:
    """Of the projects whose networks use the key, on AWS' clock. The times of a job are those of its start.

    oldest: of the jobs that are running, None where there is none. deployed: of the newest job that has deployed each network.
    """

    oldest: datetime | None = None
    deployed: Mapping[str, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """jobs: on AWS' clock, as far as the difference is known. tolerance: how far it is."""

    jobs: Jobs
    tolerance: timedelta


@dataclass(frozen=True)
class Seen:
    """What there is. now: on AWS' clock. agents: the ID that each of them has, empty for none. unreachable: those that did not answer.

    jobs: None while nobody has asked. tolerance: by how much the clocks of AWS and Hercules CI may differ from what is known.
    alone: whether a lock keeps other runs out.
    """

    now: datetime
    keys: tuple[Key, ...]
    note: Note
    agents: Mapping[str, str]
    unreachable: frozenset[str] = frozenset()
    jobs: Jobs | None = None
    tolerance: timedelta = timedelta(seconds=5)
    alone: bool = True

    @property
    def held(self) -> frozenset[str]:
        """The IDs that agents have."""
        return frozenset(self.agents.values()) - {''}

    @property
    def current(self) -> Key | None:
        """The key that all agents are to have: what was made last, if an agent has it, else the newest that an agent has."""
        working = [key for key in self.keys if key.active and key.id in self.held]
        made = [key for key in working if key.id == self.note.made]
        return made[0] if made else max(working, key=lambda key: key.created, default=None)

    def is_lost_creation(self, key: Key) -> bool:
        """Whether it may have come of a run that was stopped before it could note the ID: made just then, and on no agent.

        IAM has nothing to tell it from one that somebody made by hand meanwhile. CloudTrail has.
        """
        begun = self.note.creating
        return (
            begun is not None and key.id not in self.note.names | self.held
            and begun - timedelta(seconds=2) <= key.created <= begun + LONGEST_CREATION
        )


@dataclass(frozen=True)
class RotationPolicy:
    """max_age: after which a key is replaced. soak: how long a key is switched off before it is deleted.

    rotates: whether to go beyond the first key. urgent: replace the key now. replaced: whether this run has done so.
    """

    max_age: timedelta
    soak: timedelta
    rotates: bool = True
    urgent: bool = False
    replaced: bool = False


def next_step(seen: Seen, wish: RotationPolicy) -> Step:
    return (
        _give(seen)
        or _foreign(seen)
        or _lost(seen)
        or (_none_works(seen, wish) if seen.current is None else _retire(seen, wish, seen.current))
        or _replace(seen, wish, seen.current or seen.keys[0])
    )


def _give(seen: Seen) -> Step | None:
    """An agent that is new, or was rebuilt, or has what no longer works."""
    current = seen.current
    lacking = tuple(sorted(agent for agent, key in seen.agents.items() if current and key != current.id))
    if current is None or not lacking:
        return None
    off = seen.note.off
    for key in seen.keys:
        if key.id in seen.held and not key.active and off and off.key == key.id and not off.urgent:
            return Step(Kind.ON, key.id, 'An agent has turned up with it: %s.' % ', '.join(
                agent for agent in lacking if seen.agents[agent] == key.id))
    source = min(agent for agent, key in seen.agents.items() if key == current.id)
    return Step(Kind.GIVE, current.id, 'These agents do not have it: %s.' % ', '.join(lacking), source, lacking)


def _foreign(seen: Seen) -> Step | None:
    """Keys that nobody can account for are never touched."""
    unknown = (key for key in seen.keys if key.id not in seen.note.names | seen.held)
    return next(filter(None, (_perhaps_lost(seen, key) if seen.is_lost_creation(key) else _nobodys(seen, key) for key in unknown)), None)


def _nobodys(seen: Seen, key: Key) -> Step:
    there = ' An agent that cannot be reached may have it: %s.' % ', '.join(sorted(seen.unreachable)) if seen.unreachable else ''
    return Step(Kind.REFUSE, key.id, 'The user has the key %s, which no agent has and no run has made.%s' % (shown(key.id), there),
                left=tuple(sorted(seen.unreachable)))


def _perhaps_lost(seen: Seen, key: Key) -> Step | None:
    """Whether it was a run that made a key. Who has its secret uses it."""
    why = 'The key %s was made while a run was stopped' % shown(key.id)
    if key.use is None:
        return Step(Kind.ASK_USE, key.id)
    if key.use.at is not None:
        return Step(Kind.REFUSE, key.id, '%s, and is used: %s.' % (why, key.use.where or 'nobody knows where'))
    if key.maker is None:
        return Step(Kind.ASK_MAKER, key.id)
    if key.maker is Maker.UNKNOWN and seen.now < key.created + TRAIL:
        return _wait('%s. By whom, CloudTrail tells after some minutes.' % why)
    by = {Maker.OTHER: 'somebody else', Maker.UNKNOWN: 'whom, CloudTrail does not know'}
    return Step(Kind.REFUSE, key.id, '%s, by %s.' % (why, by[key.maker])) if key.maker in by else None


def _lost(seen: Seen) -> Step | None:
    """A key that was made and reached no agent: nobody knows its secret any more."""
    for key in seen.keys:
        if key.id in seen.held or not (seen.is_lost_creation(key) or key.id == seen.note.made):
            continue
        if seen.unreachable:
            return _wait('The key %s was made, and may be on an agent that cannot be reached.' % shown(key.id), seen.unreachable)
        if not seen.alone and seen.now < key.created + GIVING:
            return _wait('The key %s was made, and another run may be bringing it to the agents, or was stopped in it.' % shown(key.id))
        if key.use is None:
            return Step(Kind.ASK_USE, key.id)
        if key.use.at is None or (seen.note.given is None and key.use.at <= key.created + TRIAL):  # a run has tried it
            return _unless_jobs_run(seen, Step(Kind.DELETE, key.id, 'It was made, and no agent has it: its secret is lost.'))
    return None


def _unless_jobs_run(seen: Seen, step: Step) -> Step:
    """A step with a key that no agent has, but that a job may have been given."""
    if seen.jobs is None:
        return Step(Kind.ASK_JOBS)
    if seen.jobs.oldest is not None:
        return _wait('A job is running that may use the key %s, which no agent has any more.' % shown(step.key))
    return step


def _none_works(seen: Seen, wish: RotationPolicy) -> Step | None:
    """No agent that answers has a key that works."""
    possible = [key for key in seen.keys if key.active and key.id not in seen.held]
    if seen.unreachable and possible:
        return _wait('The key %s may be on an agent that cannot be reached.' % shown(possible[0].id), seen.unreachable)
    if len(seen.keys) < MOST_KEYS:
        return Step(Kind.CREATE, why='No agent has a key that works.')
    idle = [key for key in seen.keys if key.id not in seen.held]
    victim = min(idle or seen.keys, key=lambda key: (key.active, key.created))
    if not wish.rotates:
        return Step(Kind.REFUSE, victim.id, 'No agent has a key that works, and the user has two. nixcd.hercules_ci.rotate makes room.')
    if victim.active:
        return _unless_jobs_run(seen, Step(Kind.OFF, victim.id, 'No agent has it any more, and there has to be room for another key.'))
    return Step(Kind.DELETE, victim.id, 'It is switched off, and there has to be room for a key that works.')


def _retire(seen: Seen, wish: RotationPolicy, current: Key) -> Step | None:
    """The key before the current one, on its way out."""
    old = next((key for key in seen.keys if key.id != current.id), None)
    if seen.note.made != current.id or seen.note.given is None:
        return _confirm(seen, wish, current, old)
    if old is None or not wish.rotates:
        return None
    return _off(seen, wish, old, seen.note.given) if old.active else _delete(seen, wish, old)


def _confirm(seen: Seen, wish: RotationPolicy, current: Key, old: Key | None) -> Step:
    if not seen.unreachable or wish.urgent:
        return Step(Kind.CONFIRM, current.id)
    kept = 'The key %s stays active' % shown(old.id) if old else 'It is not known whether they have the key %s' % shown(current.id)
    return _wait('%s until these agents can be reached: %s.' % (kept, ', '.join(sorted(seen.unreachable))), seen.unreachable)


def _off(seen: Seen, wish: RotationPolicy, old: Key, given: datetime) -> Step:
    """Whether nobody needs the old key any more."""
    if wish.urgent:
        skips = ['deployments with the new key', 'jobs that began before it', 'other uses of the old key']
        skips += ['agents that cannot be reached: %s' % ', '.join(sorted(seen.unreachable))] if seen.unreachable else []
        return Step(Kind.OFF, old.id, 'It is an emergency.', skips=tuple(skips))
    if seen.unreachable:
        return _wait('The key %s stays active until these agents can be reached: %s.' % (
            shown(old.id), ', '.join(sorted(seen.unreachable))), seen.unreachable)
    if seen.jobs is None:
        return Step(Kind.ASK_JOBS)
    return _held_up(seen, old, seen.jobs, given + seen.tolerance) or Step(
        Kind.OFF, old.id, 'All networks have been deployed with the new one.')


def _held_up(seen: Seen, old: Key, jobs: Jobs, since: datetime) -> Step | None:
    """By what runs with the old key, or may do so."""
    waiting = sorted(network for network, start in jobs.deployed.items() if start is None or start <= since)
    if waiting:
        return _wait('The key %s stays active until these networks have been deployed with the new one, by jobs after %s: %s.' % (
            shown(old.id), since.strftime('%Y-%m-%d %H:%M:%S UTC'), ', '.join(waiting)))
    if jobs.oldest is not None and jobs.oldest <= since:
        return _wait('The key %s stays active while a job runs that began before all agents had the new one.' % shown(old.id))
    if old.use is None:
        return Step(Kind.ASK_USE, old.id)
    if _used_elsewhere(seen, old):
        return _wait('The key %s stays active: it was used %s, after all networks had been deployed with the new one.' % (
            shown(old.id), old.use.where or 'somewhere'))
    return None


def _used_elsewhere(seen: Seen, old: Key) -> bool:
    """Whether the old key was used after the last network had begun to be deployed with the new one."""
    starts = [start for start in seen.jobs.deployed.values() if start] if seen.jobs else []
    return bool(starts and old.use and old.use.at and old.use.at > max(starts) + seen.tolerance)


def _delete(seen: Seen, wish: RotationPolicy, old: Key) -> Step:
    """Whether a key has been switched off for long enough."""
    off = seen.note.off
    if off is None or off.key != old.id:
        return Step(Kind.NOTE_OFF, old.id, 'It is switched off.')
    if wish.urgent and not wish.replaced:
        return Step(Kind.DELETE, old.id, 'It is an emergency, and there has to be room for another key.', skips=('the soak',))
    if seen.unreachable or seen.now < off.since + wish.soak:
        until = 'these agents can be reached: %s' % ', '.join(sorted(seen.unreachable)) if seen.unreachable else (
            off.since + wish.soak).strftime('%Y-%m-%d %H:%M:%S UTC')
        return _wait('The key %s is switched off, and is kept until %s.' % (shown(old.id), until), seen.unreachable)
    if seen.jobs is None or old.use is None:
        return Step(Kind.ASK_JOBS if seen.jobs is None else Kind.ASK_USE, old.id)
    if not off.urgent and _used_elsewhere(seen, old):
        return Step(Kind.ON, old.id, 'It was used %s, as is known now.' % (old.use.where or 'somewhere'))
    return Step(Kind.DELETE, old.id, 'It has been switched off since %s.' % off.since.strftime('%Y-%m-%d %H:%M:%S UTC'))


def _replace(seen: Seen, wish: RotationPolicy, current: Key) -> Step:
    """A key that is old enough to be replaced, when all agents are there to get the new one."""
    age = seen.now - current.created
    if wish.rotates and wish.urgent and not wish.replaced:
        return Step(Kind.CREATE, why='It is an emergency.')
    if wish.rotates and age >= wish.max_age and not wish.replaced:
        if seen.unreachable:
            return _wait('The key %s is %d days old. A new one is made when these agents can be reached: %s.' % (
                shown(current.id), age.days, ', '.join(sorted(seen.unreachable))), seen.unreachable)
        return Step(Kind.CREATE, why='The key %s is %d days old.' % (shown(current.id), age.days))
    if seen.unreachable:
        return _wait('These agents cannot be reached: %s.' % ', '.join(sorted(seen.unreachable)), seen.unreachable)
    if age >= wish.max_age:
        why = 'The key %s is %d days old; nixcd.hercules_ci.rotate replaces it.' % (shown(current.id), age.days)
    else:
        why = 'The key %s is to be replaced after %s.' % (shown(current.id), (current.created + wish.max_age).strftime('%Y-%m-%d'))
    return Step(Kind.REST, current.id, why)


def _wait(why: str, left: frozenset[str] = frozenset()) -> Step:
    return Step(Kind.WAIT, why=why, left=tuple(sorted(left)))


def noted(step: Step, seen: Seen, *, urgent: bool = False) -> Note:
    """What the tag has to say before the step is done, so that it can be recognised if the run ends within it."""
    note = seen.note
    if step.kind is Kind.CREATE:
        return Note(creating=seen.now, before=frozenset(key.id for key in seen.keys), off=note.off)
    if step.kind is Kind.CONFIRM:
        return Note(before=frozenset(key.id for key in seen.keys) - {step.key}, made=step.key, given=seen.now, off=note.off)
    if step.kind in (Kind.OFF, Kind.NOTE_OFF):
        return replace(note, before=note.before | {step.key}, off=Off(step.key, seen.now, urgent))
    return note
