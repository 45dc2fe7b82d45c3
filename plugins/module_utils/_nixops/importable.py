# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Whether an effect could work with a state: checked before it is uploaded, because afterwards NixOps creates machines anew."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.database import Deployment, find_deployment
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.machines import is_machine, machine
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import State
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Problem, fail

SHOWN = 10


@dataclass(frozen=True)
class Content:
    """What matters of a state: its deployments, and the machines at which C(nixops import --include-keys) would crash.

    Of these the number, and the names of the first few, so that the memory needed has a bound.
    """

    deployments: list[Deployment]
    without_host_key: list[str]
    without_host_key_in_all: int


def content_of(state: State) -> Content:
    """Read a state once. Raises Failure when it is not an export."""
    deployments, without_host_key, in_all = [], [], 0
    for entry in state.entries():
        if entry.resource is None:
            deployments.append(Deployment(entry.deployment, entry.attributes.get('name')))
        elif is_machine(entry.attributes) and machine(entry.deployment, entry.resource, entry.attributes).breaks_import_of_keys:
            in_all += 1
            if in_all <= SHOWN:
                without_host_key.append(entry.resource)
    return Content(deployments, without_host_key, in_all)


def single_deployment(content: Content, wanted: str, where: str) -> Deployment:
    """The one deployment of a state, which has to be the one that is wanted: by UUID, name, or beginning of the UUID."""
    if len(content.deployments) > 1:
        raise fail(
            'The state holds more than one deployment.',
            where=where,
            expected='the export of one deployment',
            found='; '.join(str(each) for each in content.deployments),
            remedy='Export one with nixops export -d UUID',
        )
    return find_deployment(content.deployments, wanted, where)


def database_problem(where: str, severity: str = 'error') -> Problem:
    """For a state on the server that is a database, as NixOps 2 stores it, and an effect that is made with runNixOps."""
    return Problem(
        'runNixOps imports exports only, and this is a database, as NixOps 2 stores it.',
        where=where,
        expected='the output of nixops export',
        found='a database',
        remedy='Take a version that is an export. If the effect is made with runNixOps2, say so (nixops_state: function, '
        'the role: nixops_function)',
        severity=severity,
    )


def import_problems(content: Content, deployment: Deployment, looked_for: str, where: str, keys: str) -> list[Problem]:
    """Why an effect would not get along with a state.

    looked_for: the effect's NIXOPS_DEPLOYMENT. keys: how severe it is when C(nixops import --include-keys) crashes, C(error) or C(warning);
    empty if the effect does not run that.
    """
    problems = []
    if looked_for != deployment.name and not deployment.uuid.startswith(looked_for):
        problems.append(
            Problem(
                'The effect would not find the deployment in this state.',
                where=where,
                expected='a deployment named %r' % looked_for,
                found=str(deployment),
                remedy='Rename the deployment with nixops modify -d %s --name %s, or set effect_deployment and the parameter '
                'NIXOPS_DEPLOYMENT of the effect to %s' % (deployment.uuid, looked_for, deployment.name or deployment.uuid),
            )
        )
    if keys and content.without_host_key:
        more = content.without_host_key_in_all - len(content.without_host_key)
        problems.append(
            Problem(
                'nixops import --include-keys, with which runNixOps begins, would end with a traceback at these machines, because they '
                'have an IP address and no host key.',
                where=where,
                found=', '.join(content.without_host_key) + (' and %d more' % more if more else ''),
                remedy='For machines of type none, remove networking.publicIPv4 and deploy once. Otherwise use runNixOps2, which imports '
                'differently (function=runNixOps2), or a NixOps in which this is mended (import_check=false)',
                severity=keys,
            )
        )
    return problems
