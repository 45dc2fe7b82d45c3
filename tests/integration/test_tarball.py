# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tarball has what users run, read or copy, and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.surroundings import files_of_the_change

DOC = str(Path(sys.executable).parent / 'ansible-doc')
USERS = ('LICENSE', 'LICENSES/', 'README.md', 'docs/', 'examples/', 'meta/', 'playbooks/', 'plugins/', 'roles/', 'schemas/', 'CHANGELOG.md')


def test_what_is_in_it(collections: Path) -> None:
    collection = collections / 'ansible_collections' / 'nixcd' / 'hercules_ci'
    listed = json.loads((collection / 'FILES.json').read_text())['files']
    found = {entry['name'] for entry in listed if entry['ftype'] == 'file'}
    released = {'changelogs/changelog.yaml'}
    assert found - released == {name for name in files_of_the_change() if name.startswith(USERS)}


def test_the_documentation_of_each_plugin_is_shown(collections: Path) -> None:
    """By ansible-doc, of the collection as it is installed, without a warning."""
    plugins = collections / 'ansible_collections' / 'nixcd' / 'hercules_ci' / 'plugins'
    environment = {**os.environ, 'ANSIBLE_COLLECTIONS_PATH': str(collections)}
    for kind, folder in (('module', 'modules'), ('filter', 'filter'), ('inventory', 'inventory')):
        names = sorted('nixcd.hercules_ci.%s' % path.stem for path in (plugins / folder).glob('*.py'))
        ran = subprocess.run([DOC, '--type', kind, *names], env=environment, capture_output=True, text=True, check=True)
        assert ran.stderr == ''
        assert re.findall(r'^> %s (\S+)' % kind.upper(), re.sub(r'\x1b\[\d*m', '', ran.stdout), re.MULTILINE) == names
    ran = subprocess.run([DOC, '--type', 'role', 'nixcd.hercules_ci.nixops'], env=environment, capture_output=True, text=True, check=True)
    assert ran.stderr == '' and 'nixops_deployment' in ran.stdout
