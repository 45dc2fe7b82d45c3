# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check that a role's defaults, its argument specs and what its tasks use agree: `python -m tests.gates.role_variables`.

Each default is an option of some entry point with the same default; each option that is not required and has a default is in
defaults/main.yml; each variable is read by some task or plugin, by its name or as an option that the role hands on; and each option of an
effect has a variable of the same type.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.options import EFFECT
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import VARIABLES

MISSING = object()
HANDED_ON = {'nixops_' + name: option for name, option in EFFECT.items() if name != 'name'}
"""The variables that become options of an effect, whatever they are called."""


def options_of(role: Path) -> dict[str, dict[str, Any]]:
    """The options of all entry points. One that two entry points share is described alike, or it is a finding of its own."""
    specs = yaml.safe_load((role / 'meta' / 'argument_specs.yml').read_text())['argument_specs']
    return {name: option for entry in specs.values() for name, option in (entry.get('options') or {}).items()}


def disagreements(role: Path, handed_on: Mapping[str, Mapping[str, Any]], of_states: Container[str] = ()) -> Iterator[str]:
    """What does not agree in this role, a sentence each.

    handed_on: options of other specs that are variables of the role, too. of_states: those that are handed to nixops_state in the same way.
    """
    options = options_of(role)
    defaults = yaml.safe_load((role / 'defaults' / 'main.yml').read_text()) or {}
    for name in sorted(set(defaults) - set(options)):
        yield '%s is in defaults/main.yml and no option of meta/argument_specs.yml' % name
    for name, option in sorted(options.items()):
        stated, real = option.get('default', MISSING), defaults.get(name, MISSING)
        if stated != real:
            yield '%s: its default is %s in meta/argument_specs.yml and %s in defaults/main.yml' % (
                name, *('absent' if value is MISSING else repr(value) for value in (stated, real)))
    readers = [*(role / 'tasks').rglob('*.yml'), *(role / 'vars').rglob('*.yml'), *Path('plugins').rglob('*.py')]
    text = '\n'.join(path.read_text() for path in readers)
    text = text.replace('_nixops_shared.', 'nixops_')  # which has the variables that are the same for a project
    for name in sorted(options):
        if name not in text and name not in handed_on and name not in of_states:
            yield '%s is an option that no task and no plugin reads' % name
    for name, option in sorted(handed_on.items()):
        described = (options.get(name, {}).get('type'), options.get(name, {}).get('elements'))
        if described != (option['type'], option.get('elements')):
            yield '%s is an option of an effect of type %s, and in meta/argument_specs.yml %s' % (
                name, option['type'], described[0] or 'absent')


def main() -> int:
    """Print every disagreement of every role."""
    roles = sorted(Path('roles').iterdir())
    found = ['roles/%s: %s' % (role.name, sentence) for role in roles for sentence in disagreements(role, HANDED_ON, {*VARIABLES.values()})]
    print('\n'.join(found))
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
