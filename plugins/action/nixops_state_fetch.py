# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hands the token to the module of the same name out of sight."""

from __future__ import annotations

from ..plugin_utils._token_action import TokenAction


class ActionModule(TokenAction):
    MODULE = 'nixcd.hercules_ci.nixops_state_fetch'
