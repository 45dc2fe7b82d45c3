# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which networks have been deployed by the jobs of their branches: those of which it is sure that these jobs ran their effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci.state import Version
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks import service
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.branches import Heads
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.network import Network
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.projects import Project, projects_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.rest import (
    declared,
    deployed_branches,
    replaced_since,
    runs_with_each_push,
)
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.variables import read_network

from tests.sandbox import jobs
from tests.sandbox.in_process import Sandbox
from tests.sandbox.repository import Commit
from tests.support.repository import commit, git, head, make_repository
from tests.support.world import PROJECT, TOKEN

GIVEN = {
    'nixops_project': 'github/neat-org/neat-repo', 'nixops_checkout': '/srv/neat', 'nixops_branches': ['production', 'staging'],
    'nixops_deployment': 'neat', 'nixops_network_files': ['network.nix'],
}


@pytest.mark.parametrize(('variables', 'sure'), [
    ({}, True), ({'nixops_run_on': {'any_ref': True}}, True), ({'nixops_run_on': {'branches': ['*']}}, True),
    ({'nixops_run_on': {'branches': ['production']}}, False), ({'nixops_run_on': {'branches': ['prod*']}}, False),
    ({'nixops_run_on': {'condition': 'false'}}, False), ({'nixops_run_on': {'branches': [], 'condition': 'src.tag == null'}}, False),
    ({'nixops_job': 'nightly', 'nixops_form': 'herculesCI', 'nixops_schedules': {'nightly': {'hour': 3}}}, False),
    ({'nixops_job': 'other', 'nixops_form': 'herculesCI', 'nixops_schedules': {'nightly': {'hour': 3}}}, True),
])
def test_whether_a_job_of_each_branch_has_run_its_effect(variables: dict[str, Any], sure: bool) -> None:
    network, wrong = read_network('neat', {**GIVEN, **variables})
    assert not wrong and isinstance(network, Network)
    (project,) = projects_of([network], ['neat'])
    assert runs_with_each_push(network.effect, project) is sure


def test_an_effect_that_is_switched_off_has_run_nowhere() -> None:
    network, _wrong = read_network('neat', GIVEN)
    (project,) = projects_of([network], ['neat'])
    assert not runs_with_each_push({**network.effect, 'run_on': {'condition': 'false'}}, project)


