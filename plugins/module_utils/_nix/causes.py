# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Turn what nix-instantiate prints when it fails into one problem: which network and machine, what is wrong, what to do about it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from .._problems import Problem
from . import traces
from .functions import of
from .traces import QUOTED, NixInput, Trace

DEFAULT_STUB = 'network-stub.nix'
# What NixOS and NixOps give to modules; a network function gets only network_args.
OF_MODULES = frozenset(('config', 'lib', 'modulesPath', 'name', 'nodes', 'options', 'pkgs', 'resources', 'uuid'))


# What is in the store itself.
IN_STORE = re.compile(r'/[a-z0-9]{32}-')


class Cause(NamedTuple):
    """message: how Nix says it, as a regular expression in which <NAME> stands for a quoted word; what, remedy: how we say it.

    plain: the remedy where the place is in the file of effects itself, or the effect is none of NixOps.
    """

    message: str
    what: str
    remedy: str
    plain: str = ''


IN_STUB = 'ive it a value in {stub}, which only prebuilding reads, and name that file in prebuild_only_network_files.'
CONVERT = 'Correct the value, or convert it, with toString or builtins.toJSON.'

# The first that matches counts. Messages of Nix 2.8 to 2.31, and of nixpkgs from 20.09.
CAUSES = (
    Cause(r'could not set permissions on|(?:creating directory|opening lock file|connect to socket at) <store>|No space left',
          'Nix cannot use its store.',
          'Run the task as a user who may write to the store (become: true), or start the daemon of Nix.'),
    Cause(r'option <name> (?:is used but not defined|was accessed but has no value|has no value)',
          'The option {name} has no value{prebuilt}.',
          'G' + IN_STUB + ' For all machines, set defaults.{name} there.', 'Give it a value in the configuration.'),
    Cause(r'option .(?P<name>deployment\.[^\s`\'"\u2019]+).(?: defined in <file>)? does not exist',
          'There is no option {name}.',
          'Correct its name. If a plugin of NixOps 2 declares it, name that in nixops_plugins of runNixOps2; with runNixOps, put what only'
          ' deploying knows into deploy_only_network_files.', 'Correct its name.'),
    Cause(r'option <name>(?: defined in <file>)? does not exist',
          'There is no option {name}.', 'Correct its name, or import the module that declares it.'),
    Cause(r'(?:definition for option|option value) <name>.*? is not (?:of type <type>|an? (?P<kind>[^.]+))',
          'The option {name} has a value of the wrong type.', 'Set it to a value of type {type}{kind}.'),
    Cause(r'option <name> (?:has conflicting definition values|is defined multiple times|is defined both null and not null)'
          r'|unique option <also> is defined multiple times',
          'The option {name}{also} is set to different values.',
          'Keep one of them. In {stub}, wrap it in lib.mkDefault, so that it only counts where there is no other.',
          'Keep one of them, or wrap the one that should count in lib.mkForce.'),
    Cause(r'option <name> is read-only', 'The option {name} must not be set here.', 'Remove the definition: its module sets it already.'),
    Cause(r'option <name> in <file> is already declared', 'The option {name} is declared twice.',
          'Import the module that declares it once, and always by the same path.'),
    Cause(r'trying to (?:declare|define) a value of type <type>.*?rather than an attribute[- ]set for the option\s+<name>',
          'The option {name} has other options in it, and is given a value itself.', 'Set one of the options in it.'),
    Cause(r'[Mm]odule <file> has an? unsupported attribute <name>',
          'A module has {name} beside config or options.', 'Move {name} into config.'),
    Cause(r'Failed assertions:\s*- The option definition <name>.*? no longer has any effect; please remove it\.\s*(?P<instead>[^-]*)',
          'The option {name} has been removed.', 'Remove its definition. {instead}'),
    Cause(r'Failed assertions:\s*- (?P<name>.+)',
          'The configuration asserts what does not hold: {name}',
          'Change the configuration as it says. What only deployed machines have, such as disks, may be set in {stub}, which only'
          ' prebuilding reads.',
          'Change the configuration as it says.'),
    Cause(r'without required argument .nixops\b',
          'The pinned nixpkgs has no package nixops, which runNixOps needs.',
          'Leave pins.nixpkgs out, or add pins.nixops, a nixpkgs that still has it, such as release 22.11.'),
    Cause(r'version of Nixpkgs requires',
          'This machine has a Nix that is too old for the pinned nixpkgs.', 'Install a newer Nix, or pin an older nixpkgs.'),
    Cause(r'version of nixpkgs must be at least',
          'The pinned nixpkgs is too old for hercules-ci-effects.', 'Pin nixpkgs 22.05 or newer.'),
    Cause(r'without required argument <name>',
          'A function is called without its argument {name}.',
          'Pass it in network_args (prebuild_network_args for runNixOps2), or give it a default in the function.',
          'Pass it, among arguments of the effect if it is not an option.'),
    Cause(r'with unexpected argument <name>',
          'A function is called with an argument {name} that it does not take.',
          'Add `...` to its arguments: a network function receives every one of network_args.',
          'Correct the name of the argument, or remove it.'),
    Cause(r'attribute <name> missing',
          'There is no attribute {name}.',
          'Correct its name; if it is known only when deployed, such as an address, g' + IN_STUB,
          'Correct its name.'),
    Cause(r'attribute <name> already defined', 'The attribute {name} is defined twice.', 'Keep one of the definitions, or merge them.'),
    Cause(r'cannot convert (?P<name>.+?) to JSON',
          'The effect is given {name}, which no script can be given.',
          'Give it text, numbers, lists and mappings; network_args hold what JSON can hold.',
          'Give it text, numbers, lists and mappings.'),
    Cause(r'parse error at|json\.exception|error parsing JSON|while decoding a JSON',
          'What is read as JSON is not JSON.', 'Correct the file or text that builtins.fromJSON or lib.importJSON reads there.'),
    Cause(r'^syntax error, unexpected invalid token',
          'The file is not a Nix expression.',
          'Remove the character there. At the start of a file it is a byte order mark: save the file in UTF-8 without one.'),
    Cause(r'^syntax error', 'The file is not a Nix expression.', 'Correct the Nix code there, or a bracket or semicolon before it.'),
    Cause(r'undefined variable <name>', 'The variable {name} is not defined.', 'Define it, or correct its name.'),
    Cause(r'file <name> was not found in the Nix search path|cannot look up .<(?P<path>[^>]+)>. in pure evaluation mode',
          'The name <{name}{path}> means nothing to an agent, whose NIX_PATH is empty.',
          'Use a pin instead, or a path relative to the file; in a module, pkgs is nixpkgs, and modulesPath has the modules of NixOS.',
          'Use a pin instead, or a path relative to the file.'),
    Cause(r'access to (?:absolute |canonical )?path <name> is forbidden',
          'An agent may not read {name}: it lies outside the checkout.', 'Move it into the repository, or pin it.'),
    Cause(r'access to URI <name> is forbidden', 'An agent may not fetch {name}.', 'Use a URL that starts with https://.'),
    Cause(r'Path <name> in the repository .* is not tracked by Git',
          'Git does not track {name}, so an agent would not have it.', 'git add {name}'),
    Cause(r'(?:getting status of|opening file|path) <name>:? (?:No such file|does not exist)',
          'There is no file {name}.', 'Add it to the repository, or correct its name.'),
    Cause(r'Is a directory', 'A folder is read as a file.', 'Name a file in it.'),
    Cause(r'string <name> (?:doesn.t|does not) represent an absolute path',
          'The text {name} is used as a path.', 'Write it as a path, without quotes and with ./ before it.'),
    Cause(r'hash mismatch.*?(?:wanted|specified):.*?got:\s*(?P<name>\S+)',
          'The contents of a pin are not those that its hash names.', 'If you trust them, set its sha256 to {name}.'),
    Cause(r'unable to download <name>', 'Nix could not download {name}.', 'Check the URL and the network, and run again.'),
    Cause(r"program 'git' failed|Failed to fetch git repository|Cannot find Git revision",
          'Nix could not fetch a Git repository.',
          'Check its URL, its revision and the network; an agent has no credentials of yours.'),
    Cause(r'store path .*contains (?:an )?(?:illegal|invalid) character|is not a valid store path name',
          'A derivation has a name that no path in the Nix store can have.', 'Use letters, digits and the characters +-._?= in its name.'),
    Cause(r'invalid regular expression <name>', 'The regular expression {name} is not valid.',
          'Correct it. Nix takes extended regular expressions of POSIX.'),
    Cause(r'must specify a remote storage solution',
          'The NixOps 2 network keeps its state nowhere.',
          'Set network.storage.hercules-ci.stateName in nixops.nix, or forget_state: true if it has no state.'),
    Cause(r'know an AMI for region <name>',
          'NixOps knows no image for the region {name}.', 'Correct deployment.ec2.region, or set deployment.ec2.ami.'),
    Cause(r'(?:an?|system:) <name> with features.*?\s(?:is required|Current)',
          'Evaluating needs a build for {name}, which this machine cannot do.',
          'Do not read what has to be built for another system first, or give Nix a builder for {name} here and on the agents.'),
    Cause(r'builder for <name> failed|Cannot build <path>|build of <also> failed|dependenc(?:y|ies).*? (?:couldn.t be built|failed)',
          'A build that is needed to evaluate fails.', 'Look at its log with nix-store --read-log {name}{path}{also}, and run again.'),
    Cause(r'(?:allow-import-from-derivation|import-from-derivation)',
          'Evaluating needs a build, which the settings of Nix forbid.', 'Set allow-import-from-derivation = true in nix.conf.'),
    Cause(r'(?:stack overflow|max-call-depth exceeded)',
          'The evaluation never ends.', 'Look for a function that calls itself again and again, or for a value that contains itself.'),
    Cause(r'infinite recursion encountered',
          'A value depends on itself.',
          'Take it from elsewhere than from the value that is being defined: in a module not from config of the same option, in a let not'
          ' from its own name.'),
    Cause(r'assertion (?P<name>.+) failed', 'The code asserts what does not hold: {name}.', 'Make it hold, or remove the assertion.'),
    Cause(r'value is (?P<name>.+?) while (?P<type>.+?) was expected|expected (?P<kind>.+?) but found (?P<also>[^:\n]+)',
          'There is {name}{also} where {type}{kind} is needed.', 'Correct the value.'),
    Cause(r'cannot (?:coerce|convert) (?P<name>.+?) to (?P<type>a string|JSON)',
          'There is {name} where text is needed.', CONVERT),
    Cause(r'cannot (?:compare|add) (?P<name>.+?) (?:with|to) (?P<type>[^:\n]+)',
          '{name} and {type} do not go together.', CONVERT),
    Cause(r'attempt to call something which is not a function but (?P<name>[^:\n]+)',
          'There is {name} where a function is needed.', 'Check brackets and semicolons: elements of a list that are calls need brackets.'),
    Cause(r'list index (?P<name>\S+) is out of bounds|list must not be empty|(?:head|tail|elemAt|foldl1).*empty list',
          'A list is shorter than the code takes it to be.',
          'Check the list first. What comes from the environment, such as builtins.getEnv, is empty for an agent.'),
    Cause(r'division by zero', 'The code divides by zero.', 'Check the divisor first.'),
    Cause(r'evaluation aborted with the following error message: .(?P<name>.*).$',
          'The code gives up: {name}', 'Correct what the message says; it comes from an abort in the code.'),
)
# Why nixpkgs refuses a package → what it is called by us, and the setting that allows it.
REFUSALS = {
    'insecure': ('insecure', 'permittedInsecurePackages = [ "%s" ]'),
    'broken': ('broken', 'allowBroken = true'),
    'unfree': ('unfree', 'allowUnfree = true'),
    'blocklisted': ('under a licence that is refused', 'blocklistedLicenses'),
    'hostPlatform': ('not made for the platform of the machine', 'allowUnsupportedSystem = true'),
    'not supported on': ('not made for the platform of the machine', 'allowUnsupportedSystem = true'),
}


