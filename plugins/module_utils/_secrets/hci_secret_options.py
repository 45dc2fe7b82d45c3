# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Options of the module hci_secret, for its action plugin and for itself."""

from __future__ import annotations

from typing import Any

from .module_file import FILE_OPTIONS, LOCATION_OPTIONS

OPTIONS: dict[str, Any] = {
    **LOCATION_OPTIONS,
    'name': {'type': 'str'},
    'data': {'type': 'dict'},
    'condition': {'type': 'raw'},
    'secrets': {'type': 'dict', 'no_log': False},  # the values travel in the payload; as masks they would hide unrelated text
    'networks': {'type': 'list', 'elements': 'str'},
    'state': {'type': 'str', 'choices': ['present', 'absent'], 'default': 'present'},
    'data_update': {'type': 'str', 'choices': ['replace', 'extend'], 'default': 'replace'},
    'exclusive': {'type': 'bool', 'default': False},
    'allow_empty': {'type': 'bool', 'default': False},
    'require_condition': {'type': 'bool', 'default': True},
    **FILE_OPTIONS,
}
RULES: dict[str, Any] = {
    'mutually_exclusive': [('path', 'agent_name', 'project'), ('name', 'secrets'), ('data', 'secrets'), ('condition', 'secrets')],
    'required_one_of': [('name', 'secrets')],
    'required_by': {'networks': ('secrets',)},
}
