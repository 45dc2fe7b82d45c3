# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWS for tests: a moto server on a free port, and before it what moto does not know.

New keys that are not known everywhere at once, keys that are switched off, the last use of keys, requests that are put off or refused, a
clock that is wrong, what CloudTrail has seen, and somebody who looks on at each request.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2 import ec2_backends
from moto.iam import iam_backends
from moto.iam.models import AccessKeyLastUsed
from moto.moto_api._internal import moto_api_backend
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.aws.services import moto_application, read_services_once

CONTROLLER = ('AKIACONTROLLER000000', 'secret-of-the-controller')
"""The controller's own key."""
LOST = 'lost'
"""A request that takes effect, and whose answer nobody can read."""
CANARY = 'CANARYsecretAccessKey'
"""How the secret of each new key begins."""
_CREDENTIAL = re.compile(r'Credential=([^/]+)/\d+/([^/]+)/([^/]+)/')
ERRORS = {
    'cloudtrail': '{"__type": "%s", "message": "%s"}',
    'ec2': '<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>r</RequestID></Response>',
    '': '<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>',
}


class Aws:
    """A WSGI application. Used with C(with Aws() as aws)."""

    def __init__(self) -> None:
        self._moto = moto_application()
        self.delay: dict[str, float] = {}
        """Seconds until a region knows a new key; '' for all others."""
        self.unsteady: dict[str, list[bool]] = {}
        """By region, whether it knows a new key, one request after the other; after the last of these it does."""
        self.errors: dict[str, str] = {}
        """Error codes by action, or by service and region."""
        self.failing = (0, '')
        """The number of a request of the controller, and the code that it is refused with, or LOST."""
        self.refused_first: dict[str, list[str]] = {}
        """Codes with which the first requests are refused that are made with new keys, by action."""
        self.put_off: Counter[str] = Counter()
        """How often an action is throttled before it is let through."""
        self.skew = timedelta()
        """How far AWS' clock is ahead."""
        self.passed = timedelta()
        """Time that has passed for AWS beside what has really passed."""
        self.requests: list[str] = []
        self.number = 0
        """Of the controller's last request."""
        self.used: list[tuple[str, str]] = []
        """Keys other than the controller's that a request was made with, and whether that was taken."""
        self.done: Callable[[str], None] = lambda action: None
        """Called when a request has taken effect and is yet to be answered."""
        self.trail: list[dict[str, Any]] = []
        """What CloudTrail has seen of the creation of keys."""
        self.trail_late = timedelta()
        """After which CloudTrail tells of it."""
        self._server: Any = None
        self.url = ''

    def __enter__(self) -> Aws:
        read_services_once()
        moto_api_backend.reset()
        aws = self

        class Handler(WSGIRequestHandler):
            def setup(self) -> None:
                sys.settrace(None)  # coverage would follow each line of moto's
                super().setup()

            def date_time_string(self, timestamp: Any = None) -> str:
                return format_datetime(aws.now, usegmt=True)

            def log_request(self, *_given: Any) -> None:
                pass

        self._server = make_server('127.0.0.1', 0, self, threaded=True, request_handler=Handler)
        self.url = 'http://127.0.0.1:%d' % self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which boto3 finds it."""
        return {
            'AWS_ENDPOINT_URL': self.url, 'AWS_ACCESS_KEY_ID': CONTROLLER[0], 'AWS_SECRET_ACCESS_KEY': CONTROLLER[1],
            'AWS_DEFAULT_REGION': 'eu-west-1', 'AWS_EC2_METADATA_DISABLED': 'true', 'AWS_CONFIG_FILE': '/nowhere',
            'AWS_SHARED_CREDENTIALS_FILE': '/nowhere',
        }

    @property
    def iam(self) -> Any:
        return iam_backends[DEFAULT_ACCOUNT_ID]['aws']

    def ec2(self, region: str) -> Any:
        """moto's own."""
        return ec2_backends[DEFAULT_ACCOUNT_ID][region]

    @property
    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self.skew + self.passed

    def keys(self, user: str) -> list[Any]:
        """moto's own, oldest first."""
        return list(self.iam.get_user(user).access_keys)

    def make_key(self, user: str, age: timedelta = timedelta()) -> Any:
        """As somebody does by hand."""
        key = self.iam.create_access_key(user)
        self._mark(key)
        self._record(key, 'console.amazonaws.com')
        key.create_date -= age
        return key

    def tag(self, user: str) -> str:
        tags = {tag['Key']: tag['Value'] for tag in self.iam.get_user(user).tags or ()}
        return str(tags.get('nixcd.hercules_ci', ''))

    def works(self, key_id: str) -> bool:
        return any(key.access_key_id == key_id and key.status == 'Active' for key in self.iam.get_all_access_keys_for_all_users())

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = int(environ.get('CONTENT_LENGTH') or 0)
        body = environ['wsgi.input'].read(length)
        environ['wsgi.input'] = _Body(body)
        target = environ.get('HTTP_X_AMZ_TARGET', '').rpartition('.')[2]
        action = target or (parse_qs(body.decode()).get('Action') or ['?'])[0]
        self.requests.append(action)
        found = _CREDENTIAL.search(environ.get('HTTP_AUTHORIZATION', ''))
        key, region, service = found.groups() if found else ('', '', '')
        self.number += key == CONTROLLER[0]
        refusal = self._refusal(action, key, region, service)
        if key != CONTROLLER[0]:
            self.used.append((key, refusal))
        if refusal:
            return self._error(start_response, service, refusal)
        before = set(self.iam.access_keys)
        answer: list[Any] = []
        if action == 'LookupEvents':
            data = self._lookup(json.loads(body))
            answer.append(('200 OK', [('Content-Type', 'application/x-amz-json-1.1')]))
        else:
            data = b''.join(self._moto(environ, lambda *given: answer.append(given)))
        for name in set(self.iam.access_keys) - before:
            data = self._mark(self.iam.access_keys[name], data)
            self._record(self.iam.access_keys[name], environ.get('HTTP_USER_AGENT', ''))
        self._note_use(key, service, region)
        self.done(action)
        if self.failing == (self.number, LOST):
            return self._answer(start_response, '502 Bad Gateway', 'text/html', b'<html>')
        status, headers = answer[0][:2]
        headers = [(name, value) for name, value in headers if name.lower() not in ('date', 'content-length')]
        start_response(status, [*headers, ('Content-Length', str(len(data)))])
        return [data]

    def _mark(self, key: Any, data: bytes = b'') -> bytes:
        """Give a new key a secret that can be looked for, and AWS' time."""
        secret = CANARY + key.secret_access_key[len(CANARY):]
        data = data.replace(key.secret_access_key.encode(), secret.encode())
        key.secret_access_key = secret
        written = key.create_date
        key.create_date = self.now.replace(tzinfo=written.tzinfo)
        key.known_from = datetime.now(timezone.utc)
        return data

    def _record(self, key: Any, program: str) -> None:
        """As CloudTrail's reference has it: an event holds a record as text, and that what was made, without the secret."""
        made = {'userName': key.user_name, 'accessKeyId': key.access_key_id, 'status': key.status}
        record = {'eventName': 'CreateAccessKey', 'userAgent': program, 'responseElements': {'accessKey': made}}
        self.trail.append({'EventName': 'CreateAccessKey', 'EventTime': self.now.timestamp(), 'CloudTrailEvent': json.dumps(record)})

    def _lookup(self, wanted: dict[str, Any]) -> bytes:
        """One event a page, so that there are several."""
        assert wanted['LookupAttributes'] == [{'AttributeKey': 'EventName', 'AttributeValue': 'CreateAccessKey'}]
        known = [
            event for event in self.trail
            if wanted['StartTime'] <= event['EventTime'] <= min(wanted['EndTime'], (self.now - self.trail_late).timestamp())
        ]
        page = int(wanted.get('NextToken', 0))
        more = {'NextToken': str(page + 1)} if page + 1 < len(known) else {}
        return json.dumps({'Events': known[page:page + 1], **more}).encode()

    def _refusal(self, action: str, key: str, region: str, service: str) -> str:
        if self.put_off[action] > 0:
            self.put_off[action] -= 1
            return 'Throttling'
        if key == CONTROLLER[0]:
            number, code = self.failing
            everywhere = self.errors.get(action, self.errors.get('%s %s' % (service, region), ''))
            return code if number == self.number and code != LOST else everywhere
        own = [each for each in self.iam.get_all_access_keys_for_all_users() if each.access_key_id == key]
        if self.refused_first.get(action):
            return self.refused_first[action].pop(0)
        if self.unsteady.get(region) and not self.unsteady[region].pop(0):
            return 'AuthFailure' if service == 'ec2' else 'InvalidClientTokenId'
        delay = self.delay.get(region, self.delay.get('', 0.0))
        if not own or own[0].status != 'Active' or datetime.now(timezone.utc) < own[0].known_from + timedelta(seconds=delay):
            return 'AuthFailure' if service == 'ec2' else 'InvalidClientTokenId'
        return ''

    def _note_use(self, key: str, service: str, region: str) -> None:
        for each in self.iam.get_all_access_keys_for_all_users():
            if each.access_key_id == key:
                self.use(each, service, region)

    def use(self, key: Any, service: str = 'ec2', region: str = 'eu-west-1') -> None:
        """Have somebody use a key."""
        key.last_used = AccessKeyLastUsed(self.now.replace(tzinfo=key.create_date.tzinfo), service, region)

    def _error(self, start_response: Callable[..., Any], service: str, code: str) -> list[bytes]:
        # As AWS does, messages name keys and users: they are not to be quoted.
        data = (ERRORS.get(service, ERRORS['']) % (code, 'User: arn:aws:iam::1:user/x with AKIAQUOTEDQUOTED0000 may not')).encode()
        kind = 'application/x-amz-json-1.1' if service == 'cloudtrail' else 'text/xml'
        return self._answer(start_response, '400 Bad Request' if code == 'Throttling' else '403 Forbidden', kind, data)

    def _answer(self, start_response: Callable[..., Any], status: str, kind: str, data: bytes) -> list[bytes]:
        start_response(status, [('Content-Type', kind), ('Content-Length', str(len(data)))])
        return [data]

    def summary(self) -> str:
        """For people who look why a test has failed."""
        users = {name: [(key.access_key_id, key.status) for key in user.access_keys] for name, user in self.iam.users.items()}
        return json.dumps(users)


class _Body:
    """What is read again by moto."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int = -1) -> bytes:
        part = self._data if size is None or size < 0 else self._data[:size]
        self._data = self._data[len(part):]
        return part


@contextmanager
def running() -> Iterator[Aws]:
    """A server with one user, which has no key."""
    with Aws() as aws:
        aws.iam.create_user('us-east-1', 'neat-deployer')
        yield aws
