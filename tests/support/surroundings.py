# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a gate runs in: a copy of the tree where Ansible expects a collection, and an environment without surprises."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / 'tests' / 'fixtures'
COPIED = 'NIXCD_CHECKOUT' in os.environ
"""Whether ROOT is a copy, where gates run."""
CHECKOUT = Path(os.environ.get('NIXCD_CHECKOUT', ROOT))
"""What it was copied from, with the tools."""
CACHE = CHECKOUT / '.cache'


@cache
def variables_of_git() -> frozenset[str]:
    """The variables by which Git tells a hook which repository and index are meant. Git in a copy would change those."""
    return frozenset(subprocess.run(['git', 'rev-parse', '--local-env-vars'], check=True, capture_output=True, text=True).stdout.split())


def git(folder: Path, *arguments: str) -> str:
    """What Git prints of the repository in the folder."""
    variables = {name: value for name, value in os.environ.items() if name not in variables_of_git()}
    return subprocess.run(['git', *arguments], cwd=folder, env=variables, check=True, stdout=subprocess.PIPE, text=True).stdout


def files_of_the_change(*parts: str) -> list[str]:
    """What a clone would hold, or these parts of it, with the changes not committed yet: tracked and new files, nothing that is ignored."""
    listed = git(ROOT, 'ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', *parts)
    return sorted(name for name in set(listed.split('\0')) if name and os.path.lexists(ROOT / name))


def export(folder: Path, *parts: str) -> None:
    """Copy what a clone would hold, or these parts of it, into the folder."""
    for name in files_of_the_change(*parts):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)


def copy_as_collection(top: Path) -> Path:
    """Copy the tree to TOP/ansible_collections/nixcd/hercules_ci, the only place where ansible-test and ansible-lint work."""
    collection = top / 'ansible_collections' / 'nixcd' / 'hercules_ci'
    export(collection)
    make_repository(collection)
    return collection


def make_repository(folder: Path) -> None:
    """Make the folder a repository of its own: ansible-lint, reuse and this module ask git which files there are."""
    git(folder, 'init', '--quiet')
    git(folder, '-c', 'core.bigFileThreshold=1', 'add', '--all')  # into one file: to write one for each takes three times as long


def use_temporary_folder() -> None:
    """Let all that is started use the folder that Python found for temporary files; exit where programs do not run from it."""
    try:
        with tempfile.TemporaryDirectory(prefix='nixcd-program-') as folder:
            program = Path(folder) / 'program'
            program.write_text('#!/bin/sh\n')
            program.chmod(0o700)
            subprocess.run([str(program)], check=True)
    except OSError as error:  # mounted noexec, read-only, or none at all
        sys.exit('Temporary files: %s. Set TMPDIR to a folder in which programs can be written and run.' % error)
    os.environ['TMPDIR'] = tempfile.gettempdir()


def search_path(tools: Path) -> str:
    """PATH: the environment's tools, every Python that runs, the user's PATH without pyenv's shims, then what set-up unpacked."""
    users = [entry for entry in os.environ.get('PATH', os.defpath).split(os.pathsep) if not entry.endswith('/shims')]
    return os.pathsep.join(dict.fromkeys([str(tools), str(CACHE / 'python'), *users, str(CACHE / 'debian' / 'bin')]))


def private_home(tools: Path) -> Path:
    """A home of the gates' own: stale collections in the user's would hide errors. pip's configuration is kept."""
    home = CACHE / 'home'
    configuration = Path.home() / '.config' / 'pip'
    link = home / '.config' / 'pip'
    link.parent.mkdir(parents=True, exist_ok=True)
    if configuration.is_dir() and configuration != link and not link.is_symlink():
        link.symlink_to(configuration)
    seed_get_pip(home, tools)
    return home


def seed_get_pip(home: Path, tools: Path) -> None:
    """Put a get-pip.py of the version that this environment's ansible-test wants into its cache."""
    for source in tools.parent.glob('lib/python*/site-packages/ansible_test/_internal/python_requirements.py'):
        for version in re.findall(r"pip='([\d.]+)'", source.read_text()):
            target = home / '.ansible' / 'test' / 'cache' / ('get_pip_%s.py' % version.replace('.', '_'))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / 'tests' / 'support' / 'get_pip.py', target)


def environment(top: Path, tools: Path = CHECKOUT / '.venv' / 'bin') -> dict[str, str]:
    """The variables a gate sees: the user's, without Ansible's, Python's and a hook's, and with TOP and OUT, the folder for results."""
    foreign = ('ANSIBLE_', 'PYTHON', 'VIRTUAL_ENV', 'PYENV')
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign) and name not in variables_of_git()}
    out = top / 'results'
    out.mkdir(parents=True, exist_ok=True)
    return {
        **kept,
        'PATH': search_path(tools),
        'HOME': str(private_home(tools)),
        'TOP': str(top),
        'OUT': str(out),
        'ROOT': str(ROOT),
        'NIXCD_CHECKOUT': str(CHECKOUT),
        'CACHE': str(CACHE),
        'LC_ALL': 'C.UTF-8',
        'NO_COLOR': '1',
        'ANSIBLE_COLLECTIONS_PATH': str(top),
        'MYPY_CACHE_DIR': str(CACHE / 'mypy'),
    }


def share_environment(tools: Path, folder: Path, names: Iterable[str]) -> None:
    """Give sessions of nox one environment: each has a folder of its name, as nox wants it, with links to what is in TOOLS."""
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for part in ('bin', 'lib', 'pyvenv.cfg'):
            with contextlib.suppress(FileExistsError):  # another session is doing this, or it is an environment of nox' own
                (folder / name / part).symlink_to(tools / part)
