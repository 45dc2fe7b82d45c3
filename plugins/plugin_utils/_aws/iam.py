# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""What is asked of AWS with the controller's own credentials, one request for each method, and what went wrong in words.

boto3 is imported where the first request is made, so that nobody needs it who has no keys of AWS looked after. No message of AWS' is
quoted: it may name a key.
"""

from __future__ import annotations

import importlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from ...module_utils._problems import Failure, Problem, fail
from .keys import TAG, Key, Maker, Use

PATIENCE = 20.0
"""Seconds in which a request is repeated that AWS has put off."""
NEAR = timedelta(minutes=5)
"""Around the creation of a key, in which CloudTrail is asked for it."""
PUT_OFF = frozenset({
    'Throttling', 'ThrottlingException', 'RequestLimitExceeded', 'TooManyRequestsException', 'RequestThrottled', 'ServiceUnavailable',
    'ConcurrentModification', 'EntityTemporarilyUnmodifiable',
})
REFUSED = frozenset({'AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation', 'UnauthorizedAccess'})
OUTDATED = frozenset({'ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'TokenRefreshRequired'})
UNKNOWN_KEY = frozenset({'InvalidClientTokenId', 'AuthFailure', 'InvalidAccessKeyId', 'UnrecognizedClientException'})
SAFE = 'Nothing was lost: the next run goes on from here.'
CREDENTIALS = (
    'Give the controller credentials of its own, as boto3 finds them: AWS_PROFILE or AWS_ACCESS_KEY_ID in the environment, '
    '~/.aws, or profile in the secret'
)


def boto3() -> Any:
    """The library. Raises Failure if it is not there."""
    try:
        library: Any = importlib.import_module('boto3')
    except ImportError as error:
        raise fail(
            'The Python package boto3 is missing on the controller.', where='secrets with aws_user, or nixops_aws_check: always',
            found=str(error), remedy='Install it where Ansible runs: pip install boto3',
        ) from None
    # What it logs in detail has answers in it, and with these a new key.
    for name in ('boto3', 'botocore', 'urllib3'):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return library


@dataclass(frozen=True)
class NewKey:
    """A key with its secret, which nothing prints."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return 'NewKey'


@dataclass(frozen=True)
class User:
    """An IAM user as AWS has it at a moment. now: on AWS' clock."""

    keys: tuple[Key, ...]
    tag: str | None
    now: datetime


