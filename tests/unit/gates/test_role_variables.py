# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles whose defaults, argument specs and tasks disagree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gates.role_variables import disagreements


@pytest.fixture
def role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], Path]:
    """role(defaults, specs, tasks) makes a role of these texts."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'roles' / 'toy'

    def make(defaults: str, specs: str, tasks: str) -> Path:
        for name, text in {'defaults/main.yml': defaults, 'meta/argument_specs.yml': specs, 'tasks/main.yml': tasks}.items():
            (folder / name).parent.mkdir(parents=True)
            (folder / name).write_text(text)
        return folder

    return make


def test_a_role_whose_parts_disagree(role: Callable[[str, str, str], Path]) -> None:
    toy = role(
        'toy_a: 1\ntoy_b: 2\ntoy_lost: 3\n', 'argument_specs: {main: {options: {toy_a: {default: 1}, toy_b: {default: 3}, toy_c: {}}}}\n',
        "- debug: {msg: '{{ toy_a }} {{ toy_b }}'}\n")
    assert list(disagreements(toy, {'toy_d': {'type': 'int'}, 'toy_a': {'type': 'str'}})) == [
        'toy_lost is in defaults/main.yml and no option of meta/argument_specs.yml',
        'toy_b: its default is 3 in meta/argument_specs.yml and 2 in defaults/main.yml',
        'toy_c is an option that no task and no plugin reads',
        'toy_a is an option of an effect of type str, and in meta/argument_specs.yml absent',
        'toy_d is an option of an effect of type int, and in meta/argument_specs.yml absent',
    ]


def test_what_is_read_as_preflight_has_it_is_read(role: Callable[[str, str, str], Path]) -> None:
    toy = role(
        '', 'argument_specs: {main: {options: {nixops_a: {}, nixops_b: {}, nixops_c: {}}}}\n', "- debug: {msg: '{{ _nixops_shared.a }}'}\n")
    assert list(disagreements(toy, {}, {'nixops_b'})) == ['nixops_c is an option that no task and no plugin reads']
