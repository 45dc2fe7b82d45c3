# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Where a ci.nix takes nixpkgs, hercules-ci-effects and NixOps 1 from.

A pin is a mapping with one of: url and sha256; github (OWNER/REPOSITORY), revision and sha256; npins (the name of a pin)
and perhaps file (the folder of npins); niv (the name of a source) and perhaps file (niv's sources.nix); expression (Nix
code). Besides, comment; and for nixpkgs and nixops config (a mapping), for nixpkgs system and overlays.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from .._problems import Problem, fail
from .expression import INDENT, attribute_name, binding, code, in_list, is_identifier, path, quoted, to_nix
from .functions import of

SYSTEM = 'x86_64-linux'

# The defaults, all in this one place. A pin is a promise to work together with the others: change them together, and say why.
DEFAULTS: dict[str, dict[str, Any]] = {
    # nixos-24.05 as the effects library's own tests use it. The library aborts on anything older than 22.05.
    'nixpkgs': {
        'github': 'NixOS/nixpkgs',
        'revision': 'b134951a4c9f3c995fd7be05f3243f8ecd65d798',
        'sha256': 'sha256-OnSAY7XDSx7CtDoqNh8jwVwh4xNL/2HaJxGjryLWzX8=',
    },
    # The library's newest commit when this was written. It takes `nixops` from nixpkgs unless told otherwise.
    'effects': {
        'github': 'hercules-ci/hercules-ci-effects',
        'revision': 'af4331c44f13977b6964745454eadcfee2d244d1',
        'sha256': '0hn8y1cq0x8ddkkrgd8xlbn65f97p7z8iny0r80b8sr6vz51dq9q',
    },
    # NixOps 1.7 left nixpkgs in October 2023; release 22.11 is the oldest that the library accepts and that has it.
    # It is built with Python 2.7, which nixpkgs calls insecure.
    'nixops': {
        'github': 'NixOS/nixpkgs',
        'revision': '4d2b37a84fad1091b9de401eb450aae66f1a741e',
        'sha256': '11w3wn2yjhaa5pv20gbfbirvjq6i3m7pqrq2msf0g7cv44vijwgw',
        'config': {'permittedInsecurePackages': ['python-2.7.18.6', 'python2.7-certifi-2021.10.8', 'python2.7-pyjwt-1.7.1']},
    },
}

# The kinds of pins with the options that each needs or may have, and those that only some pins have.
KINDS: dict[str, tuple[str, ...]] = {
    'url': ('sha256',), 'github': ('revision', 'sha256'), 'npins': ('file',), 'niv': ('file',), 'expression': (),
}
SOURCE_OPTIONS = frozenset(option for options in KINDS.values() for option in options)
SETTINGS = {'nixpkgs': ('system', 'config', 'overlays'), 'effects': (), 'nixops': ('config',)}
# Nix' own alphabet for base 32, then base 16, then SRI. fetchTarball accepts all three under the name sha256.
SHA256 = re.compile(r'(?:sha256:)?(?:[0-9abcdfghijklmnpqrsvwxyz]{52}|[0-9a-f]{64})\Z|sha256-[A-Za-z0-9+/]{43}=\Z')


