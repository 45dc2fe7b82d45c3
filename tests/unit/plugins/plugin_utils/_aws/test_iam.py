# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to AWS one by one: what it answers beside the usual, and what is said where there is no answer."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.nixcd.hercules_ci.plugins.module_utils._problems import Failure
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.iam import AwsClient, NewKey, date_of
from ansible_collections.nixcd.hercules_ci.plugins.plugin_utils._aws.keys import Key, Maker

from tests.aws.server import Aws

USER = 'neat-deployer'


@pytest.mark.parametrize('region', ['', 'eu-west-1'])
def test_a_controller_without_boto3(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    monkeypatch.setitem(sys.modules, 'boto3', None)
    client = AwsClient(region=region)
    with pytest.raises(Failure) as caught:
        client.user(USER)
    problem, = caught.value.problems
    assert problem.what == 'The Python package boto3 is missing on the controller.'
    assert problem.remedy == 'Install it where Ansible runs: pip install boto3'
    assert not client.has_credentials()


def test_a_profile_that_is_not_there_has_no_credentials(aws: Aws) -> None:
    assert AwsClient().has_credentials()
    assert not AwsClient(profile='nobody').has_credentials()


@pytest.mark.parametrize(('region', 'url', 'what', 'found'), [
    ('not a region', '', 'It is not known in which region to ask AWS.', 'InvalidRegionError'),
    ('eu-west-1', 'http://127.0.0.1:1', 'AWS gave no usable answer to GetUser.', 'EndpointConnectionError'),
    ('eu-west-1', 'canary', 'AWS gave no usable answer to GetUser.', 'ValueError'),
])
def test_what_goes_wrong_before_aws_has_answered(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, region: str, url: str, what: str, found: str,
) -> None:
    monkeypatch.setenv('AWS_ENDPOINT_URL', url or aws.url)
    with pytest.raises(Failure) as caught:
        AwsClient(region=region).user(USER)
    problem, = caught.value.problems
    assert (problem.what, problem.where, problem.found) == (what, 'GetUser of %s' % USER, found)
    assert 'canary' not in str(caught.value) and aws.requests == []


def test_a_key_that_is_gone_already_is_deleted(aws: Aws) -> None:
    key = aws.make_key(USER)
    for _time in range(2):
        AwsClient().delete(USER, key.access_key_id)
    assert aws.keys(USER) == [] and aws.requests == ['DeleteAccessKey'] * 2
    with pytest.raises(Failure, match='AWS knows no such user, or no such key'):
        AwsClient().switch(USER, key.access_key_id, True)


@pytest.mark.parametrize('event', [
    'no JSON', '[]', '{}', '{"userAgent": "run/mark", "errorCode": "AccessDenied", "responseElements": null}',
    '{"userAgent": "run/mark", "responseElements": {"accessKey": "AKIA"}}',
])
def test_events_that_made_no_key_are_passed_over(aws: Aws, event: str) -> None:
    aws.trail.append({'EventName': 'CreateAccessKey', 'EventTime': aws.now.timestamp(), 'CloudTrailEvent': event})
    made = aws.make_key(USER)
    key = Key(made.access_key_id, aws.now)
    assert AwsClient().maker(key, 'mark') is Maker.OTHER
    aws.trail.pop()
    assert AwsClient().maker(key, 'mark') is Maker.UNKNOWN


def test_a_new_key_is_not_printed() -> None:
    assert 'canary' not in '%s %r' % (NewKey('AKIACANARY', 'canary'), [NewKey('AKIACANARY', 'canary')])


@pytest.mark.parametrize(('headers', 'date'), [
    ({'date': 'Sun, 29 Nov 2026 01:00:00 +0100'}, datetime(2026, 11, 29, tzinfo=timezone.utc)), ({'date': 'canary'}, None), ({}, None),
])
def test_the_clock_is_that_of_aws_where_it_tells_it(headers: dict[str, str], date: datetime | None) -> None:
    found = date_of({'ResponseMetadata': {'HTTPHeaders': headers}})
    assert found == date if date else abs(found - datetime.now(timezone.utc)) < timedelta(minutes=1)
