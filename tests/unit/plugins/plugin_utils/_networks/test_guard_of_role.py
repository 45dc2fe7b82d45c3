# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A random walk: whatever becomes of an inventory, of the states and of the branches, a run never makes machines anew that a state knows.

Each step changes something, and then does what the role does (tests/support/role_model.py).
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci import client
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks import known, preflight
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.sandbox.in_process import Sandbox
from tests.support.marks import SLOW
from tests.support.role_model import BRANCHES, NAMES, TOKEN, UUIDS, Model, Opener, Server

networks = st.sampled_from(sorted(NAMES))
runs = st.fixed_dictionaries({
    'selected': st.sets(networks, min_size=1) | st.just(set(NAMES)),
    'phases': st.sampled_from([preflight.PHASES] * 4 + [
        tuple(phase for phase in preflight.PHASES if phase not in left_out) for left_out in ({'state'}, {'push'}, {'state', 'ci_nix'})]),
    'failing': st.just(set()) | st.sets(networks, max_size=1),
    'rerun': st.booleans(),
})


class Walk(Model, RuleBasedStateMachine):
    """A step is a rule."""

    # What people change.

    @rule(run=runs)
    def nothing_changes(self, run: dict[str, Any]) -> None:
        self.play(**run)

    @rule(name=networks, called=st.sampled_from([None, 'own.json', 'nixops-webfarm.json', 'nixops-aws-prod.json']), run=runs)
    def the_state_is_renamed(self, name: str, called: str | None, run: dict[str, Any]) -> None:
        self.variables[name]['nixops_state_name'] = called
        self.play(**run)

    @rule(name=networks, called=st.sampled_from(['own.json', 'nixops-webfarm.json', 'nixops-aws-prod.json']), run=runs)
    def the_network_names_its_storage(self, name: str, called: str, run: dict[str, Any]) -> None:
        self.storage[name] = called
        self.files_change()
        self.play(**run)

    @rule(name=networks, form=st.sampled_from(['name', 'UUID', 'prefix', 'another']), run=runs)
    def the_deployment_is_called_otherwise(self, name: str, form: str, run: dict[str, Any]) -> None:
        full = next(iter(sorted(self.deployments[name])), NAMES[name])
        other = {'neat': 'webfarm', 'web': 'aws-prod', 'fresh': 'aws-prod'}[name]
        self.variables[name]['nixops_deployment'] = {'name': NAMES[name], 'UUID': full, 'prefix': full[:8], 'another': other}[form]
        self.play(**run)

    @rule(name=networks, called=st.sampled_from([None, 'elsewhere', 'webfarm', UUIDS['neat'], UUIDS['neat'][:6]]), run=runs)
    def the_effect_calls_it_otherwise(self, name: str, called: str | None, run: dict[str, Any]) -> None:
        self.variables[name]['nixops_effect_deployment'] = called
        self.play(**run)

    @rule(name=networks, branches=st.sampled_from([['production'], ['staging'], list(BRANCHES)]),
          rule_=st.sampled_from([None, {'branches': ['prod*']}, {'any_ref': True}]), run=runs)
    def it_moves_to_another_branch(self, name: str, branches: list[str], rule_: dict[str, Any] | None, run: dict[str, Any]) -> None:
        self.variables[name].update(nixops_branches=branches, nixops_run_on=rule_)
        self.play(**run)

    @rule(name=networks, state=st.sampled_from(['upload', 'present', 'new']), existing=st.sampled_from(['keep', 'keep', 'replace', 'fail']),
          run=runs)
    def its_state_comes_from_elsewhere(self, name: str, state: str, existing: str, run: dict[str, Any]) -> None:
        self.variables[name].update(nixops_state=state, nixops_state_existing=existing)
        self.play(**run)

    @rule(name=networks, back=st.booleans(), run=runs)
    def it_moves_to_another_project(self, name: str, back: bool, run: dict[str, Any]) -> None:
        project, folder = (self.project, '') if back else (self.other, 'other')
        self.variables[name].update(nixops_project=project, nixops_checkout=str(self.SERVER.folder / folder))
        self.play(**run)

    @rule(name=networks, function=st.sampled_from(['runNixOps', 'runNixOps2']), run=runs)
    def it_is_made_by_another_function(self, name: str, function: str, run: dict[str, Any]) -> None:
        files = {'runNixOps': ['network.nix'], 'runNixOps2': ['nixops.nix']}[function]
        self.variables[name].update(nixops_function=function, nixops_network_files=files)
        self.play(**run)

    @rule(name=networks, run=runs)
    def the_network_gets_a_machine(self, name: str, run: dict[str, Any]) -> None:
        self.machines[name]['more%d' % len(self.machines[name])] = 'none'
        self.files_change()
        self.play(**run)

    @rule(name=networks, run=runs)
    def it_is_put_right(self, name: str, run: dict[str, Any]) -> None:
        """As it was in the beginning, with the state that the last deployment has stored."""
        self.variables[name] = dict(self.written[name])
        self.storage[name] = 'nixops-%s.json' % NAMES[name]
        statement = 'select data from state where project = ? and name = ? and job is not null order by version'
        stored = self.sandbox.service.store.all(statement, self.rows[self.project]['id'], self.storage[name])
        if stored:
            self.sandbox.put_state(self.project, self.storage[name], stored[-1]['data'])
        self.play(**run)

    def files_change(self) -> None:
        """The branches have other files, and no job has deployed those yet."""
        self.failed.update(self.on_branch)

    # What others do meanwhile.

    @rule(name=networks, kind=st.sampled_from(['older', 'older', 'older', 'from here', 'another', 'empty', 'garbage', '{}']), run=runs)
    def somebody_uploads(self, name: str, kind: str, run: dict[str, Any]) -> None:
        variables = self.variables[name]
        file = variables.get('nixops_state_name') or 'nixops-%s.json' % variables['nixops_deployment']
        project = variables['nixops_project']
        older = self.sandbox.states(project, file)
        whose = 'web' if (name == 'web') != (kind == 'another') else 'neat'
        here = json.dumps({UUIDS[whose]: self.local(UUIDS[whose])}).encode()
        content = {'older': older[0] if older else here, 'from here': here, 'another': here, 'empty': b'', 'garbage': b'\0?', '{}': b'{}'}
        self.sandbox.put_state(project, file, content[kind])
        self.play(**run)

    @rule(name=st.sampled_from(sorted(UUIDS)), run=runs)
    def it_is_deployed_by_hand(self, name: str, run: dict[str, Any]) -> None:
        """With a machine that neither the state on the server nor the network had."""
        machine = 'hand%d' % len(self.machines[name])
        self.machines[name][machine] = 'none'
        self.files_change()
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            statement = 'insert into Resources(deployment, name, type) values (?, ?, ?)'
            row = connection.execute(statement, (UUIDS[name], machine, 'none')).lastrowid
            connection.executemany('insert into ResourceAttrs values (?, ?, ?)', [(row, 'state', '3'), (row, 'vmId', machine)])
            connection.commit()
        self.play(**run)

    @rule(branch=st.sampled_from(BRANCHES), elsewhere=st.booleans(), run=runs)
    def a_job_deploys(self, branch: str, elsewhere: bool, run: dict[str, Any]) -> None:
        """Somebody pushes a network with one more machine, beside the file that declares the effects."""
        project = self.other if elsewhere else self.project
        for effect in self.running(project, branch):
            if self.usable(project, effect):
                self.machines[effect.name]['job%d' % len(self.machines[effect.name])] = 'none'
                self.deploy(project, effect, branch, by_the_run=False)
        self.play(**run)

    @rule(one=st.sampled_from(BRANCHES), run=runs)
    def a_branch_is_merged(self, one: str, run: dict[str, Any]) -> None:
        """Without a job: what the other branch declares is there when the next run looks at it."""
        other = next(branch for branch in BRANCHES if branch != one)
        for project in self.rows:
            self.on_branch[project, other] = self.on_branch.get((project, one), [])
            self.failed.add((project, other))
        self.play(**run)

    @invariant()
    def nothing_is_made_anew(self) -> None:
        assert self.lost == []


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp('walk')
    with Sandbox(folder / 'sandbox', token=TOKEN) as sandbox:
        yield Server(sandbox, folder)


