# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What set-up does and says on machines that lack something; Python, apt-get and dpkg-deb are stand-ins, so nothing is downloaded."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.surroundings import ROOT

BARE = ('bash', 'cat', 'chmod', 'cp', 'dirname', 'env', 'find', 'ln', 'mkdir', 'paste', 'readlink', 'rm', 'sed', 'sort')
PROGRAMS = ('git', 'nix-instantiate', 'openssl', 'shellcheck', 'ssh-keygen')

PYTHON = '''
case "$*" in
  *version_info*) echo 3.11 ;;
  '-m venv '*) mkdir -p "${@: -1}/bin" && cp "$0" "${@: -1}/bin/python" ;;
esac'''
# Both are told folders of the checkout: a blank in its name has to be survived.
APT_GET = '''
case "$*" in
  *--download-only*)
    for argument; do case $argument in Dir::Cache=*) echo >"${argument#*=}/archives/nix-bin.deb" ;; esac; done ;;
esac'''
DPKG_DEB = '''
mkdir -p "$3/usr/bin" "$3/usr/lib/nix"
echo >"$3/usr/lib/nix/libnixstore.so"
printf '#!/usr/bin/env bash\\necho "$LD_LIBRARY_PATH" "$NIX_LIBEXEC_DIR" "$@"\\n' >"$3/usr/bin/nix-instantiate"
chmod +x "$3/usr/bin/nix-instantiate"'''


class Machine:
    """A checkout, and a PATH that has only what is put there."""

    def __init__(self, folder: Path, user: int) -> None:
        self.checkout, self.programs = folder / 'a clone', folder / 'bin'
        (self.checkout / 'tests').mkdir(parents=True)
        shutil.copy(ROOT / 'tests' / 'setup.sh', self.checkout / 'tests')
        self.programs.mkdir()
        for name in BARE:
            found = shutil.which(name)
            assert found, name
            (self.programs / name).symlink_to(found)
        self.add('id', 'echo %d' % user)

    def add(self, name: str, script: str = '') -> None:
        path = self.programs / name
        path.write_text('#!%s\n%s\n' % (shutil.which('bash'), script))
        path.chmod(0o755)

    def set_up(self) -> subprocess.CompletedProcess[str]:
        environment = {'PATH': str(self.programs)}  # and no HOME, as in some services
        return subprocess.run([str(self.programs / 'bash'), str(self.checkout / 'tests' / 'setup.sh')], env=environment, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One of a user who is not root, with a Python, and without apt-get and Nix."""
    made = Machine(tmp_path, user=1000)
    for name in set(PROGRAMS) - {'nix-instantiate'}:
        made.add(name)
    made.add('python3', PYTHON)
    return made


@pytest.mark.parametrize(('lost', 'package'), [('git', 'git'), ('python3', 'python3-venv')])
def test_what_nothing_works_without(machine: Machine, lost: str, package: str) -> None:
    (machine.programs / lost).unlink()
    ended = machine.set_up()
    assert ended.returncode == 1
    assert 'not here, and to be installed by root: ' in ended.stdout
    assert package in ended.stdout.split('sudo apt-get install ')[1].split('\n')[0].split()
    assert ended.stdout.endswith('Without git and a Python 3.11 to 3.13 that has venv nothing works here.\n')
    assert not (machine.checkout / '.venv').exists()


@pytest.mark.parametrize('apt_get', [None, 'echo no network >&2; exit 100'])
def test_what_only_some_gates_need(machine: Machine, apt_get: str | None) -> None:
    if apt_get:
        machine.add('apt-get', apt_get)
    ended = machine.set_up()
    assert ended.returncode == 0, ended.stdout
    assert 'to be installed by root: nix-bin\n' in ended.stdout
    assert 'Gates that need them are skipped.' in ended.stdout
    assert os.path.samefile(machine.checkout / '.cache/python/python3.11', machine.programs / 'python3')


def test_without_root_packages_are_unpacked(machine: Machine) -> None:
    machine.add('apt-get', APT_GET)
    machine.add('dpkg-deb', DPKG_DEB)
    ended = machine.set_up()
    assert ended.returncode == 0, ended.stdout
    assert 'unpacking from Debian into .cache/debian: nix-bin\n' in ended.stdout
    assert 'by root' not in ended.stdout
    folder = machine.checkout / '.cache' / 'debian'
    asked = subprocess.run([folder / 'bin' / 'nix-instantiate', '--eval', 'a b'], check=True, capture_output=True, text=True).stdout
    assert asked == '%s %s --eval a b\n' % (folder / 'usr/lib/nix', folder / 'usr/libexec')
    assert not (folder / 'archives').exists()
    assert 'unpacking' not in machine.set_up().stdout
