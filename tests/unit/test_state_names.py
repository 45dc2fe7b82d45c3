# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role calls a state file, where it has not asked preflight, as the code does."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import Network

from tests.support.as_written import as_written, trusted
from tests.support.surroundings import ROOT

NAME = yaml.safe_load((ROOT / 'roles' / 'nixops' / 'vars' / 'main.yml').read_text(encoding='utf-8'))['_nixops_state_file']


@pytest.mark.parametrize('given', [
    {}, {'nixops_state_name': None}, {'nixops_state_name': ''}, {'nixops_state_name': 'other.json'}, {'nixops_effect_deployment': 'prod'},
])
def test_the_state_file(given: dict[str, Any]) -> None:
    variables = {'nixops_deployment': 'foo', **given}
    named = Templar(loader=DataLoader(), variables=as_written(variables)).template(trusted(NAME))
    assert named == Network('neat-network', variables, variables).state_name
