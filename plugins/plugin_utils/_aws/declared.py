# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Secrets of agents that say `aws_user`: the access keys of which IAM users they hold, and how those are looked after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ...module_utils._problems import Problem, require_none
from ...module_utils._secrets.aws_user import DEFAULTS, FIELDS, USER, duration, is_owned


@dataclass(frozen=True)
class Owner:
    """An IAM user whose access key agents hold.

    secret: the name in secrets.json. agents: those that have the secret. profile, region: of the controller's own access to AWS.
    """

    user: str
    secret: str
    max_age: timedelta
    soak: timedelta
    profile: str = ''
    region: str = ''
    agents: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return 'the IAM user %s' % self.user + (' (profile %s)' % self.profile if self.profile else '')


def owners(secrets: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[Owner]:
    """The users whose keys agents hold, in order. secrets: by agent and name, valid. Raises Failure where agents do not agree."""
    found: dict[tuple[str, str], Owner] = {}
    problems = []
    for agent, entries in sorted(secrets.items()):
        for name, entry in sorted(entries.items()):
            if not is_owned(entry):
                continue
            given = {**DEFAULTS, **{option: entry[option] for option in FIELDS - {USER} if entry.get(option) is not None}}
            owner = Owner(
                str(entry[USER]), name, duration(given['max_age']) or timedelta(), duration(given['soak']) or timedelta(),
                str(given.get('profile', '')), str(given.get('region', '')), (agent,),
            )
            known = found.setdefault((owner.profile, owner.user), owner)
            if known is owner:
                continue
            if replace(owner, agents=()) != replace(known, agents=()):
                problems.append(Problem(
                    'Secrets do not agree about the access key of an IAM user.',
                    where="nixops_agent_secrets['%s'] of %s" % (name, agent), expected='as on %s, in the secret %s' % (
                        known.agents[0], known.secret), found='another secret, max_age, soak or region',
                    remedy='Use one secret for each IAM user, and set it for the group hercules_agents'))
            else:
                found[owner.profile, owner.user] = replace(known, agents=(*known.agents, agent))
    require_none(problems)
    return [found[key] for key in sorted(found)]
