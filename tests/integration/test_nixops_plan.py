# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan says is what NixOps then does: machine by machine and resource by resource, for every kind of change of a network.

All networks are in one project and on one branch. Preflight, the evaluation and the plan are the code of the collection; the push, the
evaluation by an agent and the effects are the sandbox's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.action.nixops_plan import plans_of
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import EvaluatedEffect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.effect_file import plan as plan_of_file
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.effect_file import prove
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.options import SPEC
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks import preflight
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.guard import NetworkPlan

from tests.sandbox.server import Sandbox
from tests.support.repository import git, make_repository

BRANCH = 'production'
OLD = '/nix/store/00000000000000000000000000000000-nixos-system-old'
WEB = 'web.deployment.targetEnv = "ec2";'
DB = 'db.deployment.targetEnv = "hetznercloud";'
KEY = 'resources.ec2KeyPairs.key = { };'
CONFIGURED = 'web = { deployment.targetEnv = "ec2"; services.x.enable = true; };'


@dataclass(frozen=True)
class Change:
    """A network that is deployed, and what becomes of it.

    before: what the state on the server has, by name: a type, and words for more (planned, missing, obsolete, fresh for a machine to
      which nothing was deployed); None for no state. after: the network's attributes. short: the plan in short. second: runNixOps2.
    named: whether the deployment has a name. variables: further ones of the inventory. head: what the file begins with. deployed: what a
    file has that only deploying reads. stub: what one has that only prebuilding reads. args: the
    arguments that the state has.
    """

    before: Mapping[str, str] | None
    after: str
    short: str
    second: bool = False
    named: bool = True
    variables: Mapping[str, Any] = field(default_factory=dict)
    head: str = ''
    deployed: str = ''
    stub: str = ''
    args: str = ''


