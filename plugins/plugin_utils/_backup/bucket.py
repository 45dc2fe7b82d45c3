# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This plugin util is private to the collection. Its interface may change without notice.

"""Where a backup lies: a bucket of S3, or of anything that speaks its protocol."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta, timezone
from importlib import import_module
from typing import IO, Any

from ...module_utils._problems import fail, missing_package
from .._aws.iam import code_of
from .store import CONTENTS, INDEX, Changed

GRACE = timedelta(days=1)
MISSING = ('NoSuchKey', '404', 'NotFound')
REMEDIES = {
    'NoSuchBucket': 'Make the bucket, or name another one.',
    'AccessDenied': 'Allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket for the bucket; without the last one, a file that '
                    'is not there yet is refused, too.',
    'InvalidAccessKeyId': 'Give boto3 the right key, for example in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile.',
    'SignatureDoesNotMatch': 'Look at the secret key, and at the clock of this machine.',
    'RequestTimeTooSkewed': 'Set the clock of this machine.',
    'ExpiredToken': 'Log in again.',
    'InvalidRequest': 'Look at what the bucket demands, such as object lock or encryption.',
}


class Bucket:
    """A bucket, and a prefix of names in it.

    options: those of nixops_backup about it.
    """

    grace = GRACE

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._bucket, self._prefix = options['bucket'], (options['prefix'] or '').strip('/')
        self.where = 's3://%s' % '/'.join(filter(None, (self._bucket, self._prefix)))
        self._options = options
        try:
            boto3, self._errors = import_module('boto3'), import_module('botocore.exceptions')
        except ImportError:
            raise missing_package('boto3') from None
        with self._explained(self.where):
            session = boto3.session.Session(profile_name=options['profile'], region_name=options['region'])
            self._s3 = session.client('s3', endpoint_url=options['endpoint_url'])

    def alone(self) -> Any:
        """Nothing locks a bucket: write_index tells when somebody else was there."""
        return nullcontext()

    def read_index(self) -> tuple[bytes | None, Any]:
        with self._explained(self._name(INDEX)):
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=self._name(INDEX))
                return answer['Body'].read(), answer['ETag']
            except self._errors.ClientError as error:
                if code_of(error) in MISSING:
                    return None, None
                raise

    def write_index(self, content: bytes, seen: Any) -> None:
        condition = {'IfMatch': seen} if seen else {'IfNoneMatch': '*'}
        name = self._name(INDEX)
        with self._explained(name):
            try:
                self._s3.put_object(**self._index_put(name, content), **condition)
            except self._errors.ParamValidationError:  # a boto3 that does not know conditions
                self._s3.put_object(**self._index_put(name, content))
            except self._errors.ClientError as error:
                if code_of(error) in ('PreconditionFailed', 'ConditionalRequestConflict', '412', '409'):
                    raise Changed from None
                if code_of(error) not in ('NotImplemented', '501'):
                    raise
                self._s3.put_object(**self._index_put(name, content))

    def _index_put(self, name: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        return {'Bucket': self._bucket, 'Key': name, 'Body': content, 'ContentMD5': base64.b64encode(digest).decode(), **self._encrypted()}

    def has(self, sha256: str) -> bool:
        return True  # a drill finds out

    def put(self, sha256: str, size: int, content: IO[bytes]) -> None:
        name = self._name(CONTENTS, sha256)
        digest = hashlib.md5(usedforsecurity=False)
        content.seek(0)
        while block := content.read(1 << 18):
            digest.update(block)
        content.seek(0)
        with self._explained(name):
            self._s3.put_object(
                Bucket=self._bucket, Key=name, Body=content, ContentLength=size, ContentMD5=base64.b64encode(digest.digest()).decode(),
                **self._encrypted(), **self._locked(),
            )

    def get(self, sha256: str, target: IO[bytes]) -> None:
        name = self._name(CONTENTS, sha256)
        with self._explained(name):
            self._s3.download_fileobj(self._bucket, name, target)

    def remove(self, sha256: str) -> None:
        name = self._name(CONTENTS, sha256)
        with self._explained(name):
            self._s3.delete_object(Bucket=self._bucket, Key=name)

    def _encrypted(self) -> dict[str, str]:
        kind, key = self._options['encryption'], self._options['kms_key']
        return {} if kind == 'bucket' else {'ServerSideEncryption': kind, **({'SSEKMSKeyId': key} if key else {})}

    def _locked(self) -> dict[str, Any]:
        days = self._options['lock_days']
        if not days:
            return {}  # a bucket may lock what comes by itself
        until = datetime.now(timezone.utc) + timedelta(days=days)
        return {'ObjectLockMode': self._options['lock_mode'], 'ObjectLockRetainUntilDate': until}

    def _name(self, *parts: str) -> str:
        return '/'.join(filter(None, (self._prefix, *parts)))

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        """Turn errors of S3, and of the way there, into a Failure with a remedy."""
        try:
            yield
        except self._errors.ClientError as error:
            code = code_of(error)
            raise fail('The bucket refuses a request.', where='%s, %s' % (self.where, name), found=code,
                       remedy=REMEDIES.get(code, 'Look at the bucket and its policy.')) from None
        except (self._errors.BotoCoreError, ValueError) as error:
            raise fail('The bucket cannot be reached.', where=self.where, found=type(error).__name__,
                       remedy='Look at endpoint_url, region and profile, and at the credentials that boto3 finds: %s' % error) from None
