# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What becomes of what a function of hercules-ci-effects does not take.

Most functions hand on what they do not know to mkEffect, and that to mkDerivation, which makes
an environment variable of it: a parameter that is misspelt, or belongs to another function, is lost without a word.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from .function import Function
from .functions import FUNCTIONS, names


def _phase(name: str) -> str:
    """What stdenv calls the code of a phase."""
    return '%s%sPhase' % (name[0].lower(), name[1:])


PHASES = ('Init', 'GetState', 'UserSetup', 'PriorCheck', 'Effect', 'PutState', 'EffectCheck')
OTHER_PHASES = ('Configure', 'Build', 'Check', 'Install', 'Fixup', 'InstallCheck', 'Dist')
# What mkEffect and the shell of an effect read.
OF_EFFECTS = names('''
    initScript userSetupScript priorCheckScript effectScript effectCheckScript getStateScript putStateScript
    preGetStatePhases preEffectPhases postEffectPhases phases inputs defaultInputs secretsMap makeNixSandboxBuildSucceed
    __hci_effect_fsroot_copy __hci_effect_fsroot_copied __hci_effect_mounts __hci_effect_virtual_uid __hci_effect_virtual_gid
''') | {_phase(name) for name in PHASES}
# What Nix, mkDerivation, and stdenv in the phases that an effect has, read.
OF_DERIVATIONS = names('''
    pname version src srcs sourceRoot setSourceRoot unpackPhase unpackCmd patchPhase patches patchFlags dontUnpack dontPatch strictDeps
    buildInputs nativeBuildInputs propagatedBuildInputs propagatedNativeBuildInputs depsBuildBuild depsBuildTarget depsHostHost
    depsTargetTarget env passthru meta pos outputs system builder realBuilder args requiredSystemFeatures preferLocalBuild allowSubstitutes
    allowedReferences allowedRequisites disallowedReferences disallowedRequisites exportReferencesGraph impureEnvVars sandboxProfile
    passAsFile hardeningEnable hardeningDisable outputHash outputHashAlgo outputHashMode shellHook NIX_DEBUG isEffect prebuilt stdenv
    __structuredAttrs __contentAddressed __impure __darwinAllowLocalNetworking __impureHostDeps __noChroot __ignoreNulls
''')
HOOKS = frozenset(when + name for when in ('pre', 'post') for name in (*PHASES, 'Unpack', 'Patch')) | {'prePhases'}
# What stdenv reads in phases that an effect does not have.
OF_BUILDS = names('configureFlags cmakeFlags mesonFlags makeFlags buildFlags checkFlags installFlags doCheck doInstallCheck') | {
    name for phase in OTHER_PHASES for name in ('pre' + phase, 'post' + phase, 'dont' + phase, _phase(phase))
}
# What stdenv and the library set when an effect starts.
SET_BY_SHELL = frozenset(('HOME', 'PATH', 'TMPDIR', 'out', 'HERCULES_CI_SECRETS_JSON', 'HERCULES_CI_API_BASE_URL', 'IN_HERCULES_CI_EFFECT'))
_HANDED_ON = OF_EFFECTS | OF_DERIVATIONS | HOOKS


def is_parameter(function: Function, name: str) -> bool:
    """Whether the parameter means something to the function, or to what it hands it on to."""
    return name in function.own or (name in _HANDED_ON and name not in function.replaced)


def objection(
    function: Function, name: str, given: Collection[str] = (), options: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, str] | None:
    """Why an argument would do nothing, and what to do about it; None if it does what its name says.

    function: one that hands on what it does not know. given: the names of all arguments of the effect; options: what the module calls
    parameters of the function.
    """
    if name in function.replaced:
        return '%s overwrites this argument, so it would do nothing.' % function.name, (
            'Use user_setup_script, or a hook that %s leaves alone, such as preEffect.' % function.name if function.nixops == 1
            else 'Drop it, or use a hook, such as preEffect.'
        )
    if is_parameter(function, name) or (name in OF_BUILDS and 'phases' in given):
        return None
    if name in OF_BUILDS:
        return 'An effect has no phase that reads this argument, so it would do nothing.', 'Use a hook of effects, such as preEffect.'
    what = '%s has no parameter %s, so it would do nothing.' % (function.name, name)
    if (remedy := _instead(function, name)):
        return what, remedy
    near = _nearest(name, {*function.own, *_HANDED_ON, *function.instead})
    guess = 'Did you mean %s? %s' % (options.get(near, near), _instead(function, near)) if near else ''
    return what, (guess.strip() + ' Put environment variables for the scripts of the effect into environment.').strip()


def _instead(function: Function, name: str) -> str:
    """What to do about a parameter of other functions; empty if it is none."""
    if is_parameter(function, name):
        return ''
    owners = [other for other, one in FUNCTIONS.items() if name in one.own]
    return function.instead.get(name) or ('Drop it: it is a parameter of %s.' % ', '.join(owners) if owners else '')


def _nearest(name: str, names: Iterable[str]) -> str:
    """The name that was probably meant, however it is spelt."""
    by_letters = {_letters(known): known for known in sorted(names)}
    found = difflib.get_close_matches(_letters(name), by_letters, 1, 0.8)
    return by_letters[found[0]] if found else ''


def _letters(name: str) -> str:
    return name.replace('_', '').replace('-', '').lower()


def variable_objection(function: Function, name: str) -> tuple[str, str] | None:
    """Why an environment variable of this name cannot be had; None if it can."""
    if function.strict and not function.modular:
        return 'The scripts of %s take no environment variables.' % function.name, 'Drop it.'
    if name in SET_BY_SHELL:
        return 'The shell of an effect sets this variable itself.', 'Use another name, or export it in user_setup_script.'
    if not function.strict and name in function.own | function.replaced | _HANDED_ON | OF_BUILDS:
        what = 'To %s this is a parameter, no environment variable.' % function.name
        return what, 'Use another name, or arguments if the parameter is meant.'
    return None
