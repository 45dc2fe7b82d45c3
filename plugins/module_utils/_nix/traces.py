# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Turn what nix-instantiate prints when it fails into one problem: which network, what is missing, which file to edit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Problem

CONTEXT = re.compile(r'while evaluating the effect ("(?:[^"\\]|\\.)*") on (\S+)')
LOCATION = re.compile(r'(?:at:? |\bin )?(«stdin»|\(stdin\)|/[^\s:\'`\u2019]+):(\d+)')
COLOUR = re.compile(r'\x1b\[[0-9;]*m')
# Nix and nixpkgs quote with what they had at hand: ASCII, backquotes, or curly.
OPENING, CLOSING = '[`\'"\u2018]', '`\'"\u2019'
DEFAULT_STUB = 'network-stub.nix'


class Cause(NamedTuple):
    """message: how Nix says it, as a regular expression in which <NAME> stands for a quoted word; what, remedy: how we say it.

    own_remedy: the remedy when the place is in the file of effects itself.
    """

    message: str
    what: str
    remedy: str
    own_remedy: str = ''


IN_STUB = 'ive it a value in {stub}, which only prebuilding reads, and name that file in prebuild_only_network_files.'

# The first that matches counts. Messages of Nix 2.8 to 2.31, and of nixpkgs from 22.05.
CAUSES = (
    Cause(r'could not set permissions on|(?:creating directory|opening lock file|connect to socket at) <store>|No space left',
          'Nix cannot use its store.',
          'Run the task as a user who may write to the store (become: true), or start the daemon of Nix.'),
    Cause(r'option <name> (?:is used but not defined|was accessed but has no value|has no value)',
          'The option {name} has no value when the network is prebuilt.',
          'G' + IN_STUB + ' For all machines, set defaults.{name} there.'),
    Cause(r'option <name> does not exist',
          'There is no option {name}.',
          'Correct its name, or import the module that declares it; options of NixOps plugins belong into deploy_only_network_files.'),
    Cause(r'definition for option <name>.*? is not of type <type>',
          'The option {name} has a value of the wrong type.', 'Set it to a value of type {type}.'),
    Cause(r'without required argument .nixops\b',
          'The pinned nixpkgs has no package nixops, which runNixOps needs.',
          'Leave pins.nixpkgs out, or add pins.nixops, a nixpkgs that still has it, such as release 22.11.'),
    Cause(r'version of Nixpkgs requires',
          'This machine has a Nix that is too old for the pinned nixpkgs.', 'Install a newer Nix, or pin an older nixpkgs.'),
    Cause(r'version of nixpkgs must be at least',
          'The pinned nixpkgs is too old for hercules-ci-effects.', 'Pin nixpkgs 22.05 or newer.'),
    Cause(r'Package <name>.*?is marked as insecure',
          'nixpkgs calls the package {name} insecure and refuses to evaluate it.',
          'If you accept that, add it to config.permittedInsecurePackages of the pin that it comes from.'),
    Cause(r'without required argument <name>',
          'A function is called without its argument {name}.',
          'Pass it in network_args (prebuild_network_args for runNixOps2), or give it a default in the function.',
          'Pass it, among arguments of the effect if it is not an option.'),
    Cause(r'with unexpected argument <name>',
          'A function is called with an argument {name} that it does not take.',
          'Add `...` to its arguments: a network function receives every one of network_args.'),
    Cause(r'attribute <name> missing',
          'There is no attribute {name}.',
          'Correct its name; if it is known only when deployed, such as an address, g' + IN_STUB,
          'Correct its name.'),
    Cause(r'cannot convert (?P<name>.+?) to JSON',
          'The effect is given {name}, which no script can be given.',
          'Give it text, numbers, lists and mappings; network_args hold what JSON can hold.'),
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
    return re.sub(r'(?<!P)<(\w+)>', OPENING + r'(?P<\1>[^%s]+)' % CLOSING + '[%s]' % CLOSING, message)


@dataclass(frozen=True)
class Source:
    """What Nix was given: the text on standard input, the path that it shall have, the checkout that the path lies in.

    stubs: for each effect, the file that only its prebuilding reads.
    """

    text: str
    path: Path
    checkout: Path
    stubs: Mapping[str, str] = field(default_factory=dict)


def explain(stderr: str, source: Source) -> Problem:
    """The problem behind a failed nix-instantiate, from what it printed with --show-trace."""
    text = COLOUR.sub('', stderr)
    message, nearest_first = _message(text)
    contexts = CONTEXT.findall(text)
    effect = json.loads(contexts[0][0]) if contexts else ''
    place = _place(text, nearest_first, source)
    where = ': '.join(part for part in ('effect %s' % effect if effect else '', place) if part)
    for cause in CAUSES:
        match = re.search(_pattern(cause.message), message, re.DOTALL)
        if match:
            # What is missing in the file itself, such as in a condition, no stub can supply.
            own = place.startswith('%s:' % source.path) and cause.own_remedy
            words = {**match.groupdict(''), 'stub': source.stubs.get(effect) or DEFAULT_STUB}
            return Problem(cause.what.format(**words), where, found=_shortened(message), remedy=(own or cause.remedy).format(**words))
    return Problem('Nix cannot evaluate the file.', where, found=_shortened(message), remedy='Correct what Nix names.')


def _message(text: str) -> tuple[str, bool]:
    """The error message, and whether the nearest location comes first in the trace, as it does until Nix 2.9."""
    errors = re.finditer(r'^\s*error:[ ]?(.*(?:\n(?!\s*(?:at |…|\d+\||\|)).*)*)', text, re.MULTILINE)
    told = [error for error in errors if error.group(1).strip()]
    if not told:
        return text.strip().rpartition('\n')[2], True
    return told[-1].group(1).strip(), '…' not in text[:told[-1].start()]


def _place(text: str, nearest_first: bool, source: Source) -> str:
    """The place nearest to the error that is in the checkout, else where Nix saw the error."""
    length = source.text.count('\n')
    found = LOCATION.findall(text) if nearest_first else LOCATION.findall(text)[::-1]
    # What stands behind the text on standard input are our questions about it.
    places = [
        '%s:%s' % (source.path if 'stdin' in file else file, line) for file, line in found if 'stdin' not in file or int(line) <= length
    ]
    mine = [place for place in places if place.startswith('%s/' % source.checkout)]
    return (mine or places or [str(source.path)])[0]


def _shortened(message: str, limit: int = 400) -> str:
    line = ' '.join(message.split()).replace("(use '--show-trace' to show detailed location information)", '').strip()
    return line if len(line) <= limit else line[:limit] + '…'