class AwsClient:
    """AWS, as the controller may use it."""

    def __init__(self, profile: str = '', region: str = '') -> None:
        self._profile, self._region = profile, region
        self._session: Any = None
        self._clients: dict[tuple[str, str, str], Any] = {}
        self.sleep: Callable[[float], None] = time.sleep

    @property
    def region(self) -> str:
        """Where requests go that belong to no region."""
        return str(self._region or self._opened().region_name or 'us-east-1')

    def has_credentials(self) -> bool:
        """Whether there are any, without a request to AWS where they are on this machine."""
        try:
            return self._opened().get_credentials() is not None
        except Failure:
            return False

    def user(self, name: str) -> User:
        """The keys of a user, and what the tag says. Two requests."""
        found = self._ask('iam', 'GetUser', name, UserName=name)
        tags = {tag['Key']: tag['Value'] for tag in found['User'].get('Tags', ())}
        listed = self._ask('iam', 'ListAccessKeys', name, UserName=name)
        keys = tuple(
            Key(each['AccessKeyId'], each['CreateDate'].replace(microsecond=0), each['Status'] == 'Active')
            for each in listed['AccessKeyMetadata']
        )
        return User(keys, tags.get(TAG), date_of(listed))

    def use(self, name: str, key: str) -> Use:
        """When and where a key of a user was used last."""
        found = self._ask('iam', 'GetAccessKeyLastUsed', name, AccessKeyId=key)['AccessKeyLastUsed']
        at = found.get('LastUsedDate')
        if at is None:
            return Use()
        where = 'at %s, for %s in %s' % (
            at.strftime('%Y-%m-%d %H:%M:%S UTC'), found.get('ServiceName', 'an unknown service'), found.get('Region', 'an unknown region'))
        return Use(at, where)

    def user_of(self, key: str) -> str:
        """Whose key this is. Raises Failure where there is no such key."""
        return str(self._ask('iam', 'GetAccessKeyLastUsed', 'a key', AccessKeyId=key).get('UserName', ''))

    def note(self, name: str, text: str) -> None:
        self._ask('iam', 'TagUser', name, UserName=name, Tags=[{'Key': TAG, 'Value': text}])

    def create(self, name: str, mark: str) -> NewKey:
        """A new key. Sent once: whether a request without an answer has made a key, the next run finds out. mark: for CloudTrail."""
        key = self._ask('iam', 'CreateAccessKey', name, mark=mark, UserName=name)['AccessKey']
        return NewKey(key['AccessKeyId'], key['SecretAccessKey'])

    def maker(self, key: Key, mark: str) -> Maker:
        """Who has made a key: it was the run with this mark if CloudTrail saw that in the name of the program."""
        wanted: dict[str, Any] = {
            'LookupAttributes': [{'AttributeKey': 'EventName', 'AttributeValue': 'CreateAccessKey'}],
            'StartTime': key.created - NEAR, 'EndTime': key.created + NEAR,
        }
        while True:
            found = self._ask('cloudtrail', 'LookupEvents', 'the creation of a key', region=_home_of_iam(self.region), **wanted)
            for event in found.get('Events', ()):
                program, made = _creation(event.get('CloudTrailEvent', ''))
                if made == key.id:
                    return Maker.RUN if mark and mark in program else Maker.OTHER
            if not found.get('NextToken'):
                return Maker.UNKNOWN
            wanted['NextToken'] = found['NextToken']

    def switch(self, name: str, key: str, active: bool) -> None:
        """Let a key work, or not."""
        self._ask('iam', 'UpdateAccessKey', name, UserName=name, AccessKeyId=key, Status='Active' if active else 'Inactive')

    def delete(self, name: str, key: str) -> None:
        """Delete a key, if it is there."""
        self._ask('iam', 'DeleteAccessKey', name, gone={}, UserName=name, AccessKeyId=key)

    def instances(self, region: str, ids: list[str]) -> list[Mapping[str, Any]]:
        """Those of at most a hundred machines that there are."""
        wanted = [{'Name': 'instance-id', 'Values': ids}]  # as a filter: IDs that do not exist are no error then
        found = self._ask('ec2', 'DescribeInstances', region, region=region, Filters=wanted)
        return [instance for reservation in found['Reservations'] for instance in reservation['Instances']]

    def client_with(self, key: NewKey, service: str, region: str) -> Any:
        """A client that uses a new key, and asks once."""
        return self._opened().client(
            service, region_name=region, aws_access_key_id=key.id, aws_secret_access_key=key.secret, aws_session_token='', config=_config(),
        )

    def _opened(self) -> Any:
        if self._session is None:
            library = boto3()
            with in_words('boto3', self._profile or 'the default profile'):
                self._session = library.session.Session(profile_name=self._profile or None)
        return self._session

    def _ask(
        self, service: str, action: str, subject: str, *, region: str = '', gone: Any = None, mark: str = '', **arguments: Any,
    ) -> Any:
        """gone: the answer where there is no such thing, if that is none to complain about. mark: what to add to the program's name."""
        place = (service, region or self.region, mark)
        where = '%s of %s' % (action, subject)
        with in_words(action, subject):
            if place not in self._clients:
                self._clients[place] = self._opened().client(service, region_name=place[1], config=_config(mark))
            client = self._clients[place]
        waited, pause = 0.0, 0.5
        while True:
            try:
                return getattr(client, _method(action))(**arguments)
            except client.exceptions.ClientError as error:
                code = code_of(error)
                if gone is not None and code == 'NoSuchEntity':
                    return gone
                undecided = _status_of(error) >= 500  # it may have been done all the same
                if code not in PUT_OFF or waited >= PATIENCE or (undecided and mark):
                    raise _refusal(code, action, where, decided=not undecided) from None
            except Exception as error:
                raise _unanswered(error, action, where) from None
            self.sleep(pause)
            waited, pause = waited + pause, pause * 2


@contextmanager
def in_words(action: str, subject: str) -> Iterator[None]:
    """Have what boto3 finds wrong by itself be a Failure."""
    try:
        yield
    except Failure:
        raise
    except Exception as error:
        raise _unanswered(error, action, '%s of %s' % (action, subject)) from None


def code_of(error: Any) -> str:
    return str(error.response.get('Error', {}).get('Code', ''))


