# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers of the wrong shape: the server holds the old version or the new one, and the result is a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from tests.sandbox.in_process import Sandbox
from tests.sandbox.messages import Reply, json_reply
from tests.support.wrong_shapes import wrong_shapes

Run = Callable[..., dict[str, Any]]
PROJECT = 'github/neat-org/neat-repo'
NAME = 'nixops-aws-prod.json'
OLD = b'{"cccccccc-1700-11e7-8000-000000000003": {"name": "aws-prod", "resources": {}}}'
REQUESTS = {'list to verify': ('GET .*/states', 2), 'lock': ('POST .*/lock/.*', 0)}
"""Pattern, and how many come before. Jobs are tested with hci_job."""


@pytest.fixture
def answered(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What comes in place of one answer: pattern of the request, skip so many, and wrong; right is what would have come."""
    replaced: dict[str, Any] = {}
    original = sandbox.service.handle

    def handle(method: str, url: str, *arguments: Any) -> Reply:
        reply = original(method, url, *arguments)
        if not re.fullmatch(replaced['pattern'], '%s %s' % (method, url)):
            return reply
        replaced['skip'] -= 1
        if replaced['skip'] != -1:
            return reply
        replaced.setdefault('right', json.loads(reply.body))
        return json_reply(replaced.get('wrong', replaced['right']))

    monkeypatch.setattr(sandbox.service, 'handle', handle)
    return replaced


@pytest.mark.parametrize('request_name', REQUESTS)
def test_answers_of_the_wrong_shape(request_name: str, answered: dict[str, Any], state: Run, sandbox: Sandbox) -> None:
    numbers = count()

    def replace(**wrong: Any) -> dict[str, Any]:
        pattern, skip = REQUESTS[request_name]
        answered.update(pattern=pattern, skip=skip, **wrong)
        project = '%s-%d' % (PROJECT, next(numbers))  # in one, lists would be longer with every upload
        sandbox.add_project(project)
        sandbox.put_state(project, NAME, OLD)
        result = state(project=project, existing='replace', replaced_version=1, lock_timeout=0, backup=False)
        assert len(sandbox.states(project, NAME)) <= 2
        sandbox.service.clock.advance(3600)  # a lock that was not understood expires
        return result

    assert replace()['action'] == 'replaced'
    for wrong in list(wrong_shapes(answered['right'])):
        result = replace(wrong=wrong)
        assert 'exception' not in result, wrong
        assert 'action' in result or 'To do: ' in result['msg'], wrong
