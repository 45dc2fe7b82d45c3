# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every plugin has an integration target, by the names with which `ansible-test integration --changed` looks for them.

That of a module has the module's name, or has it in its file `aliases`; that of another plugin is called KIND_NAME.
"""

from __future__ import annotations

import pytest

from tests.support.surroundings import ROOT

TARGETS = ROOT / 'tests' / 'integration' / 'targets'
WITHOUT = {'module_utils', 'plugin_utils', 'doc_fragments', 'action'}  # no plugins; an action plugin is called by its module's name

PLUGINS = sorted(
    (file.stem, file.stem if kind.name == 'modules' else '%s_%s' % (kind.name, file.stem))
    for kind in (ROOT / 'plugins').iterdir() if kind.name not in WITHOUT for file in kind.glob('*.py') if file.stem != '__init__'
)


def targets_called(name: str) -> list[str]:
    """The target of this name, and those that have it as an alias."""
    with_alias = [file.parent.name for file in TARGETS.glob('*/aliases') if name in file.read_text(encoding='utf-8').splitlines()]
    return [name] * (TARGETS / name).is_dir() + with_alias


@pytest.mark.parametrize(('plugin', 'target'), PLUGINS)
def test_every_plugin_has_a_target_that_calls_it(plugin: str, target: str) -> None:
    called = targets_called(target)
    assert len(called) == 1, 'for %s: a folder of this name in %s, or an alias of another one' % (target, TARGETS)
    files = [file for file in (TARGETS / called[0]).rglob('*') if file.suffix in ('.yml', '.sh')]
    assert any('nixcd.hercules_ci.%s' % plugin in file.read_text(encoding='utf-8') for file in files)


def test_an_action_plugin_is_that_of_a_module() -> None:
    names = {kind: {file.stem for file in (ROOT / 'plugins' / kind).glob('*.py')} for kind in ('action', 'modules')}
    assert names['action'] <= names['modules']
