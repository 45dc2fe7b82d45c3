# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What runNixOps and runNixOps2 take: which option is which parameter, what may be in it, and how it is written.

From effects/nixops/run-nixops.nix, effects/nixops2/run-nixops2.nix and effects/effect/effect.nix of hercules-ci-effects.
An effect is the mapping that the module nixops_effect takes, with None for what is not set.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import library, pins
from .expression import attribute_name, binding, quoted, to_nix

NIXOPS_FUNCTIONS = ('runNixOps', 'runNixOps2')
ACTIONS = ('switch', 'dry-run', 'plan', 'build', 'create', 'copy', 'dry-activate', 'test', 'boot')
# In a URL, one full stop or two would name another place.
STATE_NAME = re.compile(r'(?!\.{1,2}\Z)[A-Za-z0-9._-]+\Z')
EXCEPTION = 'I know this can corrupt the state, until https://github.com/NixOS/nixops/issues/1499 is resolved.'


class Parameter(NamedTuple):
    """option: the name in the inventory; attribute: the name in Nix; default: the library's, which need not be written."""

    option: str
    attribute: str
    default: Any = None
    kind: str = 'value'


SCRIPTS = (
    Parameter('inputs', 'inputs', [], 'packages'),
    Parameter('user_setup_script', 'userSetupScript', '', 'script'),
    # Empty is not the default here: both functions run `nixops check` unless a script says otherwise.
    Parameter('prior_check_script', 'priorCheckScript', None, 'script'),
    Parameter('effect_check_script', 'effectCheckScript', None, 'script'),
    Parameter('secrets_map', 'secretsMap', {}, 'secrets'),
)

# In the order of the guide: what is deployed, from which files, how, with which secrets.
PARAMETERS: dict[str, tuple[Parameter, ...]] = {
    'runNixOps': (
        Parameter('deployment', 'name'),
        Parameter('src', 'src', kind='source'),
        Parameter('network_files', 'networkFiles', ['network.nix']),
        Parameter('network_args', 'networkArgs', {}),
        Parameter('prebuild', 'prebuild', True),
        Parameter('prebuild_only_network_files', 'prebuildOnlyNetworkFiles', []),
        Parameter('deploy_only_network_files', 'deployOnlyNetworkFiles', []),
        Parameter('state_name', 'stateName'),
        Parameter('known_hosts_name', 'knownHostsName'),
        Parameter('action', 'action', 'switch'),
        Parameter('effect_deployment', 'NIXOPS_DEPLOYMENT'),
        Parameter('nix_path', 'NIX_PATH'),
        *SCRIPTS,
    ),
    'runNixOps2': (
        Parameter('deployment', 'name'),
        Parameter('nixops_package', 'nixops', kind='nixops'),
        Parameter('nix_package', 'nix', kind='package'),
        Parameter('flake', 'flake'),
        Parameter('src', 'src', kind='source'),
        Parameter('network_files', 'networkFiles'),
        Parameter('prebuild', 'prebuild', True),
        Parameter('prebuild_network_args', 'prebuildNetworkArgs', {}),
        Parameter('prebuild_only_network_files', 'prebuildOnlyNetworkFiles', []),
        Parameter('prebuild_only_modules', 'prebuildOnlyModules', []),
        Parameter('forget_state', 'forgetState', False),
        Parameter('allow_reboot', 'allowReboot', True),
        Parameter('allow_recreate', 'allowRecreate', True),
        Parameter('extra_deploy_args', 'extraDeployArgs', []),
        Parameter('action', 'action', 'switch'),
        Parameter('effect_deployment', 'NIXOPS_DEPLOYMENT'),
        Parameter('nix_path', 'NIX_PATH'),
        *SCRIPTS,
    ),
}
# Every option that belongs to a parameter of some function, and the parameter.
OPTIONS = {parameter.option: parameter.attribute for parameters in PARAMETERS.values() for parameter in parameters}


def function_of(effect: Mapping[str, Any]) -> str:
    """The function of the library that makes the effect."""
    return str(effect.get('function') or 'runNixOps')


def deployment_of(effect: Mapping[str, Any]) -> str:
    """What NixOps calls the deployment: as the effect is called, unless the effect says otherwise."""
    return str(effect.get('deployment') or effect['name'])


def bindings(effect: Mapping[str, Any], up: str, indent: int) -> list[str]:
    """The arguments of the effect's function, one binding an element, without the indentation of the first lines.

    up: how the folder of the file reaches the root of the checkout, such as `./.` or `../.`.
    """
    lines = []
    for parameter in PARAMETERS.get(function_of(effect), ()):
        lines += _binding(effect, parameter, up, indent)
    where = 'effect %s: arguments' % effect['name']
    lines += [
        binding(name, value, indent, short_lists=True, where='%s.%s' % (where, name))
        for name, value in (effect.get('arguments') or {}).items()
    ]
    within = 'env.' if function_of(effect) in library.WITH_ENV else ''
    lines += [
        within + binding(name, value if isinstance(value, Mapping) else str(value), indent, where='effect %s: environment' % effect['name'])
        for name, value in (effect.get('environment') or {}).items()
    ]
    return lines


def _binding(effect: Mapping[str, Any], parameter: Parameter, up: str, indent: int) -> list[str]:
    """One parameter as it is written: nothing where the library's default does."""
    option, attribute, default, kind = parameter
    value: Any = effect.get(option)
    where = 'effect %s: %s' % (effect['name'], option)
    if kind == 'source':
        return [] if effect.get('flake') else ['%s = lib.cleanSource %s;' % (attribute, pins.path_in_checkout(value or '.', up))]
    if kind == 'nixops':
        return ['%s = %s;' % (attribute, nixops2_package(value, effect.get('nixops_plugins'), indent, where))]
    if option == 'deployment' and function_of(effect) == 'runNixOps':
        value = deployment_of(effect)
    if value is None or value == default:
        return []
    if option == 'prebuild_only_network_files' and effect.get('flake'):  # there they are passed on as they are
        value = [{'_nix': pins.path_in_checkout(posixpath.join(effect.get('src') or '.', file), up)} for file in value]
    if kind == 'secrets':
        return ['%s.%s = %s;' % (attribute, quoted(name), to_nix(secret, indent, where=where)) for name, secret in value.items()]
    return [binding(attribute, _prepared(value, kind, where), indent, short_lists=True, where=where)]


def _prepared(value: Any, kind: str, where: str) -> Any:
    """Scripts get the last newline that makes them lines; packages become code."""
    if kind == 'script':
        return value + '\n' if value and not value.endswith('\n') else value
    if kind == 'package':
        return package(value, where)
    if kind == 'packages':
        return [package(item, where) for item in value]
    return value


def package(value: Any, where: str) -> Any:
    """A package, given by its path in nixpkgs or as marked code, as marked code."""
    return value if isinstance(value, Mapping) else {'_nix': pins.package(str(value), where)}


def nixops2_package(value: Any, plugins: list[str] | None, indent: int, where: str) -> str:
    """NixOps 2, which the library cannot choose by itself: it depends on the plugins."""
    if value:
        return to_nix(package(value, where), indent, where=where)
    names = ' '.join('ps.%s' % attribute_name(name) for name in plugins or ['nixops-hercules-ci'])
    return 'pkgs.nixops_unstable_minimal.withPlugins (ps: [ %s ])' % names
