# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.condition import (
    JobContext,
    allows,
    for_users,
    in_words,
    problems_in,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.sampled_from(['a', 'b', 'main', ''])
CONDITIONS = st.recursive(
    st.booleans() | st.sampled_from(['isDefaultBranch', 'isTag'])
    | st.builds(lambda field, name: {field: name}, st.sampled_from(['isBranch', 'isRepo', 'isOwner']), NAMES),
    lambda inner: st.builds(lambda field, parts: {field: parts}, st.sampled_from(['and', 'or']), st.lists(inner, max_size=3)),
    max_leaves=6,
)
JOBS = st.builds(JobContext, NAMES, NAMES, st.sampled_from(['refs/heads/main', 'refs/heads/a', 'refs/tags/a', 'refs/heads/']), NAMES)
JOB = JobContext('neat-org', 'neat-repo', 'refs/heads/production', 'main')


@pytest.mark.parametrize(('condition', 'job', 'answer'), [
    (True, JOB, True), (False, JOB, False), (None, JOB, False), ({'and': []}, JOB, True), ({'or': []}, JOB, False),
    ('isDefaultBranch', JOB, False), ('isDefaultBranch', JOB._replace(ref='refs/heads/main'), True),
    ('isDefaultBranch', JOB._replace(ref='refs/tags/main'), False), ('isTag', JOB, False),
    ('isTag', JOB._replace(ref='refs/tags/v1'), True),
    ({'isBranch': 'production'}, JOB, True), ({'isBranch': 'prod'}, JOB, False), ({'isBranch': 'refs/heads/production'}, JOB, False),
    ({'isBranch': 'production'}, JOB._replace(ref='refs/tags/production'), False),
    ({'isRepo': 'neat-repo'}, JOB, True), ({'isRepo': 'neat-org/neat-repo'}, JOB, False),
    ({'isOwner': 'neat-org'}, JOB, True), ({'isOwner': 'Neat-Org'}, JOB, False),
    ({'and': [{'isOwner': 'neat-org'}, {'or': ['isTag', {'isBranch': 'production'}]}]}, JOB, True),
    ({'and': [{'isOwner': 'neat-org'}, {'or': ['isTag', 'isDefaultBranch']}]}, JOB, False),
])
def test_the_agents_answer(condition: Any, job: JobContext, answer: bool) -> None:
    assert allows(condition, job) is answer


@given(CONDITIONS, CONDITIONS, JOBS)
def test_there_is_no_negation(one: Any, other: Any, job: JobContext) -> None:
    assert list(problems_in(one)) == []
    assert allows({'or': [one, other]}, job) == (allows(one, job) or allows(other, job))
    assert allows({'and': [one, other]}, job) == (allows(one, job) and allows(other, job))


@given(CONDITIONS, JOBS)
def test_words_name_all_that_a_condition_names(condition: Any, job: JobContext) -> None:
    words = in_words(condition)
    if words == 'nobody':
        assert not allows(condition, job)
    if words == 'anybody':
        assert allows(condition, job)


@pytest.mark.parametrize(('condition', 'words'), [
    (None, 'nobody, as it has no condition'), (True, 'anybody'), ({'and': []}, 'anybody'), ({'or': []}, 'nobody'),
    ({'and': [{'isOwner': 'neat-org'}, {'isRepo': 'neat-repo'}, 'isDefaultBranch']},
     'owner neat-org and repository neat-repo and the default branch'),
    ({'or': [{'and': [{'isOwner': 'o'}, {'isBranch': 'b'}]}, 'isTag']}, '(owner o and branch b) or any tag'),
    ({'and': [{'or': [{'isOwner': 'o'}]}, {'or': [{'isBranch': 'a'}, {'isBranch': 'b'}]}]}, 'owner o and (branch a or branch b)'),
    ({'and': [{'and': ['isTag', {'isOwner': 'o'}]}, {'isRepo': 'r'}]}, 'any tag and owner o and repository r'),
])
def test_words(condition: Any, words: str) -> None:
    assert in_words(condition) == words


REFS = st.builds(lambda name: {'isBranch': name}, NAMES) | st.sampled_from(['isDefaultBranch', 'isTag', True])
USERS = st.lists(st.tuples(NAMES, NAMES, REFS))


@given(USERS, JOBS)
def test_derived_condition_lets_in_the_users_and_nobody_else(users: list[tuple[str, str, Any]], job: JobContext) -> None:
    condition = for_users(users)
    assert list(problems_in(condition)) == []
    assert allows(condition, job) == any((job.owner, job.repository) == user[:2] and allows(user[2], job) for user in users)
    assert for_users(list(reversed(users))) == condition, 'the order of the inventory must not show'


def test_one_user_reads_as_hci_writes_it() -> None:
    written = for_users([('neat-org', 'neat-repo', 'isDefaultBranch')])
    assert written == {'and': [{'isOwner': 'neat-org'}, {'isRepo': 'neat-repo'}, 'isDefaultBranch']}
