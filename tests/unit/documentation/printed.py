# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation shows of what is printed, by its first line: a function that prints it, or the test that sees it printed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.causes import explain
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import BuiltMachine, BuiltNetwork, EvaluatedEffect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.traces import NixInput
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.plan import Recorded, plan_of
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.keys import Key, Note
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.step import Jobs, RotationPolicy, Seen, next_step
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.guard import (
    Declared,
    NetworkPlan,
    plan_branch,
    plan_text,
)
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.last import Last
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.outcome import Outcome
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.table import text_table
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._rotation.run import lines_of

TRACE = '''\
error: The option `networking.privateIPv4' is used but not defined.

       … while evaluating the effect "neat-network" on refs/heads/production

       … while evaluating 'hostName'

       at /srv/neat-repo/network-aws.nix:7:5:
'''


def missing_option() -> str:
    """What a network without its stub is told."""
    source = NixInput('', Path('/srv/neat-repo/ci.nix'), Path('/srv/neat-repo'), {'neat-network': 'network-stub.nix'})
    return str(Failure((explain(TRACE, source),)))


def plan() -> str:
    """The plan of a network with two machines, one of which is replaced."""
    network = BuiltNetwork({'app1': BuiltMachine('ec2'), 'app3': BuiltMachine('ec2')})
    recorded = {name: Recorded('ec2', machine=True, system='/nix/store/deployed') for name in ('app1', 'app2')}
    planned = NetworkPlan('neat-network', 'production', 'nixops-foo.json', plan_of(network, recorded))
    return '\n'.join(plan_text([planned], 'github/neat-org/neat-repo', ['production']))


def plan_of_a_machine() -> str:
    """The plan of a machine that is deployed without NixOps."""
    system = '/nix/store/…-nixos-system-web-24.05'
    effect = EvaluatedEffect('', 'default', 'web', 'web.run', runs=True, system=system, derivation='/nix/store/new.drv')
    declared = Declared('', '', '', 'runNixOS', destination='root@web.example.com')
    last = Last(12, prebuilt='/nix/store/old.drv')
    planned = plan_branch('production', [effect], {'web': declared}, lambda _name: nullcontext(), last={'web': last})
    return '\n'.join(plan_text(planned, 'github/neat-org/neat-repo', ['production'])[1:])


def table() -> str:
    """What a run of the example ends with."""
    page = 'https://hercules-ci.com/github/neat-org/%s/jobs/%d'
    outcomes = [
        Outcome(network, 'github/neat-org/%s' % project, branch, 'deployed', commit, *versions, job, page % (project, job), plan='+0 ~? -0')
        for network, project, branch, commit, versions, job in (
            ('neat-network', 'neat-repo', 'production', '89e6c98d', (1, 2), 42),
            ('neat-staging', 'neat-repo', 'staging', '1f0c2d3e', (1, 2), 43),
            ('wiki', 'wiki', 'production', '3ac96c5c', (None, None), 7),
        )
    ]
    return '\n'.join(text for text, _tone in text_table(outcomes, 79))


def rotation() -> str:
    """What a run says that makes a new key."""
    now = datetime(2026, 11, 29, 6, 52, 57, tzinfo=timezone.utc)
    old, new = Key('AKIA0000000000007XQ2', now - timedelta(days=91)), Key('AKIA000000000000QB4M', now)
    wish = RotationPolicy(timedelta(days=90), timedelta(days=1))
    seen = Seen(now, (old,), Note(made=old.id, given=old.created), {'agent-1': old.id})
    given = replace(
        seen, keys=(old, new), note=Note(before=frozenset({old.id}), made=new.id, given=now), agents={'agent-1': new.id},
        jobs=Jobs(None, {'neat-network': None}),
    )
    row = {
        'user': 'neat-deployer', 'secret': 'neat-aws', 'key': '…7XQ2', 'age_days': 91, 'step': 'wait', 'next': next_step(given, wish).why,
        'done': ['The key …QB4M was made. %s' % next_step(seen, wish).why, 'All agents have the key …QB4M.'],
    }
    return '\n'.join(lines_of([row]))


PRINTED: dict[str, str | Callable[[], str]] = {
    'The option networking.privateIPv4 has no value when the network is prebuilt.': missing_option,
    '  NETWORK       BRANCH      COMMIT    STATE  JOB  PLAN      RESULT': table,
    'Plan for branch production of github/neat-org/neat-repo:': plan,
    'web, without a state': plan_of_a_machine,
    'AWS access key of neat-deployer (secret neat-aws): …7XQ2, 91 days old': rotation,
}
