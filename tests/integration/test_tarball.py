# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tarball has what users run, read or copy, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.surroundings import files_of_the_change

USERS = ('LICENSE', 'LICENSES/', 'README.md', 'docs/', 'examples/', 'meta/', 'playbooks/', 'plugins/', 'roles/', 'CHANGELOG.md')


def test_what_is_in_it(collections: Path) -> None:
    collection = collections / 'ansible_collections' / 'nixcd' / 'hercules_ci'
    listed = json.loads((collection / 'FILES.json').read_text())['files']
    found = {entry['name'] for entry in listed if entry['ftype'] == 'file'}
    released = {'changelogs/changelog.yaml'}
    assert found - released == {name for name in files_of_the_change() if name.startswith(USERS)}
