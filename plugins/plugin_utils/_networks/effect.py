# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""A network's variables as an effect of M(nixcd.hercules_ci.nixops_effect)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.parameters import deployment_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import EFFECT_OPTIONS, PREFIX

STATE_NAME = ('nixops_deployment', 'nixops_state_name')
"""The variables that the name of the state file depends on."""


def effect_of(name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The effect that deploys a network: its name, the branches it runs on, and every option whose variable is set."""
    # For NixOps 2 the network itself names its state; the variables still say under which name to upload one.
    elsewhere = {'state_name', 'known_hosts_name'} if variables.get('nixops_function') == 'runNixOps2' else set()
    wanted = sorted(EFFECT_OPTIONS - elsewhere)
    options = {option: variables[PREFIX + option] for option in wanted if variables.get(PREFIX + option) is not None}
    return {**options, 'name': name, 'run_on': {'branches': list(variables.get('nixops_branches') or []), **(options.get('run_on') or {})}}


def state_name_of(variables: Mapping[str, Any]) -> str:
    """The name of the network's state file on Hercules CI, as the effect looks for it."""
    deployment = deployment_of({'name': '', 'deployment': variables.get('nixops_deployment')})
    return str(variables.get('nixops_state_name') or 'nixops-%s.json' % deployment)
