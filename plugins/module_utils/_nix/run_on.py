# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""On which Git refs an effect runs: as a Nix condition for `runIf`, and as a question that can be asked of a ref.

A `run_on` mapping has branches and tags (names, an asterisk in them stands for any text), any_ref (a boolean) and
condition (Nix code); what is absent is None. With a condition, branches and tags only say where it is expected to hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._problems import Problem
from .._refs import HEADS, TAGS, branch_ref
from .expression import INDENT, WIDTH, code, quoted, to_nix

# What is left of a line beside the name of the effect.
CONDITION_WIDTH = WIDTH - 20
# What git-check-ref-format refuses; the asterisk is ours.
OFF = re.compile(r'[\s(]*false[\s)]*')
NOT_IN_REF = re.compile(r'[\x00-\x20\x7f~^:?\[\\]|\.\.|@\{|//|^/|/$|\.$|\.lock$|^$|^\.|/\.')


def patterns(run_on: Mapping[str, Any]) -> list[str]:
    """The full names of the refs, sorted as given, branches first."""
    return [*map(branch_ref, run_on.get('branches') or []), *('%s%s' % (TAGS, name) for name in run_on.get('tags') or [])]


def is_off(run_on: Mapping[str, Any]) -> bool:
    """Whether somebody has switched the effect off on purpose, for a while: `condition: "false"`."""
    return bool(OFF.fullmatch(run_on.get('condition') or ''))


def expected_on(run_on: Mapping[str, Any], ref: str) -> bool | None:
    """Whether the effect should run on this ref; None when only its condition knows."""
    if is_off(run_on):
        return False
    if run_on.get('any_ref'):
        return True
    named = patterns(run_on)
    if not named and run_on.get('condition'):
        return None
    return any(re.match(_regex(pattern) + r'\Z', ref, re.DOTALL) for pattern in named)


def _regex(pattern: str) -> str:
    """A POSIX extended regular expression that is also Python's; what else is special no ref may hold."""
    return '.*'.join(re.sub(r'[.+$|(){}\]]', r'[\g<0>]', part) for part in pattern.split('*'))


def condition(run_on: Mapping[str, Any], repository: str, indent: int = 0) -> str:
    """The condition as an argument of runIf: a word or in parentheses.

    repository: the variable that holds the record of the repository, `src` or `primaryRepo`.
    """
    if run_on.get('condition'):
        text = code(run_on['condition'], indent)
        return text if text.startswith('(\n') else '(%s)' % text
    if run_on.get('any_ref'):
        return 'true'
    ref = '%s.ref' % repository
    named = [pattern for pattern in patterns(run_on) if '*' not in pattern]
    tests = []
    if len(named) == 1:
        tests.append('%s == %s' % (ref, quoted(named[0])))
    elif named:
        tests.append('builtins.elem %s %s' % (ref, to_nix(named, indent + INDENT, short_lists=True)))
    # Where nobody passes a ref it is null, on which builtins.match would abort.
    tests += [
        'builtins.match %s (toString %s) != null' % (quoted(_regex(pattern)), ref) for pattern in patterns(run_on) if '*' in pattern
    ]
    line = '(%s)' % ' || '.join(tests)
    if indent + len(line) < CONDITION_WIDTH and '\n' not in line:
        return line
    pad = '\n' + ' ' * (indent + INDENT)
    return '(%s%s\n%s)' % (pad, ('%s|| ' % pad).join(tests), ' ' * indent)


def _expected_name(kind: str, name: str) -> str:
    prefix = {'branch': HEADS, 'tag': TAGS}[kind]
    short = name[len(prefix):] if name.startswith(prefix) else ''
    return 'the short name, such as %s' % (short if short and not NOT_IN_REF.search(short) else 'production')


def problems(run_on: Mapping[str, Any] | None, where: str) -> list[Problem]:
    """What keeps a run_on from meaning anything."""
    run_on = run_on or {}
    found = []
    for kind, names in (('branch', run_on.get('branches')), ('tag', run_on.get('tags'))):
        for name in names or []:
            if name.startswith('refs/') or NOT_IN_REF.search(name):
                found.append(Problem(
                    'The %s has a name that no %s in Git has.' % (kind, kind), where, found=repr(name),
                    expected=_expected_name(kind, name),
                ))
    ways = [bool(patterns(run_on)), bool(run_on.get('any_ref')), bool(run_on.get('condition'))]
    if not any(ways):
        found.append(Problem(
            'The effect would never run: it names no ref.', where, remedy='Set branches, tags, any_ref: true or condition in run_on.',
        ))
    if run_on.get('any_ref') and (ways[0] or ways[2]):
        found.append(Problem('An effect that runs on any ref needs no other rule.', where, remedy='Drop any_ref, or the rest of run_on.'))
    return found
