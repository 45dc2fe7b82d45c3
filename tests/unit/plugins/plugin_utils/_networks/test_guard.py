# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a push would do to a network, for everything that an effect may find: NixOps must never make machines anew that are known."""

from __future__ import annotations

import io
import itertools
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import BuiltMachine, BuiltNetwork, EvaluatedEffect
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.state import State, copy_state
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._networks.guard import (
    Declared,
    NetworkPlan,
    not_uploaded,
    plan_branch,
    plan_text,
    without_secrets,
)

from tests.support.surroundings import ROOT

FIXTURES = ROOT / 'tests' / 'fixtures' / 'nixops' / 'nixops-1.7'
EXPORT = json.loads((FIXTURES / 'export-aws-prod.json').read_text())
(UUID,) = EXPORT
OTHER = (FIXTURES / 'export-webfarm.json').read_bytes()
MACHINES = BuiltNetwork({'app1': BuiltMachine('ec2'), 'app2': BuiltMachine('ec2')})
KNOWN = {name for name, resource in EXPORT[UUID]['resources'].items() if resource['type'] == 'ec2'}


def export(name: str | None = 'aws-prod', **resources: Any) -> bytes:
    deployment = {key: value for key, value in EXPORT[UUID].items() if key != 'name'}
    deployment.update({'name': name} if name else {}, **({'resources': resources} if resources else {}))
    return json.dumps({UUID: deployment}).encode()


def database(tmp_path: Path) -> bytes:
    """What NixOps 2 stores: one deployment in SQLite."""
    path = tmp_path / 'one.nixops'
    path.write_bytes((FIXTURES / 'deployments.nixops').read_bytes())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute('delete from Deployments where uuid <> ?', (UUID,))
        connection.execute('pragma journal_mode = delete')
    return path.read_bytes()


def evaluated(**more: Any) -> EvaluatedEffect:
    values: dict[str, Any] = {
        'ref': 'refs/heads/production', 'job': 'default', 'name': 'neat', 'path': 'neat.run', 'runs': True, 'function': 'runNixOps',
        'state_name': 'nixops-aws-prod.json', 'deployment': 'aws-prod', 'action': 'switch', 'network': MACHINES, **more,
    }
    return EvaluatedEffect(**values)


def declared(state: str = 'upload', **more: Any) -> Declared:
    values: dict[str, Any] = {
        'state': state, 'state_name': 'nixops-aws-prod.json', 'effect_deployment': 'aws-prod', 'function': 'runNixOps', **more,
    }
    return Declared(**values)


def plan(content: bytes | None, effect: EvaluatedEffect | None = None, network: Declared | None = None) -> NetworkPlan:
    """The plan for one network, whose state has this content; `None` for no file."""
    effect = effect or evaluated()

    @contextmanager
    def read(name: str) -> Iterator[State | None]:
        found = content if name == effect.state_name else None
        yield None if found is None else copy_state(io.BytesIO(found), io.BytesIO(), '%s, version 3' % name)

    (planned,) = plan_branch('production', [effect], {'neat': network or declared()}, read)
    return planned


def said(planned: NetworkPlan) -> list[str]:
    return [problem.what for problem in planned.problems]


def test_a_network_whose_machines_are_all_known() -> None:
    planned = plan(export())
    assert not planned.refused
    assert {item.name for item in planned.plan.keeps if item.machine} == KNOWN == {'app1', 'app2'}
    text = '\n'.join(plan_text([planned], 'github/a/b', ['production', 'staging']))
    assert 'Plan for branch production of github/a/b:\n  neat, nixops-aws-prod.json\n' in text
    assert 'Plan for branch staging of github/a/b: no network is deployed.' in text


def test_of_a_branch_that_cannot_be_evaluated_nothing_is_said() -> None:
    assert plan_text([], 'github/a/b', ['production'], {'production': []}) == [
        'Plan for branch production of github/a/b: not known, as its files cannot be evaluated.']


