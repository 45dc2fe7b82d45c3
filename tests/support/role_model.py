# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks of two projects, and what the role does with them: preflight, uploads, the plan, and the push of the branches that are ready.

Nix is a model that renders what the inventory says, and NixOps one that goes by names as tests/sandbox/nix/nixpkgs/nixops does.
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
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible_collections.nixcd.hercules_ci.plugins.action import nixops_plan
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix import run_on
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import BuiltMachine, BuiltNetwork, EvaluatedEffect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops import upload
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._local_action import Invocation
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks import preflight
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.guard import not_uploaded
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.rest import Deployed

from tests.sandbox import jobs, repository
from tests.sandbox.in_process import Sandbox
from tests.sandbox.messages import Reply
from tests.sandbox.service import Service
from tests.support.surroundings import ROOT
from tests.support.world import make_importable

DATABASE = ROOT / 'tests' / 'fixtures' / 'nixops' / 'nixops-1.7' / 'deployments.nixops'
TOKEN = 'token-of-the-walker'
UUIDS = {'neat': 'cccccccc-1700-11e7-8000-000000000003', 'web': 'bbbbbbbb-1700-11e7-8000-000000000002'}
NAMES = {'neat': 'aws-prod', 'web': 'webfarm', 'fresh': 'fresh'}
MACHINES = {'neat': {'app1': 'ec2', 'app2': 'ec2'}, 'web': {'web1': 'none', 'web2': 'none', 'db1': 'none'}, 'fresh': {'one': 'none'}}
BRANCHES = ('production', 'staging')
NUMBERS = itertools.count(1)
REVISION = '1' * 40


