# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check that a role's defaults, its argument specs and what its tasks use agree: `python -m tests.gates.role_variables`.

Each default is an option of some entry point with the same default; each option that is not required and has a default is in
defaults/main.yml; each variable is read by some task or plugin.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

MISSING = object()


def options_of(role: Path) -> dict[str, dict[str, Any]]:
    """The options of all entry points. One that two entry points share is described alike, or it is a finding of its own."""
    specs = yaml.safe_load((role / 'meta' / 'argument_specs.yml').read_text())['argument_specs']
    return {name: option for entry in specs.values() for name, option in (entry.get('options') or {}).items()}


def disagreements(role: Path) -> Iterator[str]:
    """What does not agree in this role, a sentence each."""
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
    for name in sorted(options):
        if name not in text:
            yield '%s is an option that no task and no plugin reads' % name


def main() -> int:
    """Print every disagreement of every role."""
    found = ['roles/%s: %s' % (role.name, sentence) for role in sorted(Path('roles').iterdir()) for sentence in disagreements(role)]
    print('\n'.join(found))
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
