# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validates secrets on the controller, then has the module nixcd.hercules_ci.hci_secret put them where the agent finds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.hci_secret_options import OPTIONS, RULES
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._private_action import PrivateAction
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._schemas import problems_in_secrets
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._variables import plain, refuse_if_any


class ActionModule(PrivateAction):
    """The action plugin."""

    MODULE = 'nixcd.hercules_ci.hci_secret'
    OPTIONS = OPTIONS
    RULES = RULES
    PRIVATE = ('name', 'data', 'condition', 'secrets')
    SECRET = ('data', 'secrets')

    def payload(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The secrets by name."""
        if options['name'] is not None:
            return {options['name']: self._entry(options)}
        secrets = {name: _given(entry) for name, entry in plain(options['secrets'], 'secrets').items()}
        if options['state'] == 'absent':
            return {name: {} for name in secrets}
        refuse_if_any('secrets', options['secrets'], problems_in_secrets(secrets))
        return secrets

    @staticmethod
    def _entry(options: Mapping[str, Any]) -> dict[str, Any]:
        """That of the secret which the option O(name) names."""
        tagged = {field: options[field] for field in ('data', 'condition')}
        if options['state'] == 'absent':
            return {}
        entry: dict[str, Any] = _given(plain(tagged, ''))
        refuse_if_any('', tagged, ((path[1:], what) for path, what in problems_in_secrets({'': entry})))
        return entry


def _given(entry: Any) -> Any:
    """An entry without the fields that are null: those are not given."""
    return {field: value for field, value in entry.items() if value is not None} if isinstance(entry, dict) else entry
