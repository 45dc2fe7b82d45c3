# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Whether an effect could work with a state: checked before it is uploaded, and of what is on the server before anything is pushed.

What an effect does with a state that it cannot use is in its scripts: runNixOps imports any file that there is as an export, and with
nothing in it, or another deployment, `nixops modify` ends with "could not find specified deployment". Of several deployments it stores
only its own again, and the others are lost. The plugin for NixOps 2 takes an export or a database, and makes an empty database of 0
bytes or `{}`; deploying then ends with the same words, unless somebody makes a new deployment, with new machines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .._nix.functions import nixops_of
from .._problems import Problem, fail
from .database import Deployment, NewerSchema, find_deployment
from .document import NotAState
from .machines import is_machine, machine
from .state import State

SHOWN = 10
LOOK = 'Look at it with nixops_state_fetch. Bring back the version before it (nixops_state with version), or upload the right state'


@dataclass(frozen=True)
class Content:
    """What matters of a state: its deployments, how many machines, and those at which `nixops import --include-keys` would crash.

    Of these the number, and the names of the first few, so that the memory needed has a bound.
    """

    deployments: list[Deployment]
    machines: int
    without_host_key: list[str]
    without_host_key_in_all: int


def content_of(state: State) -> Content:
    """Read a state once. Raises Failure when it is not an export."""
    deployments, found, without_host_key, in_all = [], 0, [], 0
    for entry in state.entries():
        if entry.resource is None:
            deployments.append(Deployment(entry.deployment, entry.attributes.get('name')))
        elif is_machine(entry.attributes):
            found += 1
            if machine(entry.deployment, entry.resource, entry.attributes).breaks_import_of_keys:
                in_all += 1
                if in_all <= SHOWN:
                    without_host_key.append(entry.resource)
    return Content(deployments, found, without_host_key, in_all)


def unusable(state: State, function: str, looked_for: str | None) -> list[Problem]:
    """Why an effect cannot work with a state, whatever its content is.

    function: one that runs NixOps. looked_for: the effect's NIXOPS_DEPLOYMENT; None or empty where it has none, and NixOps takes the
    only deployment that there is.
    """
    if nixops_of(function) != 2 and state.is_database:
        return [database_problem(state.where)]
    return without_deployment(state, looked_for)


def without_deployment(state: State, looked_for: str | None) -> list[Problem]:
    """Why NixOps would not find the deployment in a state, of which only the content counts, and not its form."""
    if not state.size:
        what = 'The state is empty, as a failed nixops export leaves it. No effect can deploy with it.'
        return [Problem(what, state.where, 'a state with the deployment', '0 bytes', LOOK)]
    try:
        deployments = content_of(state).deployments
    except NewerSchema:
        return []  # only the NixOps that wrote it can tell
    except NotAState as failure:
        return [replace(problem, remedy=LOOK) for problem in failure.problems]
    if len(deployments) != 1:
        what = 'The state holds several deployments.' if deployments else 'The state holds no deployment. No effect can deploy with it.'
        return [Problem(what, state.where, 'one deployment', '; '.join(map(str, deployments)) or 'none', LOOK)]
    (deployment,) = deployments
    if not looked_for or names(deployment, looked_for):
        return []
    what = 'The effect would not find the deployment in this state, which holds another one.'
    return [Problem(what, state.where, 'a deployment %r' % looked_for, str(deployment), LOOK)]


def names(deployment: Deployment, text: str) -> bool:
    """Whether this is what NixOps calls the deployment: its UUID, its name, or how its UUID begins."""
    return text == deployment.name or deployment.uuid.startswith(text)


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


def database_problem(where: str) -> Problem:
    """For a state on the server that is a database, as NixOps 2 stores it, and an effect that is made with runNixOps."""
    return Problem(
        'runNixOps imports exports only, and this is a database, as NixOps 2 stores it.',
        where=where,
        expected='the output of nixops export',
        found='a database',
        remedy='Take a version that is an export. If the effect is made with runNixOps2, say so (nixops_state: function, '
        'the role: nixops_function)',
    )


def import_problems(content: Content, deployment: Deployment, looked_for: str, where: str, keys: str) -> list[Problem]:
    """Why an effect would not get along with a state.

    looked_for: the effect's NIXOPS_DEPLOYMENT. keys: how severe it is when `nixops import --include-keys` crashes, `error` or `warning`;
    empty if the effect does not run that.
    """
    problems = []
    if not names(deployment, looked_for):
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
                'differently (function=runNixOps2), or a NixOps in which this is fixed (import_check=false)',
                severity=keys,
            )
        )
    return problems
