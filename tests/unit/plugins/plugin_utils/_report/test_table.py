# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table that ends a run."""

from __future__ import annotations

from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.reading import outcomes_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.table import text_table, text_width
from hypothesis import given
from hypothesis import strategies as st

from .conftest import NETWORKS

OUTCOMES = outcomes_of(NETWORKS)
NARROW = '''\
  NETWORK         BRANCH      COMMIT    STATE  JOB   RESULT
github/neat-org/neat-repo
  broken-network  production  1f0c2d3e  3      #123  failed
    The effect broke.
  neat-network    production  1f0c2d3e  3 → 4  #123  deployed
  new-network     staging     –         –      –     would deploy
  #123  https://hercules-ci.com/github/neat-org/neat-repo/jobs/123
3 networks: 1 failed, 1 would deploy, 1 deployed'''
WIDE = '''\
  NETWORK         BRANCH      COMMIT    STATE  JOB   RESULT        LINK
github/neat-org/neat-repo
  broken-network  production  1f0c2d3e  3      #123  failed        https://hercules-ci.com/github/neat-org/neat-repo/jobs/123
    The effect broke.
  neat-network    production  1f0c2d3e  3 → 4  #123  deployed      https://hercules-ci.com/github/neat-org/neat-repo/jobs/123
  new-network     staging     –         –      –     would deploy
3 networks: 1 failed, 1 would deploy, 1 deployed'''


def test_in_a_narrow_terminal_each_link_stands_below_its_project_once() -> None:
    assert '\n'.join(line for line, _tone in text_table(OUTCOMES, 79)) == NARROW


def test_in_a_wide_terminal_the_link_is_a_column() -> None:
    width = max(map(text_width, WIDE.splitlines()))
    assert '\n'.join(line for line, _tone in text_table(OUTCOMES, width)) == WIDE
    assert '\n'.join(line for line, _tone in text_table(OUTCOMES, width - 1)) == NARROW


def test_lines_have_the_tone_of_their_result() -> None:
    assert [tone for _line, tone in text_table(OUTCOMES, 79)] == ['', '', 'bad', 'bad', 'good', 'open', '', '']


def test_every_project_has_its_own_block() -> None:
    entry = {'network': 'n', 'branch': 'b', 'result': 'deployed', 'job': 7}
    table = text_table(outcomes_of([{**entry, 'project': name, 'job_url': 'https://%s/7' % name} for name in ('one', 'two')]), 30)
    assert [line for line, _tone in table][1:-1] == [
        'one', '  n        b       –       –      #7   deployed', '  #7  https://one/7',
        'two', '  n        b       –       –      #7   deployed', '  #7  https://two/7',
    ]


def test_plans_have_a_column_where_there_is_one() -> None:
    entry = {'project': 'p', 'branch': 'main', 'result': 'deployed'}
    outcomes = outcomes_of([{**entry, 'network': 'a', 'plan': '+2 ~1 -0'}, {**entry, 'network': 'b', 'plan': '+9 ~9 -9', 'earlier': True}])
    assert [line for line, _tone in text_table(outcomes, 79)][:4] == [
        '  NETWORK  BRANCH  COMMIT  STATE  JOB  PLAN      RESULT', 'p',
        '  a        main    –       –      –    +2 ~1 -0  deployed', '  b        main    –       –      –              deployed',
    ]


def test_links_of_earlier_jobs_stand_there_where_there_is_no_other() -> None:
    entry = {'project': 'p', 'branch': 'main', 'result': 'deployed'}
    networks = [
        {**entry, 'network': 'a', 'job': 1, 'job_url': 'https://ci/1', 'earlier': True},
        {**entry, 'network': 'b', 'job': 2, 'job_url': 'https://ci/2'},
    ]
    assert [line for line, _tone in text_table(outcomes_of(networks), 30) if 'https' in line] == ['  #2  https://ci/2']
    assert [line for line, _tone in text_table(outcomes_of(networks[:1]), 30) if 'https' in line] == ['  #1  https://ci/1']


@given(st.lists(st.text('ab字é\u0301', min_size=1), min_size=1))
def test_columns_stay_aligned_whatever_the_letters_are(names: list[str]) -> None:
    entry = {'project': 'p', 'branch': 'THE-BRANCH', 'result': 'deployed'}
    rows = [line for line, _tone in text_table(outcomes_of([{**entry, 'network': name} for name in names]), 79) if 'THE-BRANCH' in line]
    assert len({text_width(row.split('THE-BRANCH')[0]) for row in rows}) == 1
