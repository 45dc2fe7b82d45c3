# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take the next step with the AWS access keys of agents. Documented in the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.utils.display import Display

from ..module_utils._argspec import ArgumentSpec
from ..module_utils._problems import Failure
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._rotation.fleet import FILE, Fleet
from ..plugin_utils._rotation.run import RotationRun, foreseen, lines_of, may_begin, outcome, turns_of
from ..plugin_utils._unseen_action import UnseenAction

INFO, SECRET = 'nixcd.hercules_ci.aws_key_info', 'nixcd.hercules_ci.hci_secret'
RUNS: list[RotationRun] = []
"""That of the loop which this process plays. All items of a loop are played by one process, and what it knows ends with it."""


class ActionModule(ControllerAction, UnseenAction):
    """Works on the controller; the agent is that of the connection."""

    SPEC = ArgumentSpec({
        'do': {'type': 'str', 'choices': ['plan', 'show', 'begin', 'look', 'decide', 'take', 'give', 'end'], 'default': 'plan'},
        'agent': {'type': 'str'},
        'rotate': {'type': 'bool', 'default': False},
        'now': {'type': 'bool', 'default': False},
    })

    def work(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """One item of the loop, or what there is for it to do."""
        self._options, self._variables = options, variables
        self._fleet = Fleet(variables, self._loader)
        done: dict[str, Any] = getattr(self, '_do_' + options['do'])()
        return done

    def _turns(self) -> Any:
        return turns_of(self._fleet, self._options['rotate'], self._options['now'])

    def _do_plan(self) -> dict[str, Any]:
        """What there is to do, and the items of the loop that does it; none where nothing is."""
        turns = self._turns()
        if self._task.check_mode:
            changed, steps = foreseen(turns), []
        else:
            changed, steps = False, self._steps() if may_begin(turns) else []
        told = self._told(turns, {}, quiet=bool(steps))
        return {**told, 'changed': changed, 'steps': steps}

    def _do_show(self) -> dict[str, Any]:
        """What there is to do if the agents have what the last run has noted. They are not asked."""
        turns = self._turns()
        if not turns:
            return {'skipped': True, 'skip_reason': 'No secret of an agent has aws_user.'}
        for turn in turns:
            turn.rotation.as_noted = True
        foreseen(turns)
        return self._told(turns, {})

    def _steps(self) -> list[dict[str, str]]:
        agents = [agent for agent in self._variables['ansible_play_hosts'] if self._fleet.owned(agent)]
        return [
            {'do': 'begin'}, *({'do': 'look', 'agent': agent} for agent in agents), {'do': 'decide'},
            *({'do': do, 'agent': agent} for do in ('take', 'give') for agent in agents), {'do': 'end'},
        ]

    def _do_begin(self) -> dict[str, Any]:
        RUNS[:] = [RotationRun(self._turns())]
        RUNS[0].begin(self._fleet)
        return {}

    def _do_look(self) -> dict[str, Any]:
        run, agent = RUNS[0], self._options['agent']
        answer = self._answer_of(agent, INFO, {**self._fleet.place(agent), 'names': sorted(self._fleet.owned(agent))}, {'pads': {}})
        if answer is not None:
            run.looked(agent, answer['aws_keys'])
        return {}

    def _do_decide(self) -> dict[str, Any]:
        RUNS[0].decide()
        return {}

    def _do_take(self) -> dict[str, Any]:
        run, agent = RUNS[0], self._options['agent']
        pads = run.pads(agent)
        if not pads:
            return {'skipped': True}
        answer = self._answer_of(agent, INFO, {**self._fleet.place(agent), 'names': sorted(pads)}, {'pads': pads})
        if answer is not None:
            run.taken(answer.get('under_pad', {}), answer['aws_keys'])
        return {}

    def _do_give(self) -> dict[str, Any]:
        run, agent = RUNS[0], self._options['agent']
        keys = run.keys_for(agent)
        if not keys or agent in run.said:
            return {'skipped': True}
        try:
            entries = self._fleet.entries(agent, keys)
        except Failure as failure:
            run.lost(agent, str(failure))
            return {}
        answer = self._answer_of(agent, SECRET, self._fleet.place(agent, FILE), entries)
        if answer is None:
            return {}
        run.given(agent, answer.get('aws_keys', {}))
        run.changed = run.changed or answer['changed']
        return {'changed': answer['changed'], **({'diff': answer['diff']} if self._task.diff else {})}

    def _do_end(self) -> dict[str, Any]:
        run = RUNS.pop()
        run.end()
        return {**self._told(run.turns, run.said), 'changed': any(turn.rotation.done for turn in run.turns)}

    def _told(self, turns: Any, said: Mapping[str, str], quiet: bool = False) -> dict[str, Any]:
        result = outcome(turns, said, self._variables['ansible_play_hosts'], self._options['rotate'])
        if not quiet:
            Display().display('\n'.join(lines_of(result['keys'])))
        old = [row for row in result['keys'] if 'nixcd.hercules_ci.rotate replaces it' in row['next'] or row.get('problems')]
        if old and not self._options['rotate'] and not quiet:
            result['warnings'] = ['%s (%s)' % (row['next'], row['user']) for row in old]
        return result

    def _answer_of(self, agent: str, module: str, options: Mapping[str, Any], payload: Any) -> dict[str, Any] | None:
        """What a module says on the agent; None where it failed, or there is no way to the agent. Nothing else of it is shown."""
        run = RUNS[0]
        try:
            answer = self._run_unseen(module, options, payload, {**self._variables})
        except AnsibleConnectionFailure:
            run.lost(agent, 'The agent cannot be reached.')
            return None
        except Failure as failure:
            run.lost(agent, str(failure))
            return None
        if answer.get('failed') or 'aws_keys' not in answer:
            told = answer.get('msg') if 'problems' in answer else 'The task on the agent failed: look for its interpreter, and room.'
            run.lost(agent, str(told))
            return None
        return answer
