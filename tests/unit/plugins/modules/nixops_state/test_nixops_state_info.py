# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.in_process import Sandbox

Run = Callable[..., dict[str, Any]]
PROJECT = 'github/neat-org/neat-repo'
NAME = 'nixops-aws-prod.json'


def test_a_project_that_is_none(run: Run) -> None:
    assert 'The project path is not complete.' in run('nixops_state_info', project='neat-repo')['msg']


def test_a_project_without_states(run: Run) -> None:
    result = run('nixops_state_info')
    assert (result['changed'], result['files']) == (False, [])


@pytest.mark.parametrize('order', ['newest first', 'oldest first'])
def test_versions_are_listed_with_their_origin(
    order: str, run: Run, sandbox: Sandbox, make_job: Callable[..., int], state: Run
) -> None:
    sandbox.settings(order=order)
    state()
    number = make_job('Done', stores=b'{}')
    sandbox.put_state(PROJECT, 'zzz', b'x')
    first, second = run('nixops_state_info')['files']
    assert (first['name'], second['name']) == (NAME, 'zzz')
    assert [(version['version'], version['uploader'], version['job']) for version in first['versions']] == [
        (1, 'alice', None), (2, None, '%s/%s/jobs/%d' % (sandbox.url, PROJECT, number)),
    ]
    assert run('nixops_state_info', **{'name': 'zzz'})['files'] == [second]


def test_a_summary_counts_machines_and_shows_no_value(run: Run, state: Run, sandbox: Sandbox, database: Path) -> None:
    state()
    sandbox.put_state(PROJECT, 'all.nixops', database.read_bytes())
    sandbox.put_state(PROJECT, 'empty', b'')
    sandbox.put_state(PROJECT, 'zzz', b'no state')
    found = {each['name']: each['deployments'] for each in run('nixops_state_info', summary=True)['files']}
    uuid = 'cccccccc-1700-11e7-8000-000000000003'
    aws_prod = {'uuid': uuid, 'name': 'aws-prod', 'resources': 7, 'machines': {'ec2': {'Stopped': 1, 'Up': 1}}}
    assert found[NAME] == [aws_prod]
    assert aws_prod in found['all.nixops']
    assert [each['name'] for each in found['all.nixops']] == [None, 'twin', 'twin', 'empty', 'webfarm', 'aws-prod']
    assert (found['empty'], found['zzz']) == ([], None)
