# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The options of the modules for agents, for their action plugins and for themselves."""

from __future__ import annotations

from typing import Any

from .._argspec import ArgumentSpec

LOCATION_OPTIONS: dict[str, Any] = {'path': {'type': 'path'}, 'agent_name': {'type': 'str'}, 'project': {'type': 'str'}}

FILE_OPTIONS: dict[str, Any] = {
    **{name: {'type': 'str'} for name in ('owner', 'group', 'seuser', 'serole', 'setype', 'selevel')},
    'mode': {'type': 'raw'},
    'backup': {'type': 'bool', 'default': False},
    'lock_timeout': {'type': 'float', 'default': 60.0},
}

# What is marked no_log: False holds values, which travel in the payload: as masks they would hide unrelated text.
OF_SECRETS: dict[str, Any] = {
    'name': {'type': 'str'},
    'data': {'type': 'dict'},
    'condition': {'type': 'raw'},
    'secrets': {'type': 'dict', 'no_log': False},
}
"""Those that say what is in secrets.json."""
VALUES_OF_SECRETS = ('data', 'secrets')
"""Those of them that hold values."""
HCI_SECRET = ArgumentSpec(
    {
        **LOCATION_OPTIONS,
        **OF_SECRETS,
        'networks': {'type': 'list', 'elements': 'str'},
        'state': {'type': 'str', 'choices': ['present', 'absent'], 'default': 'present'},
        'data_update': {'type': 'str', 'choices': ['replace', 'extend'], 'default': 'replace'},
        'exclusive': {'type': 'bool', 'default': False},
        'allow_empty': {'type': 'bool', 'default': False},
        'require_condition': {'type': 'bool', 'default': True},
        **FILE_OPTIONS,
    },
    mutually_exclusive=[('path', 'agent_name', 'project'), ('name', 'secrets'), ('data', 'secrets'), ('condition', 'secrets')],
    required_one_of=[('name', 'secrets')],
    required_by={'networks': ('secrets',)},
)

OF_AGENT: dict[str, Any] = {
    'binary_caches': {'type': 'dict', 'no_log': False},
    'cluster_join_token': {'type': 'str', 'no_log': True},
}
"""Those that hold what is in the files that an agent starts with."""
HCI_AGENT = ArgumentSpec(
    {
        'path': {'type': 'path'},
        'agent_name': {'type': 'str'},
        **OF_AGENT,
        **FILE_OPTIONS,
    },
    mutually_exclusive=[('path', 'agent_name')],
    required_one_of=[tuple(OF_AGENT)],
)