SLOW = frozenset({
    'machine-removed-2', 'machine-renamed-2', 'machine-that-is-a-resource-now', 'obsolete-machine-of-another-type', 'resource-removed',
    'resource-of-another-type', 'resource-added-2', 'one-obsolete-and-one-new', 'resource-back-again', 'unnamed', 'everything-removed-2',
    'azure', 'new-and-empty',
})
CHANGES = {
    'machine-added': Change({'web': 'ec2'}, WEB + DB, '+1 ~? -0'),
    'machine-added-2': Change({'web': 'ec2'}, WEB + DB, '+1 ~? -0', second=True),
    'machine-removed': Change({'web': 'ec2', 'db': 'hetznercloud'}, WEB, '+0 ~? -1'),
    'machine-removed-2': Change({'web': 'ec2', 'db': 'hetznercloud'}, WEB, '+0 ~? -1', second=True),
    'machine-renamed': Change({'web': 'ec2', 'db': 'hetznercloud'}, 'www.deployment.targetEnv = "ec2";' + DB, '+1 ~? -1'),
    'machine-renamed-2': Change({'web': 'ec2', 'db': 'hetznercloud'}, 'www.deployment.targetEnv = "ec2";' + DB, '+1 ~? -1', second=True),
    'machine-of-another-type': Change({'web': 'ec2', 'db': 'hetznercloud'}, 'web.deployment.targetEnv = "gce"; new = { };' + DB,
                                      '+1 ~? -0 !1'),
    'machine-of-another-type-2': Change({'web': 'ec2', 'db': 'hetznercloud'}, 'web.deployment.targetEnv = "gce";', '+0 ~0 -1 !1',
                                        second=True),
    'obsolete-machine-of-another-type': Change({'web': 'ec2 obsolete', 'db': 'hetznercloud'}, 'web = { };' + DB, '+0 ~? -0 !1'),
    'machine-that-is-a-resource-now': Change({'web': 'ec2'}, 'resources.ec2KeyPairs.web = { };', '+0 ~0 -0 !1'),
    'only-configuration': Change({'web': 'ec2', 'key': 'ec2-keypair'}, CONFIGURED + KEY, '+0 ~? -0'),
    'only-configuration-2': Change({'web': 'ec2', 'db': 'hetznercloud'}, CONFIGURED + DB, '+0 ~? -0', second=True),
    'first-configuration': Change({'web': 'ec2 fresh', 'db': 'hetznercloud'}, WEB + DB, '+0 ~1? -0'),
    'resource-added': Change({'web': 'ec2'}, WEB + KEY, '+1 ~? -0'),
    'resource-added-2': Change({'web': 'ec2'}, WEB + KEY, '+1 ~? -0', second=True),
    'resource-removed': Change({'web': 'ec2', 'key': 'ec2-keypair'}, WEB, '+0 ~? -1'),
    'resource-of-another-type': Change({'web': 'ec2', 'key': 'ec2-keypair'}, WEB + 'resources.elasticIPs.key = { };', '+0 ~? -0 !1'),
    'only-resources': Change({'key': 'ec2-keypair', 'ip': 'elastic-ip'}, KEY + 'resources.ec2SecurityGroups.group = { };', '+1 ~0 -1'),
    'one-obsolete-and-one-new': Change({'web': 'ec2', 'db': 'hetznercloud', 'old': 'none obsolete'}, WEB + 'new = { };', '+1 ~? -1'),
    'one-obsolete-and-one-new-2': Change({'web': 'ec2', 'db': 'ec2'}, WEB + 'new = { };', '+1 ~? -1', second=True),
    'machine-back-again': Change({'web': 'ec2', 'db': 'hetznercloud obsolete'}, WEB + DB, '+0 ~1? -0'),
    'resource-back-again': Change({'web': 'ec2', 'key': 'ec2-keypair obsolete'}, WEB + KEY, '+0 ~1? -0'),
    'planned-and-missing': Change({'web': 'ec2 missing', 'db': 'hetznercloud planned', 'key': 'ec2-keypair planned', 'one': 'none'},
                                  WEB + DB + KEY + 'one = { };', '+3 ~? -0'),
    'unnamed': Change({'web': 'ec2'}, WEB + DB, '+1 ~? -0', named=False),
    'unnamed-2': Change({'web': 'ec2', 'db': 'hetznercloud'}, WEB, '+0 ~? -1', second=True, named=False),
    'machine-by-argument': Change({'web': 'ec2'}, WEB + '} // (if more then { ' + DB + ' } else { }) // {', '+1 ~? -0',
                                  variables={'nixops_network_args': {'more': True}}, head='{ more ? false, ... }: '),
    'everything-removed': Change({'web': 'ec2', 'key': 'ec2-keypair', 'old': 'none obsolete'}, '', '+0 ~0 -2'),
    'everything-removed-2': Change({'web': 'ec2', 'db': 'hetznercloud'}, '', '+0 ~0 -2', second=True),
    'new': Change(None, WEB + DB + KEY, '+3 ~0 -0', variables={'nixops_state': 'new'}),
    'new-2': Change(None, WEB, '+1 ~0 -0', second=True, variables={'nixops_state': 'new'}),
    'new-and-empty': Change(None, '', '+0 ~0 -0', variables={'nixops_state': 'new'}),
    'deploy-only': Change({'web': 'ec2', 'db': 'hetznercloud', 'old': 'none', 'key': 'ec2-keypair'}, 'web = { };', '+0 ~? -0',
                          deployed=WEB + DB + KEY),
    'destroyed-2': Change({'web': 'ec2', 'db': 'ec2', 'old': 'none obsolete'}, WEB, '+0 ~? -2', second=True,
                          variables={'nixops_extra_deploy_args': ['--kill-obsolete']}),
    'stub': Change({'web': 'ec2', 'gone': 'none', 'key': 'ec2-keypair'}, WEB + DB, '+1 ~? -2',
                   stub=KEY + 'gone = { }; more = { };'),
    'stub-2': Change({'web': 'ec2', 'gone': 'none'}, WEB + DB, '+1 ~? -1', second=True,
                     stub='web.services.x.enable = true; gone = { }; more = { }; network.storage.hercules-ci.stateName = "other.json";'),
    'argument-of-the-prebuild-2': Change({'web': 'ec2', 'db': 'hetznercloud'}, WEB + '} // (if more then { ' + DB + ' } else { }) // {',
                                         '+0 ~? -1', second=True, head='{ more ? false, ... }: ',
                                         variables={'nixops_prebuild_network_args': {'more': True}}),
    'argument-of-the-state-2': Change({'web': 'ec2', 'db': 'hetznercloud'}, WEB + '} // (if more then { ' + DB + ' } else { }) // {',
                                      '+0 ~? -0', second=True, head='{ more ? false, ... }: ', args='{"more": "true"}',
                                      variables={'nixops_prebuild_network_args': {'more': True}}),
    'included-2': Change({'web': 'ec2', 'old': 'none', 'older': 'none obsolete'}, WEB + DB + 'new = { };', '+1 ~0 -1', second=True,
                         variables={'nixops_extra_deploy_args': ['--kill-obsolete', '--include', 'db']}),
    'excluded-2': Change({'web': 'ec2', 'db': 'hetznercloud'}, CONFIGURED + DB + 'new = { };' + KEY, '+1 ~? -0', second=True,
                         variables={'nixops_extra_deploy_args': ['--exclude', 'new', 'db']}),
    'azure': Change({'web': 'ec2'}, WEB + 'cloudy.deployment.targetEnv = "azure";', '+0 ~? -0'),
}

