# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each gate fails on a defect of its kind. The defect is put into a small copy of this collection, in which it is the only one."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gates.sessions import META, NOX, Counts, run
from tests.support.surroundings import ROOT, copy_as_collection, environment, export, make_repository

LISTED = subprocess.run([NOX, '--noxfile', ROOT / 'noxfile.py', '--list', '--json'], check=True, capture_output=True, text=True).stdout
NAMES = {session['name'] for session in json.loads(LISTED)} - {*META, 'matrix-generator'}

# What the small copy keeps: enough for every tool to accept it as a collection.
KEPT = (
    'galaxy.yml', 'pyproject.toml', 'README.md', 'LICENSE', 'LICENSES', 'REUSE.toml', 'CHANGELOG.md', 'changelogs', 'meta', 'roles',
    'playbooks', '.gitignore', '.yamllint', '.ansible-lint', 'noxfile.py', 'antsibull-nox.toml', 'plugins/module_utils',
    'plugins/plugin_utils', 'tests/gates', 'tests/ee', 'tests/site', 'examples',
    'tests/conftest.py', 'tests/support', 'tests/sandbox', 'tests/unit/conftest.py', 'tests/integration/conftest.py', 'tests/config.yml',
    '.github',
)

SPDX = '# SPDX-FileCopyrightText: nixcd.hercules_ci contributors\n# SPDX-License-Identifier: GPL-3.0-or-later\n'
MODULE = '''#!/usr/bin/python
%s# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: wrong
short_description: Is wrong
version_added: 0.1.0
author: nixcd.hercules_ci contributors (@nixcd)
description: See O(missing).
options: {}
"""

EXAMPLES = r"""
- name: Is wrong
  nixcd.hercules_ci.wrong:
"""

RETURN = r"""{}"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Accept an option that is not documented."""
    AnsibleModule(argument_spec={'secretly': {'type': 'str'}}).exit_json()


if __name__ == '__main__':
    main()
''' % SPDX

TEST = SPDX + 'def test_wrong() -> None:\n    assert len("wrong") == 4\n'
TARGET = SPDX + '---\n- name: Fail\n  ansible.builtin.fail:\n'
WORKFLOW = SPDX + '''---
name: Wrong
'on': push
permissions: {}
jobs:
  wrong:
    name: Wrong
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/setup-python@v5
'''
PLAYBOOK = SPDX + '---\n- name: Wrong\n  hosts: all\n  tasks:\n    - ansible.builtin.debug:\n'

QUICK = {
    'codeqa': ('plugins/module_utils/_wrong.py', SPDX + 'import os\n', 'F401'),
    'typing': ('plugins/module_utils/_wrong.py', SPDX + 'def wrong(x):\n    return x\n', 'missing a type annotation'),
    'yamllint': ('playbooks/wrong.yml', SPDX + '---\n- name:  Too wide\n', 'too many spaces'),
    'antsibull-nox-config': ('antsibull-nox.toml', lambda text: text + '\n[[sessions.extra_checks.avoid_character_group]]\n', 'regex'),
    'license-check': ('plugins/module_utils/_wrong.py', 'x = 1\n', '_wrong.py'),
    'changelog': ('changelogs/fragments/wrong.yml', SPDX + '---\nbreaking_news:\n  - Wrong.\n', 'invalid section: breaking_news'),
    'workflows': ('.github/workflows/wrong.yml', WORKFLOW, 'unpinned action reference'),
    'role-variables': ('roles/nixops/defaults/main.yml', lambda text: text + 'nixops_wrong: 1\n', 'nixops_wrong is in defaults'),
    'exceptions': ('plugins/module_utils/_wrong.py', SPDX + 'import os  #' + ' noqa: F401\n', '_wrong.py:3: no reason beside it'),
    'extra-checks': ('meta/runtime.yml', lambda text: text.replace('  hercules_ci:', '  others:'), "unknown action group 'others'"),
}
SLOW = {
    'units': ('tests/unit/test_wrong.py', TEST, '1 failed'),
    'plays': ('tests/integration/test_wrong.py', TEST, '1 failed'),
    'ansible-test-integration': ('tests/integration/targets/wrong/tasks/main.yml', TARGET, 'Failed as requested'),
    'docs-check': ('plugins/modules/wrong.py', MODULE, 'O(missing)'),
    'site': ('docs/docsite/rst/guide_wrong.rst', 'Wrong\n=====\n\n:ref:`nowhere`\n', "undefined label: 'nowhere'"),
    'ansible-test-sanity': ('plugins/modules/wrong.py', MODULE, 'undocumented-parameter'),
    'ansible-lint': ('playbooks/wrong.yml', PLAYBOOK, 'name[missing]'),
    'build-import-check': ('meta/runtime.yml', SPDX + '---\naction_groups: {}\n', 'requires_ansible'),
    'gates': ('tests/gates/test_gates_bite.py', TEST, '1 failed'),
    'ee-check': ('meta/ee-requirements.txt', SPDX + 'boto3\n', 'boto3'),
}
# gate: (file, its defective content or how to make it defective, what the gate then says)
DEFECTS: dict[str, tuple[str, str | Callable[[str], str], str]] = {**QUICK, **SLOW}


