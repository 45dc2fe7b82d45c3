# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Turn what nix-instantiate prints when it fails into one problem: which network, what is missing, which file to edit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Problem

CONTEXT = re.compile(r'while evaluating the effect ("(?:[^"\\]|\\.)*") on (\S+)')
LOCATION = re.compile(r'(?:at:? |\bin )?(«stdin»|\(stdin\)|/[^\s:\'`’]+):(\d+)(?::(\d+))?')
COLOUR = re.compile(r'\x1b\[[0-9;]*m')
DEFAULT_STUB = 'network-stub.nix'


class Cause(NamedTuple):
    """message: how Nix says it, as a regular expression in which <NAME> stands for a quoted word; what, remedy: how we say it."""

    message: str
    what: str
    remedy: str


IN_STUB = 'ive it a value in {stub}, which only prebuilding reads, and name that file in prebuild_only_network_files.'

# The first that matches counts. Messages of Nix 2.8 to 2.31, and of nixpkgs from 22.05.
CAUSES = (
    Cause(r'option <name> (?:is used but not defined|was accessed but has no value|has no value)',
          'The option {name} has no value when the network is prebuilt.', 'G' + IN_STUB),
    Cause(r'option <name> does not exist',
          'There is no option {name}.',
          'Correct its name, or import the module that declares it; options of NixOps plugins belong into deploy_only_network_files.'),
    Cause(r'definition for option <name>.*? is not of type <type>',
          'The option {name} has a value of the wrong type.', 'Set it to a value of type {type}.'),
    Cause(r'without required argument .nixops\b',
          'The pinned nixpkgs has no package nixops, which runNixOps needs.',
          'Leave pins.nixpkgs out, or add pins.nixops, a nixpkgs that still has it, such as release 22.11.'),
    Cause(r'version of nixpkgs must be at least',
          'The pinned nixpkgs is too old for hercules-ci-effects.', 'Pin nixpkgs 22.05 or newer.'),
    Cause(r'Package <name>.*?is marked as insecure',
          'nixpkgs calls the package {name} insecure and refuses to evaluate it.',
          'If you accept that, add it to config.permittedInsecurePackages of the pin that it comes from.'),
    Cause(r'without required argument <name>',
          'A function is called without its argument {name}.',
          'Pass it in network_args (prebuild_network_args for runNixOps2), or give it a default in the function.'),
    Cause(r'with unexpected argument <name>',
          'A function is called with an argument {name} that it does not take.',
          'Add `...` to its arguments: a network function receives every one of network_args.'),
    Cause(r'attribute <name> missing',
          'There is no attribute {name}.',
          'Correct its name; if it is known only when deployed, such as an address, g' + IN_STUB),
    Cause(r'undefined variable <name>', 'The variable {name} is not defined.', 'Define it, or correct its name.'),
    Cause(r'file <name> was not found in the Nix search path',
          'The name <{name}> means nothing to an agent, whose NIX_PATH is empty.', 'Use a pin instead.'),
    Cause(r'access to (?:absolute |canonical )?path <name> is forbidden',
          'An agent may not read {name}: it lies outside the checkout.', 'Move it into the repository, or pin it.'),
    Cause(r'access to URI <name> is forbidden', 'An agent may not fetch {name}.', 'Use a URL that starts with https://.'),
    Cause(r'(?:getting status of|opening file|path) <name>:? (?:No such file|does not exist)',
          'There is no file {name}.', 'Add it to the repository, or correct its name.'),
    Cause(r'hash mismatch.*?(?:wanted|specified):.*?got:\s*(?P<name>\S+)',
          'The contents of a pin are not those that its hash names.', 'If you trust them, set its sha256 to {name}.'),
    Cause(r'unable to download <name>', 'Nix could not download {name}.', 'Check the URL and the network, and run again.'),
    Cause(r'must specify a remote storage solution',
          'The NixOps 2 network keeps its state nowhere.',
          'Set network.storage.hercules-ci.stateName in nixops.nix, or forget_state: true if it has no state.'),
    Cause(r'syntax error', 'The file is not a Nix expression.', 'Correct the Nix code that was given as such.'),
)


def _pattern(message: str) -> str:
    return re.sub(r'(?<!P)<(\w+)>', r"""[`'‘"](?P<\1>[^`'’"]+)['’"]""", message)


def explain(stderr: str, path: Path, checkout: Path, stubs: Mapping[str, str] | None = None) -> Problem:
    """The problem behind a failed nix-instantiate.

    stderr: what it printed with --show-trace; path: the file that was given on standard input.
    stubs: for each effect, the file that only its prebuilding reads.
    """
    text = COLOUR.sub('', stderr)
    message, trace, nearest_first = _split(text)
    contexts = CONTEXT.findall(text)
    effect = json.loads(contexts[0][0]) if contexts else ''
    stub = (stubs or {}).get(effect) or DEFAULT_STUB
    where = _location(trace, nearest_first, path, checkout)
    subject = 'effect %s: ' % effect if effect else ''
    for cause in CAUSES:
        match = re.search(_pattern(cause.message), message, re.DOTALL)
        if match:
            words = {**match.groupdict(''), 'stub': stub}
            return Problem(cause.what.format(**words), subject + where, found=_shortened(message), remedy=cause.remedy.format(**words))
    return Problem('Nix cannot evaluate the file.', subject + where, found=_shortened(message),
                   remedy='Correct it; `nix-instantiate --eval --strict --show-trace %s` shows more.' % path.name)


def _split(text: str) -> tuple[str, str, bool]:
    """The error message, everything with locations, and whether the nearest location comes first, as it does until Nix 2.9."""
    errors = list(re.finditer(r'^\s*error:[ ]?(.*(?:\n(?!\s*(?:at |…|\d+\||\|)).*)*)', text, re.MULTILINE))
    told = [error for error in errors if error.group(1).strip()]
    if not told:
        return text.strip().rpartition('\n')[2], text, True
    chosen = told[-1]
    return chosen.group(1).strip(), text, not re.search(r'…', text[:chosen.start()])


def _location(trace: str, nearest_first: bool, path: Path, checkout: Path) -> str:
    """The place nearest to the error that is in the checkout, else where Nix saw the error."""
    found = LOCATION.findall(trace) if nearest_first else LOCATION.findall(trace)[::-1]
    places = ['%s:%s' % (path if 'stdin' in file else file, line) for file, line, _column in found]
    mine = [place for place in places if place.startswith('%s/' % checkout)]
    return (mine or places or [str(path)])[0]


def _shortened(message: str, limit: int = 400) -> str:
    line = ' '.join(message.split()).replace("(use '--show-trace' to show detailed location information)", '').strip()
    return line if len(line) <= limit else line[:limit] + '…'


