# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles whose defaults, argument specs and tasks disagree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gates.role_variables import disagreements


def test_a_role_whose_parts_disagree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    role = tmp_path / 'roles' / 'toy'
    for folder in ('defaults', 'meta', 'tasks'):
        (role / folder).mkdir(parents=True)
    (role / 'defaults' / 'main.yml').write_text('toy_a: 1\ntoy_b: 2\ntoy_lost: 3\n')
    (role / 'meta' / 'argument_specs.yml').write_text(
        'argument_specs: {main: {options: {toy_a: {default: 1}, toy_b: {default: 3}, toy_c: {}}}}\n')
    (role / 'tasks' / 'main.yml').write_text("- debug: {msg: '{{ toy_a }} {{ toy_b }}'}\n")
    assert list(disagreements(role, {'toy_d': {'type': 'int'}, 'toy_a': {'type': 'str'}})) == [
        'toy_lost is in defaults/main.yml and no option of meta/argument_specs.yml',
        'toy_b: its default is 3 in meta/argument_specs.yml and 2 in defaults/main.yml',
        'toy_c is an option that no task and no plugin reads',
        'toy_a is an option of an effect of type str, and in meta/argument_specs.yml absent',
        'toy_d is an option of an effect of type int, and in meta/argument_specs.yml absent',
    ]


def test_what_is_read_as_preflight_has_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    role = tmp_path / 'roles' / 'toy'
    for folder in ('defaults', 'meta', 'tasks'):
        (role / folder).mkdir(parents=True)
    (role / 'defaults' / 'main.yml').write_text('')
    (role / 'meta' / 'argument_specs.yml').write_text('argument_specs: {main: {options: {nixops_a: {}, nixops_b: {}, nixops_c: {}}}}\n')
    (role / 'tasks' / 'main.yml').write_text("- debug: {msg: '{{ _nixops_shared.a }}'}\n")
    assert list(disagreements(role, {}, {'nixops_b'})) == ['nixops_c is an option that no task and no plugin reads']
