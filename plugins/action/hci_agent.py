# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validates an agent's binary caches and token on the controller, then has the module nixcd.hercules_ci.hci_agent put them on its host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils._problems import fail
from ..module_utils._secrets.options import HCI_AGENT, OF_AGENT
from ..plugin_utils._networks.provided import evaluated, named
from ..plugin_utils._private_action import PrivateAction
from ..plugin_utils._schemas import problems_in_caches
from ..plugin_utils._variables import as_json, refuse_if_any


class ActionModule(PrivateAction):
    MODULE = 'nixcd.hercules_ci.hci_agent'
    SPEC = HCI_AGENT
    PRIVATE = SECRET = tuple(OF_AGENT)

    def resolved(self, given: dict[str, Any]) -> dict[str, Any] | None:
        """With the caches of the variable that is named, if it is set."""
        if not isinstance(given.get('binary_caches'), str):
            return given
        value = evaluated(named('binary_caches', given['binary_caches']), self._variables, self._loader)
        if value is not None:
            return {**given, 'binary_caches': value}
        return {name: part for name, part in given.items() if name != 'binary_caches'} if given.get('cluster_join_token') else None

    def payload(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The two options, null where they are not given."""
        payload: dict[str, Any] = {name: as_json(options[name], name) for name in self.PRIVATE}
        refuse_if_any('binary_caches', options['binary_caches'], problems_in_caches(payload['binary_caches'] or {}))
        token = payload['cluster_join_token']
        if token is not None and len(token.split()) != 1:
            raise fail(
                'This is not a cluster join token.', where='cluster_join_token', expected='one word',
                remedy='Copy the token from the dashboard of Hercules CI again.',
            )
        return payload
