# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose access keys agents hold, as their secrets say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.declared import Owner, owners

DAY = timedelta(days=1)


def test_each_user_is_told_once_with_all_its_agents() -> None:
    neat, other = {'aws_user': 'neat-deployer'}, {'aws_user': 'a-user', 'max_age': '4w', 'soak': 2, 'profile': 'p', 'region': 'eu-west-1'}
    found = owners({
        'agent-2': {'neat-aws': neat, 'plain': {'data': {}}},
        'agent-1': {'other-aws': other, 'neat-aws': {**neat, 'max_age': None}, 'null': {'aws_user': None}},
        'agent-3': {},
    })
    assert found == [
        Owner('neat-deployer', 'neat-aws', 90 * DAY, DAY, agents=('agent-1', 'agent-2')),
        Owner('a-user', 'other-aws', 28 * DAY, 2 * DAY, 'p', 'eu-west-1', ('agent-1',)),
    ]
    assert [str(owner) for owner in found] == ['the IAM user neat-deployer', 'the IAM user a-user (profile p)']


def test_users_of_the_same_name_in_two_accounts_of_aws_are_two() -> None:
    secrets = {'a': {'aws_user': 'x', 'profile': 'prod'}, 'b': {'aws_user': 'x', 'profile': 'test'}}
    assert [(owner.profile, owner.secret) for owner in owners({'agent-1': secrets})] == [('prod', 'a'), ('test', 'b')]


@pytest.mark.parametrize(('name', 'more'), [
    ('neat-aws', {'max_age': '30d'}), ('neat-aws', {'soak': '2h'}), ('neat-aws', {'region': 'us-east-1'}), ('another-aws', {}),
])
def test_agents_that_do_not_agree_about_a_key_are_refused(name: str, more: dict[str, Any]) -> None:
    agreed = {'neat-aws': {'aws_user': 'neat-deployer'}}
    with pytest.raises(Failure) as caught:
        owners({'agent-1': agreed, 'agent-2': {name: {'aws_user': 'neat-deployer', **more}}, 'agent-3': agreed})
    problem, = caught.value.problems
    assert problem.what == 'Secrets do not agree about the access key of an IAM user.'
    assert problem.where == "nixops_agent_secrets['%s'] of agent-2" % name
    assert problem.expected == 'as on agent-1, in the secret neat-aws'
