# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test the collection, installed from its tarball, on every ansible-core that it supports: `python -m tests.gates.versions [2.17 …]`."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tomllib

from .gate import Counts, Gate
from .runner import run_all
from .surroundings import CACHE, ROOT, copy_as_collection, environment, make_repository

# ansible-core and the Python of the controller
SUPPORTED = (('2.17', '3.10'), ('2.17', '3.11'), ('2.18', '3.11'), ('2.19', '3.11'), ('2.20', '3.12'), ('2.21', '3.13'))

PYTEST = 'python -m pytest --quiet --junitxml=$OUT/{0}.xml tests/{0} --numprocesses 2 --dist loadfile'
DEPRECATED = r'^.*\[DEPRECATION WARNING\].*$'
GATES = (
    Gate('units', PYTEST.format('unit'), finding=DEPRECATED, junit='unit.xml'),
    Gate('sanity', 'ansible-test sanity --local --color no', finding=DEPRECATED, programs=('shellcheck',)),
    Gate('integration', PYTEST.format('integration'), finding=DEPRECATED, junit='integration.xml'),
    Gate('targets', 'ansible-test integration --color no', finding=DEPRECATED),
)


def make_environment(core: str, python: Path) -> Path:
    """An environment with this ansible-core and what the tests need, kept from run to run; its folder of programs."""
    wanted = [*tomllib.loads((ROOT / 'pyproject.toml').read_text())['dependency-groups']['test'], 'ansible-core==%s.*' % core]
    requirements = ROOT / 'meta' / 'ee-requirements.txt'
    key = hashlib.sha256(repr((wanted, requirements.read_text(), str(python.resolve()))).encode()).hexdigest()[:12]
    folder = CACHE / 'core' / ('%s-%s' % (core, key))
    if not (folder / 'complete').exists():
        subprocess.run([python.resolve(), '-m', 'venv', '--clear', folder], check=True)
        installer = [str(ROOT / '.venv' / 'bin' / 'uv'), 'pip', 'install', '--quiet', '--python', str(folder / 'bin' / 'python')]
        if subprocess.run([installer[0], '--version'], check=False, capture_output=True).returncode:
            installer = [str(folder / 'bin' / 'python'), '-m', 'pip', 'install', '--quiet']
        subprocess.run([*installer, '--requirement', str(requirements), *wanted], check=True)
        (folder / 'complete').touch()
    return folder / 'bin'


def install(tools: Path, tree: Path, top: Path) -> Path:
    """Build the tarball from the tree and install it below TOP, as users do."""
    galaxy = [str(tools / 'ansible-galaxy'), 'collection']
    subprocess.run([*galaxy, 'build', str(tree), '--output-path', str(top)], check=True, capture_output=True)
    (tarball,) = top.glob('*.tar.gz')
    subprocess.run([*galaxy, 'install', '--offline', '--force', '-p', str(top), str(tarball)], check=True, capture_output=True)
    collection = top / 'ansible_collections' / 'nixcd' / 'hercules_ci'
    shutil.copy(tree / 'galaxy.yml', collection)  # the tests build it once more
    make_repository(collection)
    return collection


def test_version(core: str, version: str) -> Counts:
    """Run the gates on one ansible-core; skipped where its Python is missing."""
    title = 'ansible-core %s on Python %s' % (core, version)
    python = CACHE / 'python' / ('python%s' % version)
    if not python.exists():
        print('%s: left out, that Python is not on this machine' % title, flush=True)
        return Counts(skipped=1)
    tools = make_environment(core, python)
    print(title, flush=True)
    with tempfile.TemporaryDirectory(prefix='nixcd-tree-') as tree, tempfile.TemporaryDirectory(prefix='nixcd-core-') as folder:
        top = Path(folder)
        collection = install(tools, copy_as_collection(Path(tree)), top)
        return asyncio.run(run_all(list(GATES), collection, environment(top, tools), jobs=2, keep_going=False))


def main() -> int:
    """Test the versions that are named, all if none is; the last line printed is the counts."""
    total = Counts()
    for core, version in SUPPORTED:
        if len(sys.argv) == 1 or core in sys.argv[1:]:
            total.add(test_version(core, version))
    print(total)
    return 1 if total.failed else 0


if __name__ == '__main__':
    sys.exit(main())
