# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test the collection, installed from its tarball, on every ansible-core that it supports. The last line printed is the counts."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.gates.sessions import Counts, run
from tests.support.surroundings import CACHE, ROOT, copy_as_collection, environment, make_repository


class Version(NamedTuple):
    """A version of ansible-core, and that of the Python that it runs on."""

    core: str
    python: str

    @property
    def title(self) -> str:
        """What it is called in what is printed."""
        return 'ansible-core %s on Python %s' % self

    def __str__(self) -> str:
        return '%s/%s' % self


SUPPORTED = (
    Version('2.17', '3.10'), Version('2.17', '3.11'), Version('2.18', '3.11'), Version('2.19', '3.11'), Version('2.20', '3.12'),
    Version('2.21', '3.13'),
)

SESSIONS = ('units', 'ansible-test-sanity', 'plays', 'ansible-test-integration')


def make_environment(core: str, python: Path) -> Path:
    """An environment with this ansible-core and what the tests need, kept from run to run; its folder of programs."""
    project, requirements = ROOT / 'pyproject.toml', ROOT / 'meta' / 'ee-requirements.txt'
    wanted = ['--group', '%s:test' % project, '--requirement', str(requirements), 'ansible-core==%s.*' % core]
    contents = (wanted, project.read_text(), requirements.read_text(), str(python.resolve()))
    key = hashlib.sha256(repr(contents).encode()).hexdigest()[:12]
    folder = CACHE / 'core' / ('%s-%s' % (core, key))
    if not (folder / 'complete').exists():
        subprocess.run([python.resolve(), '-m', 'venv', '--clear', folder], check=True)
        subprocess.run([ROOT / 'tests' / 'setup.sh', folder, *wanted], check=True)
        (folder / 'complete').touch()
    return folder / 'bin'


def install(tools: Path, tree: Path, top: Path) -> Path:
    """Build the tarball from the tree and install it below TOP, as users do."""
    galaxy = [str(tools / 'ansible-galaxy'), 'collection']
    subprocess.run([*galaxy, 'build', str(tree), '--output-path', str(top)], check=True, capture_output=True)
    (tarball,) = top.glob('*.tar.gz')
    subprocess.run([*galaxy, 'install', '--offline', '--force', '-p', str(top), str(tarball)], check=True, capture_output=True)
    collection = top / 'ansible_collections' / 'nixcd' / 'hercules_ci'
    for path in tree.iterdir():  # what is not in it: the tests, what they read, and what builds the tarball once more
        if path.name != '.git' and not (collection / path.name).exists():
            (shutil.copytree if path.is_dir() else shutil.copy)(path, collection / path.name)
    make_repository(collection)
    return collection


def test_version(version: Version, sessions: list[str], keep_going: bool) -> tuple[Counts, list[str]]:
    """Run the sessions on one version. How they ended, and what was left out and why."""
    python = CACHE / 'python' / ('python%s' % version.python)
    if not python.exists():
        return Counts(skipped=1), ['%s: that Python is not on this machine' % version.title]
    print(version.title, flush=True)
    tools = make_environment(version.core, python)
    with tempfile.TemporaryDirectory(prefix='nixcd-tree-') as tree, tempfile.TemporaryDirectory(prefix='nixcd-core-') as folder:
        top = Path(folder)
        collection = install(tools, copy_as_collection(Path(tree)), top)
        variables = {**environment(top, tools), 'NIXCD_TOOLS': str(tools.parent)}
        counts, skipped = run(sessions, collection, variables, jobs=2, keep_going=keep_going)
        return counts, ['%s: %s: %s' % (version.title, name, reason) for name, reason in skipped.items()]


def main() -> int:
    """Test the versions that are named, all if none is; what could not be tested is told just before the counts."""
    parser = argparse.ArgumentParser(prog='python -m tests.gates.versions', description=__doc__)
    parser.add_argument('versions', nargs='*', metavar='CORE/PYTHON', help='test only these: %s' % ', '.join(map(str, SUPPORTED)))
    parser.add_argument('--gate', action='append', choices=SESSIONS, help='run only this session of nox; may be given again')
    parser.add_argument('--keep-going', action='store_true', help='do not stop a version at its first failure')
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.versions) - {str(version) for version in SUPPORTED})
    if unknown:
        parser.error('%s: not supported. Supported are: %s' % (', '.join(unknown), ', '.join(map(str, SUPPORTED))))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that sessions are ended in order then, too
    total, left_out = Counts(), []
    for version in SUPPORTED:
        if not arguments.versions or str(version) in arguments.versions:
            counts, without = test_version(version, arguments.gate or list(SESSIONS), arguments.keep_going)
            total.add(counts)
            left_out += without
    print(''.join('left out: %s\n' % reason for reason in left_out) + str(total))
    return 1 if total.failed else 0


if __name__ == '__main__':
    sys.exit(main())