def _status_of(error: Any) -> int:
    return int(error.response.get('ResponseMetadata', {}).get('HTTPStatusCode', 0))


def date_of(answer: Mapping[str, Any]) -> datetime:
    """What AWS' clock says; where the answer does not tell, this machine's."""
    header = answer.get('ResponseMetadata', {}).get('HTTPHeaders', {}).get('date', '')
    try:
        return parsedate_to_datetime(header).astimezone(timezone.utc)
    except (TypeError, ValueError):
        return datetime.now(timezone.utc).replace(microsecond=0)


def _method(action: str) -> str:
    return ''.join('_' + letter.lower() if letter.isupper() else letter for letter in action).lstrip('_')


def _config(mark: str = '') -> Any:
    return importlib.import_module('botocore.config').Config(
        connect_timeout=10, read_timeout=45, retries={'total_max_attempts': 1}, user_agent_extra=mark and '%s/%s' % (TAG, mark))


def _home_of_iam(region: str) -> str:
    """The region in which CloudTrail has what IAM does."""
    return {'cn': 'cn-north-1', 'us-gov': 'us-gov-west-1'}.get(region.rsplit('-', 2)[0], 'us-east-1')


def _creation(event: str) -> tuple[str, str]:
    """The program that has made a key, and the key's ID; both empty for what is not such an event, or one that was refused."""
    try:
        told = json.loads(event)
        return str(told.get('userAgent') or ''), str(told['responseElements']['accessKey']['accessKeyId'])
    except (ValueError, KeyError, TypeError, AttributeError):
        return '', ''


def _refusal(code: str, action: str, where: str, *, decided: bool) -> Failure:
    """What AWS refuses, in words, and what to do. decided: whether nothing was done, so that the result has aws_code."""
    if code in REFUSED:
        what, remedy = 'The controller may not ask AWS for %s.' % action, (
            'Allow it: nixcd.hercules_ci.aws_policy gives the policy that the controller needs. %s' % SAFE)
    elif code in PUT_OFF:
        what = 'AWS has put %s off for %d seconds, as too much is asked of it.' % (action, PATIENCE)
        remedy = 'Run this again later. %s' % SAFE
    elif code == 'LimitExceeded':
        what, remedy = 'AWS gives the user no more of this.', (
            'A user has at most two keys. Somebody has made one meanwhile: look at the keys of the user, then run this again')
    elif code == 'NoSuchEntity':
        what, remedy = 'AWS knows no such user, or no such key.', (
            'Create the user, or correct aws_user. Where the credentials are those of another account of AWS, set profile in the secret')
    elif code in OUTDATED:
        what, remedy = "The controller's credentials for AWS have expired.", 'Log in again, then run this again. %s' % SAFE
    elif code in UNKNOWN_KEY:
        what, remedy = "AWS does not know the controller's own access key.", CREDENTIALS
    elif code == 'SignatureDoesNotMatch':
        what, remedy = 'AWS does not take the signature of the request.', (
            'Compare the clock of the controller with the real time: five minutes are too much. Else the secret access key of the '
            'controller is wrong')
    else:
        what, remedy = 'AWS %s %s.' % ('refuses' if decided else 'has failed in', action), 'Look up the code of the error. %s' % SAFE
    return Failure((Problem(what, where=where, found=code, remedy=remedy),), {'aws_code': code} if decided else {})


def _unanswered(error: Exception, action: str, where: str) -> Failure:
    """What went wrong before AWS has answered. The type says it; a message could hold parts of a request."""
    kind = type(error).__name__
    if kind in ('NoCredentialsError', 'PartialCredentialsError', 'CredentialRetrievalError', 'ProfileNotFound', 'TokenRetrievalError',
                'UnauthorizedSSOTokenError', 'SSOTokenLoadError', 'InvalidConfigError', 'ConfigParseError'):
        return fail('There are no credentials for AWS on the controller that could be used.', where=where, found=kind, remedy=CREDENTIALS)
    if kind in ('NoRegionError', 'InvalidRegionError'):
        return fail('It is not known in which region to ask AWS.', where=where, found=kind, remedy='Set region in the secret')
    return fail('AWS gave no usable answer to %s.' % action, where=where, found=kind,
                remedy='Look at the network, and at what stands in AWS_ENDPOINT_URL. %s' % SAFE)
