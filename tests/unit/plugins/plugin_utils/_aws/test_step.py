# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The next step with the keys of a user: what each depends on, and that runs lead to the end wherever one stops."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.keys import Key, Note, Off, Use, read_note
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.step import MOST_KEYS, Jobs, Kind, Seen, next_step, noted
from hypothesis import given
from hypothesis import strategies as st

from tests.aws.model import AGENTS, DAY, NETWORKS, START, WISH, Fleet, RunningJob, fleet_with, rotated


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


@pytest.mark.parametrize('late', [0.0, 10.0, math.inf])
@pytest.mark.parametrize('seconds', [0, 1, 87, 91])
@pytest.mark.parametrize('by_hand', [False, True])
@pytest.mark.parametrize('killed', ['before the creation', 'after the creation'])
@pytest.mark.parametrize('first', [False, True])
def test_a_key_made_by_hand_while_a_run_is_killed(first: bool, killed: str, by_hand: bool, seconds: int, late: float) -> None:
    """All that may be found then. IAM shows the same for the run's own key and for a foreign one: CloudTrail decides, or nobody does."""
    fleet = Fleet() if first else fleet_with(91 * DAY)
    known = {key.id for key in fleet.keys}
    assert fleet.run(WISH, 1 if killed == 'before the creation' else 2) is None
    own = {key.id for key in fleet.keys} - known
    fleet.now += timedelta(seconds=seconds)
    if by_hand and len(fleet.keys) < MOST_KEYS:
        made = fleet.make_key()
        (fleet.foreign[made],) = (key for key in fleet.keys if key.id == made)
    fleet.trail_late = timedelta(minutes=late) if late < math.inf else 1000 * DAY
    steps = rotated(fleet)
    there = {key.id: key for key in fleet.keys}
    assert {**there, **fleet.foreign} == there, 'as its maker left it'
    assert all(key in there and there[key].active for key in fleet.agents.values() if key)
    last = steps[-1]
    assert last is not None
    unknown = set() if late < math.inf else own
    if fleet.foreign or unknown:
        assert last.kind is Kind.REFUSE and last.key in {*fleet.foreign, *unknown}
        assert unknown <= set(there), 'it may be somebody else\'s, as far as anybody knows'
        assert seconds > 87 or ('made while a run was stopped, by' in last.why)
    else:
        assert last.kind is Kind.REST and not own & set(there)
        assert [*there] == [*set(fleet.agents.values())] != [*known]


def test_a_run_waits_for_cloudtrail() -> None:
    fleet = Fleet()
    fleet.run(WISH, 2)
    fleet.trail_late = timedelta(minutes=10)
    step = fleet.run(WISH)
    assert step and step.kind is Kind.WAIT and 'CloudTrail tells after some minutes' in step.why
    fleet.now += timedelta(minutes=10)
    step = fleet.run(WISH)
    assert step and step.kind is Kind.REST and len(fleet.keys) == 1


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


def test_a_key_made_while_a_run_was_stopped_that_is_used_is_somebody_elses() -> None:
    note = Note(creating=NEW.created - timedelta(seconds=30), before=frozenset('A'))
    for where, told in (('ec2 in eu-west-1', 'and is used: ec2 in eu-west-1.'), ('', 'and is used: nobody knows where.')):
        step = next_step(seen([OLD, replace(NEW, use=Use(START, where))], 'A', note), WISH)
        assert (step.kind, step.key, told in step.why) == (Kind.REFUSE, 'B', True)


@pytest.mark.parametrize(('old', 'more', 'kind', 'why'), [
    (OLD, {'unreachable': frozenset({'agent-6'}), 'jobs': READY}, Kind.WAIT, 'may be on an agent that cannot be reached'),
    (OLD, {}, Kind.ASK_JOBS, ''),
    (OLD, {'jobs': replace(READY, oldest=SINCE)}, Kind.WAIT, 'A job is running that may use the key A, which no agent has any more.'),
    (OLD, {'jobs': READY}, Kind.OFF, 'there has to be room for another key'),
    (replace(OLD, active=False), {}, Kind.DELETE, 'there has to be room for a key that works'),
])
def test_room_for_a_key_where_no_agent_has_one_that_works(old: Key, more: dict[str, Any], kind: Kind, why: str) -> None:
    """Both keys are accounted for. The older one goes, when nobody can have it."""
    step = next_step(seen([old, NEW], '', Note(before=frozenset('AB')), **more), WISH)
    assert (step.kind, why in step.why) == (kind, True)
    assert step.key in ('', 'A') and step.left == tuple(more.get('unreachable', ()))


def test_a_key_that_somebody_has_switched_off_is_noted_before_it_soaks() -> None:
    there = seen([replace(OLD, active=False), NEW], 'B', GIVEN, READY)
    step = next_step(there, WISH)
    assert (step.kind, step.key) == (Kind.NOTE_OFF, 'A')
    note = noted(step, there)
    assert note == replace(GIVEN, off=Off('A', START))
    assert next_step(replace(there, note=note), WISH).kind is Kind.WAIT
    assert next_step(replace(there, note=note, now=START + DAY), WISH).kind is Kind.DELETE


TIMES = st.none() | st.integers(0, 10**7).map(lambda seconds: START + timedelta(seconds=seconds))
IDS = st.text('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', min_size=16, max_size=16).map('AKIA'.__add__)
NOTES = st.builds(
    Note, TIMES, st.frozensets(IDS, max_size=2), IDS | st.just(''), TIMES,
    st.none() | st.builds(Off, IDS, TIMES.filter(bool), st.booleans()), st.text('0123456789abcdef', max_size=16),
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