class Place:
    """A repository whose branches have what the inventory declares, a checkout with the same file, and a Hercules CI with its jobs."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder, self.sandbox = folder, sandbox
        self.bare, self.checkout = folder / 'bare.git', folder / 'checkout'
        make_repository(self.bare, self.checkout, ())
        sandbox.add_project(PROJECT)
        self.write(self.project())
        git(self.checkout, 'add', 'ci.nix')
        git(self.checkout, 'commit', '--quiet', '-m', 'Deploy')
        git(self.checkout, 'push', '--quiet', 'origin', 'main:production', 'main:staging')

    def project(self, **variables: Any) -> Project:
        given = {**GIVEN, 'nixops_checkout': str(self.checkout), 'nixops_api_base_url': self.sandbox.url, 'nixops_api_token': TOKEN}
        network, wrong = read_network('neat', {**given, **variables})
        assert not wrong and isinstance(network, Network)
        (project,) = projects_of([network], ['neat'])
        return project

    def write(self, project: Project) -> None:
        """The file as it should be, in the checkout."""
        change = declared(project, [network.effect for network in project.networks])
        change.path.write_text(change.after or '')

    def job(self, branch: str, typ: str = 'OnPush', name: str | None = 'default', **columns: Any) -> int:
        """The number of a job of the head of a branch. It has succeeded, unless columns of the sandbox say otherwise."""
        store, clock = self.sandbox.service.store, self.sandbox.service.clock
        job = jobs.create(store, clock, self.sandbox.service.find_project(*PROJECT.split('/')), typ=typ, name=name,
                          ref='refs/heads/' + branch, commit=Commit(head(self.bare, branch), 'Deploy', 'somebody'))
        succeeded = dict.fromkeys(('evaluation', 'derivations', 'effects'), 'Success')
        store.update('job', job['id'], **{'phase': 'Done', 'ended': clock.text(), **succeeded, **columns})
        return int(job['number'])

    def deployed(self, project: Project | None = None) -> dict[str, int]:
        """The numbers of jobs by the branches on which nothing is left to do."""
        project = project or self.project()
        client = service.state_files(project.first, str(self.folder)).client
        effects = [network.effect for network in project.networks]
        found = deployed_branches(project, effects, client, Heads(str(project.first['nixops_remote'])))
        assert all(each.as_dict() == {'revision': head(self.bare, each.branch), 'job': each.job.index, 'job_url': each.job.url}
                   for each in found)
        return {each.branch: each.job.index for each in found}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Sandbox(tmp_path / 'sandbox', token=TOKEN) as sandbox:
        yield Place(tmp_path, sandbox)


def test_a_branch_with_the_declared_file_whose_newest_job_has_succeeded_is_at_rest(place: Place) -> None:
    assert place.deployed() == {}, 'without a job'
    place.job('production', effects='Failure')
    second = place.job('production')
    assert place.deployed() == {'production': second}
    place.job('production', 'Config', None)
    third, staging = place.job('production'), place.job('staging')
    assert place.deployed() == {'production': third, 'staging': staging}
    other = place.project(nixops_branches=['staging', 'nowhere'], nixops_run_on={'branches': ['production', 'staging']})
    assert place.deployed(other) == {'staging': staging}


@pytest.mark.parametrize('columns', [
    {'effects': 'Failure'}, {'effects': 'Pending', 'phase': 'Effects'}, {'evaluation': 'Failure'}, {'cancelled': 1},
])
def test_a_branch_whose_newest_job_has_not_succeeded_has_something_to_do(place: Place, columns: dict[str, Any]) -> None:
    place.job('production')
    staging = place.job('staging')
    place.job('production', **columns)
    assert place.deployed() == {'staging': staging}


def test_a_job_of_another_branch_or_another_commit_says_nothing(place: Place) -> None:
    place.job('production')
    commit(place.bare, 'production', 'README', 'newer')
    assert place.deployed() == {}
    newest = place.job('production')
    assert place.deployed() == {'production': newest}


def test_all_jobs_that_the_effects_belong_to_are_waited_for_but_those_of_a_schedule(place: Place) -> None:
    elsewhere = {'nixops_job': 'other', 'nixops_form': 'herculesCI'}
    both = place.project(**elsewhere)
    place.write(both)
    for branch in ('production', 'staging'):
        commit(place.bare, branch, 'ci.nix', (place.checkout / 'ci.nix').read_text())
        place.job(branch, 'Config', None)
        place.job(branch)
    assert place.deployed(both) == {}, 'no job of the name'
    other = place.job('production', name='other')
    assert place.deployed(both) == {'production': other}
    nightly = place.project(**{**elsewhere, 'nixops_job': 'nightly'}, nixops_schedules={'nightly': {'hour': 3}})
    place.write(nightly)
    commit(place.bare, 'production', 'ci.nix', (place.checkout / 'ci.nix').read_text())
    place.job('production', 'Config', None)
    pushed = place.job('production')
    assert place.deployed(nightly) == {'production': pushed}


def test_a_branch_with_another_file_has_something_to_do(place: Place) -> None:
    commit(place.bare, 'production', 'ci.nix', '{ }')
    place.job('production')
    staging = place.job('staging')
    assert place.deployed() == {'staging': staging}
    git(place.bare, 'update-ref', '-d', 'refs/heads/staging')
    assert place.deployed() == {}


def test_a_checkout_without_the_declared_file_has_something_to_do(place: Place) -> None:
    place.job('production')
    assert place.deployed(place.project(nixops_network_files=['nixops.nix'])) == {}
    assert place.deployed(replace(place.project(), selected=frozenset())) == {}
    (place.checkout / 'ci.nix').unlink()
    assert place.deployed() == {}


@pytest.mark.parametrize('variables', [
    {'nixops_network_files': ['missing.nix']}, {'nixops_remote': 'nowhere'}, {'nixops_project': 'github/neat-org/unknown'},
])
def test_nothing_is_said_of_what_cannot_be_known(place: Place, variables: dict[str, Any]) -> None:
    """The tasks that do the work say it better."""
    place.job('production')
    assert place.deployed(place.project(**variables)) == {}


def test_nothing_is_said_while_hercules_ci_refuses_to_tell(place: Place) -> None:
    production = place.job('production')
    place.sandbox.fault('status', path='.*/jobs.*', status=403)
    assert place.deployed() == {}
    assert place.deployed() == {'production': production}


@pytest.mark.parametrize(('jobs_of_versions', 'replaced'), [
    ([], None), ([''], None), (['job'], None), (['', 'job'], None), (['job', ''], 2), (['job', '', ''], 3), (['job', '', 'job'], None),
    (['', ''], None),
])
def test_a_state_that_somebody_uploaded_after_a_deployment(jobs_of_versions: list[str], replaced: int | None) -> None:
    versions = [Version(number, '2026-01-01T00:00:00Z', None, None, job, '') for number, job in enumerate(jobs_of_versions, 1)]
    found = replaced_since(versions)
    assert (found.number if found else None) == replaced