@pytest.mark.parametrize(('action', 'said_so'), [('switch', False), ('boot', False), ('dry-run', True), ('build', True), ('plan', True)])
def test_an_action_that_deploys_nothing(action: str, said_so: bool) -> None:
    text = '\n'.join(plan_text([plan(export(), evaluated(action=action))], 'github/a/b', ['production']))
    assert ('With the action %s, NixOps makes none of this.' % action in text) is said_so


def test_what_is_obsolete_is_left_alone_or_destroyed() -> None:
    network = BuiltNetwork({'app1': BuiltMachine('ec2')})
    assert said(plan(export(), evaluated(network=network)))[0] == (
        'Machines become obsolete: NixOps leaves them running, and does not look after them any longer.')
    destroying = plan(export(), evaluated(network=network, destroys=True))
    assert said(destroying)[0] == 'What is obsolete is destroyed: the effect tells NixOps to (--kill-obsolete).'
    assert not any('leaves them running' in what for what in said(destroying))
    assert 'app2' in str(destroying.problems[0].found)


@pytest.mark.parametrize('network', [declared(), declared('new')])
def test_an_empty_name_is_not_taken_for_that_of_the_inventory(network: Declared) -> None:
    """The state under the inventory's name is there, and the effect would not look for it."""
    planned = plan(export(), evaluated(state_name=''), network)
    assert said(planned) == ['The effect has an empty name for its state: it would find none, make all machines anew, and could not store '
                             'theirs.']


def test_an_effect_that_does_not_run_or_deploys_no_network_is_not_in_the_plan() -> None:
    @contextmanager
    def read(_name: str) -> Iterator[State | None]:
        yield None

    assert plan_branch('production', [evaluated(runs=False), evaluated(function=None)], {}, read) == []


IDENTITIES = {'name': 'aws-prod', 'UUID': UUID, 'prefix': UUID[:8], 'unnamed': UUID}
CONTENTS = ('nothing', 'same', 'newer', 'another deployment', 'empty', 'garbage', '{}', 'SQLite')


@pytest.mark.parametrize('function', ['runNixOps', 'runNixOps2'])
@pytest.mark.parametrize('state', ['upload', 'present', 'new'])
def test_machines_are_never_made_anew(function: str, state: str, tmp_path: Path) -> None:
    """Whatever it is called and wherever its state is: the push is refused, or no machine is made that a state knows."""
    contents: dict[str, bytes | None] = {
        'nothing': None, 'another deployment': OTHER, 'empty': b'', 'garbage': b'\x00no state', '{}': b'{}', 'SQLite': database(tmp_path),
    }
    allowed = set()
    for identity, named, renamed, content in itertools.product(IDENTITIES, (False, True), (False, True), CONTENTS):
        deployment = IDENTITIES[identity]
        known_as = None if identity == 'unnamed' else 'aws-prod'
        called = 'elsewhere' if renamed else deployment
        state_name = 'own.json' if named else 'nixops-%s.json' % deployment
        effect = evaluated(function=function, state_name=state_name, deployment=called)
        network = declared(state, state_name=state_name, effect_deployment=called, function=function)
        resources = EXPORT[UUID]['resources']
        newer = export(known_as, **resources, app3=resources['app1'])
        found = {**contents, 'same': export(known_as), 'newer': newer}
        planned = plan(found[content], effect, network)
        made = {item.name for item in planned.plan.creates if item.machine}
        assert planned.refused or not made & KNOWN or (content == 'nothing' and state == 'new'), (identity, named, renamed, content)
        if not planned.refused:
            allowed.add(content)
    usable = {'same', 'newer', *(['SQLite'] if function == 'runNixOps2' else [])}
    assert allowed == usable | ({'nothing'} if state == 'new' else set())


@pytest.mark.parametrize('effect, words', [
    (evaluated(state_name='nixops-other.json'), 'The effect reads another state than the one that the inventory names.'),
    (evaluated(deployment='other'), 'The effect works on another deployment than the inventory says.'),
])
def test_what_nix_says_has_to_be_what_the_inventory_says(effect: EvaluatedEffect, words: str) -> None:
    planned = plan(export(), effect)
    assert planned.refused and words in said(planned)


