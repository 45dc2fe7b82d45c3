# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What is wrong with effects as a user gave them, known without Nix and without looking at any file."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .._problems import Problem
from .._refs import branch_ref
from .._secrets.scripts import uses_in
from . import arguments, functions, logins, run_on
from .arguments import is_code
from .deployments import EvaluatedEffect
from .expression import ATTRIBUTE_PATH, is_identifier
from .function import Function
from .functions import EXCEPTION
from .parameters import STATE_NAME, deployment_of

# The shell of the effect expands the list of network files without quotes.
NOT_IN_FILE = re.compile(r'[\s\x00-\x1f*?\[\]{}~$`\'"\\;&|<>()!#]')
# What the agent gives to every effect, for its state.
OF_AGENT = 'hercules-ci'
# What agents and Nix look for in a set: another form of ci.nix, a set to leave out, a set to go into, a function.
RESERVED_NAMES = frozenset(('herculesCI', '_type', 'recurseForDerivations', '__functor'))


def effects_problems(effects: Sequence[Mapping[str, Any]], form: str, schedules: Collection[str] = ()) -> list[Problem]:
    """Every problem of every effect, in their order."""
    found: list[Problem] = []
    seen: set[tuple[str, str]] = set()
    for effect in effects:
        where = 'effect %s' % effect['name']
        key = (effect.get('job') or '', effect['name'])
        if key in seen:
            found.append(Problem('Two effects have the same name.', where, remedy='Rename one: the name is an attribute of the file.'))
        seen.add(key)
        found += _effect_problems(effect, form, schedules, where)
    return found + list(_shared_states(effects))


def refs_problems(refs: Sequence[str]) -> list[Problem]:
    """Refs to ask about that could be none: a branch by its short name would only be a ref on which nothing runs."""
    return [
        Problem('A ref is named in full.', 'refs', expected=full_name(ref), found=ref) for ref in refs if not ref.startswith('refs/')
    ]


def full_name(ref: str) -> str:
    """What somebody means who leaves out the beginning."""
    return 'refs/%s' % ref if ref.startswith(('heads/', 'tags/')) else branch_ref(ref)


def schedules_problems(schedules: Mapping[str, Any], form: str, jobs: Collection[str]) -> list[Problem]:
    """Jobs by the clock exist in one form only, and say when in the agent's terms.

    jobs: the jobs of effects. The terms are those of hercules-ci-agent: NixFile.hs, TimeConstraintsSchema.
    """
    if schedules and form != 'herculesCI':
        return [Problem('Only the form herculesCI has schedules.', 'schedules', found='form %s' % form, remedy='Set form: herculesCI.')]
    found = []
    for name, schedule in schedules.items():
        where = 'schedules.%s' % name
        if name not in jobs:
            found.append(Problem('The schedule has no effect.', where, remedy='Set job: %s in an effect, or drop the schedule.' % name))
        if not isinstance(schedule, Mapping):
            found.append(Problem('A schedule is a dictionary.', where, expected=', '.join(SCHEDULE_TERMS)))
            continue
        for term, value in schedule.items():
            expected, is_right = SCHEDULE_TERMS.get(term, ('one of %s' % ', '.join(SCHEDULE_TERMS), lambda _value: False))
            if not is_right(value):
                found.append(Problem('The agent would refuse the schedule.', '%s.%s' % (where, term), expected, repr(value)))
    return found


def _within(first: int, last: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and first <= value <= last


def _all(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_right, value))


SCHEDULE_TERMS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    'hour': ('0 to 23, or a list of such', lambda value: _within(0, 23)(value) or _all(_within(0, 23))(value)),
    'minute': ('0 to 59', _within(0, 59)),
    'day_of_week': ('a list of Mon, Tue, Wed, Thu, Fri, Sat, Sun', _all(('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun').__contains__)),
    'day_of_month': ('a list of 1 to 31', _all(_within(1, 31))),
}


