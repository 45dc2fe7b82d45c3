# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin of nixops_state: in which words it says what is to be done."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.action import nixops_state
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import fail


@pytest.mark.parametrize(('role', 'remedy'), [
    (None, 'Set existing=replace, or correct export_file.'), ('neat.fleet.deploy', 'Set existing=replace, or correct export_file.'),
    ('nixcd.hercules_ci.nixops', 'Set nixops_state_existing: replace, or correct nixops_export_file.'),
])
def test_in_the_role_problems_name_its_variables(
    make_action: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, role: str | None, remedy: str,
) -> None:
    def run(_module: Any) -> dict[str, Any]:
        raise fail('The state is another one.', 'a.json', remedy='Set existing=replace, or correct export_file.')

    monkeypatch.setattr(nixops_state, 'run', run)
    options = {'project': 'github/neat-org/neat-repo', 'deployment': 'foo', 'api_token': 'abcdefgh'}
    result = make_action('nixops_state', options, _role=SimpleNamespace(get_name=lambda: role) if role else None).run()
    assert result['failed'] is True
    assert [(problem['what'], problem['remedy']) for problem in result['problems']] == [('The state is another one.', remedy)]