def with_defaults(pins: Mapping[str, Any], functions: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The pins of a file that calls these functions.

    NixOps 1 is only added by itself to the default nixpkgs: whoever chooses nixpkgs chooses whether it has NixOps.
    """
    chosen = {name: pin for name, pin in pins.items() if pin}
    needed = {name: DEFAULTS[name] for name in ('nixpkgs', 'effects')}
    if any(of(name).nixops == 1 for name in functions) and not kind_of(chosen.get('nixpkgs', {})):
        needed['nixops'] = DEFAULTS['nixops']
    # Somebody who sets only config or overlays keeps the default source.
    return {
        name: {**needed.get(name, {}), **chosen.get(name, {})} if not kind_of(chosen.get(name, {})) else chosen[name]
        for name in ('nixpkgs', 'effects', 'nixops') if name in needed or name in chosen
    }


def kind_of(pin: Mapping[str, Any]) -> str:
    """Which kind of pin this is; empty when it names no source."""
    return next((kind for kind in KINDS if pin.get(kind)), '')


def archive_url(pin: Mapping[str, Any]) -> str:
    """The archive that a url or github pin fetches."""
    return str(pin.get('url') or 'https://github.com/%s/archive/%s.tar.gz' % (pin['github'], pin['revision']))


def problems(pins: Mapping[str, Any], where: str = 'pins') -> list[Problem]:
    """What is wrong with pins as a user gave them."""
    found = []
    for name, pin in pins.items():
        at = '%s.%s' % (where, name)
        kinds = [kind for kind in KINDS if (pin or {}).get(kind)]
        if len(kinds) > 1:
            found.append(Problem('A pin has one source.', at, expected='one of %s' % ', '.join(KINDS), found=' and '.join(kinds)))
        if kinds in (['url'], ['github']):
            found += _archive_problems(pin, kinds[0], at)
        used = {'comment', *SETTINGS[name], *kinds, *(option for kind in kinds for option in KINDS[kind])}
        for option in sorted(set(pin or ()) - used):
            if kinds or option not in SOURCE_OPTIONS:
                found.append(Problem('The pin would not use this option.', '%s.%s' % (at, option), remedy='Drop it.'))
        if not kinds and SOURCE_OPTIONS & set(pin or ()):
            found.append(Problem('A pin needs a source.', at, expected='one of %s' % ', '.join(KINDS)))
    return found


def _archive_problems(pin: Mapping[str, Any], kind: str, where: str) -> list[Problem]:
    if kind == 'github' and not (pin.get('revision') and re.match(r'[\w.-]+/[\w.-]+\Z', pin['github'])):
        return [Problem(
            'A pin of GitHub needs the repository as OWNER/NAME and the revision.', where, remedy='Set revision to a full commit hash.',
        )]
    if not pin.get('sha256'):
        return [Problem(
            'The pin has no hash, so that every agent and every day might see other contents.', '%s.sha256' % where,
            remedy='Set sha256 to what this prints: nix-prefetch-url --unpack %s' % shlex.quote(archive_url(pin)),
        )]
    if not SHA256.match(pin['sha256']):
        return [Problem(
            'fetchTarball does not accept the hash of the pin.', '%s.sha256' % where, found=pin['sha256'],
            expected='sha256 in base 32 (52 characters), base 16 (64) or SRI (sha256-…=)',
            remedy='Set it to what this prints: nix-prefetch-url --unpack %s' % shlex.quote(archive_url(pin)),
        )]
    return []


def source(pin: Mapping[str, Any], up: str, indent: int) -> str:
    """The expression of what a pin points to.

    up: how the folder of the file reaches the root of the checkout, such as `./.` or `../.`.
    """
    kind = kind_of(pin)
    if kind in ('url', 'github'):
        return 'builtins.fetchTarball ' + to_nix({'url': archive_url(pin), 'sha256': pin['sha256']}, indent)
    if kind == 'expression':
        return code(pin['expression'], indent)
    return '(import %s).%s' % (path_in_checkout(file_of(pin), up), attribute_name(pin[kind]))


def path_in_checkout(file: str, up: str) -> str:
    """The path expression of a file or folder of the checkout; up is as in source."""
    joined = posixpath.normpath(posixpath.join(up, file))
    return path(joined if joined.split('/')[0] in ('.', '..') else './' + joined)


def nixpkgs(pins: Mapping[str, Mapping[str, Any]], up: str, indent: int) -> str:
    """The expression of `pkgs`: nixpkgs with the overlay of the effects library and whatever else is wanted."""
    pin = pins['nixpkgs']
    inner, innermost = ' ' * (indent + INDENT), ' ' * (indent + 2 * INDENT)
    lines = [inner + binding('system', pin.get('system') or SYSTEM)]
    lines += _config(pin, indent + INDENT)
    lines.append('%soverlays = [' % inner)
    lines.append('%s(import "${effectsSrc}/overlay.nix")' % innermost)
    if 'nixops' in pins:
        lines += _nixops_overlay(pins['nixops'], indent + 2 * INDENT)
    lines += [innermost + _overlay(overlay, indent + 2 * INDENT) for overlay in pin.get('overlays') or []]
    lines.append('%s];' % inner)
    return 'import nixpkgs {\n%s\n%s}' % ('\n'.join(lines), ' ' * indent)


def _config(pin: Mapping[str, Any], indent: int) -> list[str]:
    return ['%sconfig.%s' % (' ' * indent, binding(name, value, indent)) for name, value in (pin.get('config') or {}).items()]


def _nixops_overlay(pin: Mapping[str, Any], indent: int) -> list[str]:
    """NixOps 1 from a nixpkgs that still has it."""
    pad = ' ' * indent
    lines = [
        pad + '(final: prev: {',
        pad + '  inherit (import nixpkgsWithNixOps {',
        pad + '    inherit (prev.stdenv.hostPlatform) system;',
    ]
    return [*lines, *_config(pin, indent + 2 * INDENT), pad + '  }) nixops;', pad + '})']


def _overlay(overlay: Any, indent: int) -> str:
    """An overlay is code, or a file to import; a bare text would be neither."""
    if isinstance(overlay, Mapping) and '_path' in overlay:
        return '(import %s)' % to_nix(overlay, indent)
    if isinstance(overlay, Mapping) and '_nix' in overlay:
        return in_list(to_nix(overlay, indent))
    raise fail(
        'An overlay is Nix code or a file.', 'pins.nixpkgs.overlays', found=repr(overlay),
        expected="{'_nix': 'final: prev: { … }'} or {'_path': './overlay.nix'}",
    )


def file_of(pin: Mapping[str, Any]) -> str:
    """The file of the checkout that a pin reads; empty for pins that read none."""
    return {'npins': pin.get('file') or 'npins', 'niv': pin.get('file') or 'nix/sources.nix'}.get(kind_of(pin), '')


def package(name: str, where: str) -> str:
    """A package by its attribute path in nixpkgs, such as openssh or python3Packages.requests."""
    parts = name.split('.')
    if not all(parts):
        raise fail('A package is named by its path in nixpkgs.', where, found=quoted(name), expected='a name such as openssh')
    return '.'.join(['pkgs', *(part if is_identifier(part) else attribute_name(part) for part in parts)])