def _effect_problems(effect: Mapping[str, Any], form: str, schedules: Collection[str], where: str) -> Iterator[Problem]:
    function = functions.of_effect(effect)
    if not effect['name']:
        yield Problem('An effect has no name.', where)
    if effect['name'] in RESERVED_NAMES:
        yield Problem('An attribute of this name means something else than an effect to agents and Nix.', where, found=effect['name'],
                      remedy='Give the effect another name. NixOps may still call the deployment so (deployment).')
    if not ATTRIBUTE_PATH.match(function.name) or '.' in function.name or not is_identifier(function.name):
        yield Problem('The effects library has no such function.', where, found=function.name, expected='a name such as runNixOS')
    if effect.get('job') and form != 'herculesCI':
        yield Problem('Jobs have names only in the form herculesCI.', where, found='job %s in the form %s' % (effect['job'], form),
                      remedy='Drop job, or set form: herculesCI.')
    if effect.get('job') not in schedules or effect.get('run_on'):
        yield from run_on.problems(effect.get('run_on'), '%s: run_on' % where)
    yield from arguments.problems(effect, function, where)
    named = {'secrets_map': effect.get('secrets_map'), 'arguments.secretsMap': functions.raw_value(effect, 'secretsMap')}
    effect = functions.described(effect)
    for option, secrets in named.items():
        if secrets is not None and not is_code(secrets):
            yield from _secret_problems(secrets, '%s: %s' % (where, option))
    yield from _place_problems(effect, function, where)
    yield from _script_problems(effect, function, where)
    yield from logins.problems(effect, function, where)
    if function.nixops:
        yield from (_nixops1_problems if function.nixops == 1 else _nixops2_problems)(effect, function, where)


def _place_problems(effect: Mapping[str, Any], function: Function, where: str) -> Iterator[Problem]:
    """Files and folders of the checkout that are none."""
    for parameter in function.of_kind('sources'):
        for file in effect.get(parameter.option) or []:
            yield from _file_problems(file, '%s: %s' % (where, parameter.option))
    for parameter in function.of_kind('source'):
        yield from _file_problems(effect.get(parameter.option) or '.', '%s: %s' % (where, parameter.option))
    for parameter in function.of_kind(*functions.FILES):
        value = effect.get(parameter.option)
        for file in value if isinstance(value, list) else [value]:
            if isinstance(file, str):
                yield from _outside(file, '%s: %s' % (where, parameter.option), 'the checkout', 'a path in it, or code marked as such')


def _script_problems(effect: Mapping[str, Any], function: Function, where: str) -> Iterator[Problem]:
    """What scripts read, those in raw arguments too."""
    has_gnupg = 'gnupg' in map(_package_name, effect.get('inputs') or [])
    given = effect.get('secrets_map') or functions.raw_value(effect, 'secretsMap') or {}
    if not isinstance(given, Mapping) or is_code(given):
        return
    known = {**{key: name for key, name, _field in functions.read_by(effect)}, **given}
    for parameter in function.of_kind('script'):
        script = effect.get(parameter.option)
        if isinstance(script, str):
            yield from _use_problems(script, known, 'secrets_map', has_gnupg, '%s: %s' % (where, parameter.option))
    options = function.by_attribute
    for name, text in (effect.get('arguments') or {}).items():
        if isinstance(text, str) and name not in options:
            yield from _use_problems(text, known, 'secrets_map', has_gnupg, '%s: arguments.%s' % (where, name))


def declared_problems(effects: Iterable[EvaluatedEffect]) -> list[Problem]:
    """What is wrong with secrets and scripts of effects, also of those that are written in Nix: as Nix evaluates them."""
    found: list[Problem] = []
    for effect in effects:
        where = 'effect %s' % effect.name
        found += _secret_problems(effect.secrets_map, '%s: secretsMap' % where)
        has_gnupg = any(re.search(r'-gnupg-\d', path) for path in effect.inputs)
        for name, script in effect.scripts.items():
            found += _use_problems(script, effect.secrets_map, 'secretsMap', has_gnupg, '%s: %s' % (where, name))
    return list(dict.fromkeys(found))


def _secret_problems(secrets: Any, where: str) -> Iterator[Problem]:
    if not isinstance(secrets, Mapping):
        yield Problem('The agent refuses what names the secrets.', where, expected='a mapping', found=type(secrets).__name__)
        return
    for name, secret in secrets.items():
        if not isinstance(secret, str) and secret != {'type': 'GitToken'} and not is_code(secret):
            # The value may be anything, also a secret that somebody put into the wrong place: it is not shown.
            yield Problem('The agent refuses this entry.', '%s.%s' % (where, name),
                          expected="the name of a secret in secrets.json, or {'type': 'GitToken'}", found=type(secret).__name__)


