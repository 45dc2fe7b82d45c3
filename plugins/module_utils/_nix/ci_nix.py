# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""Write the file that declares effects: ci.nix in one of its two forms, or a file of effects alone.

The layout is that of the guide (docs/modules/ROOT/pages/guide/deploy-a-nixops-network.adoc of hercules-ci-effects).
"""

from __future__ import annotations

import posixpath
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import functions, parameters, pins, run_on
from .expression import INDENT, WIDTH, attribute_name, check_text, to_nix

MARK = '# Managed by Ansible with nixcd.hercules_ci.nixops_effect'
FORMS = ('legacy', 'herculesCI', 'effects')
# The variable that holds the record of the repository, whose ref conditions ask for.
REPOSITORY = {'legacy': 'src', 'herculesCI': 'primaryRepo', 'effects': 'src'}
DEFAULT_JOB = 'default'
# The flake of the checkout, in code.
FLAKE = re.compile(r'(?<![\w.\'"$-])self(?![\w\'-])')
Effects = Sequence[Mapping[str, Any]]
SCHEDULE = {'hour': 'hour', 'minute': 'minute', 'day_of_week': 'dayOfWeek', 'day_of_month': 'dayOfMonth'}


def is_managed(text: str) -> bool:
    """Whether a file says in its first line that it is written here."""
    return _without_byte_order_mark(text).startswith(MARK)


def _without_byte_order_mark(text: str) -> str:
    """Without what some editors put before a text in UTF-8; Nix refuses it, so such a file is put right."""
    return text[1:] if text.startswith('\ufeff') else text


def form_of(text: str) -> str:
    """The form of a managed file, from the function that it starts with."""
    first = next((line for line in _without_byte_order_mark(text).splitlines() if line and not line.startswith('#')), '')
    if first.startswith('{ pkgs,'):
        return 'effects'
    return 'legacy' if first.startswith('{ src') else 'herculesCI'


def render(
    effects: Iterable[Mapping[str, Any]], form: str, file: str, *, chosen_pins: Mapping[str, Any] | None = None,
    schedules: Mapping[str, Mapping[str, Any]] | None = None, hosts: Sequence[str] = (),
) -> str:
    """The text of the file.

    effects: as the module takes them, already checked; any order gives the same file.
    form: `legacy`, `herculesCI` or `effects`.
    file: the path of the file in the checkout, as relative paths depend on it.
    chosen_pins: what the user wants to be pinned otherwise than by default.
    schedules: when a job runs, by the name of the job: hour, minute, day_of_week, day_of_month.
    hosts: inventory hosts to name in the header.
    """
    effects = in_order(effects)
    called = sorted({functions.of_effect(effect).name for effect in effects})
    up = path_to_root(file)
    writer = {'legacy': _legacy, 'herculesCI': _hercules_ci, 'effects': _effects_alone}[form]
    pinned = '' if form == 'effects' else pinned_bindings(chosen_pins or {}, file, called)
    text = '%s\n%s' % (_header(hosts), writer(effects, up, pinned, called, schedules or {}))
    check_text(text, file)
    return text


def in_order(effects: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Effects in the order of the file: by job, then by name."""
    return sorted(effects, key=lambda effect: (effect.get('job') or DEFAULT_JOB, effect['name']))


def path_to_root(file: str) -> str:
    """How the folder of a file of the checkout reaches the checkout's root: `.`, `..`, `../..`."""
    return posixpath.relpath('.', posixpath.dirname(file) or '.')


def _header(hosts: Sequence[str]) -> str:
    lines = [MARK + ': changes made here are lost.']
    if hosts:
        names = ' '.join(sorted(set(hosts)))
        lines += textwrap.wrap(
            'Inventory hosts: ' + names, 100, initial_indent='# ', subsequent_indent='#   ', break_on_hyphens=False, break_long_words=False,
        )
    return '\n'.join(lines)


def comment(text: str | None, indent: int) -> str:
    """Comment lines; nothing that stands in the text can end them early."""
    pad = ' ' * indent
    return ''.join(('%s# %s' % (pad, line)).rstrip() + '\n' for line in (text or '').splitlines())


