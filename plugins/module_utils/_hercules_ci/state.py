# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""State files of a project: which versions there are, and their content. The service keeps all versions; the newest counts."""

from __future__ import annotations

import base64
import binascii
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from .._files import hidden_file
from .._problems import fail
from .._project import ProjectPath, segment
from .answers import Each, Maybe
from .client import Client, Downloaded
from .jobs import job_page

NIX_BASE32 = '0123456789abcdfghijklmnpqrsvwxyz'
DOWNLOADS = 3
"""How often a file is downloaded whose bytes are not those that the service lists."""
VERSION = {
    'version': int,
    'creationTime': str,
    'size': Maybe(int),
    'sha256': Maybe(str),
    'job': Maybe({'index': int}),
    'uploader': Maybe({'slug': Maybe(str), 'displayName': Maybe(str)}),
}
LISTING = {'stateFiles': Each({'versions': [VERSION]})}


@dataclass(frozen=True)
class Version:
    """A version of a state file.

    created: ISO 8601. size (bytes) and sha256 (lower-case hexadecimal) are None where the service does not know them.
    job: the page of the job whose effect stored it, empty if none did. uploader: the account that did, if it is known.
    """

    number: int
    created: str
    size: int | None
    sha256: str | None
    job: str
    uploader: str

    @classmethod
    def from_answer(cls, answer: Any, base_url: str, project: ProjectPath) -> Version:
        """From the schema StateVersion of the API."""
        job, uploader = answer.get('job'), answer.get('uploader')
        return cls(
            number=answer['version'],
            created=answer['creationTime'],
            size=answer.get('size'),
            sha256=hexadecimal(answer.get('sha256') or ''),
            job=job_page(base_url, str(project), job['index']) if job else '',
            uploader=uploader.get('slug') or uploader.get('displayName') or '' if uploader else '',
        )

    def holds(self, size: int, sha256: str) -> bool | None:
        """Whether its content has this size and hash; None where that cannot be known without downloading it."""
        if self.size is not None and self.size != size:
            return False
        return None if self.sha256 is None else self.sha256 == sha256

    def __str__(self) -> str:
        origin = 'by %s' % self.job if self.job else 'by %s' % self.uploader if self.uploader else 'by somebody unknown'
        return 'version %d (%s, %s)' % (self.number, self.created, origin)

    def as_dict(self) -> dict[str, Any]:
        return {
            'version': self.number,
            'created': self.created,
            'size': self.size,
            'sha256': self.sha256,
            'job': self.job or None,
            'uploader': self.uploader or None,
        }


class StateFiles:
    """The state files of a project."""

    def __init__(self, client: Client, project: ProjectPath) -> None:
        self.client = client
        self.project = project

    def files(self) -> dict[str, tuple[Version, ...]]:
        """The versions of each file, oldest first."""
        path = self.project.api_path + '/states'
        answer = self.client.get(path, form=LISTING)
        return {name: self._versions(file['versions']) for name, file in answer['stateFiles'].items()}

    def versions(self, name: str) -> tuple[Version, ...]:
        """The versions of a file, oldest first; none when there is no such file."""
        return self.files().get(name, ())

    def version(self, name: str, number: int | None) -> Version:
        """A version of a file, the newest when the number is None. Raises Failure when it is not there."""
        return self.pick(name, self.versions(name), number)

    def pick(self, name: str, versions: Sequence[Version], number: int | None) -> Version:
        """The same, of versions that are known."""
        found = [version for version in versions if number in (None, version.number)]
        if found:
            return found[-1]
        raise fail(
            'There is no such version.' if versions else 'There is no such state file.',
            where=name if number is None else '%s, version %d' % (name, number),
            expected='one of %s' % ', '.join(str(version.number) for version in versions) if versions else '',
            found='' if versions else 'no version of it in %s' % self.project,
            remedy='See what there is with nixops_state_info',
        )

    def _versions(self, answers: list[Any]) -> tuple[Version, ...]:
        versions = (Version.from_answer(answer, self.client.base_url, self.project) for answer in answers)
        return tuple(sorted(versions, key=lambda version: version.number))

    def download(self, name: str, version: Version, target: IO[bytes]) -> Downloaded:
        """The content of a version, which is what the service lists of it. Nothing of it is in memory."""
        for _attempt in range(DOWNLOADS):
            found = self.client.download(self.data_path(name), target, {'version': version.number})
            if version.holds(found.size, found.sha256) is not False:
                return found
        raise fail(
            'What Hercules CI sends is not what it lists for this version.',
            where='%s, version %d' % (name, version.number),
            expected='%s bytes, sha256 %s' % (version.size, version.sha256),
            found='%d bytes, sha256 %s' % (found.size, found.sha256),
            remedy='Look for a proxy that changes or cuts answers. If there is none, tell the people who run %s' % self.client.base_url,
        )

    def sent(self, name: str, version: Version) -> Downloaded:
        """What the content of a version turns out to be, whatever the service lists of it."""
        with hidden_file() as copy:
            return self.client.download(self.data_path(name), copy, {'version': version.number})

    def upload(self, name: str, source: IO[bytes], size: int) -> None:
        """Add a version, once; the service does not compare it with anything."""
        self.client.upload(self.data_path(name), source, size)

    def data_path(self, name: str) -> str:
        return '%s/state/%s/data' % (self.project.api_path, segment(name))


def require_file_name(name: str, where: str) -> str:
    """The name, if an effect could use it: it goes into an URL as it is (getStateFile of hercules-ci-effects)."""
    if not re.fullmatch(r'[A-Za-z0-9._-]+', name) or name in ('.', '..'):
        raise fail(
            'This cannot be the name of a state file.',
            where=where,
            expected='letters, digits, dot, underscore and hyphen: effects do not quote it',
            found=repr(name),
            remedy='Set name, and the parameter stateName of the effect, to a plain name',
        )
    return name


def hexadecimal(text: str) -> str | None:
    """A SHA-256 in any of the usual forms, with or without `sha256:` or `sha256-`: hexadecimal, base 64, Nix' base 32."""
    digits = re.sub('^sha256[:-]', '', text.strip())
    if re.fullmatch('[0-9a-fA-F]{64}', digits):
        return digits.lower()
    if re.fullmatch('[%s]{52}' % NIX_BASE32, digits):
        number = 0
        for digit in digits:
            number = number * 32 + NIX_BASE32.index(digit)
        return number.to_bytes(33, 'little')[:32].hex() if number < 1 << 256 else None
    if len(digits) in (43, 44) and set(digits.rstrip('=')) <= set(string.ascii_letters + string.digits + '+/-_'):
        try:
            decoded = base64.b64decode(digits.rstrip('=') + '=', altchars=b'-_' if set('-_') & set(digits) else None)
        except binascii.Error:
            return None
        return decoded.hex() if len(decoded) == 32 else None
    return None
