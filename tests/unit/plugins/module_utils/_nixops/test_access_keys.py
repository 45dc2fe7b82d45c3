# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys that NixOps finds, loses when they are rotated, or never finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nix.deployments import BuiltMachine, BuiltNetwork, Resource
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.access_keys import (
    KeyUse,
    key_problems,
    keys_recorded,
    keys_used,
    shown,
)
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.document import Entry, entries
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._secrets.scripts import Profiles, profiles_in

ID, OTHER = 'AKIAFAKEFAKEFAKEFAKE', 'AKIAFAKEFAKEFAKE2222'
DEFAULT = 'writeAWSSecret aws default'


@pytest.mark.parametrize(('script', 'secrets', 'complete'), [
    ('', {}, True),
    ('writeAWSSecret', {'default': 'aws'}, True),
    ('writeAWSSecret neat', {'default': 'neat'}, True),
    (DEFAULT + '\nwriteAWSSecret "other" prod # comment\n', {'default': 'aws', 'prod': 'other'}, True),
    ('if x; then writeAWSSecret a b; fi', {'b': 'a'}, True),
    ('writeAWSSecret "$secret" prod', {'prod': None}, True),
    ('writeAWSSecret aws "$profile"', {}, False),
    ('# writeAWSSecret aws prod', {}, True),
    ('echo "$id $key" >~/.ec2-keys', {}, False),
    ('cat x >>~/.aws/credentials', {}, False),
    ('export AWS_SECRET_ACCESS_KEY=x', {}, False),
    ('aws configure set x y', {}, False),
    ('source ./keys.sh', {}, False),
    ('# ~/.aws/credentials is written here\n' + DEFAULT, {'default': 'aws'}, True),
])
def test_profiles_are_read_from_scripts(script: str, secrets: dict[str, str | None], complete: bool) -> None:
    assert profiles_in([script]) == Profiles(secrets, complete)


@pytest.mark.parametrize(('key', 'script', 'held', 'expected'), [
    # Found, and nothing to say.
    ('default', DEFAULT, {}, None),
    ('prod', 'writeAWSSecret aws prod', {}, None),
    ('prod', 'writeAWSSecret aws "$profile"', {}, None),
    ('prod', 'cp keys ~/.ec2-keys', {}, None),
    (ID, 'writeAWSSecret aws ' + ID, {'aws': {ID}}, None),
    # A profile that nobody writes.
    ('prod', DEFAULT, {}, 'error: No script of the effect writes the AWS profile'),
    ('prod', '', {}, 'error: No script'),
    # A key ID that works for now, as far as known.
    (ID, DEFAULT, {'aws': {ID}}, 'warning: The AWS key is named by its ID'),
    (ID, DEFAULT, {'aws': {ID, OTHER}}, 'warning: The AWS key'),
    (ID, DEFAULT, {}, 'warning: The AWS key'),
    (ID, 'cp keys ~/.ec2-keys', {}, 'warning: The AWS key'),
    (ID, 'writeAWSSecret "$secret" default', {'aws': {OTHER}}, 'warning: The AWS key'),
    # And one that nobody has.
    (ID, DEFAULT, {'aws': {OTHER}}, 'error: NixOps would not find the AWS key'),
    (ID, 'writeAWSSecret aws prod', {'aws': {ID}}, 'error: NixOps would not find'),
    (ID, '', {}, 'error: NixOps would not find'),
])
def test_what_is_said_of_a_key(key: str, script: str, held: dict[str, set[str]], expected: str | None) -> None:
    problems = list(key_problems([KeyUse('web', key, certain=True)], profiles_in([script]), held, 'neat-network'))
    if expected is None:
        assert problems == []
        return
    (problem,) = problems
    severity, what = expected.split(': ')
    assert (problem.severity, problem.where) == (severity, 'neat-network, web')
    assert problem.what.startswith(what) and problem.remedy
    assert 'AKIA' not in str(problem)
    # What only the state says may be over with the next deployment.
    (weaker,) = key_problems([KeyUse('web', key, certain=False)], profiles_in([script]), held, 'neat-network')
    assert weaker.severity == 'warning'


def test_a_key_of_many_is_said_once() -> None:
    uses = [KeyUse('m%d' % number, 'prod', certain=True) for number in range(7)]
    (problem,) = key_problems(uses, profiles_in([DEFAULT]), {}, 'neat-network')
    assert problem.where == 'neat-network, m0, m1, m2, m3, m4 and 2 more'
    assert problem.found == 'default'


@pytest.mark.parametrize(('key', 'expected'), [('prod', 'prod'), (ID, '…FAKE'), ('S' * 36 + 'abcd', '…abcd')])
def test_how_a_key_is_shown(key: str, expected: str) -> None:
    assert shown(key) == expected


NETWORK = BuiltNetwork(
    {'web': BuiltMachine('ec2', None, 'prod'), 'db': BuiltMachine('none', None, None), 'old': BuiltMachine('ec2', None, '')},
    {'key': Resource('ec2KeyPairs', ID), 'net': Resource('vpc', None)},
)
RECORDED = {
    'web': {'ec2.accessKeyId': OTHER, 'route53.accessKeyId': 'dns'}, 'old': {'ec2.accessKeyId': OTHER},
    'net': {'accessKeyId': 'net'}, 'gone': {'ec2.accessKeyId': OTHER},
}


@pytest.mark.parametrize(('network', 'recorded', 'expected'), [
    (None, None, []),
    (NETWORK, None, [('key', ID, True), ('web', 'prod', True)]),
    (NETWORK, RECORDED, [('key', ID, True), ('net', 'net', False), ('web', 'dns', False), ('web', 'prod', True)]),
    (BuiltNetwork({'web': BuiltMachine('ec2')}, known=False), {'gone': {'accessKeyId': 'x'}}, [('gone', 'x', False)]),
    (None, RECORDED, [('gone', OTHER, False), ('net', 'net', False), ('old', OTHER, False), ('web', OTHER, False), ('web', 'dns', False)]),
])
def test_the_network_counts_before_the_state(
    network: BuiltNetwork | None, recorded: dict[str, dict[str, str]] | None, expected: list[tuple[str, str, bool]],
) -> None:
    assert keys_used(network, recorded) == [KeyUse(*use) for use in expected]


@pytest.mark.parametrize('version', ['1.7', '2.x'])
def test_keys_of_real_states_are_found(version: str, fixtures: Path) -> None:
    with (fixtures / ('nixops-%s' % version) / 'export-aws-prod.json').open('rb') as file:
        found = keys_recorded(entries(file, 'x'))
    assert {'app1', 'app2', 'eip1', 'kp'} <= set(found)
    assert {key for keys in found.values() for key in keys.values()} == {ID}
    known = json.loads((fixtures / 'attributes' / ('attributes-%s.json' % version)).read_text())
    attributes = {name for details in known.values() for name in details['attrs'] if 'accesskeyid' in name.lower()}
    for name in attributes:
        assert keys_recorded([Entry('uuid', 'x', {'type': 'x', name: 'prod'})]) == {'x': {name: 'prod'}}


def test_what_is_obsolete_needs_no_key() -> None:
    assert keys_recorded([Entry('uuid', 'x', {'type': 'ec2', 'ec2.accessKeyId': ID, 'obsolete': '1'}), Entry('uuid', None, {})]) == {}
