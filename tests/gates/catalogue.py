# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which gates there are, quick ones first, then those that take longest.

$TOP holds ansible_collections/, $OUT takes the results, $CACHE is kept from run to run.
"""

from __future__ import annotations

from .gate import Gate

BUILD = 'ansible-galaxy collection build --output-path . $OLDPWD >/dev/null && '
PYTEST = 'pytest --quiet -m "not slow" --junitxml=$OUT/{0}.xml tests/{0} --numprocesses 2 --dist loadfile'
# However it ends, also by a signal.
MACHINES_DOWN = (
    "trap 'exit 1' TERM; "
    """trap 'for hosts in ~/.ansible/tmp/molecule.*/hosts; do tests/hosts/hosts.sh down "$hosts"; done' EXIT; """
)

GATES = (
    Gate('ruff', 'ruff check .', programs=('ruff',), fast=True),
    Gate('yamllint', 'yamllint --strict .', fast=True),
    Gate('licences', 'reuse lint --lines', fast=True),
    Gate('changelog', 'antsibull-changelog lint', fast=True),
    Gate('workflows', 'check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml && '
         'zizmor --offline --quiet --strict-collection .github', fast=True),
    Gate('role-variables', 'PYTHONPATH=$TOP python -m tests.gates.role_variables', fast=True),
    Gate('exceptions', 'python -m tests.gates.exceptions', summary=r'\d+ exceptions', fast=True),
    Gate('mypy', 'cd $TOP && mypy --config-file $OLDPWD/pyproject.toml --cache-dir $CACHE/mypy '
         '-p ansible_collections.nixcd.hercules_ci.plugins', fast=True),
    # Waits for its machines more than it computes: others run meanwhile.
    Gate('molecule', MACHINES_DOWN + 'molecule test --all', possible='tests/hosts/hosts.sh possible $OUT/hosts'),
    Gate('units', 'COVERAGE_FILE=$OUT/coverage-unit coverage run -m ' + PYTEST.format('unit'), junit='unit.xml',
         programs=('nix-instantiate',)),
    # Not measured: that takes as long as the plays themselves, and the targets run the same plugins through playbooks.
    Gate('integration', 'python -m ' + PYTEST.format('integration'), junit='integration.xml', programs=('nix-instantiate', 'git')),
    Gate('sanity', 'ansible-test sanity --local --color no', programs=('shellcheck',)),
    Gate('targets', 'ansible-test integration --color no --coverage ${TARGETS:-}', programs=('nix-instantiate', 'git')),
    Gate('galaxy-importer', 'mkdir $OUT/importer && cd $OUT/importer && ' + BUILD + 'python -m galaxy_importer.main *.tar.gz',
         finding=r'^.*(WARNING|ERROR): .*$'),
    Gate('ansible-lint', 'ansible-lint --offline --strict', after=('targets',)),  # whose passing files it would take for ours
    Gate('docs', 'antsibull-docs lint-collection-docs --plugin-docs .'),
    Gate('site', 'python -m tests.site $OUT/site'),
    Gate('gates', 'python -m pytest --quiet --junitxml=$OUT/gates.xml -m "not slow" tests/gates', junit='gates.xml'),
    Gate('execution-environment', 'cp -r tests/ee $OUT && cd $OUT/ee && ' + BUILD + 'mv *.tar.gz nixcd-hercules_ci.tar.gz && '
         'ansible-builder create && ansible-builder introspect $TOP | tee found && grep -q jsonschema found && grep -q git found'),
    Gate('coverage', 'shopt -s nullglob && coverage combine --quiet --keep --data-file $OUT/all $OUT/coverage-* tests/output/coverage/* && '
         'coverage json --quiet --include "plugins/*" --data-file $OUT/all -o $OUT/all.json && '
         'python -m tests.gates.line_coverage 95 <$OUT/all.json',
         programs=('nix-instantiate', 'git'), after=('units', 'targets'), summary=r'.* lines, .* branches'),
)
