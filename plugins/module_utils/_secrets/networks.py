# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Which secrets a NixOps network uses, as its inventory variables say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.project import ProjectPath
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.condition import Condition, for_branches


@dataclass(frozen=True)
class Network:
    """An effect that deploys a network, as far as secrets are concerned.

    name: the inventory host. branches: those that deploy it; None stands for the default branch.
    secrets: names in the effect → names in secrets.json.
    """

    name: str
    owner: str
    repository: str
    branches: tuple[str | None, ...]
    secrets: Mapping[str, str]

    @classmethod
    def from_variables(cls, variables: Mapping[str, Any]) -> Network:
        """The network of a host of the group nixops_networks. Without nixops_branches it is deployed from the default branch.

        variables: nixops_project, nixops_branches, nixops_secrets_map and inventory_hostname. In the map only names count: tokens that
        the service gives out (C({type: GitToken})) are not in secrets.json.
        """
        name = str(variables.get('inventory_hostname', ''))
        try:
            project = ProjectPath.parse(str(variables.get('nixops_project') or ''))
        except Failure as failure:
            raise Failure(tuple(replace(problem, where='nixops_project of %s' % name) for problem in failure.problems)) from None
        secrets = variables.get('nixops_secrets_map') or {}
        return cls(
            name=name,
            owner=project.account,
            repository=project.project,
            branches=tuple(str(branch) for branch in variables.get('nixops_branches') or ()) or (None,),
            secrets={str(key): str(name) for key, name in secrets.items() if isinstance(name, str)},
        )


def least_privilege(networks: Iterable[Network]) -> dict[str, Condition]:
    """For each secret that a network names, the narrowest condition that lets all those networks use it."""
    users: dict[str, list[tuple[str, str, str | None]]] = {}
    for network in networks:
        for secret in set(network.secrets.values()):
            users.setdefault(secret, []).extend((network.owner, network.repository, branch) for branch in network.branches)
    return {secret: for_branches(users[secret]) for secret in sorted(users)}
