# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks backup and restore: after a deployment, and after Hercules CI has lost all that it had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.world import PROJECT, World

NAME = 'nixops-aws-prod.json'


@pytest.mark.slow
def test_all_states_are_kept_and_could_be_brought_back(deployed: World, tmp_path: Path) -> None:
    place = ('-e', 'nixops_backup_folder=%s' % (tmp_path / 'backup'))
    kept = deployed.play(*place, playbook='backup')
    assert kept.code == 0, kept.output
    assert kept.changes == {'Keep the newest states': ['neat-network']}
    newest = deployed.sandbox.states(PROJECT, NAME)[-1]
    deployed.sandbox.put_state(PROJECT, NAME, b'')
    drill = deployed.play('--check', *place, playbook='restore')
    assert drill.code == 0, drill.output
    assert drill.output.count('is whole') == 2
    restored = deployed.play('--limit', 'neat-network', *place, '-e', 'nixops_restore_existing=replace', '-e',
                             'nixops_restore_replaced_version=%d' % len(deployed.sandbox.states(PROJECT, NAME)), playbook='restore')
    assert restored.code == 0, restored.output
    assert deployed.sandbox.states(PROJECT, NAME)[-1] == newest