def pinned_bindings(chosen_pins: Mapping[str, Any], file: str, called: Sequence[str]) -> str:
    """The bindings of a file's `let`: the pins, `pkgs` and the functions."""
    pinned, up = pins.with_defaults(chosen_pins, called), path_to_root(file)
    blocks = [
        '%s  nixpkgs = %s;\n  pkgs = %s;\n' % (
            comment(pinned['nixpkgs'].get('comment'), INDENT), pins.source(pinned['nixpkgs'], up, INDENT), pins.nixpkgs(pinned, up, INDENT),
        ),
        '%s  effectsSrc = %s;\n' % (comment(pinned['effects'].get('comment'), INDENT), pins.source(pinned['effects'], up, INDENT)),
    ]
    if 'nixops' in pinned:
        blocks.append('%s  nixpkgsWithNixOps = %s;\n' % (
            comment(pinned['nixops'].get('comment'), INDENT), pins.source(pinned['nixops'], up, INDENT),
        ))
    return '\n'.join([*blocks, _inherited('pkgs.effects', called)])


def _inherited(effects: str, called: Sequence[str]) -> str:
    names = [*called, 'runIf']
    line = '  inherit (%s) %s;\n' % (effects, ' '.join(names))
    if len(line) > WIDTH:
        line = '  inherit (%s)\n%s    ;\n' % (effects, ''.join('    %s\n' % name for name in names))
    return line + '  inherit (pkgs) lib;\n'


def _legacy(effects: Effects, up: str, pinned: str, called: Sequence[str], schedules: Mapping[str, Any]) -> str:
    body = '\n'.join(_effect(effect, 'legacy', '', up, INDENT) for effect in effects)
    return '{ src ? { ref = null; } }:\n\nlet\n%sin\n\n{\n%s}\n' % (pinned, body)


def _effects_alone(effects: Effects, up: str, pinned: str, called: Sequence[str], schedules: Mapping[str, Any]) -> str:
    body = '\n'.join(_effect(effect, 'effects', '', up, INDENT) for effect in effects)
    arguments = 'pkgs, effects, src' + (', self' if any(effect.get('flake') or _names_the_flake(effect) for effect in effects) else '')
    return '{ %s }:\n\nlet\n%sin\n\n{\n%s}\n' % (arguments, _inherited('effects', called), body)


def _names_the_flake(value: Any) -> bool:
    """Whether code in an effect speaks of `self`, as of `self.nixosConfigurations.web`."""
    if isinstance(value, Mapping):
        marked = value.get('_nix')
        return bool(isinstance(marked, str) and FLAKE.search(marked)) or any(map(_names_the_flake, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_names_the_flake, value))


def _hercules_ci(effects: Effects, up: str, pinned: str, called: Sequence[str], schedules: Mapping[str, Any]) -> str:
    jobs: dict[str, list[Mapping[str, Any]]] = {}
    for effect in effects:
        jobs.setdefault(effect.get('job') or DEFAULT_JOB, []).append(effect)
    body = '\n'.join(_job(name, jobs[name], up, schedules.get(name)) for name in sorted(jobs, key=lambda name: (name in schedules, name)))
    return 'let\n%sin\n\n{\n  herculesCI = { primaryRepo, ... }: {\n%s  };\n}\n' % (pinned, body)


def _job(name: str, effects: Effects, up: str, schedule: Mapping[str, Any] | None) -> str:
    path = '%s.%s' % ('onPush' if schedule is None else 'onSchedule', attribute_name(name))
    when = ''
    if schedule is not None:
        constraints = {SCHEDULE[option]: value for option, value in schedule.items() if option in SCHEDULE and value is not None}
        when = '    %s.when = %s;\n' % (path, to_nix(constraints, 2 * INDENT, short_lists=True))
    body = '\n'.join(_effect(effect, 'herculesCI', 'effects.', up, 3 * INDENT) for effect in effects)
    return '%s    %s.outputs = { ... }: {\n%s    };\n' % (when, path, body)


def _effect(effect: Mapping[str, Any], form: str, prefix: str, up: str, indent: int) -> str:
    """One attribute of the file, as in the guide: `NAME = runIf CONDITION (FUNCTION { … });`."""
    pad, inner = ' ' * indent, ' ' * (indent + INDENT)
    condition = run_on.condition(effect.get('run_on') or {'any_ref': True}, REPOSITORY[form], indent)
    lines = parameters.bindings(effect, up, indent + 2 * INDENT)
    return '%s%s%s%s = runIf %s (\n%s%s {\n%s%s}\n%s);\n' % (
        comment(effect.get('comment'), indent), pad, prefix, attribute_name(effect['name']), condition,
        inner, functions.of_effect(effect).name, ''.join('%s  %s\n' % (inner, line) for line in lines), inner, pad,
    )
