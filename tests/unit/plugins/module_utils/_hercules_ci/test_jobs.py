# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attribute paths, the choice of jobs, log lines: the rules that hold for any input."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.jobs import (
    Job,
    Situation,
    full_revision,
    situation_of,
)
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.logs import printable_line
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._jobs.effects import attribute_text
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._refs import full_ref
from hypothesis import given
from hypothesis import strategies as st

JOB = Job('id', 1, 'url', 'OnPush', 'a', 'r', 'refs/heads/main', 'Done', 'Success', 'Success', False, None, 't', None, True, True)
PHASES = ('Queued', 'Evaluating', 'Building', 'Effects', 'Done')


def jobs(kinds: tuple[str, ...] = ('Config', 'OnPush', 'Legacy', 'OnSchedule')) -> st.SearchStrategy[list[Job]]:
    job = st.builds(
        Job,
        id=st.uuids().map(str),
        index=st.integers(1, 30),
        url=st.just(''),
        type=st.sampled_from(kinds),
        name=st.sampled_from(('', 'a', 'b')),
        revision=st.just('r'),
        ref=st.just('refs/heads/main'),
        phase=st.sampled_from(PHASES),
        status=st.sampled_from(('Pending', 'Failure', 'Success')),
        evaluation_status=st.just('Success'),
        cancelled=st.booleans(),
        rerun_of=st.none(),
        start_time=st.just(''),
        end_time=st.none(),
        may_cancel=st.just(True),
        may_rerun=st.just(True),
    )
    return st.lists(job, max_size=8, unique_by=lambda job: job.index)


def handlers(on_push: list[str]) -> dict[str, dict[str, Any]]:
    return {'onPush': dict.fromkeys(on_push), 'onSchedule': {}}


@given(jobs(), st.lists(st.sampled_from(('a', 'b', 'c')), unique=True))
def test_the_situation_does_not_depend_on_the_order_of_the_jobs(some: list[Job], on_push: list[str]) -> None:
    assert situation_of(some, handlers(on_push)) == situation_of(sorted(some, key=lambda job: job.id), handlers(on_push))


@given(jobs(), st.lists(st.sampled_from(('a', 'b', 'c')), unique=True))
def test_the_newest_job_of_each_handler_counts(some: list[Job], on_push: list[str]) -> None:
    situation = situation_of(some, handlers(on_push))
    assert len({job.handler for job in situation.jobs}) == len(situation.jobs)
    for job in situation.jobs:
        assert job.type != 'OnSchedule'
        assert all(other.index <= job.index for other in some if other.handler == job.handler and job.type != 'Config')


@given(jobs(), st.lists(st.sampled_from(('a', 'b', 'c')), unique=True))
def test_it_has_ended_only_when_every_expected_job_has(some: list[Job], on_push: list[str]) -> None:
    situation = situation_of(some, handlers(on_push))
    configs = [job for job in some if job.type == 'Config']
    if situation.ended and configs:
        newest = max(configs, key=lambda job: job.index)
        assert newest.ended or any(job.type == 'Legacy' for job in situation.jobs)
        if newest.succeeded and not any(job.type == 'Legacy' for job in situation.jobs):
            assert {job.name for job in situation.jobs if job.type == 'OnPush'} >= set(on_push)
            assert [job for job in situation.jobs if job.type == 'OnPush']


def test_nothing_is_not_an_end() -> None:
    assert not Situation().ended
    assert not Situation((JOB,), ('b',)).ended
    assert Situation((JOB,)).ended
    assert Situation((replace(JOB, phase='Queued', cancelled=True),)).failed


@pytest.mark.parametrize(
    ('path', 'text'),
    [
        (['neat-network', 'run'], 'neat-network.run'),
        (['if', "x'", '_'], "if.x'._"),
        (['a.b', '1', ''], '"a.b"."1".""'),
        (['a"b\\c', '${x}'], '"a\\"b\\\\c"."${x}"'),
        (['ä'], '"ä"'),
        (['a\n'], '"a\n"'),
    ],
)
def test_attribute_paths_are_written_as_the_service_writes_them(path: list[str], text: str) -> None:
    assert attribute_text(path) == text


@given(st.text())
def test_log_lines_hold_nothing_that_moves_a_terminal(text: str) -> None:
    shown = printable_line(text)
    assert not {character for character in shown if unicodedata.category(character) == 'Cc'} - set('\t\n')
    assert len(shown) <= 1002


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('\x1b[1;31merror:\x1b[0m no\r\n', 'error: no'),
        ('10%\r50%\r100%', '100%'),
        ('\x1b]0;title\x07text\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\', 'textlink'),
        ('x' * 2000, 'x' * 1000 + ' …'),
    ],
)
def test_log_lines_read_as_on_a_terminal(text: str, shown: str) -> None:
    assert printable_line(text) == shown


@pytest.mark.parametrize(('branch', 'remedy'), [
    ('refs/heads/feature/x', 'Set branch: feature/x'), ('refs/tags/v1', 'Set ref: refs/tags/v1'), ('refs/heads/', 'Set ref: refs/heads/'),
])
def test_a_branch_is_no_ref(branch: str, remedy: str) -> None:
    with pytest.raises(Failure, match='A branch is named without refs/heads/.*%s' % remedy):
        full_ref(branch, None)
    assert full_ref('feature/x', None) == 'refs/heads/feature/x'


def test_a_revision_may_be_in_capitals() -> None:
    """Git takes it, and Hercules CI knows the one in small letters."""
    assert full_revision('ABCDEF0123' * 4) == 'abcdef0123' * 4
    with pytest.raises(Failure, match='The revision is not complete'):
        full_revision('ABCDEF0')
