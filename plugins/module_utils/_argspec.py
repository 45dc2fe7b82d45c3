# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The options of modules, as one value for a module, its action plugin and whoever reads options as it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ._payload import PAYLOAD_OPTION

TLS_OPTIONS: dict[str, Any] = {
    'validate_certs': {'type': 'bool', 'default': True},
    'ca_path': {'type': 'path'},
}
CONNECTION_OPTIONS: dict[str, Any] = {
    'api_base_url': {'type': 'str'},
    'api_token': {'type': 'str', 'no_log': True},
    'credentials_file': {'type': 'path'},
    **TLS_OPTIONS,
    'timeout': {'type': 'int', 'default': 30},
}
"""Documented in the fragment nixcd.hercules_ci._connection."""


@dataclass(frozen=True)
class ArgumentSpec:
    """The options of a module, and what has to hold between them; each field as AnsibleModule has it."""

    options: Mapping[str, Any]
    mutually_exclusive: Sequence[Sequence[str]] = ()
    required_one_of: Sequence[Sequence[str]] = ()
    required_if: Sequence[Sequence[Any]] = ()
    required_by: Mapping[str, Any] = field(default_factory=dict)

    def behind_action(self) -> ArgumentSpec:
        """For a module whose action plugin checks what has to hold, and sends values out of sight."""
        return ArgumentSpec({**self.options, **PAYLOAD_OPTION})

    def rules(self) -> dict[str, Any]:
        """What has to hold, by the names of AnsibleModule."""
        return {
            'mutually_exclusive': list(self.mutually_exclusive), 'required_one_of': list(self.required_one_of),
            'required_if': list(self.required_if), 'required_by': dict(self.required_by),
        }

    def arguments(self) -> dict[str, Any]:
        """For AnsibleModule, and for `validate_argument_spec` of action plugins."""
        return {'argument_spec': dict(self.options), **self.rules()}

    def validator(self) -> ArgumentSpecValidator:
        """What checks options without a module."""
        return ArgumentSpecValidator(dict(self.options), **self.rules())
