# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A random walk: whatever becomes of an inventory, of the states and of the branches, a run never makes machines anew that a state knows.

Each step changes something, and then does what the role does: preflight, the uploads, the plan, and the push of the branches that are
ready. Nix is a model that renders what the inventory says, and NixOps one that goes by names as tests/sandbox/nix/nixpkgs/nixops does.
Everything between them is the code of the collection, with the sandbox as the server.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import sqlite3
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.action import nixops_plan
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._hercules_ci import client
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import run_on
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import Evaluated, Machine, Network
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops import upload
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._local_action import Invocation
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks import known, preflight
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.guard import not_uploaded
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.integration.world import make_importable
from tests.marks import SLOW
from tests.sandbox import jobs, repository
from tests.sandbox.messages import Reply
from tests.sandbox.server import Sandbox
from tests.sandbox.service import Service
from tests.unit.conftest import ROOT

DATABASE = ROOT / 'tests' / 'fixtures' / 'nixops' / 'nixops-1.7' / 'deployments.nixops'
TOKEN = 'token-of-the-walker'
UUIDS = {'neat': 'cccccccc-1700-11e7-8000-000000000003', 'web': 'bbbbbbbb-1700-11e7-8000-000000000002'}
NAMES = {'neat': 'aws-prod', 'web': 'webfarm', 'fresh': 'fresh'}
MACHINES = {'neat': {'app1': 'ec2', 'app2': 'ec2'}, 'web': {'web1': 'none', 'web2': 'none', 'db1': 'none'}, 'fresh': {'one': 'none'}}
BRANCHES = ('production', 'staging')
NUMBERS = itertools.count(1)

networks = st.sampled_from(sorted(NAMES))
runs = st.fixed_dictionaries({
    'selected': st.sets(networks, min_size=1) | st.just(set(NAMES)),
    'phases': st.sampled_from([preflight.PHASES] * 4 + [
        tuple(phase for phase in preflight.PHASES if phase not in left_out) for left_out in ({'state'}, {'push'}, {'state', 'ci_nix'})]),
    'failing': st.just(set()) | st.sets(networks, max_size=1),
    'rerun': st.booleans(),
})


class Server:
    """The sandbox, in which each walk has a project of its own, and a folder for databases."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        path = folder / 'importable.nixops'
        path.write_bytes(DATABASE.read_bytes())
        make_importable(path)
        self.database = path.read_bytes()


class Answer(io.BytesIO):
    """As http.client has it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body)
        self.status, self.headers, self.length = reply.status, reply.headers, len(reply.body)