QUICK = [name for name in CHANGES if name not in SLOW]


def uuid_of(name: str) -> str:
    return '%08x-1700-11e7-8000-000000000001' % (list(CHANGES).index(name) + 0x10000000)


def recorded(index: int, words: str) -> dict[str, str]:
    """What a state has of a machine or another resource."""
    kind, *more = words.split()
    if 'planned' in more:
        return {'type': kind, 'index': str(index)}
    found = {'type': kind, 'index': str(index), 'state': '3', 'creationTime': '1600000000'}
    if kind in ('ec2', 'hetznercloud', 'none'):
        found.update(vmId='i-%d' % index, toplevel=OLD)
    if 'missing' in more:
        found.update(state='1')
        del found['vmId']
    if 'fresh' in more:
        del found['toplevel']
    return {**found, **({'obsolete': '1'} if 'obsolete' in more else {})}


def export(name: str, change: Change) -> bytes:
    """What `nixops export` prints."""
    resources = {key: recorded(index, words) for index, (key, words) in enumerate((change.before or {}).items())}
    optional = {**({'name': name} if change.named else {}), **({'args': change.args} if change.args else {})}
    return json.dumps({uuid_of(name): {'resources': resources, **optional}}).encode()


class World:
    """A project with these networks, which lie in folders of one repository."""

    def __init__(self, sandbox: Sandbox, folder: Path, project: str, names: list[str]) -> None:
        self.sandbox, self.project = sandbox, 'github/neat-org/' + project
        self.bare, self.checkout = folder / (project + '.git'), folder / project
        make_repository(self.bare, self.checkout, (BRANCH,))
        sandbox.add_project(self.project, self.bare)
        self.networks = {name: self.variables(name, CHANGES[name]) for name in names}
        for name in names:
            self.write(name, CHANGES[name].after)
            if CHANGES[name].before is not None:
                sandbox.put_state(self.project, 'nixops-%s.json' % name, export(name, CHANGES[name]))
        self.commit()
        # As a branch has it before the first run: without the file that declares the effects, nothing is deployed.
        git(self.checkout, 'push', '--quiet', 'origin', 'HEAD:' + BRANCH)

    def variables(self, name: str, change: Change) -> dict[str, Any]:
        pins = {pin: value for pin, value in self.sandbox.pins().items() if pin in ('nixpkgs', 'effects', 'nixops')}
        files = {'nixops_function': 'runNixOps2', 'nixops_src': name, 'nixops_network_files': ['nixops.nix']} if change.second else {
            'nixops_network_files': [name + '/network.nix'],
            'nixops_deploy_only_network_files': [name + '/deployed.nix'] if change.deployed else []}
        if change.stub:
            files['nixops_prebuild_only_network_files'] = ['stub.nix' if change.second else name + '/stub.nix']
        deployment = {'nixops_deployment': name, **({} if change.named else {'nixops_effect_deployment': uuid_of(name)})}
        return {
            'nixops_project': self.project, 'nixops_checkout': str(self.checkout), 'nixops_branches': [BRANCH], 'nixops_pins': pins,
            'nixops_api_base_url': self.sandbox.url, 'nixops_api_token': self.sandbox.token, 'nixops_state': 'present',
            'nixops_prior_check_script': ':', 'nixops_effect_check_script': ':', **deployment, **files, **change.variables,
        }

    def write(self, name: str, text: str) -> None:
        """The file of a network."""
        change = CHANGES[name]
        (self.checkout / name).mkdir(exist_ok=True)
        if change.second:
            text = 'network.storage.hercules-ci.stateName = "nixops-%s.json"; %s' % (name, text)
        file = self.checkout / name / ('nixops.nix' if change.second else 'network.nix')
        file.write_text('%s{ %s }\n' % (change.head, text))
        if change.stub:
            (self.checkout / name / 'stub.nix').write_text('{ %s }\n' % change.stub)
        if change.deployed:
            (self.checkout / name / 'deployed.nix').write_text('{ %s }\n' % change.deployed)

    def commit(self) -> None:
        git(self.checkout, 'add', '--all')
        git(self.checkout, 'commit', '--quiet', '--allow-empty', '--message', 'Change networks')

    def plans(self, selected: list[str], *, pushed: bool = False) -> dict[str, NetworkPlan]:
        """Write the file of effects, and plan a push of the branch, as the role does; the plans by network.

        pushed: go by the files that the branch has on the remote, not by those of the checkout.
        """
        inventory = preflight.Inventory(self.networks, {}, selected, groups=frozenset({preflight.NETWORKS}))
        known = preflight.check(inventory)[0]['projects'][self.project]
        given = {**known['options'], 'project': self.project, 'inventory_hosts': known['declared'], 'effects': known['effects'],
                 'file': known['file']}
        checked = SPEC.validator().validate({
            option: value for option, value in given.items() if value is not None and option in SPEC.options})
        assert not checked.error_messages
        there = {'remote': 'origin', 'branches': [BRANCH]} if pushed else {}
        options = {**checked.validated_parameters, 'validate': 'prebuild', **there}
        change, proof = prove(plan_of_file(options), options)
        change.path.write_text(str(change.after))
        planned = plans_of({
            'project': self.project, 'form': 'legacy', 'api_base_url': self.sandbox.url, 'api_token': self.sandbox.token,
            'credentials_file': None, 'validate_certs': True, 'ca_path': None, 'timeout': 30,
            'networks': known['networks'], 'uploads': known['uploads'],
            'branches': [BRANCH], 'at_rest': known['at_rest'], 'heads': proof.heads,
        }, [EvaluatedEffect.from_dict(effect) for effect in json.loads(json.dumps([effect.as_dict() for effect in proof.effects]))],
            check_mode=False)
        return {plan.name: plan for plan in planned}

    def push(self) -> dict[str, dict[str, set[tuple[str, str]]]]:
        """What NixOps did to each network: by action the names and types of machines and resources."""
        before = len(self.sandbox.deployed(self.project))
        self.commit()
        git(self.checkout, 'push', '--quiet', 'origin', 'HEAD:' + BRANCH)
        self.sandbox.wait_until_idle(300)
        done: dict[str, dict[str, set[tuple[str, str]]]] = {name: {} for name in self.networks}
        for item in self.sandbox.deployed(self.project)[before:]:
            if item['resource'] is not None:
                done[item['attribute'].split('.')[0]].setdefault(item['action'], set()).add((item['resource'], item['type']))
        return done