class Told(NamedTuple):
    """As of Cause, with {prebuilt} and {stub} to be put in."""

    what: str
    remedy: str
    plain: str = ''


def explain(stderr: str, source: NixInput) -> Problem:
    """The problem behind a failed nix-instantiate, from what it printed with --show-trace."""
    trace = traces.read(stderr, source)
    of_nixops = of(source.functions.get(trace.effect)).nixops
    own = not trace.in_machine and trace.place is not None and trace.place.file == str(source.path)
    # What is missing in the file itself, such as in a condition, no stub can supply.
    plain = own or not of_nixops
    words = {'stub': source.stubs.get(trace.effect) or DEFAULT_STUB, 'prebuilt': '' if plain else ' when the network is prebuilt'}
    told = next((told for special in SPECIAL for told in [special(trace, source)] if told), None) or _by_message(trace)
    what, remedy = _filled(told.what, words), _filled((told.plain if plain else '') or told.remedy, words)
    what = what if what.endswith(('.', '!', '?')) else what + '.'
    return Problem(what, _where(trace, source, what), found=_shortened(trace.message), remedy=remedy.strip() + _suggestion(trace.text))


def _filled(text: str, words: Mapping[str, str]) -> str:
    """With words for those placeholders that have one: names that come from Nix may hold braces of their own."""
    return re.sub(r'\{(\w+)\}', lambda match: words.get(match[1], match[0]), text)