def _use_problems(script: str, secrets: Any, option: str, has_gnupg: bool, where: str) -> Iterator[Problem]:
    """Scripts name secrets as secrets_map does, and some of the library's functions need a package that is not there by itself."""
    known = secrets if isinstance(secrets, Mapping) else {}
    for use in dict.fromkeys(uses_in(script)):
        if use.secret is not None and use.secret not in (*known, OF_AGENT):
            names = [key for key, name in known.items() if name == use.secret]
            yield Problem(
                '%s reads a secret that %s does not have.' % (use.function, option), where, found=use.secret,
                expected=', '.join(names or known) or 'an entry in %s' % option,
                remedy='Use the key: scripts do not know the name in secrets.json.' if names else 'Add it to %s.' % option,
            )
        if use.function == 'writeGPGKey' and not has_gnupg:
            yield Problem('writeGPGKey needs gnupg.', where, remedy='Add gnupg to inputs.')


def _package_name(package: Any) -> str:
    return (str(package.get('_nix')) if isinstance(package, Mapping) else str(package)).strip().rpartition('.')[2]


def _file_problems(file: str, where: str) -> Iterator[Problem]:
    bad = NOT_IN_FILE.search(file)
    if bad:
        yield Problem('The shell of the effect would split or expand this file name.', where, found='%r in %r' % (bad.group(), file),
                      remedy='Rename the file.')
    else:
        yield from _outside(file, where, 'the source of the effect', 'a path relative to src, inside it')


def _outside(file: str, where: str, what: str, expected: str) -> Iterator[Problem]:
    if file.startswith('/') or posixpath.normpath(file).split('/')[0] == '..':
        yield Problem('The file lies outside %s.' % what, where, found=file, expected=expected)


def _nixops1_problems(effect: Mapping[str, Any], _function: Function, where: str) -> Iterator[Problem]:
    for name in effect.get('network_args') or {}:
        if not is_identifier(name):
            yield Problem('No network function can have an argument of this name.', '%s: network_args' % where, found=repr(name))
    for option in ('state_name', 'known_hosts_name'):
        name = _file_of(effect, option)  # an empty one the library takes as it is, and no state can be stored under it
        if not STATE_NAME.match(name):
            yield Problem('The name of the state file cannot stand in a URL.', '%s: %s' % (where, option), found=repr(name),
                          expected='letters, digits, full stops, hyphens and underscores', remedy='Set %s.' % option)


def _nixops2_problems(effect: Mapping[str, Any], function: Function, where: str) -> Iterator[Problem]:
    files = effect.get('network_files')
    if bool(files) == bool(effect.get('flake')):
        yield Problem('%s takes either network_files or flake.' % function.name, where, found='both' if files else 'neither',
                      remedy='Set network_files: [nixops.nix], or flake.')
    elif files and files != ['nixops.nix']:
        yield Problem('NixOps 2 deploys nixops.nix alone; other network files would only be prebuilt.', '%s: network_files' % where,
                      expected='[nixops.nix]', found=', '.join(files),
                      remedy='Import them in nixops.nix, or name them in prebuild_only_network_files.')
    if effect.get('action') not in (None, 'switch') and (effect.get('arguments') or {}).get('makeAnException') != EXCEPTION:
        yield Problem('NixOps 2 can corrupt the state with any action but switch.', '%s: action' % where, found=effect['action'],
                      remedy='Drop action, or set arguments.makeAnException to: %s' % EXCEPTION)


def _shared_states(effects: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Two deployments that put the same state file, or known hosts in its place, would each destroy what the other one knows."""
    first = [effect for effect in effects if functions.of_effect(effect).nixops == 1]
    owner: dict[str, str] = {}
    for effect in first:
        state = _file_of(effect, 'state_name')
        deployment = deployment_of(effect)
        if owner.setdefault(state, deployment) != deployment:
            yield Problem('Two deployments would write the same state file.', 'effect %s' % effect['name'], found=state,
                          remedy='Give each its own state_name.')
    for effect in first:
        known_hosts = _file_of(effect, 'known_hosts_name')
        if known_hosts in owner:
            yield Problem('Known hosts would be written over a state.', 'effect %s: known_hosts_name' % effect['name'],
                          found='%s, the state of deployment %s' % (known_hosts, owner[known_hosts]),
                          remedy='Correct known_hosts_name or state_name.')


def _file_of(effect: Mapping[str, Any], option: str) -> str:
    """The name of a file that an effect of NixOps 1 stores. Without the option the library has its own."""
    suffix = {'state_name': '.json', 'known_hosts_name': '.known_hosts'}[option]
    return 'nixops-%s%s' % (deployment_of(effect), suffix) if effect.get(option) is None else str(effect[option])
