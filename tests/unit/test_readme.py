# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README names all that a user can call, and every guide."""

from __future__ import annotations

import re
import textwrap

import pytest
import yaml

from tests.gates.versions import SUPPORTED
from tests.support.surroundings import ROOT

README = (ROOT / 'README.md').read_text(encoding='utf-8')
PLUGINS = sorted(
    file.stem for kind in ('modules', 'inventory', 'filter') for file in (ROOT / 'plugins' / kind).glob('*.py') if file.stem != '__init__'
)
GUIDES = sorted('docs/docsite/rst/%s' % file.name for file in (ROOT / 'docs' / 'docsite' / 'rst').glob('*.rst'))


@pytest.mark.parametrize('name', ['`%s`' % plugin for plugin in PLUGINS] + ['](%s)' % guide for guide in GUIDES])
def test_the_readme_has_it(name: str) -> None:
    assert name in README


def test_every_guide_is_in_the_table_of_contents() -> None:
    contents = (ROOT / 'docs' / 'docsite' / 'extra-docs.yml').read_text(encoding='utf-8')
    assert all('- %s\n' % guide.rpartition('/')[2].removesuffix('.rst') in contents for guide in GUIDES)


def test_the_inventory_in_it_is_the_example() -> None:
    example = (ROOT / 'examples' / 'fleet' / 'inventory' / 'hosts.yml').read_text(encoding='utf-8')
    assert textwrap.indent(example, '   ') in README


def test_what_it_links_to_is_there() -> None:
    here = re.compile(r'https://github\.com/nixcd/ansible-hercules-ci/(?:tree|blob)/main/')  # what the tarball does not have
    links = [here.sub('', link) for pair in re.findall(r'\]\(([^)#]+)\)|^\[\w+\]: (\S+)$', README, re.MULTILINE) for link in pair]
    files = [link for link in links if link and '://' not in link]
    assert len(files) > 15
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_the_ansible_cores_in_it_are_those_that_are_tested() -> None:
    tested = sorted({version.core for version in SUPPORTED}, key=lambda core: [int(part) for part in core.split('.')])
    assert '| ansible-core | %s to %s |' % (tested[0], tested[-1]) in README


def test_it_says_whether_there_is_a_release() -> None:
    """The first release has to change what the README says of how to install."""
    released = (ROOT / 'changelogs' / 'changelog.yaml').exists()
    assert ('Nothing is released yet.' in README) is not released
    version = yaml.safe_load((ROOT / 'galaxy.yml').read_text())['version']
    assert released or 'nixcd-hercules_ci-%s.tar.gz' % version in README
