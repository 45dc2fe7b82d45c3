# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What gets into a report, and what is refused without being shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure, Problem
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.outcome import ReportedKey, Secret, summary
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.reading import agents_of, keys_of, outcomes_of
from hypothesis import given
from hypothesis import strategies as st

ENTRY = {'network': 'neat-network', 'project': 'github/neat-org/neat-repo', 'branch': 'production', 'result': 'deployed'}
SECRET = 'hunter2'


def test_outcomes_are_in_the_same_order_however_they_come() -> None:
    entries = [{**ENTRY, 'project': project, 'network': network, 'branch': branch}
               for project in 'ab' for network in 'cd' for branch in 'ef']
    assert outcomes_of(entries[::-1]) == outcomes_of(entries)
    assert [(outcome.project, outcome.network, outcome.branch) for outcome in outcomes_of(entries)][:3] == [
        ('a', 'c', 'e'), ('a', 'c', 'f'), ('a', 'd', 'e'),
    ]


def test_what_is_empty_or_null_is_not_known() -> None:
    assert outcomes_of([{**ENTRY, 'commit': None, 'job': '', 'job_url': '', 'state_version_after': None}]) == outcomes_of([ENTRY])


@pytest.mark.parametrize(('before', 'after', 'cell'), [
    (3, 4, '3 → 4'), (3, 3, '3'), (None, 1, '– → 1'), (None, None, '–'), ('3', '4', '3 → 4'),
])
def test_state_versions_read_as_one_cell(before: Any, after: Any, cell: str) -> None:
    assert outcomes_of([{**ENTRY, 'state_version_before': before, 'state_version_after': after}])[0].state == cell


@pytest.mark.parametrize(('message', 'shown'), [
    ('The effect failed. Where: https://ci.example.org/1. Found: %s. To do: Mend it.' % SECRET, 'The effect failed.'),
    ('The effect failed.\nIt wrote at the end:\n  %s' % SECRET, 'The effect failed.'),
    ('\nred \x1b[31malert', 'red �[31malert'),
])
def test_of_a_message_the_first_sentence_is_taken(message: str, shown: str) -> None:
    assert outcomes_of([{**ENTRY, 'message': message}])[0].message == shown


def test_what_is_told_in_full_cannot_turn_a_page_round() -> None:
    problem = {'what': 'It broke.', 'found': 'a\n  \x1b[31mred', 'severity': 'error'}
    outcome, = outcomes_of([{**ENTRY, 'problems': [problem], 'log': ['\ta\x07']}])
    assert outcome.problems == (Problem('It broke.', found='a �[31mred'),)
    assert outcome.log == ('        a�',)


@pytest.mark.parametrize(('wrong', 'where'), [
    (SECRET, 'keys'), ([{'value': SECRET}], 'keys[0]'),
    ([{'user': [SECRET]}], 'keys[0].user'), ([{'keys': [{'secret': SECRET}]}], 'keys[0].keys'),
])
def test_a_wrong_key_is_refused_with_its_place_and_without_its_value(wrong: Any, where: str) -> None:
    with pytest.raises(Failure) as raised:
        keys_of(wrong)
    assert [problem.where for problem in raised.value.problems] == [where]
    assert SECRET not in json.dumps(raised.value.result())


def test_of_a_key_the_first_sentence_of_a_failure_is_told() -> None:
    key, = keys_of([{'user': 'u', 'key': 'k', 'keys': [], 'step': 'failed', 'next': 'AWS said no. Found: %s.' % SECRET}])
    assert key == ReportedKey('u', '', 'k', '', 'failed', 'AWS said no.')


def test_only_web_addresses_become_links() -> None:
    links = {url: outcomes_of([{**ENTRY, 'job_url': url}])[0].job_url for url in ('https://a/1', 'http://a/1', 'javascript:alert(1)', 'file:///')}
    assert links == {'https://a/1': 'https://a/1', 'http://a/1': 'http://a/1', 'javascript:alert(1)': '', 'file:///': ''}


def test_agents_tell_names_of_fields_and_the_condition_in_words() -> None:
    agent, = agents_of({'agent-1': {
        'b': {'fields': ['y', 'x'], 'condition': {'and': [{'isRepo': 'neat-repo'}, 'isDefaultBranch']}, 'usable_by': 'anything'},
        'a': {'fields': []},
        'c': {'fields': [], 'condition': None},
    }})
    assert agent.secrets == (
        Secret('a', (), ''),
        Secret('b', ('x', 'y'), 'repository neat-repo and the default branch'),
        Secret('c', (), 'nobody, as it has no condition'),
    )