class Opener:
    """Asks the sandbox without a connection, which would take most of the time."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def open(self, request: urllib.request.Request, timeout: float) -> Answer:
        data: Any = request.data
        body = data if isinstance(data, bytes) else data.read() if data else b''
        reply = self.service.handle(request.get_method(), request.selector, body, str(request.get_header('Authorization')))
        if reply.status >= 400:
            raise urllib.error.HTTPError(request.full_url, reply.status, '', Message(), None)
        return Answer(reply)


class Hosts(dict[str, Any]):
    """The variables that the plan looks at."""

    raw_get = dict.__getitem__


class Walk(RuleBasedStateMachine):
    """One project with three networks, two branches and a database. SERVER is set by the test."""

    SERVER: Server

    def __init__(self) -> None:
        super().__init__()
        number = next(NUMBERS)
        self.sandbox = self.SERVER.sandbox
        self.project = 'github/neat-org/walk-%d' % number
        self.row = self.sandbox.service.add_project(self.project)
        self.database = self.SERVER.folder / ('%d.nixops' % number)
        self.database.write_bytes(self.SERVER.database)
        self.machines = {name: dict(machines) for name, machines in MACHINES.items()}
        self.storage = {name: 'nixops-%s.json' % NAMES[name] for name in NAMES}
        self.deployments = {name: {UUIDS[name]} if name in UUIDS else set() for name in NAMES}
        self.on_branch: dict[str, list[dict[str, Any]]] = {}
        self.lost: list[str] = []
        common = {
            'nixops_project': self.project, 'nixops_checkout': str(self.SERVER.folder), 'nixops_database': str(self.database),
            'nixops_api_base_url': self.sandbox.url, 'nixops_api_token': TOKEN, 'nixops_network_files': ['network.nix'],
            'nixops_pins': {'nixpkgs': {'url': 'https://example.com/nixpkgs.tar.gz', 'sha256': '0' * 52}},
        }
        self.written: dict[str, dict[str, Any]] = {
            'neat': {**common, 'nixops_deployment': 'aws-prod', 'nixops_branches': ['production']},
            'web': {**common, 'nixops_deployment': 'webfarm', 'nixops_branches': ['staging']},
            'fresh': {**common, 'nixops_deployment': 'fresh', 'nixops_branches': ['staging'], 'nixops_state': 'new'},
        }
        self.variables = {name: dict(variables) for name, variables in self.written.items()}

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

    @rule(name=networks, function=st.sampled_from(['runNixOps', 'runNixOps2']), run=runs)
    def it_is_made_by_another_function(self, name: str, function: str, run: dict[str, Any]) -> None:
        self.variables[name]['nixops_function'] = function
        self.play(**run)

    @rule(name=networks, run=runs)
    def the_network_gets_a_machine(self, name: str, run: dict[str, Any]) -> None:
        self.machines[name]['more%d' % len(self.machines[name])] = 'none'
        self.play(**run)

    @rule(name=networks, run=runs)
    def it_is_put_right(self, name: str, run: dict[str, Any]) -> None:
        """As it was in the beginning, with the state that the last deployment has stored."""
        self.variables[name] = dict(self.written[name])
        self.storage[name] = 'nixops-%s.json' % NAMES[name]
        statement = 'select data from state where project = ? and name = ? and job is not null order by version'
        stored = self.sandbox.service.store.all(statement, self.row['id'], self.storage[name])
        if stored:
            self.sandbox.put_state(self.project, self.storage[name], stored[-1]['data'])
        self.play(**run)

    # What others do meanwhile.

    @rule(name=networks, kind=st.sampled_from(['older', 'older', 'older', 'from here', 'another', 'empty', 'garbage', '{}']), run=runs)
    def somebody_uploads(self, name: str, kind: str, run: dict[str, Any]) -> None:
        variables = self.variables[name]
        file = variables.get('nixops_state_name') or 'nixops-%s.json' % variables['nixops_deployment']
        older = self.sandbox.states(self.project, file)
        whose = 'web' if (name == 'web') != (kind == 'another') else 'neat'
        here = json.dumps({UUIDS[whose]: self.local(UUIDS[whose])}).encode()
        content = {'older': older[0] if older else here, 'from here': here, 'another': here, 'empty': b'', 'garbage': b'\0?', '{}': b'{}'}
        self.sandbox.put_state(self.project, file, content[kind])
        self.play(**run)

    @rule(name=st.sampled_from(sorted(UUIDS)), run=runs)
    def it_is_deployed_by_hand(self, name: str, run: dict[str, Any]) -> None:
        """With a machine that neither the state on the server nor the network had."""
        machine = 'hand%d' % len(self.machines[name])
        self.machines[name][machine] = 'none'
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            statement = 'insert into Resources(deployment, name, type) values (?, ?, ?)'
            row = connection.execute(statement, (UUIDS[name], machine, 'none')).lastrowid
            connection.executemany('insert into ResourceAttrs values (?, ?, ?)', [(row, 'state', '3'), (row, 'vmId', machine)])
            connection.commit()
        self.play(**run)

    @rule(branch=st.sampled_from(BRANCHES), run=runs)
    def a_job_deploys(self, branch: str, run: dict[str, Any]) -> None:
        """Somebody pushes a network with one more machine, beside the file that declares the effects."""
        for effect in self.running(branch):
            if self.usable(effect):
                self.machines[effect.name]['job%d' % len(self.machines[effect.name])] = 'none'
                self.deploy(effect, branch, by_the_run=False)
        self.play(**run)

    @rule(one=st.sampled_from(BRANCHES), run=runs)
    def a_branch_is_merged(self, one: str, run: dict[str, Any]) -> None:
        """Without a job: what the other branch declares is there when the next run looks at it."""
        other = next(branch for branch in BRANCHES if branch != one)
        self.on_branch[other] = self.on_branch.get(one, [])
        self.play(**run)

    # What the role does.

    def play(self, selected: set[str], phases: tuple[str, ...], failing: set[str], rerun: bool) -> None:
        for variables in self.variables.values():
            variables['nixops_rerun_failed'] = rerun
        inventory = preflight.Inventory(self.variables, {}, sorted(selected), phases, left_out=frozenset(set(NAMES) - selected),
                                        groups=frozenset({preflight.NETWORKS}))
        try:
            plan = preflight.check(inventory)[0]['projects'][self.project]
        except Failure:
            return
        uploaded = {name: self.uploads(options, name in failing) for name, options in plan['uploads'].items()}
        busy = [name for name in plan['selected'] if name not in plan['at_rest']]
        branches = sorted({branch for name in busy for branch in plan['networks'][name]['branches']})
        evaluated = [self.evaluated(effect, branch) for branch in branches for effect in plan['effects']]
        options = {
            'project': self.project, 'api_base_url': self.sandbox.url, 'api_token': TOKEN, 'credentials_file': None, 'validate_certs': True,
            'ca_path': None, 'networks': plan['networks'], 'uploads': plan['uploads'], 'branches': branches,
            'deployments': [effect.as_dict() for effect in evaluated], 'at_rest': plan['at_rest'], 'heads': {},
        }
        missing = nixops_plan.not_uploaded_of(plan['uploads'], Hosts(uploaded), check_mode=False)
        try:
            plans = [not_uploaded(planned, missing) for planned in nixops_plan.plans_of(options, check_mode=False)]
        except Failure:
            return
        for branch in nixops_plan.result_of(plans, [], branches)['ready']:
            pushed = 'push' in phases and self.on_branch.get(branch) != plan['effects']
            again = 'watch' in phases and rerun and self.on_branch.get(branch) == plan['effects']
            if 'push' in phases:
                self.on_branch[branch] = plan['effects']
            for effect in self.running(branch) if pushed or again else ():
                self.deploy(effect, branch)

    def uploads(self, options: dict[str, Any], fails: bool) -> dict[str, Any]:
        """What the task registers."""
        given = {**options, 'api_base_url': self.sandbox.url, 'api_token': TOKEN, 'look_elsewhere': False, 'backup': False}
        checked = upload.SPEC.validator().validate(given)
        assert not checked.error_messages
        try:
            if fails:
                raise Failure(())
            upload.run(Invocation(checked.validated_parameters, False, False))
        except Failure:
            return {'_nixops_uploaded': {'failed': True}}
        return {'_nixops_uploaded': {'changed': True}}

    # What Nix says, and what Hercules CI does.

    def evaluated(self, effect: dict[str, Any], branch: str) -> Evaluated:
        """From what the file declares: runNixOps2 finds the name of the state in the network."""
        name, function = effect['name'], effect.get('function') or 'runNixOps'
        called = effect.get('deployment') or name
        ref = 'refs/heads/' + branch
        return Evaluated(
            ref=ref, job='default', name=name, path=name + '.run', runs=bool(run_on.expected_on(effect['run_on'], ref)), function=function,
            state_name=(effect.get('state_name') or 'nixops-%s.json' % called) if function == 'runNixOps' else self.storage[name],
            deployment=effect.get('effect_deployment') or called, action='switch',
            network=Network({machine: Machine(kind) for machine, kind in self.machines[name].items()}),
        )

    def running(self, branch: str) -> list[Evaluated]:
        effects = [self.evaluated(effect, branch) for effect in self.on_branch.get(branch, ())]
        return [effect for effect in effects if effect.runs]

    def usable(self, effect: Evaluated) -> bool:
        content = self.sandbox.states(self.project, str(effect.state_name))
        with contextlib.suppress(ValueError):
            return bool(content) and any(names(each, key, effect.deployment) for key, each in json.loads(content[-1]).items())
        return False

    def deploy(self, effect: Evaluated, branch: str, by_the_run: bool = True) -> None:
        """As the effect does: it goes on with the state, or makes a deployment where there is none, and stores what it has."""
        content = self.sandbox.states(self.project, str(effect.state_name))
        before = self.known(effect.name)
        try:
            state = json.loads(content[-1]) if content else {}
        except ValueError:
            if content[-1] or effect.function == 'runNixOps':
                return
            state = {}
        if not state and (not content or effect.function == 'runNixOps2'):
            made = str(uuid.uuid4())
            state = {made: {'name': effect.deployment, 'resources': {}}}
            self.deployments[effect.name].add(made)
        found = [each for key, each in state.items() if names(each, key, effect.deployment)]
        if len(found) != 1:
            return
        assert effect.network is not None
        for machine, kind in effect.network.machines.items():
            if machine not in found[0]['resources']:
                found[0]['resources'][machine] = {'type': kind.type, 'state': '3', 'vmId': uuid.uuid4().hex}
                if machine in before and by_the_run:
                    self.lost.append('%s of %s, with %s' % (machine, effect.name, effect.state_name))
        self.stored(effect, branch, json.dumps(state).encode())

    def stored(self, effect: Evaluated, branch: str, content: bytes) -> None:
        """A new version, by a job that has ended."""
        service = self.sandbox.service
        job = jobs.create(service.store, service.clock, self.row, typ='OnPush', name='default', ref='refs/heads/' + branch,
                          commit=repository.Commit('0' * 40, 'Deploy', 'somebody'))
        service.store.update('job', job['id'], phase='Done', evaluation='Success', derivations='Success', effects='Success',
                             ended=service.clock.text())
        token = {'job': job['id'], 'account': None}
        service.put_state(self.row['id'], str(effect.state_name), content, token)

    # What must not happen.

    def local(self, key: str) -> dict[str, Any]:
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            resources = {}
            for number, name, kind in connection.execute('select id, name, type from Resources where deployment = ?', (key,)).fetchall():
                attributes = connection.execute('select name, value from ResourceAttrs where machine = ?', (number,))
                resources[name] = {**dict(attributes), 'type': kind}
            attributes = dict(connection.execute('select name, value from DeploymentAttrs where deployment = ?', (key,)))
        return {**attributes, 'resources': resources}

    def known(self, network: str) -> set[str]:
        """The machines of a network in the database, if that is where its state comes from, and in any version of a state on the server."""
        keys = self.deployments[network]
        held = [self.local(key) for key in keys if self.variables[network].get('nixops_state') != 'present']
        for row in self.sandbox.service.store.all('select data from state where project = ?', self.row['id']):
            with contextlib.suppress(ValueError):
                held += [deployment for key, deployment in json.loads(row['data']).items() if key in keys]
        return {name for deployment in held for name in deployment['resources']}

    @invariant()
    def nothing_is_made_anew(self) -> None:
        assert self.lost == []


def names(deployment: dict[str, Any], key: str, wanted: str | None) -> bool:
    return not wanted or wanted == deployment.get('name') or key.startswith(wanted)


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp('walk')
    with Sandbox(folder / 'sandbox', token=TOKEN) as sandbox:
        yield Server(sandbox, folder)


@pytest.fixture
def walking(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Git has is in the model."""
    monkeypatch.setattr(known.rules, 'checkout_problems', lambda *_project, **_options: ())
    monkeypatch.setattr(known, 'deployed_branches', lambda *_project: [])
    monkeypatch.setattr(client, 'make_opener', lambda *_options: Opener(server.sandbox.service))
    monkeypatch.setattr(Walk, 'SERVER', server, raising=False)


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
    assert set(walk.on_branch) == set(BRANCHES)
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