class Server:
    """The sandbox, in which each walk has a project of its own, and a folder for databases."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        path = folder / 'importable.nixops'
        path.write_bytes(DATABASE.read_bytes())
        make_importable(path)
        self.database = path.read_bytes()
        for file in ('network.nix', 'nixops.nix', 'other/network.nix', 'other/nixops.nix'):
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text('{ }')


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


class Model:
    """Three networks of one project, and another one that they may move to, each with two branches, and a database.

    SERVER is set by the test, LAST is the one that goes on.
    """

    SERVER: Server
    LAST: Model

    def __init__(self) -> None:
        super().__init__()
        number = next(NUMBERS)
        self.sandbox = self.SERVER.sandbox
        self.project, self.other = 'github/neat-org/walk-%d' % number, 'gitlab/neat-org/walk-%d' % number
        self.rows = {name: self.sandbox.service.add_project(name) for name in (self.project, self.other)}
        Model.LAST = self
        self.database = self.SERVER.folder / ('%d.nixops' % number)
        self.database.write_bytes(self.SERVER.database)
        self.machines = {name: dict(machines) for name, machines in MACHINES.items()}
        self.storage = {name: 'nixops-%s.json' % NAMES[name] for name in NAMES}
        self.deployments = {name: {UUIDS[name]} if name in UUIDS else set() for name in NAMES}
        self.on_branch: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.jobs: dict[tuple[str, str], sqlite3.Row] = {}
        self.failed: set[tuple[str, str]] = set()
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

    # What the role does.

    def play(self, selected: set[str], phases: tuple[str, ...], failing: set[str], rerun: bool) -> None:
        for variables in self.variables.values():
            variables['nixops_rerun_failed'] = rerun
        inventory = preflight.Inventory(self.variables, {}, sorted(selected), phases, left_out=frozenset(set(NAMES) - selected),
                                        groups=frozenset({preflight.NETWORKS}))
        try:
            plans = preflight.check(inventory)[0]['projects']
        except Failure:
            return
        uploaded = {
            name: self.uploads(options, name in failing) for plan in plans.values() for name, options in plan.get('uploads', {}).items()}
        for project, plan in plans.items():
            if plan['selected']:
                self.push(project, plan, uploaded, phases, rerun)

    def push(self, project: str, plan: dict[str, Any], uploaded: dict[str, Any], phases: tuple[str, ...], rerun: bool) -> None:
        """What becomes of a project."""
        busy = [name for name in plan['selected'] if name not in plan['at_rest']]
        branches = sorted({branch for name in busy for branch in plan['networks'][name]['branches']})
        evaluated = [self.evaluated(effect, branch) for branch in branches for effect in plan['effects']]
        options = {
            'project': project, 'api_base_url': self.sandbox.url, 'api_token': TOKEN, 'credentials_file': None, 'validate_certs': True,
            'ca_path': None, 'networks': plan['networks'], 'uploads': plan['uploads'], 'branches': branches,
            'deployments': [effect.as_dict() for effect in evaluated], 'at_rest': plan['at_rest'],
            'form': 'legacy',
            'heads': {branch: REVISION for branch in branches if self.on_branch.get((project, branch)) == plan['effects']},
        }
        missing = nixops_plan.not_uploaded_of(plan['uploads'], Hosts(uploaded), check_mode=False)
        try:
            planned = [not_uploaded(each, missing) for each in nixops_plan.plans_of(options, evaluated, check_mode=False)]
        except Failure:
            return
        for branch in nixops_plan.result_of(planned, [], branches)['ready']:
            pushed = 'push' in phases and self.on_branch.get((project, branch)) != plan['effects']
            again = 'watch' in phases and rerun and self.on_branch.get((project, branch)) == plan['effects']
            if 'push' in phases:
                self.on_branch[project, branch] = plan['effects']
            if pushed or again:
                self.run_jobs(project, branch)

    def run_jobs(self, project: str, branch: str) -> None:
        """Whether all effects succeed is what makes a network one that has nothing to do."""
        self.failed.discard((project, branch))
        for effect in self.running(project, branch):
            if not self.deploy(project, effect, branch):
                self.failed.add((project, branch))

    def at_rest(self, project: str, branches: set[str], effects: list[dict[str, Any]]) -> list[Deployed]:
        """The branches on which nothing is left to do."""
        found = []
        for branch in sorted(branches):
            if self.on_branch.get((project, branch)) == effects and (project, branch) not in self.failed and (project, branch) in self.jobs:
                row = self.jobs[project, branch]
                job: Any = SimpleNamespace(index=row['number'], url='%s/%s/jobs/%d' % (self.sandbox.url, project, row['number']))
                found.append(Deployed(branch, REVISION, job))
        return found

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

    def evaluated(self, effect: dict[str, Any], branch: str) -> EvaluatedEffect:
        """From what the file declares: runNixOps2 finds the name of the state in the network."""
        name, function = effect['name'], effect.get('function') or 'runNixOps'
        called = effect.get('deployment') or name
        ref = 'refs/heads/' + branch
        return EvaluatedEffect(
            ref=ref, job='default', name=name, path=name + '.run', runs=bool(run_on.expected_on(effect['run_on'], ref)), function=function,
            state_name=(effect.get('state_name') or 'nixops-%s.json' % called) if function == 'runNixOps' else self.storage[name],
            deployment=effect.get('effect_deployment') or called, action='switch',
            network=BuiltNetwork({machine: BuiltMachine(kind) for machine, kind in self.machines[name].items()}),
        )

    def running(self, project: str, branch: str) -> list[EvaluatedEffect]:
        effects = [self.evaluated(effect, branch) for effect in self.on_branch.get((project, branch), ())]
        return [effect for effect in effects if effect.runs]

    def usable(self, project: str, effect: EvaluatedEffect) -> bool:
        content = self.sandbox.states(project, str(effect.state_name))
        with contextlib.suppress(ValueError):
            return bool(content) and any(names(each, key, effect.deployment) for key, each in json.loads(content[-1]).items())
        return False

    def deploy(self, project: str, effect: EvaluatedEffect, branch: str, by_the_run: bool = True) -> bool:
        """As the effect does: it goes on with the state, or makes a deployment where there is none, and stores what it has."""
        content = self.sandbox.states(project, str(effect.state_name))
        before = self.known(effect.name)
        try:
            state = json.loads(content[-1]) if content else {}
        except ValueError:
            if content[-1] or effect.function == 'runNixOps':
                return False
            state = {}
        if not state and (not content or effect.function == 'runNixOps2'):
            made = str(uuid.uuid4())
            state = {made: {'name': effect.deployment, 'resources': {}}}
            self.deployments[effect.name].add(made)
        found = [each for key, each in state.items() if names(each, key, effect.deployment)]
        if len(found) != 1:
            return False
        assert effect.network is not None
        for machine, kind in effect.network.machines.items():
            if machine not in found[0]['resources']:
                found[0]['resources'][machine] = {'type': kind.type, 'state': '3', 'vmId': uuid.uuid4().hex}
                if machine in before and by_the_run:
                    self.lost.append('%s of %s, with %s' % (machine, effect.name, effect.state_name))
        self.stored(project, effect, branch, json.dumps(state).encode())
        return True

    def stored(self, project: str, effect: EvaluatedEffect, branch: str, content: bytes) -> None:
        """A new version, by a job that has ended."""
        service = self.sandbox.service
        job = self.jobs[project, branch] = jobs.create(
            service.store, service.clock, self.rows[project], typ='OnPush', name='default', ref='refs/heads/' + branch,
            commit=repository.Commit('0' * 40, 'Deploy', 'somebody'))
        service.store.update('job', job['id'], phase='Done', evaluation='Success', derivations='Success', effects='Success',
                             ended=service.clock.text())
        token = {'job': job['id'], 'account': None}
        service.put_state(self.rows[project]['id'], str(effect.state_name), content, token)

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
        """The machines of a network in the database, if that is where its state comes from, and in any version of a state on the server.

        A project that no network belongs to any longer is not looked at.
        """
        keys = self.deployments[network]
        held = [self.local(key) for key in keys if self.variables[network].get('nixops_state') != 'present']
        projects = {variables['nixops_project'] for variables in self.variables.values()}
        stored = [row for name in projects for row in self.sandbox.service.store.all(
            'select data from state where project = ?', self.rows[name]['id'])]
        for row in stored:
            with contextlib.suppress(ValueError):
                held += [deployment for key, deployment in json.loads(row['data']).items() if key in keys]
        return {name for deployment in held for name in deployment['resources']}


def names(deployment: dict[str, Any], key: str, wanted: str | None) -> bool:
    return not wanted or wanted == deployment.get('name') or key.startswith(wanted)
