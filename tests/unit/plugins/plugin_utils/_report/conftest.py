# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that reports are made of."""

from __future__ import annotations

from typing import Any

PROJECT = 'github/neat-org/neat-repo'


def network(name: str = 'neat-network', **more: Any) -> dict[str, Any]:
    """An entry of the option networks, as the role makes it."""
    return {
        'network': name, 'project': PROJECT, 'branch': 'production', 'result': 'deployed', 'message': '',
        'commit': '1f0c2d3e4b5a69788796a5b4c3d2e1f00f1e2d3c', 'job': 123, 'job_url': 'https://hercules-ci.com/%s/jobs/123' % PROJECT,
        'state_version_before': 3, 'state_version_after': 4, 'secrets_map': {'aws': 'neat-aws'}, **more,
    }


def secret(*names: str, condition: Any = True) -> dict[str, Any]:
    """What hci_secret_info returns of a secret."""
    return {'fields': list(names), 'condition': condition, 'usable_by': 'words'}


def fleet(number: int, projects: int = 1) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Networks on two branches, some of which failed, and four agents that have the secrets of them all."""
    networks = [
        network(
            'network-%03d' % index, project='github/org-%d/fleet' % (index % projects), branch=('production', 'staging')[index % 2],
            result='failed' if index % 40 == 7 else 'deployed', secrets_map={'aws': 'aws-%d' % (index % 2), 'own': 'own-%03d' % index},
        )
        for index in range(number)
    ]
    names = {name for entry in networks for name in entry['secrets_map'].values()}
    return networks, {'agent-%d' % index: {name: secret('token') for name in names} for index in range(4)}


PROBLEM = {'severity': 'error', 'what': 'The effect broke.', 'where': 'https://hercules-ci.com/%s/jobs/123' % PROJECT,
           'found': 'no route to host', 'remedy': 'Look at that page'}
NETWORKS = [
    network(),
    network('broken-network', result='failed', message='The effect broke.', state_version_after=3, secrets_map={'key': 'lost-key'},
            problems=[PROBLEM], log=['The effect wrote at the end:', '  error: no route'], planned=['  + app1 (ec2)', 'Plan: 1.']),
    network('new-network', branch='staging', result='would deploy', commit='', job=None, job_url='', state_version_before=None,
            state_version_after=None, secrets_map={'git': {'type': 'GitToken'}}),
]
AGENTS = {
    'agent-1': {'neat-aws': secret('key_id', 'key', condition={'isBranch': 'production'}), 'spare': secret('spare_field')},
    'agent-2': {'neat-aws': secret('key_id', 'key', condition={'isBranch': 'production'})},
    'agent-3': {},
}
KEYS = [{
    'user': 'neat-deployer', 'secret': 'neat-aws', 'key': '…7XQ2', 'age_days': 12, 'step': 'wait',
    'keys': [{'key': '…QB4M', 'active': False, 'created': '2026-08-17T10:15:00+00:00'},
             {'key': '…7XQ2', 'active': True, 'created': '2026-11-17T10:15:00+00:00'}],
    'next': 'The old key is switched off tomorrow.', 'done': [], 'left': [],
}]
