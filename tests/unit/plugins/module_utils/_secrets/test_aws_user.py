# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a secret of the inventory says of an IAM user, and what agents get of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.aws_user import duration, problems_in, unknown_to_agents


@pytest.mark.parametrize(('value', 'expected'), [
    ('90d', timedelta(days=90)), ('12h', timedelta(hours=12)), ('30 m', timedelta(minutes=30)), ('2w', timedelta(weeks=2)),
    (7, timedelta(days=7)), (1.5, timedelta(hours=36)), ('0.5', timedelta(hours=12)),
    ('', None), ('d', None), ('-1d', None), ('1y', None), ('90d\n', None), (True, None), (None, None), ('1234567', None), ([], None),
])
def test_durations(value: Any, expected: timedelta | None) -> None:
    assert duration(value) == expected


@pytest.mark.parametrize(('entry', 'paths'), [
    ({'aws_user': 'neat-deployer', 'max_age': '30d', 'soak': 1, 'profile': 'prod', 'data': {'region': 'x'}}, []),
    ({'data': {'aws_access_key_id': 'canary'}, 'aws_user': None}, [['aws_user']]),
    ({'data': {}, 'soak': '1d', 'max_age': '90d'}, [['max_age'], ['soak']]),
    ({'aws_user': 'canary user'}, [['aws_user']]), ({'aws_user': ''}, [['aws_user']]), ({'aws_user': 'canary' * 11}, [['aws_user']]),
    ({'aws_user': 'canary\n'}, [['aws_user']]), ({'aws_user': 'a/b'}, [['aws_user']]),
    ({'aws_user': 'neat', 'max_age': 'canary', 'soak': 0}, [['max_age'], ['soak']]),
    ({'aws_user': 'neat', 'data': {'aws_access_key_id': 'canary', 'aws_secret_access_key': 'canary'}},
     [['data', 'aws_access_key_id'], ['data', 'aws_secret_access_key']]),
])
def test_what_is_wrong_is_named_and_not_quoted(entry: dict[str, Any], paths: list[list[str]]) -> None:
    findings = list(problems_in(entry))
    assert [path for path, _what in findings] == paths
    assert 'canary' not in str([what for _path, what in findings])


def test_agents_get_nothing_that_is_for_the_controller_and_keep_their_key() -> None:
    plain = {'data': {'x': 1}, 'condition': True}
    assert unknown_to_agents(plain) == plain
    owned = unknown_to_agents({'aws_user': 'neat', 'profile': 'prod', 'max_age': '1d', 'condition': True})
    assert owned == {'data': {}, 'kept': ['aws_access_key_id', 'aws_secret_access_key'], 'condition': True}
