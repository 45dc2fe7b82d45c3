# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""The argument specification of pins and effects; documented in the fragment nixcd.hercules_ci._effects."""

from __future__ import annotations

from typing import Any

from .._argspec import ArgumentSpec
from .ci_nix import FORMS
from .parameters import ACTIONS

TEXT: dict[str, Any] = {'type': 'str'}
TEXTS: dict[str, Any] = {'type': 'list', 'elements': 'str'}
TRUTH: dict[str, Any] = {'type': 'bool'}
MAPPING: dict[str, Any] = {'type': 'dict'}
VALUE: dict[str, Any] = {'type': 'raw'}
VALUES: dict[str, Any] = {'type': 'list', 'elements': 'raw'}
PIN: dict[str, Any] = {'type': 'dict', 'options': {
    **dict.fromkeys(('url', 'sha256', 'github', 'revision', 'npins', 'niv', 'file', 'expression', 'comment', 'system'), TEXT),
    'config': {'type': 'dict'},
    'overlays': VALUES,
}}
EFFECT: dict[str, Any] = {
    'name': {'type': 'str', 'required': True},
    'function': {'type': 'str', 'default': 'runNixOps'},
    'run_on': {'type': 'dict', 'options': {
        'branches': TEXTS, 'tags': TEXTS, 'any_ref': {'type': 'bool'}, 'condition': {'type': 'str'},
    }},
    **dict.fromkeys(('comment', 'job', 'deployment', 'src', 'state_name', 'known_hosts_name', 'nix_path'), TEXT),
    'effect_deployment': {'type': 'str', 'aliases': ['nixops_deployment']},
    **dict.fromkeys(('user_setup_script', 'prior_check_script', 'effect_check_script'), TEXT),
    **dict.fromkeys(('prebuild', 'forget_state', 'allow_reboot', 'allow_recreate'), TRUTH),
    **dict.fromkeys(('network_files', 'prebuild_only_network_files', 'deploy_only_network_files'), TEXTS),
    **dict.fromkeys(('nixops_plugins', 'extra_deploy_args'), TEXTS),
    **dict.fromkeys(('network_args', 'prebuild_network_args', 'arguments', 'environment'), MAPPING),
    # Names of secrets, not secrets.
    'secrets_map': {'type': 'dict', 'no_log': False},
    'action': {'type': 'str', 'choices': list(ACTIONS)},
    **dict.fromkeys(('inputs', 'prebuild_only_modules'), VALUES),
    **dict.fromkeys(('flake', 'nixops_package', 'nix_package'), VALUE),
}
SPEC = ArgumentSpec(
    {
        'checkout': {'type': 'path', 'required': True},
        'file': {'type': 'str'},
        'form': {'type': 'str', 'choices': ['auto', *FORMS], 'default': 'auto'},
        'project': {'type': 'str'},
        'pins': {'type': 'dict', 'default': {}, 'options': {'nixpkgs': PIN, 'effects': PIN, 'nixops': PIN}},
        'effects': {'type': 'list', 'elements': 'dict', 'default': [], 'options': EFFECT},
        'schedules': {'type': 'dict', 'default': {}},
        'inventory_hosts': {'type': 'list', 'elements': 'str', 'default': []},
        'validate': {'type': 'str', 'choices': ['none', 'parse', 'evaluate', 'prebuild'], 'default': 'evaluate'},
        'validate_timeout': {'type': 'int', 'default': 1800},
        'refs': {'type': 'list', 'elements': 'str', 'default': []},
        'remote': {'type': 'str'},
        'branches': {'type': 'list', 'elements': 'str', 'default': []},
        'force': {'type': 'bool', 'default': False},
        'state': {'type': 'str', 'choices': ['present', 'absent'], 'default': 'present'},
    },
    required_if=[('state', 'present', ('effects',))],
)