@pytest.fixture
def walking(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Git has is in the model."""
    monkeypatch.setattr(known.rules, 'checkout_problems', lambda *_project, **_options: ())
    monkeypatch.setattr(known, 'deployed_branches', lambda project, effects, *_ways: Model.LAST.at_rest(
        project.name, project.pushed_branches, effects))
    monkeypatch.setattr(client, 'make_opener', lambda *_options: Opener(server.sandbox.service))
    monkeypatch.setattr(Model, 'SERVER', server, raising=False)


@pytest.mark.usefixtures('walking')
@pytest.mark.parametrize('walks', [25, SLOW(200)])
def test_no_walk_makes_machines_anew(walks: int) -> None:
    run_state_machine_as_test(Walk, settings=settings(
        max_examples=walks, stateful_step_count=10, deadline=None, derandomize=walks == 25, print_blob=False, database=None,
        suppress_health_check=list(HealthCheck)))


EVERYTHING: dict[str, Any] = {'selected': set(NAMES), 'phases': preflight.PHASES, 'failing': set(), 'rerun': True}


@pytest.mark.usefixtures('walking')
@pytest.mark.parametrize('state', ['upload', 'present'])
def test_an_older_version_that_somebody_uploaded_hides_machines(state: str) -> None:
    walk = Walk()
    walk.nothing_changes(EVERYTHING)
    assert set(walk.on_branch) == {(walk.project, branch) for branch in BRANCHES}
    walk.its_state_comes_from_elsewhere('neat', state, 'keep', EVERYTHING)
    walk.the_network_gets_a_machine('neat', EVERYTHING)
    assert 'more2' in walk.known('neat')
    walk.somebody_uploads('neat', 'older', EVERYTHING)
    walk.nothing_is_made_anew()
    walk.it_is_put_right('neat', EVERYTHING)
    versions = len(walk.sandbox.states(walk.project, 'nixops-aws-prod.json'))
    walk.the_network_gets_a_machine('neat', EVERYTHING)
    assert len(walk.sandbox.states(walk.project, 'nixops-aws-prod.json')) == versions + 1
    walk.nothing_is_made_anew()


@pytest.mark.usefixtures('walking')
@pytest.mark.parametrize('run', [
    {'phases': tuple(phase for phase in preflight.PHASES if phase != 'state')}, {'selected': {'web'}},
    {'phases': ('watch',), 'selected': {'neat'}},
], ids=['its state is left out', 'it is left out', 'it is run again'])
def test_a_machine_that_is_only_here_is_not_made_anew(run: dict[str, Any]) -> None:
    walk = Walk()
    walk.it_moves_to_another_branch('web', ['production'], None, EVERYTHING)
    walk.it_is_deployed_by_hand('neat', {**EVERYTHING, 'phases': ()})
    assert 'hand2' in walk.known('neat')
    jobs = len(walk.sandbox.jobs(walk.project))
    walk.variables['web']['nixops_prior_check_script'] = 'true'
    walk.play(**{**EVERYTHING, **run})
    walk.nothing_is_made_anew()
    assert len(walk.sandbox.jobs(walk.project)) == jobs


@pytest.mark.usefixtures('walking')
def test_a_machine_that_is_only_here_is_not_made_anew_by_a_network_that_is_said_to_be_new() -> None:
    walk = Walk()
    walk.somebody_uploads('neat', 'older', {**EVERYTHING, 'selected': {'fresh'}})
    walk.it_is_deployed_by_hand('neat', EVERYTHING)
    walk.its_state_comes_from_elsewhere('neat', 'new', 'keep', EVERYTHING)
    walk.nothing_is_made_anew()
    assert 'hand2' not in json.loads(walk.sandbox.states(walk.project, 'nixops-aws-prod.json')[-1])[UUIDS['neat']]['resources']


@pytest.mark.usefixtures('walking')
def test_a_new_network_that_another_project_knows_by_the_other_of_its_names() -> None:
    walk = Walk()
    walk.nothing_changes(EVERYTHING)
    walk.it_moves_to_another_project('fresh', back=False, run=EVERYTHING)
    walk.the_effect_calls_it_otherwise('fresh', 'elsewhere', EVERYTHING)
    walk.nothing_is_made_anew()
    assert not walk.sandbox.states(walk.other, 'nixops-fresh.json')


NOTHING: dict[str, Any] = {**EVERYTHING, 'phases': ()}


@pytest.mark.usefixtures('walking')
@pytest.mark.parametrize('kind', ['another', 'empty', 'garbage', '{}'])
@pytest.mark.parametrize('called', [None, 'own.json'])
@pytest.mark.parametrize('name', ['fresh', 'neat'])
def test_a_deployed_state_that_somebody_has_replaced_by_another_deployments(name: str, called: str | None, kind: str) -> None:
    """Only an older version of the file knows of the machines, and the network is to use another file."""
    walk = Walk()
    walk.nothing_changes(EVERYTHING)
    branch = walk.variables[name]['nixops_branches'][0]
    walk.a_job_deploys(branch, elsewhere=False, run=NOTHING)
    walk.somebody_uploads(name, kind, NOTHING)
    if called:
        walk.the_state_is_renamed(name, called, EVERYTHING)
    else:
        walk.it_moves_to_another_project(name, back=False, run=EVERYTHING)
    walk.nothing_is_made_anew()


@pytest.mark.usefixtures('walking')
def test_a_deployment_whose_machines_were_destroyed_may_be_made_anew() -> None:
    walk = Walk()
    walk.nothing_changes(EVERYTHING)
    ((key, _deployment),) = json.loads(walk.sandbox.states(walk.project, 'nixops-fresh.json')[-1]).items()
    walk.sandbox.put_state(walk.project, 'nixops-fresh.json', b'{}')
    walk.it_moves_to_another_project('fresh', back=False, run=EVERYTHING)
    assert not walk.sandbox.jobs(walk.other)
    walk.sandbox.put_state(walk.project, 'nixops-fresh.json', json.dumps({key: {'name': 'fresh', 'resources': {}}}).encode())
    walk.nothing_changes(EVERYTHING)
    assert walk.sandbox.jobs(walk.other) and walk.lost == ['one of fresh, with nixops-fresh.json']
