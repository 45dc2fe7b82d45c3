# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Five agents and a run of the playbook rotate in this process: the same steps, real files, the real modules, boto3 and moto.

Ansible itself is left out, so that a run takes half a second and can be killed anywhere. What Hercules CI would say is set by hand.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible.module_utils import basic
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._payload import packed
from ansible_collections.nixcd.hercules_ci.plugins.modules import aws_key_info, hci_secret
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws import trial
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.declared import Owner
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.iam import AwsClient
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.rotation import Rotation
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.step import Answer, Jobs, RotationPolicy
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._rotation.run import RotationRun, Turn, may_begin, outcome

from tests.aws.server import Aws

USER, SECRET = 'neat-deployer', 'neat-aws'
AGENTS = tuple('agent-%d' % number for number in range(1, 6))
NETWORKS = ('neat-network', 'neat-staging')


class Agents:
    """Their files below one folder."""

    def __init__(self, folder: Path, aws: Aws) -> None:
        self.folder = folder
        self.aws = aws
        self.client = AwsClient()
        self.down: set[str] = set()
        self.broken: set[str] = set()
        self.locked = True
        """Whether a lock keeps other runs out."""
        self.jobs = Jobs(None, dict.fromkeys(NETWORKS))
        self.written: Callable[[], None] = lambda: None
        """Called after each write to an agent."""
        for agent in AGENTS:
            (folder / agent).mkdir(parents=True)
        trial.PAUSE, trial.TIMES = 0.01, 2

    def file(self, agent: str) -> Path:
        return self.folder / agent / 'secrets.json'

    def key(self, agent: str) -> str:
        """The ID that an agent has."""
        if not self.file(agent).exists():
            return ''
        return str(json.loads(self.file(agent).read_text()).get(SECRET, {}).get('data', {}).get('aws_access_key_id', ''))

    def secret(self, agent: str) -> str:
        return str(json.loads(self.file(agent).read_text())[SECRET]['data']['aws_secret_access_key'])

    def forget(self, agent: str) -> None:
        """It is rebuilt."""
        self.file(agent).unlink(missing_ok=True)

    def deploy_all(self) -> None:
        """All networks are deployed with what the agents have now; nothing runs any more."""
        self.aws.passed += timedelta(minutes=10)
        self.jobs = Jobs(None, dict.fromkeys(NETWORKS, self.aws.now))
        self.aws.passed += timedelta(minutes=10)

    def answer(self, _since: datetime | None, _now: Callable[[], datetime]) -> Answer:
        return Answer(self.jobs, timedelta(seconds=5))

    def turns(self, wish: RotationPolicy) -> list[Turn]:
        """As a play looks at all agents first."""
        owner = Owner(USER, SECRET, wish.max_age, wish.soak, agents=AGENTS)
        looks = {agent: self.module(aws_key_info, agent, {'names': [SECRET]})['aws_keys'].get(SECRET, {})
                 for agent in AGENTS if agent not in self.down}
        return [Turn(Rotation(owner, self.client, wish, looks, self.answer, lambda: {'eu-west-1', 'us-east-1'}, locked=self.locked))]

    def run(self, wish: RotationPolicy) -> dict[str, Any]:
        """The playbook. Returns the row of the user, with what the run as a whole says of agents."""
        turns = self.turns(wish)
        if not may_begin(turns):
            return self._row(turns, {}, wish)
        run = RotationRun(self.turns(wish))
        for turn in run.turns:
            turn.rotation.looks = {}
        for agent in AGENTS:
            if agent in self.down:
                run.lost(agent, 'The agent cannot be reached.')
            else:
                run.looked(agent, self.module(aws_key_info, agent, {'names': [SECRET]})['aws_keys'])
        run.decide()
        for agent in AGENTS:
            pads = run.pads(agent)
            if pads and agent not in self.down:
                answer = self.module(aws_key_info, agent, {'names': [SECRET]}, {'pads': pads})
                run.taken(answer['under_pad'], answer['aws_keys'])
        for agent in AGENTS:
            self._give(run, agent)
        run.end()
        return self._row(run.turns, run.said, wish)

    def _give(self, run: RotationRun, agent: str) -> None:
        keys = run.keys_for(agent)
        if not keys or agent in run.said:
            return
        if agent in self.down | self.broken:
            run.lost(agent, 'The agent cannot be reached.')
            return
        ((_owner, key),) = keys
        entry = {'data': {'aws_access_key_id': key.id, 'aws_secret_access_key': key.secret}, 'condition': 'isDefaultBranch', 'kept': []}
        answer = self.module(hci_secret, agent, {}, {SECRET: entry})
        self.written()
        run.given(agent, answer['aws_keys'])

    def _row(self, turns: list[Turn], said: dict[str, str], wish: RotationPolicy) -> dict[str, Any]:
        result = outcome(turns, said, AGENTS, wish.rotates)
        return {**result['keys'][0], 'agents': result['left'], 'key_problems': result['key_problems']}

    def module(self, module: Any, agent: str, options: dict[str, Any], payload: Any = None) -> dict[str, Any]:
        """Run the real main() of a module for an agent."""
        arguments = {'path': str(self.file(agent)), '_ansible_no_log': True, **options}
        if payload is not None:
            arguments['_payload'] = packed(payload)
        basic._ANSIBLE_ARGS = json.dumps({'ANSIBLE_MODULE_ARGS': arguments}).encode()
        basic._ANSIBLE_PROFILE = 'legacy'
        on_controller = sys.modules.get('ansible.module_utils._internal')
        if on_controller is not None and hasattr(on_controller, 'is_controller'):
            on_controller.is_controller = False
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(printed.getvalue())
        assert not result.get('failed'), result
        return result


def killed_child(work: Callable[[], Any]) -> int:
    """Do the work in a process of its own, which somebody may kill; returns its number."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid
