# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The site playbook under ansible-runner, as AWX runs it: the stream of events has every step and no secret."""

from __future__ import annotations

import sys
from pathlib import Path

import ansible_runner
import pytest

from tests.integration.test_main_road import secret_values
from tests.support.world import World


@pytest.mark.slow
def test_events_tell_every_step_and_no_secret(world: World, tmp_path: Path) -> None:
    (tmp_path / 'runner').mkdir()
    variables = world.environment()
    variables['PATH'] = '%s:%s' % (Path(sys.executable).parent, variables['PATH'])
    run = ansible_runner.run(
        private_data_dir=str(tmp_path / 'runner'), inventory=str(world.write_inventory()), playbook='nixcd.hercules_ci.site', quiet=True,
        cmdline='--diff -vvvv', envvars=variables)
    output = run.stdout.read()
    assert (run.status, run.rc) == ('successful', 0), output
    assert '[DEPRECATION WARNING]' not in output
    kinds = {event['event'] for event in run.events}
    assert {'playbook_on_start', 'playbook_on_stats', 'runner_on_ok'} <= kinds
    assert 'runner_on_failed' not in kinds
    assert {event.get('event_data', {}).get('resolved_action') for event in run.events} >= {
        'nixcd.hercules_ci.%s' % name for name in ('hci_secret', 'hci_job', 'nixops_effect', 'nixops_push', 'nixops_state')}

    left = [path for path in (tmp_path / 'runner' / 'artifacts').rglob('*') if path.is_file()]
    assert any(path.parent.name == 'job_events' for path in left)
    for value in secret_values(world):
        assert [path for path in left if value in path.read_text(errors='replace')] == [], value
