# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of agents: what is written there is known, and no lookup of a value is asked for the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.unasked import UNKNOWN, LookedUp, Sparing, Unasked, asked_for
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import read_agent

from tests.support.as_written import HostVars, as_written

CACHES, SECRETS = 'nixops_agent_binary_caches', 'nixops_agent_secrets'


@pytest.fixture
def asking(tmp_path: Path) -> Any:
    """A template that leaves a file behind when it is evaluated."""
    asked = tmp_path / 'asked'
    yield "{{ lookup('ansible.builtin.pipe', 'touch %s; echo x') }}" % asked
    assert not asked.exists(), 'a lookup was asked'


def sparing(variables: dict[str, Any], kind: type[Sparing] = Sparing) -> Sparing:
    return kind('agent-1', HostVars({'agent-1': as_written(variables)}), DataLoader())


def test_of_files_all_is_known_but_what_a_lookup_has_to_fetch(asking: str) -> None:
    caches = {'c': {'kind': 'CachixCache', 'publicKeys': ['{{ key }}', asking], 'authToken': asking}}
    found = sparing({CACHES: caches, 'key': 'public'})[CACHES]
    assert found == {'c': {'kind': 'CachixCache', 'publicKeys': ['public', UNKNOWN], 'authToken': UNKNOWN}}


def test_of_an_agent_that_is_not_provided_there_are_no_files_and_no_template_is_a_value(asking: str) -> None:
    secrets = {'neat': {'data': {'number': 3, 'text': 'plain', 'used': '{{ word }}', 'none': None}, 'condition': True}}
    found = sparing({CACHES: asking, SECRETS: secrets, 'word': 'a'}, Unasked)
    assert CACHES not in found and CACHES not in list(found) and SECRETS in list(found)
    assert found[SECRETS]['neat']['data'] == {'number': 3, 'text': 'plain', 'used': UNKNOWN, 'none': None}


@pytest.mark.parametrize('data', ['asking', 'known'])
def test_the_fields_of_a_secret_that_is_a_template(asking: str, data: str) -> None:
    template = {'asking': asking, 'known': "{{ {'a': 1} }}"}[data]
    found = sparing({SECRETS: {'neat': {'data': template, 'condition': True}}})[SECRETS]
    assert found == {'neat': {'data': {'asking': {UNKNOWN: UNKNOWN}, 'known': {'a': 1}}[data], 'condition': True}}


def test_where_something_is_wrong_it_is_looked_for_in_what_asks_nobody(asking: str) -> None:
    secrets = {'neat': {'data': {'good': asking, 'bad': '{{ nothing }}', 'inner': '{{ fields }}'}, 'condition': True}}
    variables = {SECRETS: secrets, 'fields': {'good': asking, 'worse': '{{ neither }}'}}
    _agent, problems = read_agent('agent-1', sparing(variables))
    assert [problem.where.partition(' of ')[0].rpartition("['")[2] for problem in problems] == ["bad']", "worse']"]
    assert ["'nothing'" in problems[0].found, "'neither'" in problems[1].found] == [True, True]


@pytest.mark.parametrize(('secrets', 'expected'), [
    ('ASKING', LookedUp(all=True)), ({'a': {'data': 'ASKING', 'condition': True}}, LookedUp()),
    ({'a': {'condition': 'ASKING'}, 'b': 'ASKING', 'c': {'condition': 'isTag'}, 'd': '{{ used }}'}, LookedUp(False, frozenset('abd'))),
    ("{{ {'a': 1} }}", LookedUp()), (None, LookedUp()),
])
def test_what_a_lookup_has_to_be_asked_for(asking: str, secrets: Any, expected: LookedUp) -> None:
    def put_in(value: Any) -> Any:
        return {key: put_in(child) for key, child in value.items()} if isinstance(value, dict) else asking if value == 'ASKING' else value

    variables = as_written({'used': {'condition': asking}, 'secrets': put_in(secrets)})
    assert asked_for(variables['secrets'], variables) == expected
