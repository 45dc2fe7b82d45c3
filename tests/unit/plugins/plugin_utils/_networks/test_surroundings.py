# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run needs beside the inventory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleUndefinedVariable
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import evaluation
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.projects import Project
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.surroundings import (
    login_problems,
    nix_problems,
    report_problems,
)
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import read_agent, read_network


def test_no_nix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    network, _wrong = read_network('neat', {})
    project = Project('github/neat-org/neat-repo', (network,), frozenset({'neat'}))
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setattr(evaluation, 'FOLDERS', ())
    (problem,) = nix_problems(project)
    assert (problem.what, problem.found) == (
        'Nix is not installed on this machine, so the file cannot be checked.', 'no nix-instantiate')
    assert 'validate: none' not in problem.remedy  # with which nothing is pushed
    network, _wrong = read_network('neat', {'nixops_validate': 'none'})
    assert list(nix_problems(Project('p', (network,), frozenset()))) == []


@pytest.mark.parametrize(('path', 'what'), [
    ('reports/page.html', 'The folder of the report does not exist.'), ('', 'The report cannot be written over a folder.'),
    ('page.html', None), ('file/page.html', 'The folder of the report does not exist.'),
])
def test_a_report_that_could_not_be_written(tmp_path: Path, path: str, what: str | None) -> None:
    (tmp_path / 'file').touch()
    network, _wrong = read_network('neat', {'nixops_report': str(tmp_path / path)})
    assert [problem.what for problem in report_problems([network])] == ([what] if what else [])


def test_a_report_that_this_user_may_not_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, 'access', lambda path, _mode: Path(path) != tmp_path)
    network, _wrong = read_network('neat', {'nixops_report': str(tmp_path / 'page.html')})
    assert [problem.what for problem in report_problems([network])] == ['This user may not write the report.']
    assert list(report_problems([read_network('neat', {})[0]])) == []


SSH = {'ansible_user': 'fleet'}
LOCAL = {'ansible_connection': 'ansible.builtin.local', 'nixops_agent_secrets_path': '/srv/nowhere/secrets.json'}


@pytest.mark.parametrize(('variables', 'become', 'severity'), [
    (SSH, False, 'warning'), (SSH, True, None), ({**SSH, 'ansible_become': 'yes'}, False, None),
    ({**SSH, 'ansible_become': False}, False, 'warning'),
    ({'ansible_user': 'root'}, False, None), ({'ansible_user': 'hercules-ci-agent'}, False, None), ({}, False, None),
    ({'ansible_user': 'hercules-ci-agent', 'nixops_agent_name': 'second'}, False, 'warning'),
    ({**SSH, 'nixops_agent_secrets_path': '/srv/agent/secrets.json'}, False, None),  # whose that is, nobody knows
    (LOCAL, False, 'error'), (LOCAL, True, None), ({**LOCAL, 'ansible_become': True}, False, None),
])
def test_a_user_who_may_not_write_the_files_of_an_agent(
    variables: dict[str, Any], become: bool, severity: str | None, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, 'access', lambda _path, _mode: False)
    agent, wrong = read_agent('agent-1', variables)
    assert wrong == []
    found = list(login_problems(agent, variables, become=become))
    assert [problem.severity for problem in found] == ([severity] if severity else [])
    assert all('ansible_become: true' in problem.remedy for problem in found)
    monkeypatch.setattr(os, 'access', lambda _path, _mode: True)
    assert [problem.severity for problem in login_problems(agent, variables, become=become)] == ['warning'] * (severity == 'warning')


class Undefined(dict[str, Any]):
    """Variables of which Ansible cannot evaluate what is None."""

    def get(self, name: str, default: Any = None) -> Any:
        if name in self and self[name] is None:
            raise AnsibleUndefinedVariable("'nothing' is undefined")
        return super().get(name, default)


@pytest.mark.parametrize('variables', [
    {**LOCAL, 'nixops_agent_secrets_path': 5.5}, {**LOCAL, 'nixops_agent_name': ['a']}, Undefined({**LOCAL, 'ansible_user': None}),
    Undefined({**LOCAL, 'ansible_become': None}),
])
def test_of_an_agent_whose_variables_are_wrong_nothing_more_is_said(variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, 'access', lambda _path, _mode: False)
    agent, _wrong = read_agent('agent-1', {name: value for name, value in variables.items() if value is not None})
    assert list(login_problems(agent, variables, become=False)) == []