@pytest.mark.parametrize(('function', 'remedy'), [
    ('runNixOps', 'Set nixops_state_name of neat to nixops-other.json.'),
    ('runNixOps2', 'Set network.storage.hercules-ci.stateName in the network to nixops-aws-prod.json, or nixops_state_name to '
                   'nixops-other.json.'),
])
def test_where_another_state_is_named_is_where_it_is_corrected(function: str, remedy: str) -> None:
    planned = plan(export(), evaluated(function=function, state_name='nixops-other.json'), declared(function=function))
    assert planned.problems[0].remedy == remedy


def test_what_is_in_a_database_of_a_newer_nixops_only_that_can_tell(tmp_path: Path) -> None:
    path = tmp_path / 'newer.nixops'
    path.write_bytes(database(tmp_path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute('update SchemaVersion set version = 99')
        connection.commit()
    planned = plan(path.read_bytes(), evaluated(function='runNixOps2'), declared(function='runNixOps2'))
    assert (planned.refused, planned.plan.known, said(planned)) == (False, False, [])


def test_a_state_whose_machines_are_all_others() -> None:
    planned = plan(export(web=EXPORT[UUID]['resources']['app1']))
    (problem,) = (problem for problem in planned.problems if problem.what.startswith('Every machine of the network would be made anew'))
    assert problem.found == 'web' and planned.refused


def test_machines_beside_others_and_obsolete_ones_are_warned_of() -> None:
    resources = EXPORT[UUID]['resources']
    planned = plan(export(app1=resources['app1'], old=resources['app2']))
    assert not planned.refused
    warned = [(problem.what, problem.found) for problem in planned.problems if problem.what.startswith('Machines')]
    assert warned == [
        ('Machines will be created beside those that are there.', 'app2'),
        ('Machines become obsolete: NixOps leaves them running, and does not look after them any longer.', 'old'),
    ]


@pytest.mark.parametrize('earlier, refused', [
    ([export()], True), ([b'garbage', export()], True), ([OTHER], False), ([], False),
    ([export(app1=EXPORT[UUID]['resources']['app1'])], False),
])
def test_machines_that_only_an_earlier_version_has(earlier: list[bytes], refused: bool) -> None:
    newest = export(app1=EXPORT[UUID]['resources']['app1'])

    @contextmanager
    def read(name: str) -> Iterator[State | None]:
        yield copy_state(io.BytesIO(newest), io.BytesIO(), '%s, version 3' % name)

    def before(name: str) -> Iterator[State]:
        return (copy_state(io.BytesIO(content), io.BytesIO(), '%s, version 2' % name) for content in earlier)

    (planned,) = plan_branch('production', [evaluated()], {'neat': declared()}, read, before)
    assert planned.refused == refused
    if refused:
        assert planned.problems[-1].where == 'neat, branch production, nixops-aws-prod.json, version 2'
        assert planned.problems[-1].found == 'app2'


@pytest.mark.parametrize(('function', 'args', 'declared_args', 'warned'), [
    ('runNixOps', '{"more": "true"}', (), True), ('runNixOps', '{"more": "true"}', ('more',), False), ('runNixOps', '{}', ('more',), False),
    ('runNixOps2', '{"more": "true"}', (), True), ('runNixOps2', '{"more": "true"}', ('more',), False),
    ('runNixOps2', '{}', ('more',), False),
])
def test_arguments_that_only_the_state_has(function: str, args: str, declared_args: tuple[str, ...], warned: bool) -> None:
    document = json.loads(export())
    document[UUID]['args'] = args
    content = json.dumps(document).encode()
    network = declared(function=function, network_args=frozenset(declared_args))
    planned = plan(content, evaluated(function=function), network)
    assert ('arguments that it was not evaluated with' in ' '.join(said(planned))) is warned
    none = evaluated(function=function, network=replace(MACHINES, takes=('region',)))
    assert 'arguments that it was not evaluated with' not in ' '.join(said(plan(content, none, network)))
    assert not planned.refused
    # What NixOps 2 deploys depends on whether its state has arguments.
    bare = replace(evaluated(function='runNixOps2'), bare=BuiltNetwork({**MACHINES.machines, 'app3': BuiltMachine(None)}))
    creates = [item.name for item in plan(content, bare, network).plan.creates if item.machine]
    assert creates == ([] if 'more' in args else ['app3'])


def test_a_machine_of_another_type_is_refused() -> None:
    planned = plan(export(), evaluated(network=BuiltNetwork({'app1': BuiltMachine('none'), 'app2': BuiltMachine('ec2')})))
    assert planned.refused and planned.problems[0].found == 'app1 from ec2 to none'


def test_a_first_deployment() -> None:
    planned = plan(None, network=declared('new'))
    assert not planned.refused and planned.plan.short.startswith('+2')
    assert plan(None, evaluated(action='dry-run')).refused is False
    assert plan(None, evaluated(action='plan')).refused is True


def test_new_although_there_is_a_state() -> None:
    planned = plan(export(), network=declared('new'))
    assert not planned.refused
    assert said(planned)[0] == 'nixops_state is new, and Hercules CI has the state already.'


def test_nixops_2_whose_network_does_not_name_its_state() -> None:
    effect = evaluated(function='runNixOps2', state_name=None, network=None)
    assert plan(None, effect, declared(function='runNixOps2')).refused
    assert not plan(None, effect, declared(function='runNixOps2', forget_state=True)).refused


@pytest.mark.parametrize(('kind', 'stored', 'state_name', 'refused'), [
    ('ec2', True, None, True), ('ec2', False, None, False), ('none', True, None, False), ('ec2', True, 'nixops-aws-prod.json', False),
])
def test_an_effect_that_forgets_its_state(kind: str, stored: bool, state_name: str | None, refused: bool) -> None:
    """It would make its machines with every push, unless NixOps has a state nevertheless, or there is nothing to make."""
    machines = BuiltNetwork({name: BuiltMachine(kind) for name in KNOWN})
    content = export(**{name: {'type': kind, 'state': '3', 'vmId': name} for name in KNOWN}) if stored else None
    effect = replace(evaluated(function='runNixOps2', network=machines), state_name=state_name)
    network = declared(function='runNixOps2', forget_state=True)

    @contextmanager
    def read(_name: str) -> Iterator[State | None]:
        yield None if content is None else copy_state(io.BytesIO(content), io.BytesIO(), 'nixops-aws-prod.json, version 3')

    (planned,) = plan_branch('production', [effect], {'neat': network}, read)
    assert planned.refused is refused
    assert bool(planned.plan.creates) is (state_name is None)


@pytest.mark.parametrize(('project', 'refused'), [(None, False), ('github/neat-org/neat-repo', False), ('github/neat-org/other', True)])
def test_a_state_at_another_project(project: str | None, refused: bool) -> None:
    effect = replace(evaluated(function='runNixOps2'), state_project=project)
    planned = plan(export(), effect, declared(function='runNixOps2', project='github/neat-org/neat-repo'))
    assert planned.refused is refused
    assert ('another project' in ' '.join(said(planned))) is refused


@pytest.mark.parametrize(('more', 'refused'), [
    ({'name': 'other', 'state_name': 'other.json'}, set()), ({'name': 'other'}, {'neat', 'other'}),
    ({'name': 'other', 'action': 'dry-run'}, set()), ({'name': 'other', 'job': 'another'}, set()),
    ({'name': 'other', 'runs': False}, set()),
    ({'name': 'other', 'state_name': 'other.json', 'known_hosts_name': 'nixops-aws-prod.json'}, {'neat'}),
])
def test_a_file_that_two_effects_would_store(more: dict[str, Any], refused: set[str]) -> None:
    @contextmanager
    def read(_name: str) -> Iterator[State | None]:
        yield copy_state(io.BytesIO(export()), io.BytesIO(), 'nixops-aws-prod.json, version 3')

    planned = plan_branch('production', [evaluated(), evaluated(**more)], {'neat': declared()}, read)
    assert {each.name for each in planned if each.refused} == refused


def test_an_effect_of_somebody_else_has_to_find_its_state_too() -> None:
    @contextmanager
    def read(_name: str) -> Iterator[State | None]:
        yield None

    (planned,) = plan_branch('production', [evaluated(name='own')], {}, read)
    assert planned.refused
    (planned,) = plan_branch('production', [evaluated(name='own', function='runNixOps2', state_name=None, network=None)], {}, read)
    assert said(planned) == ['Which state the effect reads is not known, and so not whether it is there.']


def test_a_state_that_should_have_been_uploaded() -> None:
    planned = plan(export())
    assert not_uploaded(planned, {'another'}) is planned
    assert not_uploaded(planned, {'neat'}).refused


def with_key(key: str) -> EvaluatedEffect:
    return evaluated(network=BuiltNetwork({'app1': BuiltMachine('ec2', access_key=key), 'app2': BuiltMachine('ec2', access_key='')}))


@pytest.mark.parametrize('key, profiles, words, refused', [
    ('production', {'production': 'aws'}, '', False),
    ('production', {'default': 'aws'}, 'No script of the effect writes the AWS profile that NixOps looks for.', True),
    ('…0001', {'default': 'aws'}, 'The AWS key is named by its ID: when it is rotated, NixOps will not find it.', False),
    ('…0002', {'default': 'aws'}, 'NixOps would not find the AWS key', True),
    ('production', None, '', False),
])
def test_keys_of_aws(key: str, profiles: dict[str, str | None] | None, words: str, refused: bool) -> None:
    content = export()
    for attribute in ('accessKeyId', 'ec2.accessKeyId'):
        content = content.replace(b'"%s": "' % attribute.encode(), b'"unused%s": "' % attribute.encode())
    planned = plan(content, with_key(key), declared(aws_profiles=profiles, aws_key_ids={'aws': ['…0001']}))
    assert planned.refused is refused
    assert [what for what in said(planned) if 'AWS' in what][:1] == ([what for what in said(planned) if words in what][:1] if words else [])


def test_an_agent_without_the_secrets_of_an_effect_that_may_run_there() -> None:
    effect = evaluated(secrets_map={'aws': 'neat-aws', 'ssh': 'neat-ssh', 'token': {'type': 'GitToken'}})
    lacking = without_secrets([effect], {'agent-1': {'neat-aws'}, 'agent-2': {'other'}, 'agent-3': set()})
    assert {branch: [(problem.what, problem.where, problem.expected) for problem in problems] for branch, problems in lacking.items()} == {
        'production': [('The agent agent-1 may run the effect, and did not get its secrets in this run.', 'effect neat: branch production',
                        'neat-aws')],
    }
    # An effect of somebody's own, which deploys no network, needs its secrets, too.
    assert without_secrets([replace(effect, function=None)], {'agent-1': {'neat-aws'}}) == lacking
    for other in (evaluated(secrets_map={}), replace(effect, runs=False)):
        assert without_secrets([other], {'agent-1': {'neat-aws'}}) == {}


@pytest.mark.parametrize(('destination', 'machines', 'refused'), [
    ('root@198.51.100.1', MACHINES, True), ('root@198.51.100.99', MACHINES, False), ('root@app1', MACHINES, False),
    # What is no longer in the network, NixOps leaves running.
    ('root@198.51.100.1', BuiltNetwork({'app2': BuiltMachine('ec2')}), False),
])
def test_a_machine_that_another_network_deploys_too(destination: str, machines: BuiltNetwork, refused: bool) -> None:
    state = json.loads(export())
    state[UUID]['resources']['app1']['publicIpv4'] = '198.51.100.1'

    @contextmanager
    def read(name: str) -> Iterator[State | None]:
        yield copy_state(io.BytesIO(json.dumps(state).encode()), io.BytesIO(), name)

    web = EvaluatedEffect('refs/heads/production', 'default', 'web', 'web.run', runs=True)
    networks = {'neat': declared(), 'web': Declared('', '', '', 'runNixOS', destination=destination)}
    plans = {each.name: each for each in plan_branch('production', [evaluated(network=machines), web], networks, read)}
    found = [problem for problem in plans['neat'].problems if problem.what.startswith('Two networks deploy the same machine')]
    assert [(problem.where, problem.found) for problem in found] == [
        ('neat, branch production, machine app1', '%s, as of web' % destination)] * refused
    assert plans['neat'].refused == refused
