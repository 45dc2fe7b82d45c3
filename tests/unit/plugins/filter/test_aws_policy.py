# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policies for NixOps networks and for the controller."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.nixcd.hercules_ci.plugins.filter.aws_policy import aws_policy
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.aws_policy import ACTIONS, GUESSED, ROTATION
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._nixops.machines import RESOURCES
from botocore.session import Session

from tests.support.surroundings import FIXTURES

EXPORT = FIXTURES / 'nixops' / 'nixops-2.x' / 'export-aws-prod.json'
NO_AWS = ('azure', 'gce', 'gse', 'hetzner', 'datadog', 'command-output', 'ssh-keypair', 'vault')


def allowed(policy: dict[str, Any]) -> set[str]:
    return {action for statement in policy['Statement'] for action in statement['Action']}


def test_a_real_state() -> None:
    policy = aws_policy(json.loads(EXPORT.read_text()))
    assert {'ec2:RunInstances', 'ec2:CreateVpc', 'rds:CreateDBInstance', 'ec2:AllocateAddress', 'ec2:ImportKeyPair'} <= allowed(policy)
    assert not {action for action in allowed(policy) if action.startswith(('s3:', 'iam:Create', 'sqs:'))}, 'the state has no such thing'
    assert len(json.dumps(policy, separators=(',', ':'))) < 6144, 'what AWS takes as a managed policy'


def test_every_type_of_aws_that_nixops_has() -> None:
    of_aws = {kind for kind in RESOURCES if not kind.startswith(NO_AWS)}
    assert of_aws | {'ec2'} == set(ACTIONS) and set(ACTIONS) >= GUESSED


def test_every_action_exists() -> None:
    """As botocore knows the API; what S3 calls otherwise in policies is left out."""
    names = {'elasticfilesystem': 'efs', 'cloudwatch': 'cloudwatch'}
    session = Session()
    unknown = []
    for action in sorted({action for actions in ACTIONS.values() for action in actions} | {*ROTATION}):
        service, _colon, operation = action.partition(':')
        if service != 's3' and operation != 'PassRole':
            known = session.get_service_model(names.get(service, service)).operation_names
            unknown += [action] if operation not in known else []
    assert unknown == []


def test_what_a_machine_uses() -> None:
    def needed(**more: str) -> set[str]:
        return allowed(aws_policy({'uuid': {'resources': {'web': {'type': 'ec2', **more}}}}))

    plain = needed()
    assert 'iam:PassRole' not in plain and 'route53:ChangeResourceRecordSets' not in plain
    assert needed(**{'ec2.instanceProfile': 'web'}) - plain == {'iam:PassRole'}
    assert 'route53:ChangeResourceRecordSets' in needed(**{'route53.hostName': 'web.example.org'})


def test_the_controller() -> None:
    policy = aws_policy([], ['b', 'a'])
    keys, machines, creations = policy['Statement']
    assert keys['Action'] == list(ROTATION) and keys['Resource'] == ['arn:aws:iam::*:user/a', 'arn:aws:iam::*:user/b']
    assert machines['Action'] == ['ec2:DescribeInstances'] and creations['Action'] == ['cloudtrail:LookupEvents']
    nobody = aws_policy([], iter([]))  # as the filter select gives it, where no user is left
    assert nobody['Statement'] == [machines]


def resources(**by_name: dict[str, str]) -> dict[str, Any]:
    """An export with these resources."""
    return {'uuid': {'resources': by_name}}


def test_only_buckets_that_have_names_are_told_apart() -> None:
    """A bucket that is yet to be made by a name that nobody knows can be any."""
    a, b = ({'type': 's3-bucket', 'bucketName': name, 's3.region': 'eu-west-1'} for name in ('neat-a', 'neat-b'))
    statement, = aws_policy(resources(b=b, a=a))['Statement']
    arns = ['arn:aws:s3:::neat-a', 'arn:aws:s3:::neat-a/*', 'arn:aws:s3:::neat-b', 'arn:aws:s3:::neat-b/*']
    assert statement['Resource'] == arns and 'Condition' not in statement and 's3:CreateBucket' in statement['Action']
    statement, = aws_policy(resources(b=b, c={'type': 's3-bucket'}))['Statement']
    assert statement['Resource'] == '*'


@pytest.mark.parametrize(('value', 'types'), [
    (['ec2', 'vpc'], ''), (['iam-role', 'ec2', 'elastic-file-system'], 'elastic-file-system, iam-role'),
    (resources(net={'type': 'vpc-endpoint'}), 'vpc-endpoint'),
])
def test_a_guess_is_warned_of(monkeypatch: pytest.MonkeyPatch, value: Any, types: str) -> None:
    warned: list[str] = []
    monkeypatch.setattr('ansible.utils.display.Display.warning', lambda self, text, *_more, **_options: warned.append(text))
    assert aws_policy(value)['Statement']
    assert warned == ['For these types the policy is a guess: %s. Try it, and look at what CloudTrail says.' % types] * bool(types)


@pytest.mark.parametrize('value', ['ec2', {}, {'uuid': 'x'}, [1], ['ec3'], None])
def test_what_is_refused(value: Any) -> None:
    with pytest.raises(AnsibleFilterError, match='aws_policy'):
        aws_policy(value)
