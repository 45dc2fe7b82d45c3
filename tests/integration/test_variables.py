# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host unsets what its group sets, with null or omit. What the groups set here would fail, or change what is done."""

from __future__ import annotations

from itertools import cycle, islice

import pytest

from tests.integration.test_jobs import row
from tests.support.marks import SLOW
from tests.support.world import PROJECT, World

OF_NETWORKS = {
    'nixops_api_token': 'wrong', 'nixops_credentials_file': '/nonexistent', 'nixops_ca_path': '/nonexistent',
    'nixops_validate_certs': False, 'nixops_state': 'present', 'nixops_state_name': 'other.json', 'nixops_state_existing': 'fail',
    'nixops_state_replaced_version': 1, 'nixops_state_running_jobs': 'wait', 'nixops_export_file': '/nonexistent',
    'nixops_program': '/nonexistent', 'nixops_known_hosts': '/nonexistent', 'nixops_known_hosts_name': 'other',
    'nixops_effect_deployment': 'other', 'nixops_file': 'other.nix', 'nixops_form': 'effects',
    'nixops_schedules': {'x': {'when': {'hour': 1}}}, 'nixops_validate': 'none', 'nixops_function': 'runNixOps2',
    'nixops_action': 'dry-run', 'nixops_prior_check_script': 'false', 'nixops_prebuild': False, 'nixops_import_check': False,
    'nixops_remote': 'other', 'nixops_push': 'none', 'nixops_commit_message': 'Other', 'nixops_commit_author_name': 'Other',
    'nixops_commit_author_email': 'other@example.org', 'nixops_report': '/nonexistent/report.html', 'nixops_rerun_failed': True,
    'nixops_job_timeout': 0, 'nixops_job_start_timeout': 0, 'nixops_run_on': {'branches': ['other']},
}
OF_AGENTS = {
    'nixops_agent_name': 'other', 'nixops_agent_secrets_exclusive': True, 'nixops_agent_secrets_mode': '0444',
    'nixops_agent_binary_caches': {'cache': {}}, 'nixops_agent_cluster_join_token': 'two words',
}


SPELLINGS = (None, '{{ omit }}', '{{ none }}')


@pytest.mark.parametrize('first', [0, SLOW(1), SLOW(2)])
def test_what_a_group_sets_can_be_unset(world: World, first: int) -> None:
    """Spelled in another way on each host, and for each variable."""
    networks, agents = world.inventory['nixops_networks'], world.inventory['hercules_agents']
    networks['vars'].update(OF_NETWORKS)
    agents['vars'].update(OF_AGENTS)
    spellings = islice(cycle(SPELLINGS), first, None)
    for group in (*networks['children'].values(), agents):
        for variables in group['hosts'].values():
            variables.update(zip(OF_AGENTS if group is agents else OF_NETWORKS, spellings))
            next(spellings)
    planned = world.play(playbook='plan')
    assert planned.code == 0, planned.output
    played = world.play()
    assert played.code == 0, played.output
    assert [row(played, name)[-1] for name in ('neat-network', 'neat-staging')] == ['deployed', 'deployed']
    (project,) = [project for project in world.sandbox.summary()['projects'] if project['path'] == PROJECT]
    assert sorted(name for name in project['states'] if name.endswith('.json')) == ['nixops-aws-prod.json', 'nixops-webfarm.json']
    assert world.agent_secrets('agent-1').stat().st_mode & 0o777 == 0o400
    assert [path.name for path in world.agent_secrets('agent-1').parent.iterdir()] == ['secrets.json']
    again = world.play()
    assert (again.code, again.changes) == (0, {}), again.output