@dataclass(frozen=True)
class Played:
    """A push: what was foreseen, and what was done."""

    plans: Mapping[str, NetworkPlan]
    done: Mapping[str, Mapping[str, set[tuple[str, str]]]]


@pytest.fixture(scope='module')
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    before = dict(os.environ)
    with Sandbox(tmp_path_factory.mktemp('sandbox')) as running:
        os.environ.update(running.service.runner.nix().environment())
        try:
            yield running
        finally:
            os.environ.clear()
            os.environ.update(before)


def played(sandbox: Sandbox, folder: Path, project: str, names: list[str]) -> Played:
    """Every network changes, and just one of them is selected: the push deploys them all."""
    world = World(sandbox, folder, project, names)
    return Played(world.plans(names[:1]), world.push())


@pytest.fixture(scope='module')
def quick(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The changes that every run of the tests plays."""
    return played(sandbox, tmp_path_factory.mktemp('quick'), 'quick', QUICK)


@pytest.fixture(scope='module')
def slow(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The rest."""
    return played(sandbox, tmp_path_factory.mktemp('slow'), 'slow', sorted(SLOW))


@pytest.mark.parametrize('name', QUICK)
def test_what_is_foreseen_is_done(quick: Played, name: str) -> None:
    assert quick.plans[name].plan.short == CHANGES[name].short
    compare(quick.plans[name], quick.done[name])


@pytest.mark.slow
@pytest.mark.parametrize('name', sorted(SLOW))
def test_what_is_foreseen_is_done_with_the_other_function_too(slow: Played, name: str) -> None:
    assert slow.plans[name].plan.short == CHANGES[name].short
    compare(slow.plans[name], slow.done[name])


def test_what_is_known_of_configurations(sandbox: Sandbox, tmp_path: Path) -> None:
    """Of what was deployed as it is, that nothing changes; after any other commit, nothing, also of the branch's other networks."""
    world = World(sandbox, tmp_path, 'again', ['new', 'new-2'])
    for pushed, plans, configured, change in (
        (False, {'new': '+3 ~0 -0', 'new-2': '+1 ~0 -0'}, {'new': {'web', 'db'}, 'new-2': {'web'}}, ''),
        (True, {'new': '+0 ~0 -0', 'new-2': '+0 ~0 -0'}, {'new': set(), 'new-2': set()}, CONFIGURED + DB + KEY + 'one = { };'),
        (False, {'new': '+1 ~? -0', 'new-2': '+0 ~? -0'}, {'new': {'web', 'one'}, 'new-2': set()}, ''),
    ):
        planned, done = world.plans(['new', 'new-2'], pushed=pushed), world.push()
        assert {name: plan.plan.short for name, plan in planned.items()} == plans
        for name in plans:
            compare(planned[name], done[name])
            assert {machine for machine, _type in done[name].get('configured', ())} == configured[name]
        if change:
            world.write('new', change)
            world.commit()


def compare(planned: NetworkPlan, done: Mapping[str, set[tuple[str, str]]]) -> None:
    """Exactly, machine by machine and resource by resource; what the plan calls unclear is kept or becomes obsolete."""
    plan = planned.plan
    foreseen = {group: {(item.name, item.type) for item in getattr(plan, group)} for group in ('creates', 'keeps', 'obsolete', 'leftover')}
    revived = {(item.name, item.was or item.type) for item in (*plan.keeps, *plan.creates, *plan.replaces) if item.revived}
    unclear = {(item.name, item.type) for item in plan.unclear}
    assert foreseen['obsolete'] <= done.get('obsolete', set()) <= foreseen['obsolete'] | unclear
    assert done.get('obsolete as before', set()) == foreseen['leftover']
    assert done.get('destroyed', set()) == {(item.name, item.type) for item in plan.destroyed}
    assert done.get('no longer obsolete', set()) == revived
    if plan.replaces:
        assert planned.refused
        assert not done.keys() & {'created', 'kept', 'configured'}
        return
    assert not planned.refused
    assert done.get('created', set()) == foreseen['creates']
    assert foreseen['keeps'] <= done.get('kept', set()) <= foreseen['keeps'] | unclear
    configured = done.get('configured', set()) & foreseen['keeps']
    sure = {(item.name, item.type) for item in plan.keeps if item.configuration == 'changed'}
    assert sure <= configured <= sure | {(item.name, item.type) for item in plan.unsure}
    assert bool(unclear) == bool(plan.deploy_only)
