# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All of the examples: two projects in one run, of which the second deploys a machine that NixOps never knew."""

from __future__ import annotations

import json

import pytest

from tests.support.repository import git
from tests.support.world import World


@pytest.mark.slow
def test_two_projects_are_deployed_in_one_run(world: World) -> None:
    world.add_second_project()
    predicted = world.play('--check')
    assert predicted.code == 0, predicted.output
    first = world.play()
    assert first.code == 0, first.output
    assert '3 networks: 3 deployed' in first.output
    assert predicted.changes == first.changes
    assert 'wiki' in git(world.folder / 'wiki.git', 'show', 'production:ci.nix')
    assert 'wiki' not in git(world.bare, 'show', 'production:ci.nix')
    for agent in ('agent-1', 'agent-2'):  # one secret for both projects, and for nothing else
        condition = json.dumps(json.loads(world.agent_secrets(agent).read_text())['neat-ssh']['condition'])
        assert 'neat-repo' in condition and 'wiki' in condition
    second = world.play()
    assert second.code == 0, second.output
    assert second.changes == {}
