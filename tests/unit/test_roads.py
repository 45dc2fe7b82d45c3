# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where `nixops_secrets_map` goes from the inventory: to an agent's secrets.json, to ci.nix and to the page of the report.

Somebody who wants to know reads these files, in this order, and each once.
"""

from __future__ import annotations

import re

import pytest

from tests.support.surroundings import ROOT

# Each file with the words in it that take the value, or hand it on to the next file.
TO_AGENTS = (
    ('roles/nixops/tasks/agent.yml', 'networks: "{{ groups.nixops_networks | default([]) }}"'),
    ('plugins/action/hci_secret.py', 'with_conditions(secrets, [hostvars[network] for network in networks])'),
    ('plugins/plugin_utils/_networks/conditions.py', 'for secret in set(network.secrets.values())'),
    ('plugins/plugin_utils/_networks/network.py', "self['nixops_secrets_map']"),
    ('plugins/module_utils/_secrets/condition.py', 'def for_users('),
    ('plugins/modules/hci_secret.py', 'Rewrite(place.path, wish)'),
    ('plugins/module_utils/_secrets/change.py', 'document.render(self.after)'),
    ('plugins/module_utils/_secrets/document.py', 'def render('),
)
TO_CI_NIX = (
    ('plugins/plugin_utils/_networks/network.py', 'options = {option: self[PREFIX + option] for option in'),
    ('plugins/plugin_utils/_networks/known.py', "'effects': self.effects()"),
    ('roles/nixops/tasks/ci_nix.yml', 'effects: "{{ _nixops_effects }}"'),
    ('plugins/action/nixops_effect.py', 'return run(module)'),
    ('plugins/module_utils/_nix/effect_file.py', 'ci_nix.render('),
    ('plugins/module_utils/_nix/ci_nix.py', 'parameters.bindings(effect,'),
    ('plugins/module_utils/_nix/parameters.py', 'def bindings('),
)
TO_PAGE = (
    ('plugins/plugin_utils/_networks/network.py', "'secrets_map': self._shown_secrets_map"),
    ('plugins/plugin_utils/_networks/registered.py', "secrets_map=network['secrets_map']"),
    ('plugins/plugin_utils/_report/reading.py', "'secrets_map': self.secrets_map"),
    ('plugins/plugin_utils/_report/outcome.py', 'for _key, name in self.secrets_map'),
    ('plugins/plugin_utils/_report/page.py', 'for name in outcome.secrets:'),
)
# What looks at it on the way, and hands nothing on.
LOOK_AT_IT = {
    'plugins/plugin_utils/_networks/': {'audit.py', 'aws_check.py', 'guard.py', 'preflight.py', 'secrets.py'},
    'plugins/plugin_utils/_rotation/': {'run.py'},
}


@pytest.mark.parametrize(('road', 'most'), [(TO_AGENTS, 8), (TO_CI_NIX, 7), (TO_PAGE, 5)], ids=['agents', 'ci.nix', 'page'])
def test_the_road_is_short_and_leads_there(road: tuple[tuple[str, str], ...], most: int) -> None:
    assert [file for file, words in road if words not in (ROOT / file).read_text()] == []
    assert len({file for file, _words in road}) == len(road) <= most


def test_nobody_else_on_the_controller_reads_it() -> None:
    """Another reader is another way in which it could be understood."""
    roads = {file for road in (TO_AGENTS, TO_CI_NIX, TO_PAGE) for file, _words in road}
    known = {*roads, *(folder + name for folder, names in LOOK_AT_IT.items() for name in names)}
    role = ROOT / 'roles' / 'nixops'
    files = [*(ROOT / 'plugins' / 'plugin_utils').rglob('*.py'), *(role / 'tasks').iterdir(), *(role / 'vars').iterdir()]
    reading = {str(file.relative_to(ROOT)) for file in files if re.search(r'secrets_map', file.read_text())}
    assert reading - known == set()
    assert reading >= known - roads