def spoilt(top: Path, name: str, content: str | Callable[[str], str]) -> Path:
    """A small copy of the collection below TOP, with one file made defective."""
    collection = top / 'ansible_collections' / 'nixcd' / 'hercules_ci'
    export(collection, *KEPT)
    path = collection / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else content(path.read_text()))
    make_repository(collection)
    return collection


def judged(gate: str, collection: Path) -> tuple[Counts, dict[str, str]]:
    """What the gate makes of the collection."""
    return run([gate], collection, environment(collection.parents[2]))


def test_every_gate_has_a_defect() -> None:
    others = {'coverage', 'molecule'}  # they have tests of their own below
    assert NAMES - set(DEFECTS) == others


@pytest.mark.parametrize('name', [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in DEFECTS])
def test_gate_fails_on_its_defect(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, content, words = DEFECTS[name]
    counts, _skipped = judged(name, spoilt(tmp_path, path, content))
    output = capsys.readouterr().out
    assert counts.failed == 1, output
    assert words in output


@pytest.mark.slow
def test_units_fail_on_what_ansible_calls_deprecated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = SPDX + 'from ansible.utils.display import Display\n\ndef test_it(): Display().deprecated("the old way", version="99.0")\n'
    assert judged('units', spoilt(tmp_path, 'tests/unit/test_old.py', test))[0].failed == 1
    assert '[DEPRECATION WARNING]: the old way' in capsys.readouterr().out


@pytest.mark.slow
def test_coverage_fails_on_lines_that_no_test_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = SPDX + 'from ansible_collections.nixcd.hercules_ci.plugins.module_utils import _problems\n\ndef test_it(): assert _problems\n'
    collection = spoilt(tmp_path, 'tests/unit/test_little.py', test)
    target = collection / 'tests' / 'integration' / 'targets' / 'nothing' / 'tasks' / 'main.yml'
    target.parent.mkdir(parents=True)
    target.write_text(SPDX + '---\n- name: Pass\n  ansible.builtin.meta: noop\n')
    make_repository(collection)
    assert judged('coverage', collection)[0] == Counts(passed=2, failed=1)  # units, and the playbook
    output = capsys.readouterr().out
    assert re.search(r'plugins/module_utils/_problems.py .* \d+-\d+', output) and re.search(r'plugins/.*: no test loads it', output)


@pytest.mark.slow
def test_molecule_fails_where_others_can_read_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    collection = copy_as_collection(tmp_path)
    defaults = collection / 'roles' / 'nixops' / 'defaults' / 'main.yml'
    defaults.write_text(defaults.read_text().replace("nixops_agent_secrets_mode: '0400'", "nixops_agent_secrets_mode: '0444'"))
    counts, skipped = judged('molecule', collection)
    if skipped:
        assert counts == Counts(skipped=1)
        return
    assert counts.failed == 1
    assert "file.stat.mode == '0400'" in capsys.readouterr().out