def _by_message(trace: Trace) -> Told:
    for cause in CAUSES:
        match = re.search(_pattern(cause.message), trace.message, re.DOTALL)
        if match:
            named = {key: _tidy(value) for key, value in match.groupdict('').items()}
            return Told(*(_filled(text, named) for text in cause[1:]))
    return Told('Nix cannot evaluate the %s.' % ('network' if trace.in_machine else 'file'),
                'Correct what Nix names; words that are not those of Nix come from a throw in the code.')


def _pattern(message: str) -> str:
    return re.sub(r'(?<!P)(?<!\.)<(\w+)>', lambda match: QUOTED % match.group(1), message)


def _tidy(text: str) -> str:
    """On one line, without what the module system puts behind the name of an option for the element of a list."""
    return re.sub(r'\."?\[definition [^]]*\]"?', '', _shortened(re.sub(r'\n\s*- ', '; ', text))).strip()


def _where(trace: Trace, source: NixInput, what: str) -> str:
    option = next((name for name in trace.options if name not in what), '')
    if trace.place and not (trace.in_machine and trace.place.file == str(source.path) and source.files.get(trace.effect)):
        place = str(trace.place)
    else:
        place = ', '.join('%s/%s' % (source.checkout, file) for file in source.files.get(trace.effect, ())) or str(source.path)
    named = (('effect', trace.effect), ('machine', trace.machine), ('option', option))
    return ': '.join([*('%s %s' % (kind, name) for kind, name in named if name), place])


