# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""How Hercules CI names a project: the site that hosts the repository, the account and the repository."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from ._problems import fail


@dataclass(frozen=True)
class ProjectPath:
    """A project, as in `github/neat-org/neat-repo`."""

    site: str
    account: str
    project: str

    @classmethod
    def parse(cls, text: str) -> ProjectPath:
        """SITE/ACCOUNT/PROJECT, as `hci --project` takes it; like there, the project is all that follows the second slash."""
        parts = text.split('/', 2)
        if len(parts) != 3 or not text.isprintable() or any(part != part.strip() or part in ('', '.', '..') for part in parts):
            raise fail(
                'The project path is not complete.',
                where='project',
                expected='SITE/ACCOUNT/PROJECT, as in github/neat-org/neat-repo',
                found=repr(text),
                remedy="Write it as the address of the project's page on Hercules CI has it.",
            )
        return cls(*parts)

    @property
    def api_path(self) -> str:
        """The path of the project in the API, percent-encoded: to be followed by /jobs, /states, …."""
        return '/site/%s/account/%s/project/%s' % (segment(self.site), segment(self.account), segment(self.project))

    def __str__(self) -> str:
        return '%s/%s/%s' % (self.site, self.account, self.project)


def segment(name: str) -> str:
    """The name as one segment of a URL's path."""
    return quote(name, safe='')
