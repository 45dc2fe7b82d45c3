# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What the functions of hercules-ci-effects take, and what becomes of what they do not take.

From effects/*/*.nix of hercules-ci-effects. Most functions hand on what they do not know to mkEffect, and that to mkDerivation, which makes
an environment variable of it: a parameter that is misspelt, or belongs to another function, is lost without a word.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple


class Function(NamedTuple):
    """own: the parameters that it reads; replaced: those that it sets itself, whatever it is given."""

    own: frozenset[str]
    replaced: frozenset[str] = frozenset()


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phase(name: str) -> str:
    """What stdenv calls the code of a phase."""
    return '%s%sPhase' % (name[0].lower(), name[1:])


FUNCTIONS: Mapping[str, Function] = {
    'mkEffect': Function(_names('name')),
    'runNixOps': Function(
        _names('''name src networkFiles networkArgs prebuild prebuildOnlyNetworkFiles deployOnlyNetworkFiles stateName knownHostsName
            secretsMap NIX_PATH action NIXOPS_DEPLOYMENT inputs effectCheckScript priorCheckScript'''),
        _names('getStateScript postGetState effectScript prePutState putStateScript prebuilt'),
    ),
    'runNixOps2': Function(
        _names('''name flake src forgetState prebuildNetworkArgs secretsMap nixops nix prebuild prebuildOnlyNetworkFiles prebuildOnlyModules
            networkFiles action allowReboot allowRecreate extraDeployArgs makeAnException NIX_PATH NIXOPS_DEPLOYMENT inputs'''),
        _names('prebuilt'),
    ),
    'runNixOS': Function(_names('configuration system nixpkgs config profile ssh passthru buildOnDestination'), _names('name inputs')),
    'runNixDarwin': Function(
        _names('nix-darwin configuration nixpkgs pkgs system config ssh buildOnDestination passthru name'),
        _names('inputs effectScript dontUnpack'),
    ),
    'runArion': Function(
        _names('name directory modules pkgs uid hostNixStorePrefix passthru'),
        _names('inputs effectScript dontUnpack projectName prebuilt'),
    ),
    'runCachixDeploy': Function(_names('deploy deployJsonFile cachix async'), _names('name userSetupScript')),
    'cargoPublish': Function(
        _names('secretName secretField secretsMap manifestPath src extraPublishArgs registryURL dryRun assertVersions name'),
        _names('buildInputs inputs effectScript'),
    ),
    'netlifyDeploy': Function(
        _names('content secretName secretField siteId productionDeployment secretsMap extraDeployArgs name'),
        _names('buildInputs inputs effectScript netlifySecretField NETLIFY_SITE_ID'),
    ),
}
"""Functions that hand on what they do not know. The others (modularEffect, gitWriteBranch, flakeUpdate, runPutUrl) refuse it themselves."""
WITH_ENV = frozenset(('modularEffect', 'gitWriteBranch'))
"""Functions of modules, which have an option for environment variables."""
PHASES = ('Init', 'GetState', 'UserSetup', 'PriorCheck', 'Effect', 'PutState', 'EffectCheck')
OTHER_PHASES = ('Configure', 'Build', 'Check', 'Install', 'Fixup', 'InstallCheck', 'Dist')
# What mkEffect and the shell of an effect read.
OF_EFFECTS = _names('''
    initScript userSetupScript priorCheckScript effectScript effectCheckScript getStateScript putStateScript
    preGetStatePhases preEffectPhases postEffectPhases phases inputs defaultInputs secretsMap makeNixSandboxBuildSucceed
    __hci_effect_fsroot_copy __hci_effect_fsroot_copied __hci_effect_mounts __hci_effect_virtual_uid __hci_effect_virtual_gid
''') | {_phase(name) for name in PHASES}
# What Nix, mkDerivation, and stdenv in the phases that an effect has, read.
OF_DERIVATIONS = _names('''
    pname version src srcs sourceRoot setSourceRoot unpackPhase unpackCmd patchPhase patches patchFlags dontUnpack dontPatch strictDeps
    buildInputs nativeBuildInputs propagatedBuildInputs propagatedNativeBuildInputs depsBuildBuild depsBuildTarget depsHostHost
    depsTargetTarget env passthru meta pos outputs system builder realBuilder args requiredSystemFeatures preferLocalBuild allowSubstitutes
    allowedReferences allowedRequisites disallowedReferences disallowedRequisites exportReferencesGraph impureEnvVars sandboxProfile
    passAsFile hardeningEnable hardeningDisable outputHash outputHashAlgo outputHashMode shellHook NIX_DEBUG isEffect prebuilt stdenv
    __structuredAttrs __contentAddressed __impure __darwinAllowLocalNetworking __impureHostDeps __noChroot __ignoreNulls
''')
HOOKS = frozenset(when + name for when in ('pre', 'post') for name in (*PHASES, 'Unpack', 'Patch')) | {'prePhases'}
# What stdenv reads in phases that an effect does not have.
OF_BUILDS = _names('configureFlags cmakeFlags mesonFlags makeFlags buildFlags checkFlags installFlags doCheck doInstallCheck') | {
    name for phase in OTHER_PHASES for name in ('pre' + phase, 'post' + phase, 'dont' + phase, _phase(phase))
}
# What stdenv and the library set when an effect starts.
SET_BY_SHELL = frozenset(('HOME', 'PATH', 'TMPDIR', 'out', 'HERCULES_CI_SECRETS_JSON', 'HERCULES_CI_API_BASE_URL', 'IN_HERCULES_CI_EFFECT'))
_HANDED_ON = OF_EFFECTS | OF_DERIVATIONS | HOOKS

ALWAYS = 'Drop it: runNixOps always deploys with --allow-reboot and --allow-recreate. runNixOps2 can do without.'
INSTEAD: Mapping[tuple[str, str], str] = {
    ('runNixOps', 'allowReboot'): ALWAYS,
    ('runNixOps', 'allowRecreate'): ALWAYS,
    ('runNixOps', 'extraDeployArgs'): 'Drop it: runNixOps passes no further arguments to nixops deploy. runNixOps2 does.',
    ('runNixOps', 'forgetState'): 'Drop it: runNixOps always keeps its state.',
    ('runNixOps', 'makeAnException'): 'Drop it: runNixOps takes every action.',
    ('runNixOps', 'flake'): 'Drop it, and set src and network_files: NixOps 1 knows no flakes.',
    ('runNixOps', 'nixops'): 'Set pins.nixops, the nixpkgs that runNixOps takes NixOps from.',
    ('runNixOps', 'nix'): 'Drop it: runNixOps takes Nix from the pinned nixpkgs.',
    ('runNixOps', 'prebuildNetworkArgs'): 'Use network_args, which prebuilding gets, too.',
    ('runNixOps', 'prebuildOnlyModules'): 'Import the modules in a network file, and name that in prebuild_only_network_files.',
    ('runNixOps2', 'stateName'): 'Set network.storage.hercules-ci.stateName in nixops.nix: NixOps 2 itself knows where its state is.',
    ('runNixOps2', 'knownHostsName'): 'Drop it: runNixOps2 keeps no known_hosts file.',
    ('runNixOps2', 'networkArgs'): 'Use prebuild_network_args for prebuilding; what NixOps 2 deploys is given no arguments.',
    ('runNixOps2', 'deployOnlyNetworkFiles'): 'Drop it: NixOps 2 deploys nixops.nix alone; import the files there.',
}
"""What to do about a parameter of the other function of NixOps, in the words of the module's options."""


def is_known(function: str) -> bool:
    """Whether the function takes a closed list of parameters, as we know it."""
    return function in FUNCTIONS


def is_parameter(function: str, name: str) -> bool:
    """Whether the parameter means something to the function, or to what it hands it on to."""
    return name in FUNCTIONS[function].own or (name in _HANDED_ON and name not in FUNCTIONS[function].replaced)


def objection(
    function: str, name: str, given: Collection[str] = (), options: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, str] | None:
    """Why an argument would do nothing, and what to do about it; None if it does what its name says.

    given: the names of all arguments of the effect; options: what the module calls parameters of the function.
    """
    if name in FUNCTIONS[function].replaced:
        return '%s overwrites this argument, so it would do nothing.' % function, (
            'Use user_setup_script, or a hook that runNixOps leaves alone, such as preEffect.' if function == 'runNixOps'
            else 'Drop it, or use a hook, such as preEffect.'
        )
    if is_parameter(function, name) or (name in OF_BUILDS and 'phases' in given):
        return None
    if name in OF_BUILDS:
        return 'An effect has no phase that reads this argument, so it would do nothing.', 'Use a hook of effects, such as preEffect.'
    what = '%s has no parameter %s, so it would do nothing.' % (function, name)
    if (remedy := _instead(function, name)):
        return what, remedy
    near = _nearest(name, {*FUNCTIONS[function].own, *_HANDED_ON, *(other for owner, other in INSTEAD if owner == function)})
    guess = 'Did you mean %s? %s' % (options.get(near, near), _instead(function, near)) if near else ''
    return what, (guess.strip() + ' Put environment variables for the scripts of the effect into environment.').strip()


def _instead(function: str, name: str) -> str:
    """What to do about a parameter of other functions; empty if it is none."""
    owners = [other for other, one in FUNCTIONS.items() if name in one.own]
    if is_parameter(function, name):
        return ''
    return INSTEAD.get((function, name)) or ('Drop it: it is a parameter of %s.' % ', '.join(owners) if owners else '')


def _nearest(name: str, names: Iterable[str]) -> str:
    """The name that was probably meant, however it is spelt."""
    by_letters = {_letters(known): known for known in sorted(names)}
    found = difflib.get_close_matches(_letters(name), by_letters, 1, 0.8)
    return by_letters[found[0]] if found else ''


def _letters(name: str) -> str:
    return name.replace('_', '').replace('-', '').lower()


def variable_objection(function: str, name: str) -> tuple[str, str] | None:
    """Why an environment variable of this name cannot be had; None if it can."""
    if function not in FUNCTIONS and function not in WITH_ENV:
        return 'The scripts of %s take no environment variables.' % function, 'Drop it.'
    if name in SET_BY_SHELL:
        return 'The shell of an effect sets this variable itself.', 'Use another name, or export it in user_setup_script.'
    if function in FUNCTIONS and (name in FUNCTIONS[function].own | FUNCTIONS[function].replaced | _HANDED_ON | OF_BUILDS):
        return 'To %s this is a parameter, no environment variable.' % function, 'Use another name, or arguments if the parameter is meant.'
    return None