def _suggestion(text: str) -> str:
    match = re.search(r'^\s*(Did you mean .+?\?)', text, re.MULTILINE)
    return ' ' + match.group(1) if match else ''


def _package(trace: Trace, _source: NixInput) -> Told | None:
    """Packages come from the nixpkgs of a machine, which its configuration sets up, or from a pin."""
    match = re.search(_pattern(r'ackage <name>'), trace.message)
    reason = next((reason for reason in REFUSALS if reason in trace.message), None)
    if not match or not reason or 'efus' not in trace.message:
        return None
    called, setting = REFUSALS[reason]
    setting = setting % match['name'] if '%' in setting else setting
    if trace.in_machine:
        allow = 'set nixpkgs.config.%s in the configuration of the machine.' % setting
    elif reason == 'insecure':
        allow = 'add it to config.permittedInsecurePackages of the pin that it comes from.'
    else:
        allow = 'set config.%s of the pin that it comes from.' % setting
    return Told('nixpkgs calls the package %s %s and refuses to evaluate it.' % (match['name'], called),
                'Use another one; or, if you accept that, %s' % allow)


def _outside_source(trace: Trace, source: NixInput) -> Told | None:
    """Where ../ leads from the copy of src in the store."""
    match = re.search(_pattern(r'(?:path|status of|opening file) <name>'), trace.message)
    folder = source.sources.get(trace.effect)
    if not match or not folder or not match['name'].startswith(os.path.dirname(source.store)) or IN_STORE.match(
        match['name'].replace(source.store, '', 1),
    ):
        return None
    file = os.path.normpath(os.path.join(folder, os.path.relpath(match['name'], os.path.join(source.store, 'source'))))
    return Told(
        'The network reads %s, which lies outside of its src, %s: what deploys it is given src alone.' % (file, folder),
        'Move it into src; or set src to a folder that holds both, and name network files relative to that.',
    )


def _missing_file(trace: Trace, source: NixInput) -> Told | None:
    """A file that is there, but not among what Git tracks; and the whole path, where Nix names the first folder that is missing."""
    match = re.search(_pattern(r'(?:getting status of|opening file|path) <name>:? (?:No such file|does not exist)'), trace.message)
    if not match:
        return None
    wanted = re.search(_pattern(r'the context of path <name>'), trace.text)
    name = wanted['name'] if wanted and wanted['name'].startswith(match['name']) else match['name']
    if source.tracked and Path(name).exists():
        foreign = [folder for folder in Path(name).parents if source.checkout in folder.parents and (folder / '.git').exists()]
        return Told(
            'Git does not track %s, so an agent would not have it.' % name,
            'It lies in a submodule, or another repository. Move it into this one, or pin that one.' if foreign
            else 'git add %s; if Git ignores it, remove the pattern from .gitignore first.' % Path(name).relative_to(source.checkout),
        )
    return Told('There is no file %s.' % name, 'Add it to the repository, or correct its name.')