@pytest.mark.parametrize(('wrong', 'where'), [
    ({'data': {'key': SECRET}}, 'networks[1]'),
    ({'message': {'key': SECRET}}, 'networks[1].message'),
    ({'commit': [SECRET]}, 'networks[1].commit'),
    ({'job': SECRET}, 'networks[1].job'),
    ({'state_version_after': True}, 'networks[1].state_version_after'),
    ({'result': SECRET}, 'networks[1].result'),
    ({'earlier': SECRET}, 'networks[1].earlier'),
    ({'problems': SECRET}, 'networks[1].problems'),
    ({'problems': [{'what': '', 'value': SECRET}]}, 'networks[1].problems[0]'),
    ({'problems': [{'what': [SECRET]}]}, 'networks[1].problems[0]'),
    ({'log': SECRET}, 'networks[1].log'),
    ({'planned': [{'key': SECRET}]}, 'networks[1].planned'),
    ({'secrets_map': {'aws': {'password': SECRET}}}, 'networks[1].secrets_map.aws'),
    ({'branch': None}, 'networks[1]'),
])
def test_a_wrong_network_is_refused_with_its_place_and_without_its_value(wrong: dict[str, Any], where: str) -> None:
    with pytest.raises(Failure) as raised:
        outcomes_of([ENTRY, {**ENTRY, **wrong}])
    assert [problem.where for problem in raised.value.problems] == [where]
    what = raised.value.problems[0].what
    assert what in ('The report cannot take this.', 'A report has no use for data.', 'A report has no use for value.', 'branch is missing.')
    assert SECRET not in json.dumps(raised.value.result())


@pytest.mark.parametrize(('agents', 'where'), [
    ([SECRET], 'agents'),
    ({'a': SECRET}, 'agents.a'),
    ({'a': {'s': SECRET}}, 'agents.a.s'),
    ({'a': {'s': {'data': {'key': SECRET}}}}, 'agents.a.s'),
    ({'a': {'s': {'fields': {'key': SECRET}}}}, 'agents.a.s.fields'),
    ({'a': {'s': {'fields': [{'key': SECRET}]}}}, 'agents.a.s.fields'),
    ({'a': {'s': {'fields': [], 'condition': {'isBranch': {'key': SECRET}}}}}, 'agents.a.s.condition'),
    ({'a': {'s': {'fields': [], 'condition': SECRET}}}, 'agents.a.s.condition'),
])
def test_a_wrong_agent_is_refused_with_its_place_and_without_its_value(agents: Any, where: str) -> None:
    with pytest.raises(Failure) as raised:
        agents_of(agents)
    assert [problem.where for problem in raised.value.problems] == [where]
    assert SECRET not in json.dumps(raised.value.result())


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(Failure) as raised:
        outcomes_of([{}, 'text', {**ENTRY, 'job': 'x', 'other': 1}])
    assert len(raised.value.problems) == 4 + 1 + 4 + 2


@given(st.text())
def test_nothing_in_a_name_moves_a_terminal_or_turns_its_direction(name: str) -> None:
    outcome, = outcomes_of([{**ENTRY, 'network': 'n' + name, 'message': name}])
    for text in (outcome.network, outcome.message):
        assert not set(text) & {chr(code) for code in (*range(32), *range(127, 160), 0x202e, 0x2066, 0x2028)}


@pytest.mark.parametrize(('results', 'words'), [
    ([], '0 networks'),
    (['deployed'], '1 network: 1 deployed'),
    (['deployed', 'failed', 'deployed', 'skipped'], '4 networks: 1 failed, 1 skipped, 2 deployed'),
])
def test_the_summary_names_the_worst_first(results: list[str], words: str) -> None:
    assert summary(outcomes_of([{**ENTRY, 'network': str(number), 'result': result} for number, result in enumerate(results)])) == words


def test_the_summary_counts_a_network_once() -> None:
    both = [{**ENTRY, 'branch': branch} for branch in ('production', 'staging')]
    assert summary(outcomes_of(both)) == '2 deployments of 1 network: 2 deployed'
