# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# /// script
# dependencies = ["nox>=2026.10.20", "antsibull-nox>=1.10"]
# ///

"""The gates: `nox --list` tells what they are, `nox -Re NAME` runs one, and `make test` runs all of them side by side.

Those that are not here are sessions of antsibull-nox, which antsibull-nox.toml sets up. Ours run in a copy of the tree that holds what a
clone would hold. $TOP holds ansible_collections/, $OUT takes results, $CACHE is kept from run to run, $0 is the session's name.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import antsibull_nox
import nox

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tests.support.surroundings import CHECKOUT, COPIED, ROOT, copy_as_collection, environment, share_environment

# With another ansible-core than that of make setup, the slow tests run, too, and nothing is measured.
OTHER = os.environ.get('NIXCD_TOOLS')
TOOLS = Path(OTHER or CHECKOUT / '.venv')
SHARED = (TOOLS / 'pyvenv.cfg').exists()
MEASURED = 'python' if OTHER else 'coverage run'
PROCESSORS = os.cpu_count() or 1
# make test runs other sessions beside: more processes than processors take a third more of their time.
WORKERS = max(1, PROCESSORS // (2 if COPIED else 1))
PYTEST = '-m pytest %s --quiet --junitxml=$OUT/$0.xml --dist loadfile --numprocesses' % ('' if OTHER else '-m "not slow"')
NICE = {'plays': 0, 'units': 10}
"""How far sessions yield to others, 5 unless named here. Plays take longest: they would go on alone. Units use what all others leave."""
QUICK = ['lint', 'codeqa', 'license-check', 'changelog', 'workflows', 'role-variables', 'exceptions']

nox.options.allow_parallel = True
nox.options.reuse_venv = 'yes'
nox.options.envdir = str(TOOLS / 'nox' if OTHER else CHECKOUT / '.nox')
# First those that take longest, and molecule, which waits for its machines more than it computes.
nox.options.sessions = [
    *QUICK, 'plays', 'units', 'molecule', 'ansible-test-sanity', 'ansible-test-integration', 'gates', 'ansible-lint', 'site',
    'build-import-check', 'docs-check', 'extra-checks', 'ee-check', 'coverage',
]
os.environ['GALAXY_IMPORTER_RUN_ANSIBLE_LINT'] = 'false'  # which is a session of its own


@functools.cache
def tree() -> tuple[Path, Path]:
    """The copy of the tree, and the folder that holds ansible_collections/."""
    if COPIED:
        return ROOT, ROOT.parents[2]
    top = Path(tempfile.mkdtemp(prefix='nixcd-nox-'))
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    return copy_as_collection(top), top


def gate(
    name: str, does: str, command: str, *, group: str = 'test', programs: tuple[str, ...] = (), possible: str = '',
    requires: tuple[str, ...] = (),
) -> None:
    """A session that has bash run a command in the collection's folder, with what follows `--` as its arguments.

    group: the tools that it needs, of pyproject.toml. programs: what it needs on PATH. possible: a command that succeeds where the session
    can run, and else prints why it cannot.
    """
    def session(session: nox.Session) -> None:
        if not SHARED:
            session.install('--requirement', 'meta/ee-requirements.txt', '--group', 'test', '--group', group)
        collection, top = tree()
        variables = environment(top, Path(session.bin))
        missing = [program for program in programs if not shutil.which(program, path=variables['PATH'])]
        if missing:
            session.skip('not installed: %s' % ', '.join(missing))
        asked = subprocess.run(['bash', '-c', possible], cwd=collection, env=variables, check=False, capture_output=True, text=True)
        if asked.returncode:
            session.skip((asked.stdout or asked.stderr).strip())
        shell = ('nice', '-n', str(NICE.get(name, 5)), 'bash', '-euo', 'pipefail', '-c', command, name)
        with session.chdir(collection):
            session.run(*shell, *session.posargs, env=variables, include_outer_env=False, external=True, log=False)

    session.__doc__ = does
    nox.session(name=name, requires=requires)(session)


antsibull_nox.load_antsibull_nox_toml()
gate('codeqa', 'ruff: style of all of the Python.', 'ruff check "${@:-.}"', group='lint', programs=('ruff',))
gate('changelog', 'Fragments of the changelog.', 'antsibull-changelog lint', group='lint')
gate('workflows', "GitHub's workflow files: their form, and that they name actions by commits and have the least permissions.",
     'check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml && '
     'zizmor --offline --quiet --strict-collection .github', group='lint')
gate('role-variables', "A role's defaults, argument specs and tasks agree.", 'PYTHONPATH=$TOP:. python -m tests.gates.role_variables')
gate('exceptions', 'What other gates overlook has a reason, and is less than ten.', 'python -m tests.gates.exceptions')
gate('molecule', 'The role on three booted Debian machines.', 'exec setpriv --pdeathsig TERM setsid tests/hosts/molecule.sh "$@"',
     group='hosts', possible='tests/hosts/hosts.sh possible $OUT/hosts')
gate('units', 'Unit and property tests.',
     'export COVERAGE_FILE=$OUT/coverage-unit; %s %s %d "${@:-tests/unit}"' % (MEASURED, PYTEST, PROCESSORS), programs=('nix-instantiate',))
# Not measured: that takes as long as the plays themselves, and ansible-test-integration runs the same plugins through playbooks.
gate('plays', 'The role and the modules in plays against the sandbox.', 'python %s %d "${@:-tests/integration}"' % (PYTEST, WORKERS),
     programs=('nix-instantiate', 'git'))
gate('ansible-test-sanity', 'ansible-test sanity on every Python that is there.', 'ansible-test sanity --local --color no "$@"',
     programs=('shellcheck',))
gate('ansible-test-integration', 'Each module and plugin in a playbook.',
     # in a copy of its own: what it leaves is nothing that other gates should look at
     'copy=$OUT/ansible_collections/nixcd/hercules_ci && git checkout-index --all --prefix=$copy/ && cd $copy && '
     'git init --quiet && git add --all && export ANSIBLE_COLLECTIONS_PATH=$OUT && '
     'ansible-test integration --color no %s "$@"' % ('' if OTHER else '--coverage'), programs=('nix-instantiate', 'git'))
gate('coverage', 'Lines of plugins/ that units and ansible-test-integration ran, also in processes of Ansible: at least 99 %.',
     'shopt -s nullglob && export COVERAGE_FILE=$OUT/all && '
     'coverage combine --quiet --keep $OUT/coverage-* $OUT/ansible_collections/nixcd/hercules_ci/tests/output/coverage/* && '
     'coverage report && coverage json --quiet -o - | python -m tests.gates.line_coverage 99',
     programs=('nix-instantiate', 'git'), requires=('units', 'ansible-test-integration'))
gate('site', 'The documentation as HTML, where every reference leads somewhere.', 'python -m tests.site $OUT/site', group='lint')
gate('gates', 'The quick gates fail on a defect of their kind.', 'python %s %d tests/gates' % (PYTEST, WORKERS))
gate('ee-check', 'ansible-builder finds what an image needs.',
     'ansible-galaxy collection build --output-path $OUT/ee >/dev/null && cp tests/ee/* $OUT/ee && cd $OUT/ee && '
     'mv *.tar.gz nixcd-hercules_ci.tar.gz && '
     'ansible-builder create && ansible-builder introspect $TOP | tee found && grep -q jsonschema found && grep -q git found',
     group='hosts')


@nox.session(requires=QUICK, default=False, python=False)
def quick(_session: nox.Session) -> None:
    """What takes seconds."""


if SHARED:
    share_environment(TOOLS, Path(nox.options.envdir), nox.registry.get())
if __name__ == '__main__':
    nox.main()
