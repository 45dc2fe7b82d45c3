# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that five usual changes touch, as CONTRIBUTING lists them: they are there, and a new column and a new option need no others."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import EFFECT_OPTIONS, VARIABLES
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report import outcome
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.outcome import Cell, Column, Outcome
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.page import html_page
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._report.table import text_table

from tests.support.passed_on import PassedOn, Sources
from tests.support.surroundings import ROOT

MOST = 4
NAMES = ('nixops_project', 'nixops_deployment', 'nixops_effect_deployment', 'nixops_state_name', 'nixops_known_hosts_name')
CALLED = 'What a network is called, and its states: what may exist only once and where it is looked for goes by them, not only a module.'
USERS = 'Which jobs get which secret: conditions on secrets are made of it, for variables of hosts that nobody has checked.'
THREE = 'A state is brought by an upload, a rollback and a restore, and only the first one has its options from preflight.'
MORE = {
    **dict.fromkeys(NAMES, CALLED),
    'nixops_function': 'Which other variables count, and whether there is a state, depends on it.',
    **dict.fromkeys(('nixops_run_on', 'nixops_secrets_map'), USERS),
    **dict.fromkeys(('nixops_state_replaced_version', 'nixops_state_running_jobs'), THREE),
    'nixops_report': 'It is for a run, so that networks of a project need not agree about it, of which there is a list.',
}
"""Variables that are in more files, and why. A new option need not be."""
TABLE = re.search(r'## Five changes.*?\n\n(.*?)\n\n', (ROOT / 'CONTRIBUTING.md').read_text(), re.DOTALL)


def test_every_file_of_the_list_is_there() -> None:
    assert TABLE
    named = [name for name in re.findall(r'`([\w/<>]+[./][\w.<>/]+)`', TABLE[1]) if '<' not in name]
    assert len(named) >= 6
    folders = (ROOT, ROOT / 'plugins', ROOT / 'roles' / 'nixops', ROOT / 'roles' / 'nixops' / 'meta')
    assert [name for name in named if not any((folder / name).exists() for folder in folders)] == []


def test_a_new_column_is_in_table_and_page(monkeypatch: pytest.MonkeyPatch) -> None:
    weather = Column('Weather', lambda _outcome: Cell('sunny'))
    monkeypatch.setattr(outcome, 'COLUMNS', (*outcome.COLUMNS[:-1], weather, outcome.COLUMNS[-1]))
    outcomes = [Outcome('neat-network', 'github/neat-org/neat-repo', 'production', 'deployed')]
    lines = [text for text, _tone in text_table(outcomes, 100)]
    assert 'WEATHER' in lines[0] and any('sunny' in line for line in lines)
    assert 'data-label="Weather"' in html_page(outcomes, [], datetime.now(timezone.utc))


def sources() -> Sources:
    return Sources.of(ROOT, VARIABLES, {option: 'nixops_' + option for option in EFFECT_OPTIONS})


def test_an_option_that_the_role_passes_on_is_in_four_files() -> None:
    found = sources().files()
    assert len(found) > 150
    assert [passed for passed, files in found.items() if len(files) < 3] == []  # documented, declared, and a variable
    more = {passed: sorted(files) for passed, files in found.items() if len(files) > MOST}
    assert {passed: files for passed, files in more.items() if passed.variable not in MORE} == {}
    assert {passed.variable for passed in more} == MORE.keys()


PATIENCE = PassedOn('hci_job', 'patience', 'nixops_patience')
NEW_OPTION = {  # by file, before what it stands
    'plugins/module_utils/_jobs/states.py': ("        'log_lines': {", "        'patience': {'type': 'int'},\n"),
    'plugins/modules/hci_job.py': ('  log_lines:\n', '  patience:\n    description: How long.\n    type: int\n'),
    'roles/nixops/meta/argument_specs.yml': ('      nixops_job_timeout:\n', '      nixops_patience:\n        type: int\n'),
    'roles/nixops/tasks/watch.yml': ('    rerun_failed: ', '    patience: "{{ _nixops_shared.patience }}"\n'),
}


@pytest.mark.parametrize(('path', 'old', 'new'), [
    ('plugins/plugin_utils/_networks/projects.py', "OF_NETWORKS = frozenset((", "OF_NETWORKS = frozenset(('nixops_patience', "),
    ('plugins/plugin_utils/_networks/rest.py', '**project.file_options,',
     "**{option: project.first['nixops_' + option] for option in ('patience', 'file')},"),
    ('plugins/plugin_utils/_networks/known.py', "'options': project.options,", "'patience': int(project.first['nixops_patience']),"),
    ('roles/nixops/tasks/rerun.yml', '        state: rerun\n', '        state: rerun\n        patience: "{{ nixops_patience }}"\n'),
    ('roles/nixops/defaults/main.yml', '# Written by ', 'nixops_patience: 1\n# '),
], ids=['list', 'names from options', 'value', 'task', 'default'])
def test_one_in_a_fifth_file_is_found(path: str, old: str, new: str) -> None:
    texts = dict(sources().texts)

    def change(file: str, before: str, after: str) -> Sources:
        assert texts[file].count(before) == 1, file
        texts[file] = texts[file].replace(before, after)
        return replace(sources(), texts=texts)

    for file, (before, added) in NEW_OPTION.items():
        changed = change(file, before, added + before)
    assert changed.files()[PATIENCE] == NEW_OPTION.keys()
    assert change(path, old, new).files()[PATIENCE] == {*NEW_OPTION, path}