def _null(trace: Trace, _source: NixInput) -> Told | None:
    """What only a deployed machine has, such as an address, is null while there is none."""
    defined = re.search(_pattern(r'option <name> is not of type .*: null'), trace.message, re.DOTALL)
    if defined:
        return Told('The option %s is set to null.' % _tidy(defined['name']),
                    'If it is set to what is known only when deployed, such as an address, g' + IN_STUB,
                    'Set it to a value, or not at all.')
    if not re.search(r'(?:coerce|convert|add|compare|is|found|and|with) null\b', trace.message):
        return None
    resource = re.match(r'resources\.(?!machines\.)([^.]+\.[^.]+)\.(.+)', trace.selection)
    option = re.match(r'(?:(?:nodes|resources\.machines)\.(?P<machine>[^.]+)\.)?config\.(?P<option>.+)', trace.selection)
    what = 'There is null where a value is needed.'
    if resource:
        what = 'The attribute %s of the resource %s is null{prebuilt}.' % (resource.group(2), resource.group(1))
    elif option:
        machine = option['machine'] or trace.machine
        what = 'The option %s%s is null{prebuilt}.' % (option['option'], machine and ' of the machine %s' % machine)
    return Told(what, 'If it is known only when deployed, such as an address, g' + IN_STUB, 'Give it a value.')


def _missing(trace: Trace, _source: NixInput) -> Told | None:
    """Which kind of attribute is missing, from the code that asks for it."""
    match = re.search(_pattern(r'^attribute <name> missing'), trace.message)
    if not match:
        return None
    name, path = match['name'], trace.selection.split('.')
    if re.search(r'while evaluating the module argument .%s\W' % re.escape(name), trace.text):
        return Told('A module takes an argument %s, which no machine is given.' % name,
                    'Correct its name, or set _module.args.%s in a module.' % name)
    before = path[:path.index(name)] if name in path else []
    told = None
    if before and (path[0] == 'pkgs' or path[0].endswith('Packages')):
        told = Told('nixpkgs has no package %s.' % name, 'Correct its name, or take it from a nixpkgs that has it.')
    elif before in (['lib'], ['builtins']):
        told = Told('%s has nothing of the name %s.' % (before[0], name), 'Correct its name.')
    elif before == ['nodes']:
        told = Told('The network has no machine %s.' % name, 'Correct its name, or declare it in a network file.')
    elif before[:1] == ['resources'] and len(before) < 3:
        resource = '.'.join(path[1:3])
        told = Told('The network has no resource %s.' % resource,
                    'Correct its name, or declare resources.%s in a network file; in {stub} if only deploying has it.' % resource)
    return told


def _no_network(trace: Trace, _source: NixInput) -> Told | None:
    """Where NixOps reads the network files."""
    if "'getNetworkFromExpr'" not in trace.text or trace.machine or trace.options:
        return None
    match = re.search(_pattern(r'without required argument <name>'), trace.message)
    if match and match['name'] in OF_MODULES:
        return Told('The file is a function of %s, which no network function is given.' % match['name'],
                    'If it is the module of a machine, write a network file that names it, as { web = import ./web.nix; }. A network'
                    ' function is given network_args alone.')
    match = re.search(r'value is (.+?) while a set was expected|expected a set but found ([^:\n]+)', trace.message)
    if match:
        return Told('A network file is %s, where a set of machines is needed.' % (match.group(1) or match.group(2)),
                    'Write machines by their names, as { web = { }; }, or a function that returns such a set.')
    return None


def _imports(trace: Trace, _source: NixInput) -> Told | None:
    """The recursion that beginners meet."""
    if 'infinite recursion' not in trace.message or not re.search(r"the attribute 'imports'|module argument `", trace.text):
        return None
    return Told('The imports of a module depend on the configuration that they are part of.',
                'Import always, and put what depends on config or pkgs into lib.mkIf in the imported module. imports may use modulesPath.')


SPECIAL: tuple[Callable[[Trace, NixInput], Told | None], ...] = (
    _package, _outside_source, _missing_file, _null, _missing, _no_network, _imports,
)


def _shortened(message: str) -> str:
    # nixpkgs goes on with what could be done on other machines.
    line = ' '.join(re.split(r'\n\s*\n\s*a\) ', message)[0].split())
    line = line.replace("(use '--show-trace' to show detailed location information)", '').strip()
    return line if len(line) <= 400 else line[:400] + '…'
